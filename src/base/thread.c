// SPDX-License-Identifier: MIT
#include "base/thread.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"

static __thread char current_name[16];

void thread_enter(const char *name)
{
        snprintf(current_name, sizeof(current_name), "%s", name);
        pthread_setname_np(pthread_self(), current_name);
}

bool thread_is(const char *name)
{
        return strncmp(current_name, name, sizeof(current_name) - 1) == 0;
}

void thread_assert(const char *name, const char *function)
{
        if (thread_is(name))
                return;
        fprintf(stderr, "isthmus: %s called on thread '%s', belongs to '%s'\n", function,
                current_name, name);
        abort();
}

void condition_init(pthread_cond_t *condition)
{
        pthread_condattr_t steady;

        pthread_condattr_init(&steady);
        pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
        pthread_cond_init(condition, &steady);
        pthread_condattr_destroy(&steady);
}

bool condition_wait_until(pthread_cond_t *condition, pthread_mutex_t *lock, int64_t until_ns)
{
        const struct timespec until = {.tv_sec = until_ns / CLOCK_NS_PER_S,
                                       .tv_nsec = until_ns % CLOCK_NS_PER_S};

        return pthread_cond_timedwait(condition, lock, &until) == 0;
}

void thread_start(pthread_t *thread, void *(*run)(void *), void *context)
{
        sigset_t all;
        sigset_t before;

        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        if (pthread_create(thread, NULL, run, context) != 0) {
                fputs("isthmus: the system refuses to start another thread\n", stderr);
                abort();
        }
        pthread_sigmask(SIG_SETMASK, &before, NULL);
}
