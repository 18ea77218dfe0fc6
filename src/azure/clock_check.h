// SPDX-License-Identifier: MIT
/*
 * Is this machine's clock right? Tokens carry a time, so a clock that is behind makes every hub and
 * service refuse every device. After the start, and after the clock was set, nothing is known of it
 * until a hub or service has accepted a token, or has told its time. Until then one device at a
 * time asks the provisioning service why it is refused; what it hears decides about the others.
 *
 * Pure but for its log lines; all on the thread "loop". `steady_ms` is the time now.
 */
#ifndef ISTHMUS_AZURE_CLOCK_CHECK_H
#define ISTHMUS_AZURE_CLOCK_CHECK_H

#include <stdbool.h>
#include <stdint.h>

enum clock_trust {
        CLOCK_UNKNOWN,
        CLOCK_RIGHT,
        CLOCK_WRONG, /* a service refused a token and told another time */
};

struct clock_check {
        int64_t offset_ms; /* wall clock less steady clock, when it was looked at last */
        enum clock_trust trust;
        int64_t set_ms;    /* steady; when it was set; 0 = not in this run */
        const void *asker; /* UNKNOWN: who asks; NULL = nobody */
        int64_t asked_ms;  /* steady; since when */
};

void clock_check_init(struct clock_check *check, int64_t wall_ms, int64_t steady_ms);

/*
 * To be called often. True if the wall clock was set by half a minute or more since the last call:
 * then nothing is known of it any more, it may be right now.
 */
bool clock_check_notice_set(struct clock_check *check, int64_t wall_ms, int64_t steady_ms);

/* May a token that is refused now have been made before the clock was set? */
bool clock_check_is_fresh(const struct clock_check *check, int64_t steady_ms);

/* May this one, a device, ask the service why it is refused? */
bool clock_check_lets_ask(const struct clock_check *check, const void *asker, int64_t steady_ms);

/* It asks. */
void clock_check_asks(struct clock_check *check, const void *asker, int64_t steady_ms);

/* Its answer says nothing of the clock: another one may ask. */
void clock_check_asked_in_vain(struct clock_check *check, const void *asker);

/*
 * A service has refused a token; `ahead_ms` is our clock less the service's. A difference of five
 * minutes or more is found to be the cause, and said once; else the clock is right. True if that
 * is new.
 */
bool clock_check_refused(struct clock_check *check, int64_t ahead_ms);

/* A hub or service has accepted a token: the clock can't be that wrong. True if that is new. */
bool clock_check_accepted(struct clock_check *check);

#endif
