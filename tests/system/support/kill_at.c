// SPDX-License-Identifier: MIT
/*
 * For tests of kills, by LD_PRELOAD: ends the program with SIGKILL right before the N-th of its
 * steps that somebody outside can see, so that N sweeps over all moments between two steps. A step
 * is a write to a file at an offset or its sync (the store), or a write to an internet socket.
 *
 *   ISTHMUS_KILL_AT       N, from 1; not set: the trigger holds it
 *   ISTHMUS_KILL_TRIGGER  a file; steps are counted from when it exists
 *   ISTHMUS_KILL_SIGNAL   another signal, as a number. When the program goes on after it, the
 * trigger is gone; made again, steps are counted from there ISTHMUS_KILL_LOCAL    if set, writes to
 * Unix sockets are steps, too
 *
 * What it replaces goes straight to the kernel.
 */
#include <fcntl.h>
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

static long limit(void)
{
        const char *given = getenv("ISTHMUS_KILL_AT");
        const char *trigger = getenv("ISTHMUS_KILL_TRIGGER");
        char text[16] = "";
        int file;

        if (given || !trigger)
                return given ? strtol(given, NULL, 10) : 0;
        file = open(trigger, O_RDONLY | O_CLOEXEC);
        if (file < 0)
                return 0;
        if (read(file, text, sizeof(text) - 1) < 0)
                text[0] = '\0';
        close(file);
        return strtol(text, NULL, 10);
}

static void strike(void)
{
        const char *number = getenv("ISTHMUS_KILL_SIGNAL");

        if (number) {
                unlink(getenv("ISTHMUS_KILL_TRIGGER"));
                atomic_store(&armed, false);
                atomic_store(&steps, 0);
        }
        kill(getpid(), number ? (int)strtol(number, NULL, 10) : SIGKILL);
}

static void step(void)
{
        if (is_armed() && atomic_fetch_add(&steps, 1) + 1 == limit())
                strike();
}

/* Not a pipe, not what wakes a thread. */
static void step_if_socket(int file)
{
        struct sockaddr_storage address = {.ss_family = AF_UNSPEC};
        socklen_t size = sizeof(address);

        if (getsockname(file, (struct sockaddr *)&address, &size) == 0 &&
            (address.ss_family == AF_INET || address.ss_family == AF_INET6 ||
             (address.ss_family == AF_UNIX && getenv("ISTHMUS_KILL_LOCAL"))))
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
        step_if_socket(file);
        return syscall(SYS_write, file, bytes, size);
}

ssize_t writev(int file, const struct iovec *parts, int count)
{
        step_if_socket(file);
        return syscall(SYS_writev, file, parts, count);
}

ssize_t send(int file, const void *bytes, size_t size, int flags)
{
        step_if_socket(file);
        return syscall(SYS_sendto, file, bytes, size, flags, NULL, 0);
}

ssize_t sendmsg(int file, const struct msghdr *message, int flags)
{
        step_if_socket(file);
        return syscall(SYS_sendmsg, file, message, flags);
}
