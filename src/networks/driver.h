// SPDX-License-Identifier: MIT
/* What the drivers share: reading a webhook, and using what a formatter made. */
#ifndef ISTHMUS_NETWORKS_DRIVER_H
#define ISTHMUS_NETWORKS_DRIVER_H

#include <json-c/json.h>

#include "base/json/json_slice.h"
#include "base/reason.h"
#include "networks/network.h"

/* A JSON object from outside: of at most `values` values, NETWORK_JSON_DEPTH deep. */
struct driver_text {
        const char *what; /* "the body" or the like: what a reason calls it */
        const char *text;
        size_t size;
        size_t values;
};

/*
 * Finds what is wanted of it; `slices`, all absent before, stay valid as long as the text. False
 * with the reason if it is no JSON object. Names with U+0000 are allowed.
 */
bool driver_read(const struct driver_text *text, const struct json_want *want,
                 struct json_slice *slices, struct reason *reason) MUST_CHECK;

/*
 * What a payload formatter made, as an object that json_walk_of may walk through: in `compact` if
 * it was not written so. False with the reason.
 */
bool driver_read_formatted(const char *data, struct buf *compact, struct json_slice *object,
                           struct reason *reason) MUST_CHECK;

/* The same as driver_read for a webhook's body. */
bool driver_read_body(const struct webhook *webhook, const struct json_want *want,
                      struct json_slice *slices, struct reason *reason) MUST_CHECK;

/* The body of an API's answer as a JSON object, the caller's; NULL with the reason. */
struct json_object *driver_answer(const char *body, size_t size, struct reason *reason) MUST_CHECK;

/* Puts whom it is about before a reason that says something. */
void driver_name_device(struct reason *reason, const char *device, const char *application);

/* Adds a configured URL without the slashes at its end. */
void driver_add_base_url(struct buf *url, const char *base_url);

/*
 * Adds a text to what an event's message_id is made of; NULL counts as empty. The zero byte
 * behind it, which no text holds, keeps the parts apart.
 */
void driver_identify(struct buf *identity, const char *text);

/* The same for a member that may be a text. */
void driver_identify_slice(struct buf *identity, const struct json_slice *slice);

/* A formatter's properties beat those that the driver has set. `formatted` may be NULL. */
void driver_set_formatted(struct telemetry *telemetry, const struct formatted *formatted);

#endif
