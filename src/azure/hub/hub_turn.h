// SPDX-License-Identifier: MIT
/*
 * A turn of the thread "loop": what follows from what the other parts have noted, and what owners
 * are told.
 *
 * Work is done as soon as the event is handled that brought it about, so that no event finds a
 * device in a state that has been overtaken; what timers and posts noted is done at the end of the
 * turn. Owners are told at the end of a batch of events, so that no owner's code runs in the midst
 * of a change of state. They may do anything to the device from within their handlers, also close
 * it: it is freed when the handler has returned.
 */
#ifndef ISTHMUS_AZURE_HUB_HUB_TURN_H
#define ISTHMUS_AZURE_HUB_HUB_TURN_H

#include <proton/event.h>
#include <stdbool.h>

#include "azure/hub/hub_inside.h"

/* An event of a connection, whose batch it belongs to; after the last one it may be freed. */
void hub_turn_event(struct hub_client *client, pn_connection_t *connection, pn_event_t *event);

/* Does what is noted and tells the owners what happened; true if there was anything. */
bool hub_turn_tell(struct hub_client *client);

/* The end of a turn: hub_turn_tell until nothing is left; then what was written is sent. */
void hub_turn_end(struct hub_client *client);

#endif
