// SPDX-License-Identifier: MIT
/*
 * Blobs as files: DIR/uploads/HUB/DEVICE/NAME, escaped so that no name leads elsewhere; blocks
 * that are not part of one yet in DIR/uploads/HUB/DEVICE/NAME.blocks/, by the hex digits of their
 * ids.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "localhub/upload/upload_inside.h"

#define PATH_PART_MAX 240 /* of a file's name, so that its own additions have room */

/* A name of one file: neither `.` nor `..`, and without a slash. */
static void add_part(struct buf *path, const char *text)
{
        buf_add_char(path, '/');
        if (text[0] == '.') {
                buf_add_text(path, "%2E");
                text++;
        }
        text_url_escape(path, text);
}

/* The path of a blob; its directory is made. */
static int find_path(const struct uploads *uploads, const struct blob_place *place,
                     struct buf *path)
{
        size_t directory_size;
        int r;

        buf_add_format(path, "%s/uploads", uploads->directory);
        add_part(path, place->hub_id);
        add_part(path, place->device_id);
        r = file_make_directory(buf_text(path), 0700, NULL);
        directory_size = path->size;
        add_part(path, place->name);
        if (r == 0 && path->size - directory_size > PATH_PART_MAX)
                r = -ENAMETOOLONG;
        return r;
}

int upload_store_put(const struct uploads *uploads, const struct blob_place *place,
                     const struct buf *body)
{
        CLEANUP(buf_deinit) struct buf path = BUF_INIT;
        int r = find_path(uploads, place, &path);

        return r ? r : file_write(buf_text(&path), 0600, body->data, body->size, NULL);
}

/* --- blocks ---------------------------------------------------------------------------------- */

static void add_block(struct buf *path, const char *id)
{
        buf_add_char(path, '/');
        crypto_hex_encode(path, id, strlen(id));
}

int upload_store_put_block(const struct uploads *uploads, const struct blob_place *place,
                           const char *id, const struct buf *body)
{
        CLEANUP(buf_deinit) struct buf path = BUF_INIT;
        int r = find_path(uploads, place, &path);

        if (r)
                return r;
        buf_add_text(&path, ".blocks");
        r = file_make_directory(buf_text(&path), 0700, NULL);
        if (r)
                return r;
        add_block(&path, id);
        return file_write(buf_text(&path), 0600, body->data, body->size, NULL);
}

static int copy_all(int from, int to)
{
        for (;;) {
                ssize_t copied = sendfile(to, from, NULL, 1 << 30);

                if (copied < 0 && errno == EINTR)
                        continue;
                if (copied <= 0)
                        return copied < 0 ? -errno : 0;
        }
}

static int add_file(const char *path, int to)
{
        int from = open(path, O_RDONLY | O_CLOEXEC);
        int r;

        if (from < 0)
                return -errno;
        r = copy_all(from, to);
        close(from);
        return r;
}

static int add_blocks(const char *blocks, const struct buf *list, int to)
{
        char id[BLOCK_ID_SIZE];
        size_t at = 0;
        int r = 0;

        while (r == 0 && block_list_next(list, &at, id)) {
                CLEANUP(buf_deinit) struct buf path = BUF_INIT;

                buf_add_text(&path, blocks);
                add_block(&path, id);
                r = add_file(buf_text(&path), to);
        }
        return r;
}

static void remove_blocks(const char *blocks)
{
        DIR *directory = opendir(blocks);
        const struct dirent *entry;

        if (!directory)
                return;
        while ((entry = readdir(directory)) != NULL)
                (void)unlinkat(dirfd(directory), entry->d_name, 0);
        closedir(directory);
        (void)rmdir(blocks);
}

int upload_store_commit(const struct uploads *uploads, const struct blob_place *place,
                        const struct buf *list)
{
        CLEANUP(buf_deinit) struct buf path = BUF_INIT;
        CLEANUP(mem_cleanup) char *blocks = NULL;
        CLEANUP(mem_cleanup) char *temporary = NULL;
        int r = find_path(uploads, place, &path);
        int to;

        if (r)
                return r;
        blocks = mem_format("%s.blocks", buf_text(&path));
        temporary = mem_format("%s.new", buf_text(&path));
        (void)unlink(temporary);
        to = file_open_private(temporary, O_WRONLY);
        if (to < 0)
                return to;
        r = add_blocks(blocks, list, to);
        close(to);
        if (r == 0)
                r = file_put_in_place(temporary, buf_text(&path), true, NULL);
        if (r == 0)
                remove_blocks(blocks);
        else
                (void)unlink(temporary);
        return r;
}

int upload_store_get(const struct uploads *uploads, const struct blob_place *place,
                     struct buf *body, int64_t *size, int64_t *changed_ms)
{
        CLEANUP(buf_deinit) struct buf path = BUF_INIT;
        struct stat found;
        int r = find_path(uploads, place, &path);

        if (r)
                return r;
        if (stat(buf_text(&path), &found) != 0)
                return -errno;
        *size = found.st_size;
        *changed_ms = found.st_mtim.tv_sec * 1000 + found.st_mtim.tv_nsec / 1000000;
        return body ? file_read(buf_text(&path), (size_t)found.st_size, body, NULL) : 0;
}
