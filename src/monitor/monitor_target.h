// SPDX-License-Identifier: MIT
/*
 * A service that items are sent to: what waits for it, in bounded memory, and when it is sent.
 *
 * Laws (rule A6):
 *   - whoever puts an item waits for nothing but a lock that is held for moments;
 *   - at most MONITOR_TARGET_ITEMS_MAX items and MONITOR_TARGET_BYTES_MAX bytes wait or are under
 *     way; the oldest gives way, and is counted;
 *   - one request at a time is under way, or one for the token that goes with it.
 */
#ifndef ISTHMUS_MONITOR_MONITOR_TARGET_H
#define ISTHMUS_MONITOR_MONITOR_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "azure/identity/identity.h"
#include "base/buf.h"
#include "base/metrics.h"
#include "http/client/http_client.h"
#include "monitor/monitor_item.h"
#include "monitor/monitor_verdict.h"

#define MONITOR_TARGET_ITEMS_MAX 1000
#define MONITOR_TARGET_BYTES_MAX ((size_t)1024 * 1024)

/* Longest time that an item waits for others to go with. */
#define MONITOR_TARGET_DELAY_MS 5000

#define MONITOR_TARGET_HEADERS_MAX 16

struct monitor_target;

/* What a service wants to be sent. */
struct monitor_service {
        const char *name; /* for people: "Application Insights" */
        const char *path; /* behind the endpoint */
        const char *type; /* Content-Type */
        bool gzip;
        enum metrics_counter sent;
        enum metrics_counter dropped;
        bool (*wants)(const struct monitor_item *item);
        /* Adds the body of a request. */
        void (*write)(const void *context, struct monitor_item *const *items, size_t count,
                      struct buf *out);
        void (*read)(const struct http_answer *answer, size_t count, int64_t wall_ms,
                     struct monitor_verdict *verdict);
};

struct monitor_target_options {
        const struct monitor_service *service;
        const void *context;               /* for `write` */
        const char *endpoint;              /* copied; NULL = monitor_target_point will say it */
        const struct http_header *headers; /* beside the service's own; must stay */
        size_t header_count;
        struct http_client *http;
        struct identity *identity; /* whose tokens go with the requests; NULL = none do */
        struct identity_wanted wanted;
};

struct monitor_target *monitor_target_new(const struct monitor_target_options *options);

/*
 * What comes from now on, and what waits, is sent there; `resource` is what tokens are asked for,
 * and must stay. On the thread of `http`.
 */
void monitor_target_point(struct monitor_target *target, const char *endpoint,
                          const char *resource);

/* Drops what waits, and whatever comes: `http` may be freed afterwards. Any thread. */
void monitor_target_close(struct monitor_target *target);

/* After `http` and `identity`. NULL is allowed. */
void monitor_target_free(struct monitor_target *target);

/* Holds the item if the service wants it. Any thread. */
void monitor_target_put(struct monitor_target *target, struct monitor_item *item);

/* Sends what waits without waiting for more. Any thread. */
void monitor_target_flush(struct monitor_target *target);

/* Neither waits nor is under way anything, or it may not be sent now. Any thread. */
bool monitor_target_is_idle(struct monitor_target *target);

#endif
