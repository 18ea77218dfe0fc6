// SPDX-License-Identifier: MIT
/*
 * Claims-based security: one pair of links named $cbs on a session of its own carries a token for
 * each device of the connection, and a new one before it expires (rule W5). Where the connection
 * itself is authorised, by a certificate, there are no links, and each request is granted.
 */
#ifndef ISTHMUS_AZURE_HUB_HUB_CBS_H
#define ISTHMUS_AZURE_HUB_HUB_CBS_H

#include <proton/event.h>
#include <stdbool.h>

#include "azure/hub/hub_inside.h"

void hub_cbs_init(struct hub_connection *connection);

/* Opens session and links. */
void hub_cbs_open(struct hub_connection *connection);

/* Closes session and links. */
void hub_cbs_close(struct hub_connection *connection);

/*
 * Queues a token for a device; a renewal goes before first ones, and at no rate. What comes of it
 * is HUB_WORK_TOKEN.
 */
void hub_cbs_request(struct hub_device *device);
void hub_cbs_forget(struct hub_device *device);

/* Sends what may be sent. */
void hub_cbs_pump(struct hub_connection *connection);
void hub_cbs_pump_all(struct hub *hub);

/* The device's token, if it is queued, goes before the others. */
void hub_cbs_hurry(struct hub_device *device);

/*
 * True if one more device may be authorised at this hub now, which uses up its part of the rate. If
 * not, the tokens go on by themselves when the rate allows it. The rate is that of the options, or
 * a lower one that is found: when the hub says that there are too many, a part of what it has taken
 * in the last seconds; that one grows slowly with what the hub takes, and is forgotten when it has
 * grown far.
 */
bool hub_cbs_take_rate(struct hub *hub);

/*
 * The hub says that there are too many: to a token; or to the links of a device whose token it has
 * taken. And it has taken one, until it says otherwise.
 */
void hub_cbs_throttled(struct hub *hub);
void hub_cbs_attach_throttled(struct hub *hub);
void hub_cbs_taken(struct hub *hub);

/* An event of the session or its links. */
void hub_cbs_event(struct hub_connection *connection, pn_event_t *event);

/*
 * Gives up what was not answered in time. The silence is that one device's until ready devices,
 * whose tokens are renewed for that, or a second device hear nothing either: then the hub does not
 * answer at all, which is false.
 */
bool hub_cbs_check(struct hub_connection *connection);

#endif
