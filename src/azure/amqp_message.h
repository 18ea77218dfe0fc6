// SPDX-License-Identifier: MIT
/* Building, encoding and reading AMQP messages with proton. */
#ifndef ISTHMUS_AZURE_AMQP_MESSAGE_H
#define ISTHMUS_AZURE_AMQP_MESSAGE_H

#include <proton/codec.h>
#include <proton/delivery.h>
#include <proton/message.h>
#include <stdbool.h>
#include <stdint.h>

#include "azure/hub_client.h"
#include "base/buf.h"

/* A text as proton takes it; valid as long as the text. NULL is "". */
pn_bytes_t amqp_bytes(const char *text);

/* Fills an empty message with a device-to-cloud message. */
void amqp_message_event(pn_message_t *message, const struct hub_message *event);

/* Replaces `out` by the encoded message. False if proton can't encode it. */
bool amqp_message_encode(pn_message_t *message, struct buf *out) MUST_CHECK;

/*
 * Takes a complete delivery off its link and decodes it into `message`. False, with the delivery
 * taken off all the same, if it is longer than `most` bytes, was aborted, or is no message.
 */
bool amqp_message_receive(pn_message_t *message, pn_delivery_t *delivery, size_t most,
                          struct buf *scratch) MUST_CHECK;

/*
 * The value of a map with text or symbol keys. False if `data` is no map or has no such key.
 * The atom's bytes belong to `data`.
 */
bool amqp_map_find(pn_data_t *data, const char *key, pn_atom_t *value);

/* Any whole number as int64_t; false if the atom is none or does not fit. */
bool amqp_atom_int(const pn_atom_t *atom, int64_t *number);

/*
 * Adds an atom as text: texts, symbols and binaries as they are, numbers and booleans in their
 * JSON form, uuids in the usual one. False if it is of another kind.
 */
bool amqp_atom_text(const pn_atom_t *atom, struct buf *out);

#endif
