// SPDX-License-Identifier: MIT
/* An event's form on disk: a JSON object with a version, which users can read. */
#ifndef ISTHMUS_NETWORKS_EVENT_RECORD_H
#define ISTHMUS_NETWORKS_EVENT_RECORD_H

#include "networks/event.h"

/* Without its facts, which most readers of records have no use for. */
void event_encode(const struct event *event, struct buf *out);

/* Adds the event's facts, if there are any, to the record that event_encode has just made of it. */
void event_record_add_facts(const struct event *event, struct buf *record);

/*
 * The opposite; `event` is the caller's to event_deinit in any case. Returns 0 or 1 with the
 * reason (a record of a newer or of no version).
 */
int event_decode(const char *record, size_t size, struct event *event,
                 struct reason *reason) MUST_CHECK;

#endif
