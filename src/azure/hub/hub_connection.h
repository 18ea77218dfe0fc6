// SPDX-License-Identifier: MIT
/* One AMQP connection to a hub and the devices that have a seat on it. */
#ifndef ISTHMUS_AZURE_HUB_HUB_CONNECTION_H
#define ISTHMUS_AZURE_HUB_HUB_CONNECTION_H

#include <proton/engine.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "azure/hub/hub_cbs.h"
#include "azure/hub/hub_core.h"
#include "azure/hub/hub_pool.h"
#include "base/reason.h"

enum hub_connection_state {
        HUB_CONNECTION_CONNECTING, /* until the hub's OPEN */
        HUB_CONNECTION_OPEN,
        HUB_CONNECTION_ENDING, /* nobody has a seat any more; until the transport has closed */
};

struct hub_connection {
        struct hub *hub;
        struct list_node node; /* of hub->connections */
        pn_connection_t *connection;
        pn_link_t *closed_link;       /* whose REMOTE_CLOSE is being handled; else NULL */
        pn_session_t *closed_session; /* the same */
        enum hub_connection_state state;
        int64_t since_ms;  /* of the state */
        bool failed;       /* ends by an error, not by our wish */
        bool full;         /* the hub accepts no more tokens here */
        bool for_suspects; /* has seats for those only, and few */
        struct list devices[HUB_PLACES];
        size_t most_devices;    /* so many may be seated */
        size_t spent;           /* tokens of devices that have left: the hub still counts them */
        int64_t spent_until_ms; /* until the last of those expires */
        struct hub_cbs cbs;
        struct list in_flight; /* unsettled sends in the order of sending */
        struct timer watch;
        int64_t empty_since_ms;
        struct list_node unsent_node; /* of client->unsent; unused when next is NULL */
        uint32_t links;               /* attached so far: makes link names unique */
};

/* Makes it and starts to connect; it belongs to the hub's list until it has ended. */
struct hub_connection *hub_connection_new(struct hub *hub, bool for_suspects);

/* Sets up the transport that a connection is to be bound to. */
void hub_connection_prepare(pn_transport_t *transport);

/* An event of the connection. It may be freed by the last one. */
void hub_connection_event(pn_connection_t *connection, pn_event_t *event);

size_t hub_connection_seated(const struct hub_connection *connection);

/* How many devices may still be seated. */
size_t hub_connection_seats(struct hub_connection *connection);

/* The hub takes no more tokens here. */
void hub_connection_full(struct hub_connection *connection);

/* A device has left; a seat whose token the hub has accepted stays spent for a while. */
void hub_connection_left(struct hub_connection *connection, bool had_token);

/*
 * Close a link or a session (NULL is allowed) and free it once the hub has closed its side too:
 * proton asserts on an ATTACH for a link that was freed before. Contexts of a link's deliveries
 * must have been cleared.
 */
void hub_connection_end_link(struct hub_connection *connection, pn_link_t *link);
void hub_connection_end_session(struct hub_connection *connection, pn_session_t *session);

/* Something was written: it is sent at the end of the turn. */
void hub_connection_wrote(struct hub_connection *connection);

/* Closes in order. Devices that are still on it wait for another connection. */
void hub_connection_close(struct hub_connection *connection, const char *why);

/* It can't be connected: ends and frees it. */
void hub_connection_unreachable(struct hub_connection *connection, const char *why);

/* Closes because it does not work; the next connection waits a while. */
void hub_connection_fail(struct hub_connection *connection, const char *why);

/* While the client stops: closes in order once nothing is unsettled. */
void hub_connection_check_stop(struct hub_connection *connection);

/* Ends it now, without waiting for the hub, and frees it. */
void hub_connection_abandon(struct hub_connection *connection, const char *why);

#endif
