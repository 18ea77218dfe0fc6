// SPDX-License-Identifier: MIT
/* One AMQP connection to a hub and the devices that have a seat on it. */
#ifndef ISTHMUS_AZURE_HUB_HUB_CONNECTION_H
#define ISTHMUS_AZURE_HUB_HUB_CONNECTION_H

#include <proton/event.h>
#include <stdbool.h>
#include <stddef.h>

#include "azure/hub/hub_inside.h"

/* Makes it and starts to connect; it belongs to the hub's list until it has ended. */
struct hub_connection *hub_connection_new(struct hub *hub, bool for_suspects);

/* Sets up the transport that a connection is to be bound to. */
void hub_connection_prepare(pn_transport_t *transport);

/* An event of the connection. It may be freed by the last one. */
void hub_connection_event(pn_connection_t *connection, pn_event_t *event);

/* How many devices may still be seated. */
size_t hub_connection_seats(struct hub_connection *connection);

/* The hub takes no more tokens here. */
void hub_connection_full(struct hub_connection *connection);

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
