// SPDX-License-Identifier: MIT
/*
 * What a message of a storage queue holds: base64 or plain text, a webhook as the network sends it
 * or an entry that an earlier program has made of one, of a network that may have to be found out.
 * Pure.
 */
#ifndef ISTHMUS_GATEWAY_INTAKE_QUEUE_MESSAGE_H
#define ISTHMUS_GATEWAY_INTAKE_QUEUE_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/reason.h"
#include "networks/network.h"

/* What is known of a queue's messages. */
struct queue_message_rules {
        const struct network *network; /* NULL = whichever understands them */
        const char *application;       /* for the last part of a webhook's path; or NULL */
        size_t maximum_values;         /* that JSON in a message may hold */
};

/* A message, understood; owns its texts. */
struct queue_message {
        const struct network *network;
        struct buf text;                  /* JSON */
        struct network_restored restored; /* of an entry; its body is empty for a webhook */
        bool is_entry;    /* made by an earlier program: the signature can't be checked any more */
        int64_t first_ns; /* the earliest of its events' own times; INT64_MAX if it has none */
};

#define QUEUE_MESSAGE_INIT                                                                         \
        ((struct queue_message){.text = BUF_INIT, .restored = NETWORK_RESTORED_INIT})

void queue_message_deinit(struct queue_message *message);

/*
 * Reads a message's text (rule S3). `message` is QUEUE_MESSAGE_INIT, and the caller's to deinit in
 * any case. False with the reason if it can never be understood. `now_ns` stands in for the time
 * of arrival where the message tells none.
 */
bool queue_message_read(const struct queue_message_rules *rules, const char *text, size_t size,
                        int64_t now_ns, struct queue_message *message,
                        struct reason *reason) MUST_CHECK;

/*
 * What of a message was refused, as a message of its own, in base64 if `text`, which was read, is;
 * nothing where that can't be told apart from the rest.
 */
void queue_message_set_aside(const struct queue_message_rules *rules,
                             const struct queue_message *message, const char *text,
                             const struct event_list *refused, struct buf *rest);

/* The webhook that it is; points into both arguments. */
struct webhook queue_message_webhook(const struct queue_message_rules *rules,
                                     const struct queue_message *message, int64_t now_ns);

#endif
