// SPDX-License-Identifier: MIT
/*
 * When a camera's next picture is due: ticks of a period, counted from a start, as .NET's Timer of
 * the earlier programs. Pure; times are of the steady clock.
 */
#ifndef ISTHMUS_CAMERA_WATCH_SCHEDULE_H
#define ISTHMUS_CAMERA_WATCH_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

/* A period of 0: there is one tick only. */
struct schedule {
        int64_t due_ms; /* from a start to the first tick */
        int64_t period_ms;
        bool is_started;
        int64_t next_ms; /* INT64_MAX = none comes */
};

/* (Re)starts it: the next tick is `due_ms` from now. */
void schedule_start(struct schedule *schedule, int64_t now_ms);
void schedule_stop(struct schedule *schedule);

/* Sets both times; one that is started starts anew. */
void schedule_set(struct schedule *schedule, int64_t due_ms, int64_t period_ms, int64_t now_ms);

/* Milliseconds to the next tick, 0 = it is due now; INT64_MAX = none comes. */
int64_t schedule_wait_ms(const struct schedule *schedule, int64_t now_ms);

/* The tick that is due is taken; the next one is a period behind it. */
void schedule_take(struct schedule *schedule);

/* The picture is done: ticks that have passed meanwhile are skipped. Returns how many. */
int64_t schedule_done(struct schedule *schedule, int64_t now_ms);

#endif
