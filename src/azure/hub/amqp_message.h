// SPDX-License-Identifier: MIT
/* Building and encoding AMQP messages with proton. */
#ifndef ISTHMUS_AZURE_HUB_AMQP_MESSAGE_H
#define ISTHMUS_AZURE_HUB_AMQP_MESSAGE_H

#include <proton/codec.h>
#include <proton/message.h>
#include <proton/types.h>
#include <stdbool.h>

#include "azure/hub/hub_client.h"
#include "base/buf.h"

/* A text as proton takes it; valid as long as the text. NULL is "". */
pn_bytes_t amqp_bytes(const char *text);
pn_atom_t amqp_text(const char *text);

/* Fills an empty message with a device-to-cloud message. */
void amqp_message_event(pn_message_t *message, const struct hub_message *event);

/* Replaces `out` by the encoded message. False if proton can't encode it. */
bool amqp_message_encode(pn_message_t *message, struct buf *out) MUST_CHECK;

#endif
