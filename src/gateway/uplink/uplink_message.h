// SPDX-License-Identifier: MIT
/* Uplink stage 4: an event becomes a device-to-cloud message, or a patch of the twin. Pure. */
#ifndef ISTHMUS_GATEWAY_UPLINK_UPLINK_MESSAGE_H
#define ISTHMUS_GATEWAY_UPLINK_UPLINK_MESSAGE_H

#include "base/buf.h"
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

/*
 * Adds the patch of its device's twin for an event of the kind EVENT_COMMAND_OUTCOME:
 *
 *     {"commandOutcomes": {"COMMAND": {"outcome": "delivered", "reason": null, "messageId": "...",
 *                                      "reference": "...", "time": "2024-05-06T07:08:09.123Z"}}}
 *
 * One entry per command name, `message` for messages without one: the latest outcome replaces the
 * one before, and what has no value now is null, which removes the old value. So it is bounded by
 * the methods that are configured, and a DTDL property of schema Map fits it. Every thread.
 */
void uplink_message_patch(const struct event *event, struct buf *out);

#endif
