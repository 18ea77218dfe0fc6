// SPDX-License-Identifier: MIT
/*
 * The places that a server's connections have: for what each one waits and for how long, and who
 * has to leave when there are too many. Passive: it cuts nobody off itself.
 *
 * A connection is on exactly one of the lists of enum http_wait. As long as it has brought no
 * request that was admitted it is a stranger as well.
 */
#ifndef ISTHMUS_HTTP_HTTP_PLACES_H
#define ISTHMUS_HTTP_HTTP_PLACES_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/list.h"

enum http_wait {
        HTTP_WAIT_HEADERS,
        HTTP_WAIT_BODY,
        HTTP_WAIT_HANDLER, /* nothing is received: the request is being worked on */
        HTTP_WAIT_NEXT,    /* an answer leaves, and the next request may come */
        HTTP_WAIT_CLOSE,   /* it was cut off */
        HTTP_WAIT_LINGER,  /* it closes, with an answer that came before the request's end */
        HTTP_WAIT_COUNT,
};

/* An address as limits see it: an IPv6 one without its last 64 bits; zero = a local socket. */
struct http_address {
        uint8_t bytes[16];
};

struct http_place {
        struct list_node wait_node;
        struct list_node stranger_node;
        struct list_node address_node; /* among the strangers of similar addresses */
        enum http_wait wait;
        int64_t since_ms; /* steady clock: when this wait began */
        struct http_address address;
        void *connection; /* the owner's, as the next one */
        int socket;
};

#define HTTP_PLACES_BUCKETS 256

struct http_places {
        struct list waits[HTTP_WAIT_COUNT];
        struct list strangers; /* the oldest first */
        struct list addresses[HTTP_PLACES_BUCKETS];
        int64_t patience_ms[HTTP_WAIT_COUNT]; /* 0 = no limit */
        size_t count;
        size_t most;
        size_t most_per_address; /* strangers; 0 = no limit */
};

void http_places_init(struct http_places *places);

struct http_address http_address_of(const struct sockaddr *address);

/* A connection came in, a stranger that waits for its headers. */
void http_places_open(struct http_places *places, struct http_place *place, int64_t now_ms);
void http_places_close(struct http_places *places, struct http_place *place);

void http_places_wait(struct http_places *places, struct http_place *place, enum http_wait wait,
                      int64_t now_ms);

/* It is no stranger any more. */
void http_places_know(struct http_places *places, struct http_place *place);

/* One whose time is up, or NULL; the caller cuts it off: HTTP_WAIT_CLOSE. */
struct http_place *http_places_late(const struct http_places *places, int64_t now_ms);

/*
 * One that must leave because there are too many: of the address of the newcomer `place`, and in
 * all. NULL, or the oldest stranger, which the caller cuts off.
 */
struct http_place *http_places_crowded_address(const struct http_places *places,
                                               const struct http_place *place);
struct http_place *http_places_crowded(const struct http_places *places);

/* When the next one's time is up; INT64_MAX = never. */
int64_t http_places_due(const struct http_places *places);

#endif
