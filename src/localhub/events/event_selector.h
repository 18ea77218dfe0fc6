// SPDX-License-Identifier: MIT
/* Where a reader of telemetry wants to begin, as it says by a filter of its link (rule W23). Pure.
 */
#ifndef ISTHMUS_LOCALHUB_EVENTS_EVENT_SELECTOR_H
#define ISTHMUS_LOCALHUB_EVENTS_EVENT_SELECTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "localhub/messages/telemetry_log.h"

enum event_field {
        EVENT_OFFSET,
        EVENT_NUMBER, /* x-opt-sequence-number */
        EVENT_TIME,   /* x-opt-enqueued-time, ms since 1970 */
};

/* All messages whose field is above `value`; the zeroed one fits every message. */
struct event_selector {
        enum event_field field;
        bool inclusive; /* or is the same */
        bool latest;    /* no message that is there already */
        int64_t value;
};

/*
 * Reads `amqp.annotation.x-opt-offset > '17'` and its like; `>=`, numbers without quotes, and
 * `'@latest'` as an offset. False if it is none of these.
 */
bool event_selector_read(const char *text, size_t size, struct event_selector *selector) MUST_CHECK;

bool event_selector_fits(const struct event_selector *selector,
                         const struct telemetry_record *record);

#endif
