// SPDX-License-Identifier: MIT
/*
 * The Device Provisioning Service over HTTPS: register, poll as told, once per device, many at
 * the same time, below the service's quota. Facts: Microsoft's documentation of the service's REST
 * interface ("Runtime Registration", api-version 2019-03-31) and of its quotas.
 *
 * Each service (endpoint and ID scope) has queues, a pace (dps_pace.h) and a number of
 * registrations under way of its own, so that one that is throttled or away delays no other.
 * dps_machine.h says what becomes of each answer. What a device's own answers teach (401, 5xx, a
 * lost connection) delays that device alone; only 429 to a register delays all, unless others are
 * taken while it goes on for one device.
 *
 * Whoever is urgent goes first, then the bulk, then those who ask again: of ten registrations at
 * most one is repeated while others wait, and those that are repeated leave half of the places
 * free. Of those that are urgent the oldest and the newest take turns, so that a single newcomer
 * does not wait behind thousands that came at once.
 *
 * A device proves itself by a token that its key signs, or by its certificate in TLS; a connection
 * is then its own. The registration id is used as it is given, in the URL and for the token: the
 * service compares ids without case, but keys are derived from the very letters.
 *
 * Works on the thread "http" of the http_client that it is given.
 */
#ifndef ISTHMUS_AZURE_DPS_DPS_CLIENT_H
#define ISTHMUS_AZURE_DPS_DPS_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "azure/dps/dps_result.h"
#include "http/client/http_client.h"

struct dps_client;

struct dps_client_options {
        struct http_client *http;     /* freed before the client, see dps_client_free */
        int registrations_per_minute; /* per service, at most; 0 = as many as it takes */
        int maximum_concurrent;       /* per service, registrations under way, and as many that are
                                               urgent; 0 = 10000 */
        int64_t minute_ms;            /* what a service's quota counts; 0 = a minute; for tests */
        int64_t deadline_ms;          /* of one registration from its first request on;
                                         0 = 5 minutes */
};

struct dps_client *dps_client_new(const struct dps_client_options *options);

/*
 * Registrations under way are forgotten: their `done` is not called. Free it after `http`, whose
 * thread works on them until then. NULL is allowed.
 */
void dps_client_free(struct dps_client *client);

/* In the order in which they go. */
enum dps_kind {
        DPS_URGENT,   /* somebody waits for it: an uplink of a device that is not known yet */
        DPS_BULK,     /* one of many, in the background */
        DPS_REPEATED, /* it was refused before, or its hub refuses it: it gives way */
        DPS_KIND_COUNT,
};

struct dps_registration {
        const char *endpoint; /* host or host:port */
        const char *id_scope;
        const char *registration_id;
        const char *device_key;          /* base64: derived from the group's, or individual */
        struct certificate *certificate; /* instead of a key: the device's own; shared */
        const char *model_id;            /* DTDL model id; NULL or "" = none */
        enum dps_kind kind;
};

/* From now on at most so many a minute and service; as in the options. Any thread. */
void dps_client_set_rate(struct dps_client *client, int registrations_per_minute);

/* On the thread "http", exactly once. */
typedef void dps_done(void *context, const struct dps_result *result);

/*
 * Copies everything. May be called on every thread; never calls back before it returns. Bad input
 * (endpoint, ids, key) ends as DPS_FAILED with the reason.
 */
void dps_register(struct dps_client *client, const struct dps_registration *registration,
                  dps_done *done, void *context);

/*
 * Makes a registration of the bulk urgent, if it has not begun: an uplink waits for it now. Nothing
 * happens if there is none of this id. Every thread.
 */
void dps_hurry(struct dps_client *client, const char *endpoint, const char *id_scope,
               const char *registration_id);

#endif
