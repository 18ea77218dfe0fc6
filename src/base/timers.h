// SPDX-License-Identifier: MIT
/* Timers in a heap: thousands of token expiries cost nothing until they are due. One thread. */
#ifndef ISTHMUS_BASE_TIMERS_H
#define ISTHMUS_BASE_TIMERS_H

#include <stddef.h>
#include <stdint.h>

struct timer {
        void (*run)(struct timer *timer);
        int64_t due_ms;
        size_t position; /* in the heap, from 1; 0 = not running */
};

struct timers {
        struct timer **heap; /* heap[0] is unused */
        size_t count;
        size_t capacity;
};

#define TIMERS_INIT ((struct timers){.heap = NULL})

/* Frees the heap's own memory, never the timers. */
void timers_deinit(struct timers *timers);

/* Starts a timer, or moves one that runs. `run` is set and stays. */
void timers_start(struct timers *timers, struct timer *timer, int64_t due_ms);

/* Does nothing if it is not running. */
void timers_stop(struct timers *timers, struct timer *timer);

/* When the first one is due; INT64_MAX = none runs. */
int64_t timers_next(const struct timers *timers);

/*
 * Runs those that are due, each stopped before; they may start and stop any. At most so many as
 * run when it is called: one that restarts itself at once holds nobody up.
 */
void timers_run(struct timers *timers, int64_t now_ms);

#endif
