// SPDX-License-Identifier: MIT
/* What the drivers share: reading a webhook, and using what a formatter made. */
#ifndef ISTHMUS_NETWORKS_DRIVER_H
#define ISTHMUS_NETWORKS_DRIVER_H

#include <json-c/json.h>

#include "base/reason.h"
#include "networks/network.h"

/*
 * The body as a JSON object within NETWORK_JSON_DEPTH (the caller's, json_object_put), or NULL
 * with the reason.
 */
struct json_object *driver_body(const struct webhook *webhook, struct reason *reason) MUST_CHECK;

/* The same for a decoded payload, which comes from a network or a formatter. */
struct json_object *driver_decoded(const char *text, struct reason *reason) MUST_CHECK;

/* An event's details; an empty object if it has none. */
struct json_object *driver_details(const struct event *event, struct reason *reason) MUST_CHECK;

/* The body of an API's answer as a JSON object, as driver_body. */
struct json_object *driver_answer(const char *body, size_t size, struct reason *reason) MUST_CHECK;

/* A copy of an EUI (the caller's), in upper case whoever wrote it; NULL of NULL. */
char *driver_eui(const char *text);

/* Puts whom it is about before a reason that says something. */
void driver_name_device(struct reason *reason, const char *device, const char *application);

/* Adds a configured URL without the slashes at its end. */
void driver_add_base_url(struct buf *url, const char *base_url);

/*
 * Adds a text to what an event's message_id is made of; NULL counts as empty. The zero byte
 * behind it, which no text holds, keeps the parts apart.
 */
void driver_identify(struct buf *identity, const char *text);

/* A formatter's properties beat those that the driver has set. `formatted` may be NULL. */
void driver_set_formatted(struct telemetry *telemetry, const struct formatted *formatted);

#endif
