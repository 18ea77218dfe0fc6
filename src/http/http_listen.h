// SPDX-License-Identifier: MIT
/* The socket that a server listens on. */
#ifndef ISTHMUS_HTTP_HTTP_LISTEN_H
#define ISTHMUS_HTTP_HTTP_LISTEN_H

#include <stdint.h>

#include "base/error.h"
#include "base/reason.h"

/*
 * Listens at a name or address ("" = all interfaces) and a port (0 = any free one; `*port` becomes
 * the one taken). Returns the socket, which does not block, or a negative errno.
 */
int http_listen_at_port(const char *host, uint16_t *port, struct reason *reason) MUST_CHECK;

/* The same at a Unix domain socket; see http_server_options. The caller removes it at the end. */
int http_listen_at_path(const char *path, struct reason *reason) MUST_CHECK;

#endif
