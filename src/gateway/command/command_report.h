// SPDX-License-Identifier: MIT
/*
 * The outcome of a command, as an event of its device: telemetry or a reported property, as the
 * settings say when it is sent. On the thread "loop".
 */
#ifndef ISTHMUS_GATEWAY_COMMAND_COMMAND_REPORT_H
#define ISTHMUS_GATEWAY_COMMAND_COMMAND_REPORT_H

#include "gateway/command/command.h"
#include "gateway/uplink/uplink_queue.h"
#include "store/store.h"

/* Stores an event of the kind EVENT_COMMAND_OUTCOME; it goes the way of all events. */
void command_report(struct store *store, struct uplink_queue *queue, const struct command *command);

#endif
