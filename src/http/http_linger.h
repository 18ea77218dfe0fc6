// SPDX-License-Identifier: MIT
/*
 * Connections that were answered before their request was whole. Were they just closed, the
 * system would reset them because of what was still arriving, and the answer would be lost on its
 * way (RFC 9112, 9.6). What arrives is dropped for a while. One thread.
 */
#ifndef ISTHMUS_HTTP_HTTP_LINGER_H
#define ISTHMUS_HTTP_HTTP_LINGER_H

#include <stdint.h>

#include "base/list.h"

struct http_linger {
        struct list sockets; /* the first to be given up first */
        int epoll;           /* the owner's: its data.ptr says which socket can be read */
};

struct http_lingering;

void http_linger_init(struct http_linger *linger, int epoll);
void http_linger_deinit(struct http_linger *linger);

/* Ends what is sent, and keeps this socket, which its owner closes, open for a while. */
void http_linger_add(struct http_linger *linger, int socket, int64_t now_ms);

/* Something came. */
void http_linger_read(struct http_linger *linger, struct http_lingering *lingering);

/* Gives up those whose time is over; when the next one's is, INT64_MAX = there is none. */
int64_t http_linger_run(struct http_linger *linger, int64_t now_ms);

#endif
