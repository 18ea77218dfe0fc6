// SPDX-License-Identifier: MIT
/*
 * A gateway that was started without formatters, when something needs one: that waits until it is
 * started with them, and the log says what is missing, once a minute at most. On the thread "loop".
 */
#ifndef ISTHMUS_GATEWAY_UPLINK_FORMATTERS_OFF_H
#define ISTHMUS_GATEWAY_UPLINK_FORMATTERS_OFF_H

#include <stdint.h>

#define FORMATTERS_OFF_SAID_MS (60 * 1000)

/* All zero at first. */
struct formatters_off {
        int64_t said_ms; /* steady clock; 0 = never */
};

/* An event or command of this device (its key) needs this formatter. */
void formatters_off_say(struct formatters_off *off, const char *formatter, const char *device);

#endif
