// SPDX-License-Identifier: MIT
#include "base/timers.h"

#include <stdlib.h>

#include "base/mem.h"

void timers_deinit(struct timers *timers)
{
        free(timers->heap);
        *timers = TIMERS_INIT;
}

static void put(struct timers *timers, size_t position, struct timer *timer)
{
        timers->heap[position] = timer;
        timer->position = position;
}

static void move_up(struct timers *timers, struct timer *timer)
{
        size_t at = timer->position;

        while (at > 1 && timers->heap[at / 2]->due_ms > timer->due_ms) {
                put(timers, at, timers->heap[at / 2]);
                at /= 2;
        }
        put(timers, at, timer);
}

static void move_down(struct timers *timers, struct timer *timer)
{
        size_t at = timer->position;

        for (size_t child = at * 2; child <= timers->count; child = at * 2) {
                if (child < timers->count &&
                    timers->heap[child + 1]->due_ms < timers->heap[child]->due_ms)
                        child++;
                if (timers->heap[child]->due_ms >= timer->due_ms)
                        break;
                put(timers, at, timers->heap[child]);
                at = child;
        }
        put(timers, at, timer);
}

void timers_start(struct timers *timers, struct timer *timer, int64_t due_ms)
{
        if (timer->position == 0) {
                if (timers->count + 2 > timers->capacity) {
                        timers->capacity = timers->capacity ? timers->capacity * 2 : 64;
                        timers->heap =
                                mem_resize(timers->heap, timers->capacity, sizeof(*timers->heap));
                }
                put(timers, ++timers->count, timer);
        }
        timer->due_ms = due_ms;
        move_up(timers, timer);
        move_down(timers, timer);
}

void timers_stop(struct timers *timers, struct timer *timer)
{
        size_t hole = timer->position;
        struct timer *last;

        if (hole == 0)
                return;
        timer->position = 0;
        last = timers->heap[timers->count--];
        if (last == timer)
                return;
        put(timers, hole, last);
        move_up(timers, last);
        move_down(timers, last);
}

int64_t timers_next(const struct timers *timers)
{
        return timers->count > 0 ? timers->heap[1]->due_ms : INT64_MAX;
}

void timers_run(struct timers *timers, int64_t now_ms)
{
        size_t most = timers->count;

        while (most-- > 0 && timers->count > 0 && timers->heap[1]->due_ms <= now_ms) {
                struct timer *timer = timers->heap[1];

                timers_stop(timers, timer);
                timer->run(timer);
        }
}
