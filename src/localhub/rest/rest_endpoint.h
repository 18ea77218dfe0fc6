// SPDX-License-Identifier: MIT
/*
 * The service side of the local hubs over HTTPS (rule W14): device registry,
 * twins, direct methods, as Microsoft's service SDKs call them. It is served on the port of the
 * provisioning service; the hub that is meant is the one whose key signed the request's token.
 */
#ifndef ISTHMUS_LOCALHUB_REST_REST_ENDPOINT_H
#define ISTHMUS_LOCALHUB_REST_REST_ENDPOINT_H

#include "http/http_server.h"

/* An http_handler; `context` is the struct local_hub. */
void rest_endpoint_handle(void *context, struct http_exchange *exchange);

#endif
