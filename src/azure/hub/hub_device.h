// SPDX-License-Identifier: MIT
/* One device: its place, its session with all of its links, its pauses and tokens. */
#ifndef ISTHMUS_AZURE_HUB_HUB_DEVICE_H
#define ISTHMUS_AZURE_HUB_HUB_DEVICE_H

#include <proton/event.h>
#include <stdbool.h>
#include <stdint.h>

#include "azure/hub/hub_inside.h"

/* Makes it; it waits for a seat, or is refused because its hub's name is invalid. */
struct hub_device *hub_device_new(struct hub *hub, const struct hub_identity *identity,
                                  const struct hub_device_handler *handler, void *context);

/* Frees it without a word to its owner. */
void hub_device_free(struct hub_device *device);

/* An event of one of its links. */
void hub_device_event(struct hub_device *device, pn_event_t *event);

/* The hub ends a session: each of its devices is to have one of its own. */
void hub_device_session_ended(struct hub_session *session);

/* --- places ----------------------------------------------------------------------------------- */

/* Can a device go from one to the other? */
bool hub_device_can_follow(enum hub_place before, enum hub_place after);

/* Takes a seat. */
void hub_device_seat(struct hub_device *device, struct hub_connection *connection);

/* Its token was accepted: it is ready, or stays so. */
void hub_device_authorised(struct hub_device *device);

/* Pauses and authorises again after at least `least_ms`. */
void hub_device_pause(struct hub_device *device, int64_t least_ms, const char *why);

/* The hub is gone from under it, or it comes from a full connection: it waits for a seat. */
void hub_device_unseat(struct hub_device *device, const char *why);

/* The hub does not want it. */
void hub_device_refuse(struct hub_device *device, enum hub_refusal refusal, const char *why);

/* The hub does not seem to want it. */
void hub_device_doubt(struct hub_device *device, enum hub_refusal refusal, const char *why);

/* Tries again, though it was refused. */
void hub_device_try_again(struct hub_device *device);

/* Gives its seat up, if it has one, for a place of its hub, or HUB_PLACE_CLOSED. */
void hub_device_leave(struct hub_device *device, enum hub_place place, const char *why);

/* --- tokens ----------------------------------------------------------------------------------- */

/* Asks for its token to be renewed now; it must be ready. */
void hub_device_renew(struct hub_device *device);

/* The clock was set: renews the token in time for the day that it shows now. */
void hub_device_clock_was_set(struct hub_device *device);

#endif
