// SPDX-License-Identifier: MIT
/* One device: its place, its session, and what its owner is told. */
#ifndef ISTHMUS_AZURE_HUB_HUB_DEVICE_H
#define ISTHMUS_AZURE_HUB_HUB_DEVICE_H

#include <proton/engine.h>
#include <stdbool.h>
#include <stdint.h>

#include "azure/hub/hub_cbs.h"
#include "azure/hub/hub_commands.h"
#include "azure/hub/hub_condition.h"
#include "azure/hub/hub_connection.h"
#include "azure/hub/hub_core.h"
#include "azure/hub/hub_links.h"
#include "azure/hub/hub_methods.h"
#include "azure/hub/hub_telemetry.h"
#include "azure/hub/hub_trial.h"
#include "azure/hub/hub_twin.h"

/* A pause after a failure; longer after each in a row. */
struct hub_pause {
        struct timer timer;
        int failures;
        int64_t failed_ms;
};

struct hub_device {
        struct hub *hub;
        struct hub_connection *connection; /* NULL in the places of the hub */
        struct list_node node;             /* of the list of its place */
        enum hub_place place;

        char *device_id;
        char *key;
        char *key_name; /* or NULL */
        char *model_id; /* or NULL */
        bool receives;  /* commands and methods */
        const struct hub_device_handler *handler;
        void *context;

        struct hub_token token;
        bool has_token;                 /* the hub accepted one on this connection */
        int64_t token_until_ms;         /* wall clock; when that ends */
        struct timer token_timer;       /* renews it */
        struct hub_pause pause;         /* before it authorises or attaches its telemetry again */
        struct hub_pause command_pause; /* before it attaches the other links again */
        int64_t not_before_ms;          /* no token before */
        int64_t unauthorized_ms;        /* when a link was last refused so; 0 = never */

        pn_session_t *session;
        struct hub_trial trial; /* of the message or report that failed last */
        struct hub_telemetry telemetry;
        struct hub_commands commands;
        struct hub_methods methods;
        struct hub_twin twin;

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

/* The hub does not seem to want it. */
void hub_device_doubt(struct hub_device *device, enum hub_refusal refusal, const char *why);

/* Tries again, though it was refused. */
void hub_device_try_again(struct hub_device *device);

/* Asks for its token to be renewed now; it must be ready. */
void hub_device_renew(struct hub_device *device);

/* The clock was set: renews the token in time for the day that it shows now. */
void hub_device_clock_was_set(struct hub_device *device);

/* The hub does not want it. */
void hub_device_refuse(struct hub_device *device, enum hub_refusal refusal, const char *why);

/* Pauses and authorises again after at least `least_ms`. */
void hub_device_pause(struct hub_device *device, int64_t least_ms, const char *why);

/* Links were attached: the hub must open them in time. `pause` is their own. */
void hub_device_expect_open(struct hub_device *device, struct hub_pause *pause);

/* Attaches its telemetry link again after a pause of at least `least_ms`. */
void hub_device_repair(struct hub_device *device, int64_t least_ms);

/* The session or the telemetry link was ended by the hub. */
void hub_device_condition(struct hub_device *device, const struct hub_condition *condition);

/* A link for commands or methods was ended by the hub: telemetry goes on if it can. */
void hub_device_command_condition(struct hub_device *device, const struct hub_condition *condition);

/* Gives its seat up, if it has one, for a place of its hub. */
void hub_device_leave(struct hub_device *device, enum hub_place place, const char *why);

/* The hub has accepted a message or a report of this device, whose outcome has been put down. */
void hub_device_accepted(struct hub_device *device, uint64_t token);

/* Its owner is to be told its state, though that has not changed: there is credit, or doubt. */
void hub_device_tell_again(struct hub_device *device);

/* There is something to tell. */
void hub_device_news(struct hub_device *device);

/* Tells it; may free the device. */
void hub_device_tell(struct hub_device *device);

/* Tells the outcomes only. */
void hub_device_tell_outcomes(struct hub_device *device);

/* Frees it without a word to its owner. */
void hub_device_free(struct hub_device *device);

#endif
