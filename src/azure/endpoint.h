// SPDX-License-Identifier: MIT
/* `host` or `host:port`, as a hub, a provisioning service or a gateway is named everywhere. */
#ifndef ISTHMUS_AZURE_ENDPOINT_H
#define ISTHMUS_AZURE_ENDPOINT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/reason.h"

/* Longest host name (RFC 1035), with its zero byte. */
#define ENDPOINT_HOST_SIZE 254

struct endpoint {
        char host[ENDPOINT_HOST_SIZE]; /* an IPv6 address without its brackets */
        uint16_t port;
};

/*
 * Takes a text apart; `default_port` stands in where it names none. False, with the reason, unless
 * it is a host name or an address of letters, digits, '-', '_', '.', or an IPv6 address in
 * brackets, with a port from 1 to 65535 behind a ':' or none.
 */
bool endpoint_parse(const char *text, uint16_t default_port, struct endpoint *endpoint,
                    struct reason *reason) MUST_CHECK;

/* True if only this machine can reach the host. */
bool endpoint_is_loopback(const char *host);

#endif
