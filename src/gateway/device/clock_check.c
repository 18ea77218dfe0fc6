// SPDX-License-Identifier: MIT
#include "gateway/device/clock_check.h"

#include <stdlib.h>

#include "base/log.h"

#define SET_MS   (30 * 1000)
#define WRONG_MS (5 * 60 * 1000)

void clock_check_init(struct clock_check *check, int64_t wall_ms, int64_t steady_ms)
{
        *check = (struct clock_check){.offset_ms = wall_ms - steady_ms};
}

bool clock_check_was_set(struct clock_check *check, int64_t wall_ms, int64_t steady_ms)
{
        int64_t step_ms = wall_ms - steady_ms - check->offset_ms;

        check->offset_ms += step_ms;
        if (llabs(step_ms) < SET_MS)
                return false;
        check->is_wrong = false;
        log_warn("CLOCK_SET", "This machine's clock was set; who was refused is tried again",
                 LOG_INT("by_s", step_ms / 1000), LOG_END);
        return true;
}

void clock_check_refused(struct clock_check *check, int64_t ahead_ms)
{
        if (check->is_wrong || llabs(ahead_ms) < WRONG_MS)
                return;
        check->is_wrong = true;
        log_error("CLOCK_WRONG",
                  "This machine's clock is wrong, so that hubs and services refuse its devices",
                  LOG_INT("ahead_s", ahead_ms / 1000), LOG_END);
}

void clock_check_accepted(struct clock_check *check)
{
        check->is_wrong = false;
}
