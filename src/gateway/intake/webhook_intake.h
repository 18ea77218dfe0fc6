// SPDX-License-Identifier: MIT
/*
 * Uplink stage 1: webhooks in. Who sends it? What does it say? Answered only when stored.
 *
 * Laws, beside those of delivery.h:
 *   - a 2xx for an event is sent only after its delivery is DELIVERY_STORED;
 *   - nothing that is unauthenticated, too large or too slow is looked at;
 *   - the request is held (http_exchange_hold) until the store's thread, or the thread "http",
 *     answers it.
 *
 * Also serves /healthz, /readyz and /metrics. Threads: those of http_server.h.
 */
#ifndef ISTHMUS_GATEWAY_INTAKE_WEBHOOK_INTAKE_H
#define ISTHMUS_GATEWAY_INTAKE_WEBHOOK_INTAKE_H

#include <stdint.h>

#include "base/error.h"
#include "base/reason.h"
#include "gateway/intake/delivery.h"
#include "gateway/intake/queue_intake.h"

struct webhook_intake;

/* Starts to listen. `means` and `queues` (or NULL), whose gauges /metrics shows, must outlive it.
 */
int webhook_intake_start(const struct delivery_means *means, const struct queue_intake *queues,
                         struct webhook_intake **webhook, struct reason *reason) MUST_CHECK;

/* Reads the files for TLS again, for new connections; what is not in order changes nothing. */
void webhook_intake_refresh(struct webhook_intake *webhook);

/* The port that it listens on. */
uint16_t webhook_intake_port(const struct webhook_intake *webhook);

/* Takes no new requests, answers those under way (the store must still run), and frees. */
void webhook_intake_stop(struct webhook_intake *webhook);

#endif
