// SPDX-License-Identifier: MIT
/*
 * Who may use a connection next. Requests wait per server ("origin": scheme, host, port), the
 * servers take turns, and no server gets more than three quarters of all connections, so that one
 * which does not answer can't hold up the rest. Passive: no threads, no sockets.
 */
#ifndef ISTHMUS_HTTP_CLIENT_HTTP_QUEUE_H
#define ISTHMUS_HTTP_CLIENT_HTTP_QUEUE_H

#include <stddef.h>

#include "base/list.h"

struct http_queue_origin;

/* Embedded in a request. */
struct http_queue_item {
        struct list_node node;
        struct http_queue_origin *origin;
};

struct http_queue {
        struct list origins; /* struct http_queue_origin, whose turn comes next first */
        long active;
        long limit;
        long origin_limit;
};

/* `limit` connections in all, at least 1. */
void http_queue_init(struct http_queue *queue, long limit);

/* The queue must be empty: nothing waits, nothing is active. */
void http_queue_deinit(struct http_queue *queue);

/* Scheme, host and port of a URL: everything before its path, query or fragment. */
size_t http_queue_origin_length(const char *url);

/* Puts an item behind those of the same origin. */
void http_queue_push(struct http_queue *queue, struct http_queue_item *item, const char *origin);

/* The item that may start now and counts as active from now on; NULL if none may. */
struct http_queue_item *http_queue_next(struct http_queue *queue);

/* An active item is over. */
void http_queue_finished(struct http_queue *queue, struct http_queue_item *item);

/* Takes one waiting item off without regard to limits, for the end; NULL if none waits. */
struct http_queue_item *http_queue_drain(struct http_queue *queue);

#endif
