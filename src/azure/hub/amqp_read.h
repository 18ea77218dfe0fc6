// SPDX-License-Identifier: MIT
/*
 * Reading AMQP messages section by section with proton's decoder. pn_message_decode takes any
 * bytes for a message and keeps only the last of several data sections; this does neither.
 */
#ifndef ISTHMUS_AZURE_HUB_AMQP_READ_H
#define ISTHMUS_AZURE_HUB_AMQP_READ_H

#include <proton/codec.h>
#include <proton/delivery.h>
#include <proton/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "azure/hub/hub_client.h"
#include "base/buf.h"
#include "base/error.h"

/* One message at a time, reused for the next one. Atoms' bytes are valid until then. */
struct amqp_reader {
        pn_data_t *scratch;
        pn_data_t *annotations; /* of the message, not of the delivery */
        pn_data_t *properties;
        pn_data_t *application;
        struct buf body; /* its data sections, or one text or binary value */
        bool odd_body;   /* a body of another kind: list, map, number ... */
        struct buf bytes;
};

/* Fields of the properties section, by their position. */
enum amqp_field {
        AMQP_MESSAGE_ID = 0,
        AMQP_CORRELATION_ID = 5,
        AMQP_EXPIRY_TIME = 8,
};

void amqp_reader_init(struct amqp_reader *reader);
void amqp_reader_deinit(struct amqp_reader *reader);

/* False if the bytes are no message. */
bool amqp_read(struct amqp_reader *reader, const char *bytes, size_t size) MUST_CHECK;

/*
 * Takes a complete delivery off its link and reads it. False, with the delivery taken off all the
 * same, if it is longer than `most` bytes, was aborted, or is no message.
 */
bool amqp_read_delivery(struct amqp_reader *reader, pn_delivery_t *delivery,
                        size_t most) MUST_CHECK;

/* False, and `*value` null, if the message has no such field or key. */
bool amqp_read_field(struct amqp_reader *reader, enum amqp_field field, pn_atom_t *value);
bool amqp_read_annotation(struct amqp_reader *reader, const char *key, pn_atom_t *value);
bool amqp_read_application(struct amqp_reader *reader, const char *key, pn_atom_t *value);

/* The value of a map with text or symbol keys; `data` stands on the map. */
bool amqp_map_find(pn_data_t *data, const char *key, pn_atom_t *value);

/* Any whole number as int64_t; false if the atom is none or does not fit. */
bool amqp_atom_int(const pn_atom_t *atom, int64_t *number);

/*
 * Adds an atom as text: texts, symbols and binaries as they are, numbers and booleans in their
 * JSON form, uuids in the usual one. False if it is of another kind.
 */
bool amqp_atom_text(const pn_atom_t *atom, struct buf *out);

struct amqp_properties {
        struct hub_message_property *list;
        size_t count;
        struct buf texts; /* where the list points to */
};

/* The application properties that have texts as names and a value with text; no others. */
void amqp_properties_read(struct amqp_properties *properties, struct amqp_reader *reader);
void amqp_properties_deinit(struct amqp_properties *properties);

#endif
