// SPDX-License-Identifier: MIT
/*
 * For tests of kills, by LD_PRELOAD: ends the program with SIGKILL right before the N-th of its
 * steps that somebody outside can see, so that N sweeps over all moments between two steps. A step
 * is a write to a file at an offset or its sync (the store), or a write to an internet socket.
 *
 *   ISTHMUS_KILL_AT       N, from 1
 *   ISTHMUS_KILL_TRIGGER  a file; steps are counted from when it exists
 *
 * What it replaces goes straight to the kernel.
 */
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static atomic_bool armed;
static atomic_long steps;

static bool is_armed(void)
{
        const char *trigger = getenv("ISTHMUS_KILL_TRIGGER");

        if (!atomic_load(&armed) && trigger && access(trigger, F_OK) == 0)
                atomic_store(&armed, true);
        return atomic_load(&armed);
}

static void step(void)
{
        const char *limit = getenv("ISTHMUS_KILL_AT");

        if (limit && is_armed() && atomic_fetch_add(&steps, 1) + 1 == strtol(limit, NULL, 10))
                kill(getpid(), SIGKILL);
}

/* Not a pipe, not an event, not what wakes a thread. */
static void step_if_internet(int file)
{
        struct sockaddr_storage address = {.ss_family = AF_UNSPEC};
        socklen_t size = sizeof(address);

        if (getsockname(file, (struct sockaddr *)&address, &size) == 0 &&
            (address.ss_family == AF_INET || address.ss_family == AF_INET6))
                step();
}

int fsync(int file)
{
        step();
        return (int)syscall(SYS_fsync, file);
}

int fdatasync(int file)
{
        step();
        return (int)syscall(SYS_fdatasync, file);
}

ssize_t pwrite64(int file, const void *bytes, size_t size, off64_t offset)
{
        step();
        return syscall(SYS_pwrite64, file, bytes, size, offset);
}

ssize_t write(int file, const void *bytes, size_t size)
{
        step_if_internet(file);
        return syscall(SYS_write, file, bytes, size);
}

ssize_t writev(int file, const struct iovec *parts, int count)
{
        step_if_internet(file);
        return syscall(SYS_writev, file, parts, count);
}

ssize_t send(int file, const void *bytes, size_t size, int flags)
{
        step_if_internet(file);
        return syscall(SYS_sendto, file, bytes, size, flags, NULL, 0);
}

ssize_t sendmsg(int file, const struct msghdr *message, int flags)
{
        step_if_internet(file);
        return syscall(SYS_sendmsg, file, message, flags);
}
