// SPDX-License-Identifier: MIT
#include "base/process.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"

void process_keep_memory_private(void)
{
        const struct rlimit none = {.rlim_cur = 0, .rlim_max = 0};

        /* Neither can fail: the first only lowers, the second knows the value. */
        (void)setrlimit(RLIMIT_CORE, &none);
        if (!PROCESS_MUST_BE_DUMPABLE)
                (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

void process_keep_files_private(void)
{
        (void)umask(0077);
}

char *process_folder(void)
{
        char path[4096];
        ssize_t size = readlink("/proc/self/exe", path, sizeof(path) - 1);
        char *slash;

        if (size <= 0)
                return NULL;
        path[size] = '\0';
        slash = strrchr(path, '/');
        if (slash)
                *slash = '\0';
        return mem_text(path);
}

void process_boot_id(char id[PROCESS_BOOT_ID_SIZE])
{
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;

        id[0] = '\0';
        if (file_read("/proc/sys/kernel/random/boot_id", 64, &text, NULL) == 0 &&
            text.size >= PROCESS_BOOT_ID_SIZE - 1)
                snprintf(id, PROCESS_BOOT_ID_SIZE, "%s", text.data);
}

uint64_t process_raise_file_limit(void)
{
        struct rlimit limit;

        getrlimit(RLIMIT_NOFILE, &limit);
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
        getrlimit(RLIMIT_NOFILE, &limit);
        return limit.rlim_cur;
}

int process_set_child(posix_spawnattr_t *attributes, bool own_group)
{
        short flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
        sigset_t none;
        sigset_t all;
        int result;

        sigemptyset(&none);
        sigfillset(&all);
        result = posix_spawnattr_setsigmask(attributes, &none);
        if (result == 0)
                result = posix_spawnattr_setsigdefault(attributes, &all);
        if (result == 0 && own_group)
                result = posix_spawnattr_setpgroup(attributes, 0);
        if (result == 0)
                result = posix_spawnattr_setflags(
                        attributes, (short)(flags | (own_group ? POSIX_SPAWN_SETPGROUP : 0)));
        return result;
}
