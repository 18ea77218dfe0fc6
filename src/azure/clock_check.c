// SPDX-License-Identifier: MIT
#include "azure/clock_check.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"

#define WRONG_MS (5 * 60 * 1000)

/* An answer to a token takes no longer, but for one that is not answered at all. */
#define FRESH_MS (10 * 1000)

/* Who has not heard by then leaves the question to others. */
#define ASKED_MS (60 * 1000)

void clock_check_init(struct clock_check *check, int64_t wall_ms, int64_t steady_ms)
{
        *check = (struct clock_check){.offset_ms = wall_ms - steady_ms};
}

bool clock_check_notice_set(struct clock_check *check, int64_t wall_ms, int64_t steady_ms)
{
        int64_t step_ms = wall_ms - steady_ms - check->offset_ms;

        check->offset_ms += step_ms;
        if (llabs(step_ms) < CLOCK_SET_MS)
                return false;
        check->trust = CLOCK_UNKNOWN;
        check->asker = NULL;
        check->set_ms = steady_ms;
        log_warn("CLOCK_SET", "This machine's clock was set; who was refused is tried again",
                 LOG_INT("by_s", step_ms / 1000), LOG_END);
        return true;
}

bool clock_check_is_fresh(const struct clock_check *check, int64_t steady_ms)
{
        return check->trust == CLOCK_UNKNOWN && check->set_ms != 0 &&
               steady_ms - check->set_ms < FRESH_MS;
}

bool clock_check_lets_ask(const struct clock_check *check, const void *asker, int64_t steady_ms)
{
        if (check->trust != CLOCK_UNKNOWN)
                return check->trust == CLOCK_RIGHT;
        return !clock_check_is_fresh(check, steady_ms) &&
               (!check->asker || check->asker == asker || steady_ms - check->asked_ms >= ASKED_MS);
}

void clock_check_asks(struct clock_check *check, const void *asker, int64_t steady_ms)
{
        check->asker = asker;
        check->asked_ms = steady_ms;
}

void clock_check_asked_in_vain(struct clock_check *check, const void *asker)
{
        if (check->asker == asker)
                check->asker = NULL;
}

bool clock_check_refused(struct clock_check *check, int64_t ahead_ms)
{
        if (check->trust == CLOCK_WRONG)
                return false;
        if (llabs(ahead_ms) < WRONG_MS)
                return clock_check_accepted(check);
        log_error("CLOCK_WRONG",
                  "This machine's clock is wrong, so that hubs and services refuse its devices",
                  LOG_INT("ahead_s", ahead_ms / 1000), LOG_END);
        check->trust = CLOCK_WRONG;
        return false;
}

bool clock_check_accepted(struct clock_check *check)
{
        bool is_new = check->trust != CLOCK_RIGHT;

        check->trust = CLOCK_RIGHT;
        return is_new;
}
