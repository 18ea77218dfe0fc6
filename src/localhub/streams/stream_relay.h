// SPDX-License-Identifier: MIT
/*
 * Clients of a server that has no TLS, on a Unix domain socket: bytes are passed on both ways. So
 * one place does TLS for all that a hub speaks. (libmicrohttpd's own relay for upgraded TLS
 * connections takes 4 bytes at a time and keeps the end of the client's bytes to itself.)
 */
#ifndef ISTHMUS_LOCALHUB_STREAMS_STREAM_RELAY_H
#define ISTHMUS_LOCALHUB_STREAMS_STREAM_RELAY_H

#include "localhub/streams/stream.h"

/* The protocol for streams to the socket at `path`, which must stay. */
struct stream_protocol stream_relay_protocol(const char *path);

#endif
