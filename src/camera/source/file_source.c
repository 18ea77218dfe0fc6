// SPDX-License-Identifier: MIT
/* Pictures that another program writes to disk, such as a camera that uploads them. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "camera/source/source_inside.h"

/* A JPEG's end is looked for in so many last bytes; some cameras write more behind it. */
#define TAIL 4096

struct file_version {
        struct timespec changed;
        off_t size;
};

/* The newest file of a folder that was given. */
struct folder {
        struct timespec changed;
        char *name; /* NULL = none yet */
};

static int fail(struct reason *reason, const char *path, const char *what)
{
        reason_set(reason, "'%s' %s", path, what);
        return SOURCE_E_FAILED;
}

static int fail_to_read(struct reason *reason, const char *path)
{
        reason_set(reason, "'%s' can't be read: %s", path, strerror(errno));
        return SOURCE_E_FAILED;
}

static int look_at(const char *path, struct file_version *version, struct reason *reason)
{
        struct stat state;

        if (stat(path, &state) != 0)
                return fail_to_read(reason, path);
        /* Opening a pipe or a device would wait. */
        if (!S_ISREG(state.st_mode))
                return fail(reason, path, "is no file");
        *version = (struct file_version){.changed = state.st_mtim, .size = state.st_size};
        return 0;
}

static bool is_complete(const struct buf *bytes)
{
        size_t from = bytes->size > TAIL ? bytes->size - TAIL : 0;

        return bytes->size > 0 &&
               memmem(bytes->data + from, bytes->size - from, "\xff\xd9", 2) != NULL;
}

/* Whoever writes the file may be at it: then it is not the picture yet. */
static int read_picture(const struct source *source, const char *path,
                        struct source_picture *picture, struct reason *reason)
{
        struct file_version before;
        struct file_version after;
        int result = look_at(path, &before, reason);

        if (result != 0)
                return result;
        if (file_read(path, source->settings.maximum_bytes, &picture->bytes, reason) != 0)
                return SOURCE_E_FAILED;
        result = look_at(path, &after, reason);
        if (result != 0)
                return result;
        if (after.changed.tv_sec != before.changed.tv_sec ||
            after.changed.tv_nsec != before.changed.tv_nsec || after.size != before.size ||
            (size_t)after.size != picture->bytes.size)
                return fail(reason, path, "changed while it was read");
        if (picture->bytes.size == 0)
                return fail(reason, path,
                            "is empty: is the program that writes it at work, and its disk full?");
        if (!is_complete(&picture->bytes))
                return fail(reason, path, "is no complete JPEG picture (yet)");
        picture->taken_ms = before.changed.tv_sec * 1000 + before.changed.tv_nsec / 1000000;
        return 0;
}

static int check_place(struct source *source, struct reason *reason)
{
        if (!text_is_empty(source->settings.place))
                return 0;
        reason_set(reason, "the path of the pictures is missing");
        return -EINVAL;
}

static int take_file(struct source *source, int64_t deadline_ms, struct source_picture *picture,
                     struct reason *reason)
{
        (void)deadline_ms;
        return read_picture(source, source->settings.place, picture, reason);
}

static void close_file(struct source *source)
{
        (void)source;
}

const struct source_driver source_file_driver = {
        .open = check_place,
        .take = take_file,
        .close = close_file,
};

/* --- folder -------------------------------------------------------------------------------- */

static int open_folder(struct source *source, struct reason *reason)
{
        int result = check_place(source, reason);

        if (result == 0)
                source->own = mem_new(1, sizeof(struct folder));
        return result;
}

static void close_folder(struct source *source)
{
        struct folder *folder = source->own;

        free(folder->name);
        free(folder);
}

static bool is_picture_name(const char *name)
{
        const char *dot = strrchr(name, '.');

        return name[0] != '.' && dot &&
               (text_equal_nocase(dot, ".jpg") || text_equal_nocase(dot, ".jpeg"));
}

/* By time, and by name where that is the same. */
static bool is_newer(const struct timespec *changed, const char *name, const struct folder *than)
{
        if (!than->name)
                return true;
        if (changed->tv_sec != than->changed.tv_sec)
                return changed->tv_sec > than->changed.tv_sec;
        if (changed->tv_nsec != than->changed.tv_nsec)
                return changed->tv_nsec > than->changed.tv_nsec;
        return strcmp(name, than->name) > 0;
}

static void find_newest(DIR *directory, struct folder *newest)
{
        const struct dirent *entry;

        while ((entry = readdir(directory))) {
                struct stat state;

                if (!is_picture_name(entry->d_name) ||
                    fstatat(dirfd(directory), entry->d_name, &state, 0) != 0 ||
                    !S_ISREG(state.st_mode) || !is_newer(&state.st_mtim, entry->d_name, newest))
                        continue;
                free(newest->name);
                *newest =
                        (struct folder){.changed = state.st_mtim, .name = mem_text(entry->d_name)};
        }
}

static int take_newest(struct source *source, int64_t deadline_ms, struct source_picture *picture,
                       struct reason *reason)
{
        struct folder *given = source->own;
        struct folder newest = {.name = NULL};
        CLEANUP(mem_cleanup) char *path = NULL;
        DIR *directory = opendir(source->settings.place);
        int result;

        (void)deadline_ms;
        if (!directory)
                return fail_to_read(reason, source->settings.place);
        find_newest(directory, &newest);
        closedir(directory);
        if (!newest.name || !is_newer(&newest.changed, newest.name, given)) {
                free(newest.name);
                fail(reason, source->settings.place, "holds no new picture");
                return SOURCE_E_OLD;
        }
        path = mem_format("%s/%s", source->settings.place, newest.name);
        result = read_picture(source, path, picture, reason);
        if (result == 0) {
                free(given->name);
                *given = newest;
        } else {
                free(newest.name);
        }
        return result;
}

const struct source_driver source_folder_driver = {
        .open = open_folder,
        .take = take_newest,
        .close = close_folder,
};
