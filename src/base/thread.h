// SPDX-License-Identifier: MIT
/*
 * Threads have names and rules: each is started here, says at the top of its file what it may
 * touch, and the functions that belong to it assert it.
 */
#ifndef ISTHMUS_BASE_THREAD_H
#define ISTHMUS_BASE_THREAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* Names this thread (at most 15 characters), for THREAD_ASSERT and for `top -H`. */
void thread_enter(const char *name);

/* True if the calling thread entered under this name. */
bool thread_is(const char *name);

/* Ends the program unless the calling thread has this name; on in every build. */
#define THREAD_ASSERT(name) thread_assert((name), __func__)
void thread_assert(const char *name, const char *function);

/* A condition whose times are of the steady clock. */
void condition_init(pthread_cond_t *condition);

/* Waits for a signal; false when `until_ns` (clock_steady_ns) has come. */
bool condition_wait_until(pthread_cond_t *condition, pthread_mutex_t *lock, int64_t until_ns);

/* Starts a thread with all signals blocked; the program ends if the system has no more. */
void thread_start(pthread_t *thread, void *(*run)(void *), void *context);

#endif
