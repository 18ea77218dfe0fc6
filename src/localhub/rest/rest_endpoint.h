// SPDX-License-Identifier: MIT
/*
 * The service side of the local hubs over HTTPS (rule W14): device registry, twins, direct
 * methods, queries, jobs and configurations, as Microsoft's service SDKs call them. It is served on
 * the port of the provisioning service; the hub that is meant is the one whose key signed the
 * request's token.
 */
#ifndef ISTHMUS_LOCALHUB_REST_REST_ENDPOINT_H
#define ISTHMUS_LOCALHUB_REST_REST_ENDPOINT_H

#include "http/http_server.h"
#include "localhub/fleet/fleet.h"

struct rest_endpoint {
        struct local_hub *hub;
        struct fleet *fleet;
};

/*
 * How the service writes and reads devices: what the endpoint's fleet needs for its jobs. Endpoint
 * and fleet must live as long as it is used.
 */
struct fleet_documents rest_fleet_documents(struct rest_endpoint *endpoint);

/* An http_handler; `context` is the struct rest_endpoint. */
void rest_endpoint_handle(void *context, struct http_exchange *exchange);

#endif
