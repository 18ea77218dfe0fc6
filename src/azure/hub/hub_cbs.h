// SPDX-License-Identifier: MIT
/*
 * Claims-based security: one pair of links named $cbs on a session of its own carries a token for
 * each device of the connection, and a new one before it expires (rule W5).
 */
#ifndef ISTHMUS_AZURE_HUB_HUB_CBS_H
#define ISTHMUS_AZURE_HUB_HUB_CBS_H

#include <proton/engine.h>
#include <stdbool.h>
#include <stdint.h>

#include "azure/hub/hub_core.h"

struct hub_device;

/* A device's request; on one of the lists below, or idle. */
struct hub_token {
        struct list_node node;
        struct list *list; /* NULL = idle */
        uint64_t number;   /* of the request under way: makes its message-id */
        int64_t sent_ms;
        int64_t until_ms; /* wall clock; when the token ends that was sent */
        bool is_witness;  /* asked to see if the hub still answers anybody */
};

struct hub_cbs {
        pn_session_t *session;
        pn_link_t *sender;
        pn_link_t *receiver;
        struct list queued; /* to be sent when credit and rate allow */
        struct list sent;   /* in the order of sending: the first times out first */
        uint64_t last_number;
        int64_t heard_ms;         /* when the hub last answered */
        int64_t starved_since_ms; /* requests wait, and the hub gives no credit; 0 = not so */
        int witnesses;            /* under way */
        const struct hub_device *unheard; /* whose silence nobody witnessed; for comparing */
        int ended; /* times in a row that the hub ended the links without an answer */
        struct timer open_timer;
};

void hub_cbs_init(struct hub_connection *connection);

/* Opens session and links. */
void hub_cbs_open(struct hub_connection *connection);

/* Closes session and links. */
void hub_cbs_close(struct hub_connection *connection);

/* Queues a token for a device; a renewal goes before first ones, and at no rate. */
void hub_cbs_request(struct hub_device *device);
void hub_cbs_forget(struct hub_device *device);

/* Sends what may be sent. */
void hub_cbs_pump(struct hub_connection *connection);

/* An event of the session or its links. */
void hub_cbs_event(struct hub_connection *connection, pn_event_t *event);

/*
 * Gives up what was not answered in time. The silence is that one device's until ready devices,
 * whose tokens are renewed for that, or a second device hear nothing either: then the hub does not
 * answer at all, which is false.
 */
bool hub_cbs_check(struct hub_connection *connection);

#endif
