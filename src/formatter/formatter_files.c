// SPDX-License-Identifier: MIT
#include "formatter/formatter_files.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/table.h"
#include "base/utf8.h"
#include "formatter/formatter.h"
#include "formatter/formatter_check.h"
#include "formatter/formatter_wire.h"

/* A file that was written just now may not be finished; one that is heard of is. */
#define SETTLED_NS      CLOCK_NS_PER_S
#define BYTE_ORDER_MARK "\xef\xbb\xbf"

struct formatter_files {
        char *directory;
        char *mirror; /* or NULL */
        struct formatter_files_hooks hooks;
        struct map *by_name;
        int inotify;
        int watch; /* of the folder; -1 = it is not watched */
        struct formatter_file_key watched;
};

static void version_free(struct formatter_version *version)
{
        if (!version)
                return;
        buf_deinit(&version->source);
        free(version);
}

static void file_free(void *value)
{
        struct formatter_file *file = value;

        version_free(file->current);
        version_free(file->candidate);
        free(file->name);
        free(file->path);
        free(file);
}

static struct formatter_file_key key_of(const struct stat *status)
{
        return (struct formatter_file_key){
                .device = status->st_dev,
                .inode = status->st_ino,
                .size = status->st_size,
                .changed_ns =
                        (int64_t)status->st_mtim.tv_sec * CLOCK_NS_PER_S + status->st_mtim.tv_nsec,
        };
}

static bool same_key(const struct formatter_file_key *a, const struct formatter_file_key *b)
{
        return a->device == b->device && a->inode == b->inode && a->size == b->size &&
               a->changed_ns == b->changed_ns;
}

/* --- the folder ---------------------------------------------------------------------------- */

/* Watches the folder that now has the name; it may come, go, or be another one. */
static void watch_directory(struct formatter_files *files)
{
        struct formatter_file_key key = {0};
        struct stat status;

        if (files->inotify < 0)
                return;
        if (stat(files->directory, &status) == 0 && S_ISDIR(status.st_mode))
                key = key_of(&status);
        if (files->watch >= 0 && key.device == files->watched.device &&
            key.inode == files->watched.inode)
                return;
        if (files->watch >= 0)
                inotify_rm_watch(files->inotify, files->watch);
        files->watch = inotify_add_watch(files->inotify, files->directory,
                                         IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE |
                                                 IN_ONLYDIR);
        files->watched = key;
}

/* What happened does not matter: every file is looked at. */
static void drain(const struct formatter_files *files)
{
        char events[4096];

        while (files->inotify >= 0 && read(files->inotify, events, sizeof(events)) > 0)
                ;
}

struct formatter_files *formatter_files_new(const char *directory, const char *mirror,
                                            const struct formatter_files_hooks *hooks)
{
        struct formatter_files *files = mem_new(1, sizeof(*files));

        files->directory = mem_text(directory);
        files->mirror = mem_text(mirror);
        files->hooks = *hooks;
        files->by_name = map_new();
        files->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
        files->watch = -1;
        watch_directory(files);
        return files;
}

void formatter_files_free(struct formatter_files *files)
{
        if (!files)
                return;
        if (files->inotify >= 0)
                close(files->inotify);
        map_free_values(files->by_name, file_free);
        free(files->directory);
        free(files->mirror);
        free(files);
}

int formatter_files_descriptor(const struct formatter_files *files)
{
        return files->inotify;
}

/* --- one file ------------------------------------------------------------------------------ */

/* Forgets a text that is not in force and does not come into force. */
static void keep_old(struct formatter_file *file, const struct reason *reason)
{
        version_free(file->candidate);
        file->candidate = NULL;
        if (!file->current)
                file->broken = *reason;
        log_warn("FORMATTER_NOT_COMPILED",
                 file->current ? "A changed payload formatter can't be used; the old one stays"
                               : "A payload formatter can't be used",
                 LOG_TEXT("formatter", file->name), LOG_TEXT("reason", reason->text), LOG_END);
}

/* The text of a file, checked as far as can be without a worker. */
static bool read_source(const struct formatter_file *file, struct buf *source,
                        struct reason *reason)
{
        size_t mark = strlen(BYTE_ORDER_MARK);

        if (file_read(file->path, FORMATTER_SOURCE_LIMIT, source, reason) != 0)
                return false;
        buf_reserve(source, 0);
        if (source->size >= mark && memcmp(source->data, BYTE_ORDER_MARK, mark) == 0)
                memcpy(source->data, "   ", mark);
        if (utf8_is_valid(source->data, source->size))
                return true;
        reason_set(reason, "'%s' is not UTF-8 text", file->path);
        return false;
}

static void read_candidate(struct formatter_files *files, struct formatter_file *file,
                           const struct formatter_file_key *key)
{
        struct formatter_version *version = mem_new(1, sizeof(*version));
        struct reason reason = REASON_INIT;

        file->key = *key;
        version_free(file->candidate);
        file->candidate = version;
        version->id = ++*files->hooks.last_id;
        if (read_source(file, &version->source, &reason))
                files->hooks.candidate(files->hooks.context, file);
        else
                keep_old(file, &reason);
}

