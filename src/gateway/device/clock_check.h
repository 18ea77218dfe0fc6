// SPDX-License-Identifier: MIT
/*
 * Is this machine's clock right? Tokens carry a time, so a clock that is behind makes every hub and
 * service refuse every device. Pure but for its log lines; all on the thread "loop".
 */
#ifndef ISTHMUS_GATEWAY_DEVICE_CLOCK_CHECK_H
#define ISTHMUS_GATEWAY_DEVICE_CLOCK_CHECK_H

#include <stdbool.h>
#include <stdint.h>

struct clock_check {
        int64_t offset_ms; /* wall clock less steady clock, when it was looked at last */
        bool is_wrong;     /* a service refused a token and told another time */
};

void clock_check_init(struct clock_check *check, int64_t wall_ms, int64_t steady_ms);

/*
 * Has the wall clock been set by half a minute or more since the last look? Then nothing is known
 * of it any more: it may be right now.
 */
bool clock_check_was_set(struct clock_check *check, int64_t wall_ms, int64_t steady_ms);

/*
 * A service has refused a token; `ahead_ms` is our clock less the service's. A difference of five
 * minutes or more is found to be the cause, and said once.
 */
void clock_check_refused(struct clock_check *check, int64_t ahead_ms);

/* A hub has accepted a token: the clock can't be that wrong. */
void clock_check_accepted(struct clock_check *check);

#endif
