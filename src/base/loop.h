// SPDX-License-Identifier: MIT
/*
 * The gateway's own thread, "loop": what other threads have posted, and timers. All state of
 * devices and commands belongs to it, so that it needs no locks.
 *
 * The loop does not sleep by itself: who drives it (the client of the hubs, which waits for the
 * network) says what time it is, runs posts and timers in between, and is woken by posts.
 */
#ifndef ISTHMUS_BASE_LOOP_H
#define ISTHMUS_BASE_LOOP_H

#include <stddef.h>
#include <stdint.h>

#include "base/timers.h"

#define LOOP_THREAD "loop"

/* Bytes; where a line has more, some are asked for twice. */
#define LOOP_CACHE_LINE 64

struct loop;

struct loop *loop_new(void);

/* After its thread has ended. Drops what was posted since; NULL is allowed. */
void loop_free(struct loop *loop);

/* Runs `run(context)` on the thread "loop", in the order of the posts. Any thread. */
void loop_post(struct loop *loop, void (*run)(void *context), void *context);

/*
 * The same for what needs memory that few others do: `warm(context)` comes before, for all that was
 * posted together, to call loop_warm. So the processor waits for the memory of many at a time, not
 * of one after another. It changes nothing, and what it finds may be gone when `run` is called.
 */
void loop_post_warm(struct loop *loop, void (*warm)(const void *context),
                    void (*run)(void *context), void *context);

/* As loop_post, and waits until it has run. Any thread but "loop", which must not have ended. */
void loop_call(struct loop *loop, void (*run)(void *context), void *context);

/* Asks the processor for these bytes, which need not be anybody's. Any thread. */
static inline void loop_warm(const void *bytes, size_t size)
{
        for (size_t i = 0; i < size; i += LOOP_CACHE_LINE)
                __builtin_prefetch((const char *)bytes + i, 1);
}

/* (Re)starts a timer for `delay_ms` (0 if less) from the beginning of this turn. */
void loop_timer_start(struct loop *loop, struct timer *timer, int64_t delay_ms);

/* After it returns, the timer's `run` is not called. */
void loop_timer_stop(struct loop *loop, struct timer *timer);

/* --- for who drives it -------------------------------------------------------------------- */

/*
 * `wake(context)` is called after a post, unless an earlier post still waits; on the thread that
 * posts. NULL ends that: once this has returned, none is under way. Any thread.
 */
void loop_drive(struct loop *loop, void (*wake)(void *context), void *context);

/* The steady clock, of the turn that begins. */
void loop_set_time(struct loop *loop, int64_t now_ms);

/* Runs what was posted until now. */
void loop_run_posts(struct loop *loop);

/* Runs the timers that are due. */
void loop_run_timers(struct loop *loop);

/* When the next timer is due; INT64_MAX = none runs. */
int64_t loop_next_ms(const struct loop *loop);

#endif
