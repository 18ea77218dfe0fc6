// SPDX-License-Identifier: MIT
/*
 * The built-in Event Hubs endpoint of the hubs (rule W23): links by which services read telemetry,
 * and the partitions' state asked for on `$management`. It adds its kinds of links to the core of
 * AMQP; the core checks tokens and drives the links.
 *
 * Laws:
 *   - a reader is given each message of its partition once, in the log's order, from where its
 *     filter says; what leaves the log before it is read is passed over;
 *   - of the readers of a partition and consumer group that have an epoch the one with the highest
 *     stays, and none without an epoch beside it.
 *
 * All on the thread of the hub's connections, but where said.
 */
#ifndef ISTHMUS_LOCALHUB_EVENTS_EVENT_ENDPOINT_H
#define ISTHMUS_LOCALHUB_EVENTS_EVENT_ENDPOINT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "localhub/amqp/amqp_core.h"

#define EVENT_DEFAULT_GROUP "$Default"

struct event_endpoint {
        char **groups; /* consumer groups besides $Default */
        size_t group_count;
        struct list readers; /* struct event_reader */
        atomic_size_t reader_count;
        int64_t started_ms; /* wall clock */
};

/* Copies the names of the consumer groups. `core` is initialised; both must stay. */
void event_endpoint_init(struct event_endpoint *endpoint, struct amqp_core *core,
                         const char *const *groups, size_t group_count);
/* The core's peers are freed before. Safe on zeroed memory. */
void event_endpoint_deinit(struct event_endpoint *endpoint);

/* Telemetry has come: readers are given theirs. */
void event_endpoint_arrived(struct event_endpoint *endpoint);

/* False: nobody would be told of telemetry. Any thread. */
bool event_endpoint_has_readers(const struct event_endpoint *endpoint);

/* True if this names the hub of the connection. */
bool event_endpoint_is_hub(const struct amqp_peer *peer, const char *name);

bool event_endpoint_has_group(const struct event_endpoint *endpoint, const char *name);

/* The kinds of links, each with its address. */
extern const struct amqp_link_type event_reader, event_redirect;
extern const struct amqp_link_type event_management_requests, event_management_responses;

#endif
