// SPDX-License-Identifier: MIT
/*
 * For tests of a wrong clock, by LD_PRELOAD: the program's wall clock stands as many seconds ahead
 * as the file ISTHMUS_CLOCK_STEP says (behind if negative; no file: 0), from the moment it says so.
 * The steady clock goes on.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static time_t offset_s(void)
{
        const char *path = getenv("ISTHMUS_CLOCK_STEP");
        int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
        char text[32];
        ssize_t size;

        if (file < 0)
                return 0;
        size = read(file, text, sizeof(text) - 1);
        close(file);
        text[size > 0 ? size : 0] = '\0';
        return (time_t)strtoll(text, NULL, 10);
}

int clock_gettime(clockid_t id, struct timespec *now)
{
        long result = syscall(SYS_clock_gettime, id, now);

        if (result == 0 && id == CLOCK_REALTIME)
                now->tv_sec += offset_s();
        return (int)result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
        struct timespec time;

        (void)zone;
        if (clock_gettime(CLOCK_REALTIME, &time) != 0)
                return -1;
        now->tv_sec = time.tv_sec;
        now->tv_usec = time.tv_nsec / 1000;
        return 0;
}

time_t time(time_t *now)
{
        struct timespec time;

        if (clock_gettime(CLOCK_REALTIME, &time) != 0)
                return (time_t)-1;
        if (now)
                *now = time.tv_sec;
        return time.tv_sec;
}
