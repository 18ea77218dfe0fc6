// SPDX-License-Identifier: MIT
/* AMQP messages as this client sends and receives them. */
#ifndef ISTHMUS_AZURE_HUB_AMQP_MESSAGE_H
#define ISTHMUS_AZURE_HUB_AMQP_MESSAGE_H

#include <proton/delivery.h>
#include <stdbool.h>
#include <stddef.h>

#include "azure/hub/hub_client.h"
#include "base/amqp/amqp_wire.h"
#include "base/buf.h"
#include "base/error.h"

/* --- received -------------------------------------------------------------------------------- */

/* One message at a time, reused for the next one. */
struct amqp_inbox {
        struct amqp_wire_message message; /* points into `bytes` */
        struct amqp_wire_bytes body;      /* its data sections, or one text or binary value */
        bool odd_body;                    /* a body of another kind: list, map, number ... */
        struct buf bytes;
        struct buf joined; /* several data sections */
};

void amqp_inbox_deinit(struct amqp_inbox *inbox);

/* False if the bytes, which must stay, are no message. */
bool amqp_inbox_read(struct amqp_inbox *inbox, const void *bytes, size_t size) MUST_CHECK;

/*
 * Takes a complete delivery off its link and reads it. False, with the delivery taken off all the
 * same, if it is longer than `most` bytes, was aborted, or is no message.
 */
bool amqp_inbox_take(struct amqp_inbox *inbox, pn_delivery_t *delivery, size_t most) MUST_CHECK;

/* The values of annotations and of application properties; AMQP_WIRE_NULL if there is none. */
struct amqp_wire_value amqp_inbox_annotation(const struct amqp_inbox *inbox, const char *key);
struct amqp_wire_value amqp_inbox_property(const struct amqp_inbox *inbox, const char *key);

struct amqp_properties {
        struct property *list;
        size_t count;
        struct buf texts; /* where the list points to */
};

/*
 * The application properties whose name is a text and whose value is one, or can be written as one;
 * others are passed over.
 */
void amqp_properties_read(struct amqp_properties *properties, const struct amqp_inbox *inbox);
void amqp_properties_deinit(struct amqp_properties *properties);

/* --- sent ------------------------------------------------------------------------------------ */

/* Adds a device-to-cloud message. */
void amqp_message_event(struct buf *out, const struct hub_message *event);

/* The section of properties with the fields that anybody here sets; NULL and empty ones are not. */
struct amqp_fields {
        const char *message_id;
        const char *to;
        const char *reply_to;
        struct amqp_wire_bytes correlation_id; /* encoded */
        const char *content_type;
        const char *content_encoding;
};

void amqp_message_fields(struct buf *out, const struct amqp_fields *fields);

#endif
