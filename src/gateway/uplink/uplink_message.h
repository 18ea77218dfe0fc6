// SPDX-License-Identifier: MIT
/* Uplink stage 4: an event becomes a device-to-cloud message. */
#ifndef ISTHMUS_GATEWAY_UPLINK_UPLINK_MESSAGE_H
#define ISTHMUS_GATEWAY_UPLINK_UPLINK_MESSAGE_H

#include <stdbool.h>

#include "base/error.h"
#include "base/reason.h"
#include "conf/settings.h"
#include "networks/network.h"

/*
 * Makes the message of the event and of what a formatter made of it (or NULL); `telemetry` is
 * initialised and the caller's to deinit in any case. 0, or 1 with the reason why it can never be
 * sent. Every thread.
 */
int uplink_message(const struct settings *settings, const struct event *event,
                   const struct formatted *formatted, struct telemetry *telemetry,
                   struct reason *reason) MUST_CHECK;

#endif
