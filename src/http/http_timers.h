// SPDX-License-Identifier: MIT
/* What is to run later: a binary heap by due time. Passive; its owner says what time it is. */
#ifndef ISTHMUS_HTTP_HTTP_TIMERS_H
#define ISTHMUS_HTTP_HTTP_TIMERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_timer {
        int64_t due_ms;
        uint64_t number; /* keeps what is due at the same time in order */
        void (*run)(void *context);
        void *context;
};

struct http_timers {
        struct http_timer *heap;
        size_t count;
        size_t capacity;
        uint64_t next_number;
};

/* Drops what has not run. */
void http_timers_deinit(struct http_timers *timers);

void http_timers_add(struct http_timers *timers, int64_t due_ms, void (*run)(void *context),
                     void *context);

/* Milliseconds until the next one is due: 0 if it is already, -1 if there is none. */
int64_t http_timers_wait(const struct http_timers *timers, int64_t now_ms);

/* Takes the earliest one off if it is due. */
bool http_timers_take(struct http_timers *timers, int64_t now_ms, struct http_timer *taken);

#endif
