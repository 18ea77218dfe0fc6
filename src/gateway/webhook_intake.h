// SPDX-License-Identifier: MIT
/*
 * Uplink stage 1: webhooks in. Who sends it? What does it say? Answered only when stored.
 *
 * Laws:
 *   - a 2xx for an event is sent only after its store_put answered 0;
 *   - nothing that is malformed, unauthenticated, not authentic, too large or too slow is stored;
 *   - no thread of this stage waits for the disk or for a certificate: the answer is deferred
 *     until the store's thread, or the thread "http", gives it.
 *
 * Also serves /healthz, /readyz and /metrics. Threads: those of http_server.h.
 */
#ifndef ISTHMUS_GATEWAY_WEBHOOK_INTAKE_H
#define ISTHMUS_GATEWAY_WEBHOOK_INTAKE_H

#include <stdint.h>

#include "base/error.h"
#include "base/reason.h"
#include "conf/settings.h"
#include "gateway/command/command_confirm.h"
#include "gateway/device/device.h"
#include "gateway/device/device_directory.h"
#include "gateway/uplink/uplink_queue.h"
#include "gateway/uplink/uplink_trust.h"
#include "store/store.h"

struct webhook_intake;

struct webhook_intake_options {
        const struct settings *settings;
        struct store *store;
        struct uplink_queue *queue; /* of what is stored */
        struct uplink_trust *trust;
        struct device_directory *directory;
        struct device_table *devices;
        struct command_confirm *confirm;
};

/* Starts to listen. All options must outlive it. */
int webhook_intake_start(const struct webhook_intake_options *options,
                         struct webhook_intake **webhook, struct reason *reason) MUST_CHECK;

/* Reads the files for TLS again, for new connections; what is not in order changes nothing. */
void webhook_intake_refresh(struct webhook_intake *webhook);

/* The port that it listens on. */
uint16_t webhook_intake_port(const struct webhook_intake *webhook);

/* Takes no new requests, answers those under way (the store must still run), and frees. */
void webhook_intake_stop(struct webhook_intake *webhook);

#endif
