// SPDX-License-Identifier: MIT
/*
 * Uplink stage 1 by another way: deliveries from queues of Azure Storage, into which the networks'
 * webhooks were put by somebody else. It only asks; nobody has to reach this machine.
 *
 * Laws, beside those of delivery.h:
 *   - a message is deleted only after all its events are durable (rule S4);
 *   - a message that can never be understood goes to the queue QUEUE-poison, unchanged, and what
 *     is good behind it does not wait for it (rule S6);
 *   - nothing is taken while the store is full (rule S7);
 *   - whatever fails at the queue, the gateway runs and takes webhooks (rule S9).
 *
 * All state lives on the thread "http".
 */
#ifndef ISTHMUS_GATEWAY_INTAKE_QUEUE_INTAKE_H
#define ISTHMUS_GATEWAY_INTAKE_QUEUE_INTAKE_H

#include "base/error.h"
#include "base/reason.h"
#include "gateway/intake/delivery.h"
#include "http/http_client.h"

struct queue_intake;

/*
 * Begins to take messages from all configured storage queues; without any it does nothing. A
 * negative errno with the reason if a connection string is none. Both must outlive it.
 */
int queue_intake_start(const struct delivery_means *means, struct http_client *http,
                       struct queue_intake **intake, struct reason *reason) MUST_CHECK;

/*
 * Takes nothing new, and waits until what is under way is stored or refused (the store must still
 * run). Any thread but "http". NULL is allowed.
 */
void queue_intake_stop(struct queue_intake *intake);

/* After queue_intake_stop and http_client_free. NULL is allowed. */
void queue_intake_free(struct queue_intake *intake);

#endif
