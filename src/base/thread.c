// SPDX-License-Identifier: MIT
#include "base/thread.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
