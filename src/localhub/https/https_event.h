// SPDX-License-Identifier: MIT
/* Telemetry as HTTPS carries it (rule W22): properties, and lists of messages. Pure. */
#ifndef ISTHMUS_LOCALHUB_HTTPS_HTTPS_EVENT_H
#define ISTHMUS_LOCALHUB_HTTPS_HTTPS_EVENT_H

#include <json-c/json.h>
#include <stdbool.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/reason.h"
#include "localhub/messages/telemetry_log.h"

/* More of either are not taken. */
#define HTTPS_EVENT_PROPERTIES_MAX 256
#define HTTPS_EVENTS_MAX           500

/* The texts belong to what was read. */
struct https_event {
        struct telemetry_record record;
        struct property properties[HTTPS_EVENT_PROPERTIES_MAX];
        struct buf body; /* decoded; empty if the record points to the request's body */
        size_t size;     /* of the properties' names and values */
};

/* Everything is absent. */
void https_event_init(struct https_event *event);

/* A header of a message, or a member of an entry's `properties`; unknown ones are passed over. */
void https_event_take(void *context, const char *name, const char *value);

struct https_events {
        struct json_object *json; /* to which texts belong */
        struct https_event *list;
        size_t count;
        size_t size; /* of bodies and properties */
};

/* For CLEANUP; safe on zeroed memory. */
void https_events_deinit(struct https_events *events);

/* Reads a list of messages; false with the reason if it is none. https_events_deinit anyway. */
bool https_events_read(const struct buf *text, struct https_events *events,
                       struct reason *reason) MUST_CHECK;

#endif
