// SPDX-License-Identifier: MIT
#include "azure/hub/hub_timers.h"

#include <stdlib.h>

#include "base/mem.h"

static void put(struct hub_timers *timers, size_t position, struct hub_timer *timer)
{
        timers->heap[position] = timer;
        timer->position = position;
}

static void sift_up(struct hub_timers *timers, size_t position, struct hub_timer *timer)
{
        while (position > 1 && timers->heap[position / 2]->due_ms > timer->due_ms) {
                put(timers, position, timers->heap[position / 2]);
                position /= 2;
        }
        put(timers, position, timer);
}

static void sift_down(struct hub_timers *timers, size_t position, struct hub_timer *timer)
{
        for (;;) {
                size_t child = position * 2;

                if (child > timers->count)
                        break;
                if (child < timers->count &&
                    timers->heap[child + 1]->due_ms < timers->heap[child]->due_ms)
                        child++;
                if (timers->heap[child]->due_ms >= timer->due_ms)
                        break;
                put(timers, position, timers->heap[child]);
                position = child;
        }
        put(timers, position, timer);
}

void hub_timers_deinit(struct hub_timers *timers)
{
        free(timers->heap);
        *timers = (struct hub_timers){0};
}

void hub_timers_start(struct hub_timers *timers, struct hub_timer *timer, int64_t due_ms)
{
        hub_timers_stop(timers, timer);
        if (timers->count + 1 >= timers->capacity) {
                timers->capacity = timers->capacity == 0 ? 64 : timers->capacity * 2;
                timers->heap = mem_resize(timers->heap, timers->capacity, sizeof(timers->heap[0]));
        }
        timer->due_ms = due_ms;
        timers->count++;
        sift_up(timers, timers->count, timer);
}

void hub_timers_stop(struct hub_timers *timers, struct hub_timer *timer)
{
        size_t position = timer->position;
        struct hub_timer *last;

        if (position == 0)
                return;
        timer->position = 0;
        last = timers->heap[timers->count--];
        if (last == timer)
                return;
        if (position > 1 && timers->heap[position / 2]->due_ms > last->due_ms)
                sift_up(timers, position, last);
        else
                sift_down(timers, position, last);
}

int64_t hub_timers_next(const struct hub_timers *timers)
{
        return timers->count == 0 ? -1 : timers->heap[1]->due_ms;
}

void hub_timers_run(struct hub_timers *timers, int64_t now_ms)
{
        size_t most = timers->count;

        while (most-- > 0 && timers->count > 0 && timers->heap[1]->due_ms <= now_ms) {
                struct hub_timer *timer = timers->heap[1];

                hub_timers_stop(timers, timer);
                timer->run(timer);
        }
}
