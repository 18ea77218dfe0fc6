// SPDX-License-Identifier: MIT
/*
 * The local Device Provisioning Service over HTTPS (rule W12):
 *
 *   PUT  /SCOPE/registrations/ID/register        starts a registration
 *   GET  /SCOPE/registrations/ID/operations/OP   asks how it goes
 *   POST /SCOPE/registrations/ID                 the last result
 *
 * With no delay the first request is answered with the assignment, which clients accept.
 */
#ifndef ISTHMUS_LOCALHUB_DPS_DPS_ENDPOINT_H
#define ISTHMUS_LOCALHUB_DPS_DPS_ENDPOINT_H

#include <stdint.h>

#include "base/error.h"
#include "base/reason.h"
#include "http/http_server.h"
#include "localhub/dps/dps_quota.h"
#include "localhub/gate/faults.h"
#include "localhub/registry/registry.h"
#include "localhub/x509/client_chain.h"

struct dps_endpoint;

struct dps_endpoint_options {
        struct registry *registry; /* both must outlive the endpoint */
        struct faults *faults;
        const char *socket; /* Unix domain socket to serve on */
        /* How long a registration is `assigning`, drawn from this range; 0 = not at all. */
        int64_t assignment_delay_ms;
        int64_t assignment_delay_max_ms; /* less than the other: exactly that */
        int retry_after_s;               /* what `assigning` says; 0 = 3, as the service does */
        struct dps_quota_options quota;  /* of register requests; more are answered 429 */
        http_handler *other;             /* for all other paths; NULL = 404 */
        /* May this have a body of up to `large_body` bytes? Others have 1 MB. NULL = none may. */
        bool (*is_large)(struct http_exchange *exchange);
        size_t large_body;
        /* The certificates of a client by the name of its socket (local_hub_find_chain). */
        bool (*find_chain)(void *context, const char *name, struct client_chain *chain);
        void *other_context; /* of both */
        /* For functions that allocate: a PEM file beside the system's, read when the first is
         * asked; or NULL. */
        const char *trusted_certificates;
};

int dps_endpoint_new(const struct dps_endpoint_options *options, struct dps_endpoint **endpoint,
                     struct reason *reason) MUST_CHECK;

/* As http_server_stop. */
void dps_endpoint_stop(struct dps_endpoint *endpoint);

/* Stops first; NULL is allowed. */
void dps_endpoint_free(struct dps_endpoint *endpoint);

/* Requests answered since the start. */
struct dps_endpoint_counts {
        uint64_t registers;   /* all register requests */
        uint64_t polls;       /* all operation requests */
        uint64_t assigned;    /* assignments told */
        uint64_t refused;     /* 4xx but 429, `disabled`, `failed` */
        uint64_t throttled;   /* 429 */
        uint64_t unavailable; /* 5xx */
};

/* Any thread. */
void dps_endpoint_counts(struct dps_endpoint *endpoint, struct dps_endpoint_counts *counts);

#endif
