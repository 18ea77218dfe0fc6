// SPDX-License-Identifier: MIT
/* Telemetry as the readers of the built-in Event Hubs endpoint get it (rule W23). Pure. */
#ifndef ISTHMUS_LOCALHUB_EVENTS_EVENT_MESSAGE_H
#define ISTHMUS_LOCALHUB_EVENTS_EVENT_MESSAGE_H

#include "base/buf.h"
#include "localhub/messages/telemetry_log.h"

/*
 * Adds the AMQP message: what the hub knows as annotations, what the device said as it said it.
 * `now`: how far the record's partition has come at `now_ms` (since 1970), as delivery annotations.
 * A reader asks Azure for these by a capability (com.microsoft:enable-receiver-runtime-metric),
 * which Qpid Proton does not show; here all have them, and whoever did not ask reads over them.
 */
void event_message_write(struct buf *out, const struct telemetry_record *record,
                         const struct telemetry_partition *now, int64_t now_ms);

#endif
