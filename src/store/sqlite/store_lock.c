// SPDX-License-Identifier: MIT
#include "store/sqlite/store_lock.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "store/store.h"

static void name_the_holder(const char *path, int lock, struct reason *reason)
{
        char pid[24] = "";
        ssize_t size = pread(lock, pid, sizeof(pid) - 1, 0);

        pid[size > 0 ? size : 0] = '\0';
        pid[strcspn(pid, "\n")] = '\0';
        reason_set(reason,
                   "the store is in use by process %s, which holds %s; stop that process first, "
                   "or give this one a data directory of its own",
                   pid[0] ? pid : "(unknown)", path);
}

static int write_pid(int lock)
{
        char pid[24];
        int length = snprintf(pid, sizeof(pid), "%ld\n", (long)getpid());

        /* A full disk must not keep a gateway from draining: the pid is for people only. */
        if (ftruncate(lock, 0) < 0 || pwrite(lock, pid, (size_t)length, 0) < 0)
                return errno == ENOSPC || errno == EDQUOT ? 0 : -errno;
        return 0;
}

static int take(const char *path, int lock, struct reason *reason)
{
        int result;

        if (flock(lock, LOCK_EX | LOCK_NB) < 0) {
                if (errno == EWOULDBLOCK) {
                        name_the_holder(path, lock, reason);
                        return STORE_E_LOCKED;
                }
                result = -errno;
        } else {
                result = write_pid(lock);
        }
        if (result < 0)
                reason_set(reason, "the lock %s can't be taken: %s", path, strerror(-result));
        return result;
}

int store_lock_take(const char *directory, int *lock, struct reason *reason)
{
        CLEANUP(mem_cleanup) char *path = mem_format("%s/lock", directory);
        int result = file_claim_directory(directory, "lock", reason);
        int fd;

        if (result)
                return result;
        fd = file_open_private(path, O_RDWR);
        if (fd < 0) {
                reason_set(reason, "%s can't be opened: %s", path, strerror(-fd));
                return fd;
        }
        result = take(path, fd, reason);
        if (result) {
                close(fd);
                return result;
        }
        *lock = fd;
        return 0;
}

void store_lock_release(int lock)
{
        close(lock);
}
