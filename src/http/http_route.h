// SPDX-License-Identifier: MIT
/* Paths with places to fill in: `devices/STAR/twin` fits /devices/dev1/twin. */
#ifndef ISTHMUS_HTTP_HTTP_ROUTE_H
#define ISTHMUS_HTTP_HTTP_ROUTE_H

#include <stdbool.h>

#include "http/http_server.h"

/* Most stars in a pattern. */
#define HTTP_ARGUMENTS_MAX 3

/*
 * True if the request's path is the pattern, whose parts are texts or `*`; then `arguments` has
 * what stands for the stars (valid as long as the exchange).
 */
bool http_route_fits(struct http_exchange *exchange, const char *pattern,
                     const char *arguments[HTTP_ARGUMENTS_MAX]);

#endif
