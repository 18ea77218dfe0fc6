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

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/list.h"
#include "base/reason.h"
#include "conf/settings.h"
#include "networks/network.h"
#include "store/store.h"

struct uplink_trust;
struct webhook_intake;
struct downlink_heard;

struct webhook_intake_options {
        const char *host;                        /* as http_server_options */
        uint16_t port;                           /* 0 = any free one */
        const char *tls_certificate;             /* PEM file; NULL = no TLS */
        const char *tls_key;                     /* PEM file */
        const struct settings_webhook_key *keys; /* senders must know one of them */
        size_t key_count;                        /* 0 = everybody may send (loopback only) */
        size_t maximum_body;                     /* bytes */
        size_t maximum_values;                   /* in its JSON */
        /* As http_server_options: */
        const char *proxy_header;
        int64_t header_timeout_ms;
        int64_t request_timeout_ms;
        unsigned maximum_connections;
        unsigned maximum_per_address;
        struct store *store;
        struct uplink_trust *trust;

        /*
         * Is this event to be stored? This one, `admissible` and `concerns` are called on the
         * thread "ingest", or on "http" when a certificate was waited for.
         */
        bool (*wanted)(void *context, const struct event *event);
        /*
         * May its device be one of IoT Hub's? 0; 400 if it never may, 503 if not now, both with the
         * reason.
         */
        int (*admissible)(void *context, const struct event *event, const char *device_key,
                          struct reason *reason);
        /*
         * What the webhook tells of the way back to the device of an event that is stored; or
         * NULL. On the thread "ingest", or where the trust came from.
         */
        struct downlink_heard *(*hear)(void *context, const struct webhook *webhook,
                                       const struct event *event);
        /*
         * Has this event a meaning beyond telemetry (the fate of a downlink)? If so, `confirm`
         * takes it in, and calls `done` from any thread once that is durable.
         */
        bool (*concerns)(void *context, const struct event *event);
        void (*confirm)(void *context, const struct event *event,
                        void (*done)(void *done_context, int result), void *done_context);
        /* On the store's thread: these struct uplink_event are durable; takes them all. */
        void (*stored)(void *context, struct list *events);
        void *context;
};

/* Starts to listen. Texts, keys, `store`, `trust` and `context` must outlive it. */
int webhook_intake_start(const struct webhook_intake_options *options,
                         struct webhook_intake **webhook, struct reason *reason) MUST_CHECK;

/* Reads the files for TLS again, for new connections; what is not in order changes nothing. */
void webhook_intake_refresh(struct webhook_intake *webhook);

/* The port that it listens on. */
uint16_t webhook_intake_port(const struct webhook_intake *webhook);

/* Takes no new requests, answers those under way (the store must still run), and frees. */
void webhook_intake_stop(struct webhook_intake *webhook);

#endif
