// SPDX-License-Identifier: MIT
#include "http/http_timers.h"

#include <stdlib.h>

#include "base/mem.h"

static bool is_before(const struct http_timer *a, const struct http_timer *b)
{
        return a->due_ms < b->due_ms || (a->due_ms == b->due_ms && a->number < b->number);
}

static void swap(struct http_timer *a, struct http_timer *b)
{
        struct http_timer held = *a;

        *a = *b;
        *b = held;
}

void http_timers_deinit(struct http_timers *timers)
{
        free(timers->heap);
        *timers = (struct http_timers){.heap = NULL};
}

void http_timers_add(struct http_timers *timers, int64_t due_ms, void (*run)(void *context),
                     void *context)
{
        size_t at = timers->count;

        if (timers->count == timers->capacity) {
                timers->capacity = timers->capacity ? timers->capacity * 2 : 16;
                timers->heap = mem_resize(timers->heap, timers->capacity, sizeof(*timers->heap));
        }
        timers->heap[at] = (struct http_timer){
                .due_ms = due_ms,
                .number = timers->next_number++,
                .run = run,
                .context = context,
        };
        timers->count++;
        for (; at > 0 && is_before(&timers->heap[at], &timers->heap[(at - 1) / 2]);
             at = (at - 1) / 2)
                swap(&timers->heap[at], &timers->heap[(at - 1) / 2]);
}

int64_t http_timers_wait(const struct http_timers *timers, int64_t now_ms)
{
        if (timers->count == 0)
                return -1;
        return timers->heap[0].due_ms > now_ms ? timers->heap[0].due_ms - now_ms : 0;
}

static void sink_first(struct http_timers *timers)
{
        size_t at = 0;

        for (;;) {
                size_t least = at;

                for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < timers->count;
                     child++) {
                        if (is_before(&timers->heap[child], &timers->heap[least]))
                                least = child;
                }
                if (least == at)
                        return;
                swap(&timers->heap[at], &timers->heap[least]);
                at = least;
        }
}

bool http_timers_take(struct http_timers *timers, int64_t now_ms, struct http_timer *taken)
{
        if (timers->count == 0 || timers->heap[0].due_ms > now_ms)
                return false;
        *taken = timers->heap[0];
        timers->count--;
        timers->heap[0] = timers->heap[timers->count];
        sink_first(timers);
        return true;
}
