// SPDX-License-Identifier: MIT
/*
 * What devices say over HTTPS (rule W22):
 *
 *   POST   /devices/ID/messages/events                    telemetry, one message or many
 *   GET    /devices/ID/messages/devicebound               locks the oldest message that waits
 *   DELETE /devices/ID/messages/devicebound/LOCK          completes it; with `reject`, rejects
 *   POST   /devices/ID/messages/devicebound/LOCK/abandon  lets it wait again
 *
 * On the thread of the HTTPS server.
 */
#ifndef ISTHMUS_LOCALHUB_HTTPS_HTTPS_ENDPOINT_H
#define ISTHMUS_LOCALHUB_HTTPS_HTTPS_ENDPOINT_H

#include "http/http_server.h"
#include "localhub/local_hub.h"

/* Answers a request; false if its path is none of these. */
bool https_endpoint_handle(struct local_hub *hub, struct http_exchange *exchange);

#endif
