// SPDX-License-Identifier: MIT
/* What all parts of a client stand on: notes for the turn, pauses, what has become of a send. */
#ifndef ISTHMUS_AZURE_HUB_HUB_CORE_H
#define ISTHMUS_AZURE_HUB_HUB_CORE_H

#include <stddef.h>
#include <stdint.h>

#include "azure/hub/hub_inside.h"

/* --- notes for the turn ----------------------------------------------------------------------- */

void hub_core_work(struct hub_device *device, enum hub_work work);

/* The same, with a copy of why the hub has ended a link. */
void hub_core_condition(struct hub_device *device, enum hub_work work,
                        const struct hub_condition *condition);

/* It has left what the work was about. */
void hub_core_forget_work(struct hub_device *device);

/* A connection is to end, because it does not work. */
void hub_core_fail(struct hub_connection *connection, const char *why);

/* There is something to tell a device's owner. */
void hub_core_news(struct hub_device *device);

/* Something was written: it is sent at the end of the turn. */
void hub_core_wrote(struct hub_connection *connection);

/* The waiting devices of a hub are seated soon. */
void hub_core_seat_soon(struct hub *hub);

/* May anything be said for the device now? */
bool hub_core_may_act(const struct hub_device *device);

/* --- pauses ----------------------------------------------------------------------------------- */

/* From half to all of the options' backoff_min_ms * 2^attempt, at most backoff_max_ms. */
int64_t hub_core_backoff(const struct hub_client *client, int attempt);

/*
 * Starts a pause after one more failure, of at least `least_ms`; a long quiet time forgives earlier
 * failures. Returns its length.
 */
int64_t hub_core_pause(struct hub_client *client, struct hub_pause *pause, int64_t least_ms);

/* A ready device attaches its telemetry link again after a pause of at least `least_ms`. */
void hub_core_repair(struct hub_device *device, int64_t least_ms);

/* --- sends ------------------------------------------------------------------------------------ */

struct hub_send *hub_core_send_new(struct hub_device *device, uint64_t token);

/* Its outcome is known: it is no more under way, and its owner is told. `reason` may be NULL. */
void hub_core_send_end(struct hub_send *send, enum hub_outcome outcome, const char *reason);

void hub_core_send_free(struct hub_send *send);

/* The oldest message under way of a device; NULL if there is none. */
struct hub_send *hub_core_oldest(const struct hub_device *device);

/* --- seats ------------------------------------------------------------------------------------ */

/* Devices in all places together; those on a connection have a seat. */
size_t hub_core_count(const struct list devices[HUB_PLACES]);

#endif
