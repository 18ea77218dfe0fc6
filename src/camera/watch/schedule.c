// SPDX-License-Identifier: MIT
#include "camera/watch/schedule.h"

void schedule_start(struct schedule *schedule, int64_t now_ms)
{
        schedule->is_started = true;
        schedule->next_ms = now_ms + schedule->due_ms;
}

void schedule_stop(struct schedule *schedule)
{
        schedule->is_started = false;
        schedule->next_ms = INT64_MAX;
}

void schedule_set(struct schedule *schedule, int64_t due_ms, int64_t period_ms, int64_t now_ms)
{
        schedule->due_ms = due_ms;
        schedule->period_ms = period_ms;
        if (schedule->is_started)
                schedule_start(schedule, now_ms);
}

int64_t schedule_wait_ms(const struct schedule *schedule, int64_t now_ms)
{
        if (!schedule->is_started || schedule->next_ms == INT64_MAX)
                return INT64_MAX;
        return schedule->next_ms > now_ms ? schedule->next_ms - now_ms : 0;
}

void schedule_take(struct schedule *schedule)
{
        if (schedule->period_ms > 0)
                schedule->next_ms += schedule->period_ms;
        else
                schedule->next_ms = INT64_MAX;
}

int64_t schedule_done(struct schedule *schedule, int64_t now_ms)
{
        int64_t skipped;

        if (!schedule->is_started || schedule->next_ms >= now_ms)
                return 0;
        skipped = (now_ms - schedule->next_ms) / schedule->period_ms + 1;
        schedule->next_ms += skipped * schedule->period_ms;
        return skipped;
}
