// SPDX-License-Identifier: MIT
/*
 * Where devices and services come in by WebSocket (RFC 6455): `/$iothub/websocket`, with the
 * sub-protocol `mqtt` or `AMQPWSB10` (rule W18). The hub is the one that the header Host names.
 */
#ifndef ISTHMUS_LOCALHUB_WEBSOCKET_DOOR_H
#define ISTHMUS_LOCALHUB_WEBSOCKET_DOOR_H

#include <stdbool.h>

#include "http/http_server.h"
#include "localhub/local_hub.h"

/* In an http_handler: true if the request is for the door, and is answered. */
bool websocket_door_handle(struct local_hub *hub, struct http_exchange *exchange);

#endif