static void retire(struct formatter_files *files, struct formatter_file *file)
{
        struct formatter_version *old = file->current;

        file->current = NULL;
        if (old)
                files->hooks.retired(files->hooks.context, old);
        version_free(old);
}

/* Gone for two looks: between two, an editor may replace a file by another. */
static void miss(struct formatter_files *files, struct formatter_file *file, bool heard)
{
        if (!file->missed || heard) {
                file->missed = true;
                return;
        }
        if (!file->current)
                return;
        log_info("FORMATTER_GONE", "A payload formatter's file is gone",
                 LOG_TEXT("formatter", file->name), LOG_END);
        retire(files, file);
        file->key = (struct formatter_file_key){0};
        reason_set(&file->broken, "its file is gone");
}

static bool look_at_file(struct formatter_files *files, struct formatter_file *file, bool heard)
{
        struct formatter_file_key key;
        struct stat status;
        int64_t age_ns;

        if (stat(file->path, &status) != 0 || !S_ISREG(status.st_mode))
                return false;
        file->missed = false;
        key = key_of(&status);
        age_ns = clock_wall_ns() - key.changed_ns;
        if (!same_key(&key, &file->key) && (heard || age_ns < 0 || age_ns > SETTLED_NS))
                read_candidate(files, file, &key);
        return true;
}

struct look {
        struct formatter_files *files;
        bool heard;
};

static bool look_at(void *context, const char *name, void *value)
{
        struct look *look = context;

        (void)name;
        if (!look_at_file(look->files, value, look->heard))
                miss(look->files, value, look->heard);
        return true;
}

void formatter_files_look(struct formatter_files *files, bool heard)
{
        struct look look = {.files = files, .heard = heard};

        drain(files);
        watch_directory(files);
        map_each(files->by_name, look_at, &look);
}

/* `name` is that of the file without its suffix, below the folder. */
static struct formatter_file *file_new(const char *folder, const char *name)
{
        struct formatter_file *file = mem_new(1, sizeof(*file));

        file->name = mem_text(name);
        file->path = mem_format("%s/%s" FORMATTER_SUFFIX, folder, name);
        list_init(&file->waiting);
        return file;
}

static struct formatter_file *get_in(struct formatter_files *files, const char *folder,
                                     const char *name, struct reason *reason)
{
        struct formatter_file *file = map_get(files->by_name, name);

        if (file && (file->current || file->candidate))
                return file;
        if (!file)
                file = file_new(folder, name);
        if (look_at_file(files, file, true)) {
                if (!map_get(files->by_name, name))
                        map_set(files->by_name, name, file);
                return file;
        }
        reason_set(reason, "there is no payload formatter '%s' (no file '%s')", name, file->path);
        if (!map_get(files->by_name, name))
                file_free(file);
        return NULL;
}

struct formatter_file *formatter_files_get(struct formatter_files *files, const char *name,
                                           const char *part, struct reason *reason)
{
        CLEANUP(mem_cleanup) char *below = NULL;
        struct formatter_file *file;

        if (!formatter_check_name(name)) {
                reason_set(reason, "'%s' is no name of a payload formatter", name);
                return NULL;
        }
        file = get_in(files, files->directory, name, reason);
        if (file || !files->mirror)
                return file;
        below = mem_format("%s/%s", part, name);
        return get_in(files, files->mirror, below, reason);
}

/* --- judgement ----------------------------------------------------------------------------- */

struct search {
        uint64_t id;
        struct formatter_file *found;
};

static bool has_version(void *context, const char *name, void *value)
{
        struct search *search = context;
        struct formatter_file *file = value;

        (void)name;
        if ((file->candidate && file->candidate->id == search->id) ||
            (file->current && file->current->id == search->id))
                search->found = file;
        return !search->found;
}

struct formatter_file *formatter_files_of_version(struct formatter_files *files, uint64_t id)
{
        struct search search = {.id = id};

        map_each(files->by_name, has_version, &search);
        return search.found;
}

struct formatter_file *formatter_files_judge(struct formatter_files *files, uint64_t id, bool good,
                                             const struct reason *reason)
{
        struct formatter_file *file = formatter_files_of_version(files, id);

        if (!file || !file->candidate || file->candidate->id != id)
                return NULL;
        if (!good) {
                keep_old(file, reason);
                return file;
        }
        retire(files, file);
        file->current = file->candidate;
        file->candidate = NULL;
        log_info("FORMATTER_LOADED", "A payload formatter is in force",
                 LOG_TEXT("formatter", file->name), LOG_END);
        return file;
}

struct visit {
        void (*visit)(void *context, struct formatter_file *file);
        void *context;
};

static bool visit_file(void *context, const char *name, void *value)
{
        const struct visit *visit = context;

        (void)name;
        visit->visit(visit->context, value);
        return true;
}

void formatter_files_each(struct formatter_files *files,
                          void (*visit)(void *context, struct formatter_file *file), void *context)
{
        struct visit all = {.visit = visit, .context = context};

        map_each(files->by_name, visit_file, &all);
}
