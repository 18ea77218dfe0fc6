// SPDX-License-Identifier: MIT
/*
 * Uplink stage 1 by another way: deliveries from queues of Azure Storage, into which the networks'
 * webhooks were put by somebody else. It only asks; nobody has to reach this machine.
 *
 * Laws, beside those of delivery.h:
 *   - a message is deleted only after all its events are durable (rule S4), or if so configured
 *     after a hub has accepted each of them; until then nobody else sees it (rule S8);
 *   - a message that can never be understood goes to the queue QUEUE-poison, unchanged, and what
 *     is good behind it does not wait for it (rule S6);
 *   - nothing is taken while the store is full (rule S7);
 *   - whatever fails at the queue, the gateway runs and takes webhooks (rule S9).
 *
 * All state lives on the thread "http".
 */
#ifndef ISTHMUS_GATEWAY_INTAKE_QUEUE_INTAKE_H
#define ISTHMUS_GATEWAY_INTAKE_QUEUE_INTAKE_H

#include "azure/identity/identity.h"
#include "base/buf.h"
#include "gateway/intake/delivery.h"
#include "http/client/http_client.h"

struct queue_intake;

struct queue_intake_options {
        const struct delivery_means *means;
        struct http_client *http;
        struct identity *identity;
};

/*
 * Begins to take messages from all configured storage queues; without any it does nothing. All in
 * the options must outlive it.
 */
struct queue_intake *queue_intake_start(const struct queue_intake_options *options);

/* Adds the gauge of messages in each queue for /metrics. Any thread; NULL is allowed. */
void queue_intake_write_metrics(const struct queue_intake *intake, struct buf *out);

/*
 * Takes nothing new, and waits until what is under way is stored or refused (the store must still
 * run). Any thread but "http". NULL is allowed.
 */
void queue_intake_stop(struct queue_intake *intake);

/* After queue_intake_stop, http_client_free and identity_free. NULL is allowed. */
void queue_intake_free(struct queue_intake *intake);

#endif
