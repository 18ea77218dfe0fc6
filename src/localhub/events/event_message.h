// SPDX-License-Identifier: MIT
/* Telemetry as the readers of the built-in Event Hubs endpoint get it (rule W23). Pure. */
#ifndef ISTHMUS_LOCALHUB_EVENTS_EVENT_MESSAGE_H
#define ISTHMUS_LOCALHUB_EVENTS_EVENT_MESSAGE_H

#include "base/buf.h"
#include "localhub/messages/telemetry_log.h"

/* Adds the AMQP message: what the hub knows as annotations, what the device said as it said it. */
void event_message_write(struct buf *out, const struct telemetry_record *record);

#endif
