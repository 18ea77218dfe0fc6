// SPDX-License-Identifier: MIT
/*
 * The Things Stack v3 (The Things Network, The Things Industries): `ApplicationUp` messages of
 * its HTTP webhooks in JSON. Facts: the stack's API definitions, release 3.32, and its
 * documentation.
 */
#ifndef ISTHMUS_NETWORKS_THINGS_STACK_THINGS_STACK_H
#define ISTHMUS_NETWORKS_THINGS_STACK_THINGS_STACK_H

#include <json-c/json.h>

#include "base/json/json_slice.h"
#include "networks/downlink.h"
#include "networks/network.h"

extern const struct network things_stack;
extern const struct downlink_driver things_stack_downlink;
extern const struct listing_driver things_stack_listing;
extern const struct network_setting things_stack_settings[];

/* --- between the things_stack*.c files -------------------------------------------------- */

/* A message taken apart. */
struct things_stack_message {
        enum event_kind kind;
        struct json_slice body;            /* the one body member: an object */
        struct json_slice correlation_ids; /* of the message around it */
        char *application;
        char *device;
        char *dev_eui;      /* or NULL */
        char *received_at;  /* the outer one; NULL if it is absent or no time */
        char *network_time; /* the inner one; NULL if it is absent or no time */
        uint8_t port;
};

/*
 * Fills `event` of a message that is not an uplink: its details, and what is flat in them. `body`
 * is the message's as a tree, which is changed.
 */
void things_stack_describe(const struct things_stack_message *message, struct json_object *body,
                           struct event *event);

/* Takes what the gateways of `rx_metadata` say of how they have heard the device. */
void things_stack_hear(const struct json_slice *gateways, struct event_facts *facts);

/* "The Things Stack answered 404 name: message" of an error document, as far as it is one. */
void things_stack_explain(int status, const char *body, size_t size, struct reason *reason);

/* struct downlink_driver's `way`: from the headers X-Downlink-Push, -Replace and -Apikey. */
int things_stack_route(const struct webhook *webhook, const struct event *event,
                       const struct downlink_hosts *allowed, struct downlink_way *way,
                       struct reason *reason) MUST_CHECK;

#endif
