// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "store/store_state.h"

/* Not to be found out only after the copying. */
static int check_target(const char *path, bool overwrite, struct reason *reason)
{
        if (overwrite || access(path, F_OK) != 0)
                return 0;
        reason_set(reason, "'%s' exists; choose another name, or give --force to replace it", path);
        return -EEXIST;
}

static int make_temporary(const char *path, char **temporary, struct reason *reason)
{
        int fd;

        *temporary = mem_format("%s.XXXXXX", path);
        fd = mkostemp(*temporary, O_CLOEXEC);
        if (fd < 0) {
                int result = -errno;

                reason_set(reason, "'%s' can't be written: %s", path, strerror(-result));
                return result;
        }
        close(fd);
        return 0;
}

static int copy(const struct store_backend *backend, const struct store_options *options,
                const char *temporary, struct store_counts *counts, struct reason *reason)
{
        void *reader = NULL;
        int result = backend->open_reader(options, &reader, reason);

        if (result == 0) {
                result = backend->backup(reader, temporary, counts, reason);
                backend->close_reader(reader);
        }
        return result;
}

int store_backup(const struct store_options *options, const char *path, bool overwrite,
                 struct store_state *state, struct reason *reason)
{
        const struct store_backend *backend = store_backend_find(options->backend, reason);
        CLEANUP(mem_cleanup) char *temporary = NULL;
        struct store_counts counts = {.events = 0};
        int result = backend ? check_target(path, overwrite, reason) : -EINVAL;

        if (backend && !backend->backup) {
                reason_set(reason,
                           "a store of the kind '%s' is backed up with its server's own tools",
                           backend->name);
                return -EINVAL;
        }
        if (result == 0)
                result = make_temporary(path, &temporary, reason);
        if (result != 0)
                return result;
        result = copy(backend, options, temporary, &counts, reason);
        if (result == 0)
                result = file_put_in_place(temporary, path, overwrite, reason);
        if (result != 0)
                unlink(temporary);
        *state = (struct store_state){.events = counts.events,
                                      .bytes = counts.bytes,
                                      .dead_letters = counts.dead_letters,
                                      .dead_bytes = counts.dead_bytes};
        return result;
}
