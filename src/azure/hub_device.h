// SPDX-License-Identifier: MIT
/* One device: its place, its session, and what its owner is told. */
#ifndef ISTHMUS_AZURE_HUB_DEVICE_H
#define ISTHMUS_AZURE_HUB_DEVICE_H

#include <proton/engine.h>
#include <stdbool.h>
#include <stdint.h>

#include "azure/hub_cbs.h"
#include "azure/hub_condition.h"
#include "azure/hub_connection.h"
#include "azure/hub_core.h"
#include "azure/hub_telemetry.h"

struct hub_device {
        struct hub *hub;
        struct hub_connection *connection; /* NULL in the places of the hub */
        struct list_node node;             /* of the list of its place */
        enum hub_place place;

        char *device_id;
        char *key;
        char *key_name; /* or NULL */
        char *model_id; /* or NULL */
        const struct hub_device_handler *handler;
        void *context;

        struct hub_token token;
        bool has_token;               /* the hub accepted one on this connection */
        struct hub_timer token_timer; /* renews it */
        struct hub_timer retry_timer; /* ends a pause; attaches missing links */
        int failures;                 /* in a row; makes pauses longer */
        int64_t failed_ms;            /* the last one */
        int64_t not_before_ms;        /* no token before */
        int64_t unauthorized_ms;      /* when a link was last refused so; 0 = never */

        pn_session_t *session;
        struct hub_telemetry telemetry;

        struct list_node news_node; /* of client->news; unused when next is NULL */
        struct list ended;          /* sends whose outcome is to be told */
        enum hub_device_state told;
        enum hub_refusal refusal;
        char *reason;    /* of the state; or NULL */
        bool tell_again; /* the state, though it has not changed */
        bool telling;
        bool closed;
};

/* The hub is gone from under it, or it comes from a full connection: it waits for a seat. */
void hub_device_unseat(struct hub_device *device, const char *why);

/* Takes a seat. */
void hub_device_seat(struct hub_device *device, struct hub_connection *connection);

/* Answer to its token: status as in HTTP, 0 if there was none in time. */
void hub_device_token_answered(struct hub_device *device, int status, const char *description);

/* The hub does not want it. */
void hub_device_refuse(struct hub_device *device, enum hub_refusal refusal, const char *why);

/* Pauses and authorises again after at least `least_ms`. */
void hub_device_pause(struct hub_device *device, int64_t least_ms, const char *why);

/* Attaches its links again after a pause of at least `least_ms`. */
void hub_device_repair(struct hub_device *device, int64_t least_ms);

/* A link or the session was ended by the hub. */
void hub_device_condition(struct hub_device *device, const struct hub_condition *condition);

/* The hub works for this device. */
void hub_device_works(struct hub_device *device);

/* There is credit for an owner that waits for it. */
void hub_device_ready_again(struct hub_device *device);

/* There is something to tell. */
void hub_device_news(struct hub_device *device);

/* Tells it; may free the device. */
void hub_device_tell(struct hub_device *device);

/* An event of its session or one of its links. */
void hub_device_event(struct hub_device *device, pn_event_t *event);

/*
 * A link on its session, which is opened if need be: named after `name`, with the address
 * /devices/ID and `path`. Not opened yet.
 */
pn_link_t *hub_device_sender(struct hub_device *device, const char *name, const char *path);
pn_link_t *hub_device_receiver(struct hub_device *device, const char *name, const char *path);

/* Sets the link's properties; `correlation` joins a pair of links, or is NULL. */
void hub_device_link_properties(struct hub_device *device, pn_link_t *link,
                                const char *correlation);

/* Frees it without a word to its owner. */
void hub_device_free(struct hub_device *device);

#endif
