// SPDX-License-Identifier: MIT
/*
 * Where a request may go whose target an outsider has named: public addresses only, or the
 * operator's proxy, which then decides. Pure but for the environment.
 */
#ifndef ISTHMUS_HTTP_CLIENT_HTTP_REACH_H
#define ISTHMUS_HTTP_CLIENT_HTTP_REACH_H

#include <stdbool.h>
#include <sys/socket.h>

/*
 * False for loopback, private, shared, link-local, unique-local, multicast, unspecified and
 * reserved addresses (the IANA registries of special-purpose addresses, RFC 6890), for IPv4 ones in
 * IPv6's clothes (mapped, 6to4, Teredo), and for anything that is neither. An address behind NAT64
 * (64:ff9b::/96, RFC 6052) is as public as the IPv4 address in it.
 */
bool http_reach_is_public(const struct sockaddr *address);

/*
 * The proxy that the environment names for a URL (`https_proxy`, `http_proxy`, `all_proxy`, each in
 * lower case first, HTTP_PROXY not at all, as curl reads them); NULL if there is none or `no_proxy`
 * excepts the host. The text is the environment's.
 */
const char *http_reach_proxy(const char *url);

#endif
