// SPDX-License-Identifier: MIT
/*
 * The outcome of a command as a reported property of its device's twin:
 *
 *     {"commandOutcomes": {"COMMAND": {"outcome": "delivered", "reason": null, "messageId": "...",
 *                                      "reference": "...", "time": "2024-05-06T07:08:09.123Z"}}}
 *
 * one entry per command name, `message` for messages without one: the latest outcome replaces the
 * one before, and what has no value now is null, which removes the old value. So it is bounded by
 * the methods that are configured, and a DTDL property of schema Map fits it. Pure; every thread.
 */
#ifndef ISTHMUS_GATEWAY_UPLINK_COMMAND_OUTCOME_H
#define ISTHMUS_GATEWAY_UPLINK_COMMAND_OUTCOME_H

#include "base/buf.h"
#include "networks/event.h"

/* Adds the patch of the twin for an event of the kind EVENT_COMMAND_OUTCOME. */
void command_outcome_patch(const struct event *event, struct buf *out);

#endif
