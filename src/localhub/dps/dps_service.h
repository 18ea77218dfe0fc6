// SPDX-License-Identifier: MIT
/*
 * The REST API of the provisioning service for those who manage it (rule W25): individual
 * enrollments, enrollment groups, registrations. On the thread of the HTTP server.
 */
#ifndef ISTHMUS_LOCALHUB_DPS_DPS_SERVICE_H
#define ISTHMUS_LOCALHUB_DPS_DPS_SERVICE_H

#include <stdbool.h>

#include "http/http_server.h"
#include "localhub/registry/registry.h"

/* Answers the request if its path is one of this API's; else false. */
bool dps_service_handle(struct registry *registry, struct http_exchange *exchange);

#endif
