// SPDX-License-Identifier: MIT
/*
 * The thread "watchdog" reads the call under way and the watched thread's processor clock; the
 * flags that put it to sleep are guarded by the lock.
 */
#include "formatter/worker/watchdog.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/thread.h"

#define TICK_MS 5
/* What a call may take beyond its limit before the process is ended. */
#define GRACE_MS 50
/* Waiting takes no processor time: by the wall clock a call may take so many times its limit. */
#define WALL_FACTOR   20
#define WALL_LEAST_MS 4000

static struct {
        int64_t memory_bytes;
        struct formatter_progress *progress;
        clockid_t watched;
        _Atomic int64_t limit_ms; /* of the call under way */
        int statm;
        int64_t page_bytes;

        pthread_mutex_t lock;
        pthread_cond_t woken;
        bool busy;
        bool asleep;

        /* Of the thread. */
        uint64_t seen; /* calls begun when the present one was first seen */
        int64_t seen_processor_ns;
        int64_t seen_wall_ns;
} watchdog = {.lock = PTHREAD_MUTEX_INITIALIZER, .woken = PTHREAD_COND_INITIALIZER};

int64_t watchdog_look_at_memory(void)
{
        char text[64] = "";
        char *end;
        int64_t bytes;

        if (pread(watchdog.statm, text, sizeof(text) - 1, 0) <= 0)
                return 0;
        /* Total size, then resident size, in pages. */
        (void)strtoll(text, &end, 10);
        bytes = strtoll(end, NULL, 10) * watchdog.page_bytes;
        if (bytes > watchdog.memory_bytes)
                _exit(FORMATTER_EXIT_MEMORY);
        return bytes;
}

static int64_t processor_ns(void)
{
        struct timespec time = {0};

        clock_gettime(watchdog.watched, &time);
        return (int64_t)time.tv_sec * CLOCK_NS_PER_S + time.tv_nsec;
}

static int64_t wall_limit_ms(int64_t limit_ms)
{
        int64_t wall_ms = limit_ms * WALL_FACTOR;

        return wall_ms > WALL_LEAST_MS ? wall_ms : WALL_LEAST_MS;
}

static void look_at_call(void)
{
        uint64_t calls = atomic_load_explicit(&watchdog.progress->calls, memory_order_relaxed);
        int64_t limit_ms = atomic_load_explicit(&watchdog.limit_ms, memory_order_relaxed);
        int64_t used_ms;
        int64_t waited_ms;

        if (atomic_load_explicit(&watchdog.progress->call, memory_order_relaxed) == 0)
                return;
        if (calls != watchdog.seen) {
                watchdog.seen = calls;
                watchdog.seen_processor_ns = processor_ns();
                watchdog.seen_wall_ns = clock_steady_ns();
                return;
        }
        used_ms = (processor_ns() - watchdog.seen_processor_ns) / CLOCK_NS_PER_MS;
        waited_ms = (clock_steady_ns() - watchdog.seen_wall_ns) / CLOCK_NS_PER_MS;
        if (used_ms > limit_ms + GRACE_MS || waited_ms > wall_limit_ms(limit_ms))
                _exit(FORMATTER_EXIT_TIMEOUT);
}

static void sleep_until_busy(void)
{
        pthread_mutex_lock(&watchdog.lock);
        while (!watchdog.busy) {
                watchdog.asleep = true;
                pthread_cond_wait(&watchdog.woken, &watchdog.lock);
        }
        watchdog.asleep = false;
        pthread_mutex_unlock(&watchdog.lock);
}

_Noreturn static void watch(void)
{
        const struct timespec tick = {.tv_nsec = TICK_MS * CLOCK_NS_PER_MS};

        for (;;) {
                sleep_until_busy();
                clock_nanosleep(CLOCK_MONOTONIC, 0, &tick, NULL);
                (void)watchdog_look_at_memory();
                look_at_call();
        }
}

static void *run(void *context)
{
        (void)context;
        thread_enter("watchdog");
        watch();
}

void watchdog_start(int64_t memory_bytes, struct formatter_progress *progress)
{
        pthread_t thread;

        watchdog.memory_bytes = memory_bytes;
        watchdog.progress = progress;
        watchdog.page_bytes = sysconf(_SC_PAGESIZE);
        watchdog.statm = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
        if (watchdog.statm < 0 || pthread_getcpuclockid(pthread_self(), &watchdog.watched) != 0)
                _exit(FORMATTER_EXIT_SANDBOX);
        thread_start(&thread, run, NULL);
        pthread_detach(thread);
}

void watchdog_set_busy(bool busy)
{
        bool wake;

        pthread_mutex_lock(&watchdog.lock);
        watchdog.busy = busy;
        wake = busy && watchdog.asleep;
        pthread_mutex_unlock(&watchdog.lock);
        if (wake)
                pthread_cond_signal(&watchdog.woken);
}

void watchdog_call_begins(uint64_t id, int64_t limit_ms)
{
        atomic_store_explicit(&watchdog.limit_ms, limit_ms, memory_order_relaxed);
        atomic_fetch_add_explicit(&watchdog.progress->calls, 1, memory_order_relaxed);
        atomic_store_explicit(&watchdog.progress->call, id, memory_order_relaxed);
}

void watchdog_call_ends(void)
{
        atomic_store_explicit(&watchdog.progress->call, 0, memory_order_relaxed);
}
