// SPDX-License-Identifier: MIT
/*
 * What a client of hubs is made of, for the files of this folder alone. Each of them uses only
 * those above it in this list (tools/check-includes):
 *
 *   hub_core        what is noted for the turn, pauses, what has become of a send
 *   hub_link        sessions and links: made, opened, ended
 *   hub_trial       sends that fail again and again
 *   hub_telemetry, hub_commands, hub_methods, hub_twin   the kinds of links of a device
 *   hub_cbs         a connection's $cbs links: tokens out, answers in
 *   hub_device      one device: its place, its session with all links, its pauses
 *   hub_doubt       are refusals a matter of the device, or of the hub?
 *   hub_connection  one AMQP connection: opening, watching, ending
 *   hub_pool        the hubs by name; which device goes to which connection, and when
 *   hub_turn        what follows from what was noted, and what owners are told
 *   hub_thread      the thread, its proactor and sockets
 *
 * A file that learns what only one further down can act on notes it, as a bit of enum hub_work or
 * as news; hub_turn looks at those.
 */
#ifndef ISTHMUS_AZURE_HUB_HUB_INSIDE_H
#define ISTHMUS_AZURE_HUB_HUB_INSIDE_H

#include <proton/connection.h>
#include <proton/engine.h>
#include <proton/types.h>
#include <stdbool.h>
#include <stdint.h>

#include "azure/hub/amqp_message.h"
#include "azure/hub/hub_client.h"
#include "azure/hub/hub_condition.h"
#include "base/buf.h"
#include "base/crypto.h"

/* --- a client ------------------------------------------------------------------------------ */

/* Where to connect. */
struct hub_address {
        const char *host;
        uint16_t port;
        unsigned which;                        /* of several addresses of the host, which to try */
        const struct certificate *certificate; /* to show; or NULL */
};

/* What a client needs of the world: hub_thread.c, or a test with a clock of its own. */
struct hub_io {
        /*
         * Connects and opens a connection that is ready for it. Its events go to hub_turn_event;
         * the last one is PN_TRANSPORT_CLOSED, also when it fails.
         */
        void (*connect)(struct hub_client *client, pn_connection_t *connection,
                        const struct hub_address *address);
        /* Sends soon what was written outside of a batch of the connection's own events. */
        void (*wake)(struct hub_client *client, pn_connection_t *connection);
        /* Drops the socket at once and frees the connection; no event of it comes any more. */
        void (*abandon)(struct hub_client *client, pn_connection_t *connection);
};

struct hub_client {
        struct hub_client_options options; /* defaults filled in */
        char *client_version;
        const struct hub_io *io;
        int64_t now_ms;         /* steady clock, of this turn */
        int64_t wall_ms;        /* wall clock, of this turn */
        int64_t wall_offset_ms; /* from the steady clock; 0 = not known yet */
        struct loop *loop;
        struct list hubs;
        struct list busy_devices;       /* with work to do */
        struct list busy_connections;   /* the same */
        struct list news;               /* devices with something to tell */
        struct list unsent;             /* connections to wake at the end of the turn */
        struct hub_connection *current; /* whose batch of events is handled; needs no wake */
        struct buf encoded;             /* reused for what is sent */
        struct amqp_inbox inbox;        /* reused for what is received */
        size_t retired; /* hubs of one device that is closed; freed at the end of the turn */
        bool stopping;
};

/* --- a hub ---------------------------------------------------------------------------------- */

/* Where a device is; its place is the list that it is on, and hub_device.c the one mover. */
enum hub_place {
        HUB_PLACE_WAITING,     /* of its hub: for a seat on a connection */
        HUB_PLACE_SUSPECT,     /* of its hub: for a seat on a connection for suspects */
        HUB_PLACE_REFUSED,     /* of its hub: for hub_device_retry */
        HUB_PLACE_DOUBTED,     /* of its hub: refused, but perhaps everybody is (hub_doubt.h) */
        HUB_PLACE_READY,       /* of its connection: authorised */
        HUB_PLACE_AUTHORISING, /* of its connection: a token is to be sent or to be answered */
        HUB_PLACE_PAUSED,      /* of its connection: authorises again when its timer says so */
        HUB_PLACES,
        HUB_PLACE_CLOSED = HUB_PLACES, /* on no list: its owner, who is being told, has closed it */
};

enum hub_trust {
        HUB_TRUSTED,   /* a refusal is the device's own, or begins a suspicion */
        HUB_BELIEVED,  /* doubt has lasted too long: a refusal is the device's own */
        HUB_SUSPECTED, /* few were refused yet */
        HUB_DOUBTED,
};

/* See hub_doubt.h. */
struct hub_doubt {
        enum hub_trust trust;
        int64_t since_ms;         /* of that */
        int64_t accepted_ms;      /* when a token was last accepted; 0 = never */
        int refused;              /* since the suspicion began */
        enum hub_refusal refusal; /* the last one */
        struct hub_device *probe; /* who tries for all; or NULL */
        int probes;
        int64_t probed_ms; /* when the last one was chosen */
        struct timer timer;
};

/* How many devices come to the hub in a second; see hub_cbs.h. */
struct hub_rate {
        int64_t paid_us;      /* steady clock; up to when the rate has been paid for */
        double found;         /* a second; 0 = the hub has not said that there are too many */
        int64_t throttled_ms; /* when it did so last */
        int64_t second;       /* the one that is counted, by the steady clock */
        int taken;            /* in it, and in the one before */
        int taken_before;
        struct timer timer; /* goes on with tokens that the rate held back */
};

/*
 * A device with a certificate has a hub of its own, so that what becomes of its connection is its
 * own matter; `home` is the one that the others share.
 */
struct hub {
        struct hub_client *client;
        struct list_node node;           /* of client->hubs: those that are shared first */
        struct hub *home;                /* itself if it is shared */
        struct certificate *certificate; /* of its one device; NULL = it is shared */
        bool retired;                    /* its one device is closed */
        size_t dials;                    /* connections that are being made by those at home here */
        struct hub_summary summary;      /* used while hubs are visited */
        char *name;                      /* as its devices give it: host or host:port */
        char *host;
        uint16_t port;
        unsigned which; /* of its addresses, which to try next */
        char *invalid;  /* why its name can't be used; or NULL */
        struct list connections;
        struct list devices[HUB_PLACES]; /* those of its own places; the others stay empty */
        struct timer seat_timer;         /* seats the waiting devices */
        int failures;                    /* connections lost since a token was accepted */
        int64_t not_before_ms;           /* no new connection before */
        struct hub_rate rate;            /* of all at home here */
        uint64_t accepted;               /* messages and reports so far, of all at home here */
        struct hub_doubt doubt;
        size_t suspects; /* devices; see hub_trial.h */
};

/* --- a connection ---------------------------------------------------------------------------- */

/* What AMQP calls a session; see hub_link.h. */
struct hub_session {
        struct list_node node; /* of connection->sessions: those with room first */
        pn_session_t *session;
        struct list devices; /* that have links on it */
        bool is_joined;      /* more devices may come onto it */
        bool is_ended;       /* by us; it stays until the hub has ended it, too */
        size_t closing;      /* of its links: we have ended them and the hub has not */
};

struct hub_cbs {
        struct hub_session *session;
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

/* It goes on in this order, and may leave one out. */
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
        uint64_t heard;               /* frames, as the watch has seen them last */
        int64_t unheard_since_ms;     /* nothing came since a send timed out; 0 = something did */
        int64_t rested_ms;            /* when links without use were looked for */
        struct list_node work_node;   /* of client->busy_connections; unused when next is NULL */
        char *fails;                  /* work: it ends, for this reason; or NULL */
        struct list_node unsent_node; /* of client->unsent; unused when next is NULL */
        uint32_t links;               /* attached so far: makes link names unique */
        bool is_introduced;           /* one of them has told the hub client->client_version */
        struct list sessions;         /* struct hub_session */
        size_t closing; /* links and sessions that we have ended and the hub has not */
};

/* --- a device -------------------------------------------------------------------------------- */

/* What is to be done for a device when the event is handled that brought it about. */
enum hub_work {
        HUB_WORK_TOKEN = 1,    /* its token has come to something: token.status, token.said */
        HUB_WORK_LINK = 2,     /* its session or telemetry link has ended: `condition` */
        HUB_WORK_COMMANDS = 4, /* a link for commands or methods has ended: `condition` */
        HUB_WORK_PAROLE = 8,   /* it goes back to the connection of the others */
        HUB_WORK_PROBE = 16,   /* its token waits, because the hub is doubted */
};

/* The hub gave no answer to a token, or there is no making one. */
#define HUB_TOKEN_UNANSWERED 0
#define HUB_TOKEN_UNSIGNED   (-1)

/* There is no need of one. */
#define HUB_TOKEN_GRANTED 200

/* A device's request for a token; on one of the lists of struct hub_cbs, or idle. */
struct hub_token {
        struct list_node node;
        struct list *list; /* NULL = idle */
        uint64_t number;   /* of the request under way: makes its message-id */
        int64_t sent_ms;
        int64_t until_ms; /* wall clock; when the token ends that was sent */
        bool is_witness;  /* asked to see if the hub still answers anybody */
        int status;       /* of the answer, as in HTTP; or one of those above */
        char *said;       /* with that; NULL = nothing */
};

/* A pause after a failure; longer after each in a row. */
struct hub_pause {
        struct timer timer;
        int failures;
        bool awaits_pace; /* too many devices attached: it ends when the hub's rate allows */
        int64_t failed_ms;
};

/* A message or a report, until its owner has been told the outcome. */
struct hub_send {
        struct hub_device *device;
        struct list_node device_node;     /* of telemetry.in_flight, then of device->ended */
        struct list_node connection_node; /* of connection->in_flight while it is unsettled */
        pn_delivery_t *delivery;          /* of a message, until it has ended; else NULL */
        uint64_t token;
        int64_t sent_ms;
        enum hub_outcome outcome;
        char *reason; /* or NULL */
};

struct hub_telemetry {
        pn_link_t *link;
        struct list in_flight; /* in the order of sending */
        uint64_t sent;         /* counts delivery tags */
        bool wanted;           /* its owner waits for credit */
        int64_t wanted_ms;     /* since when */
        int64_t used_ms;       /* when a message was last sent */
};

/* The lists hold struct hub_command with what belongs to it. */
struct hub_commands {
        pn_link_t *link;
        struct list arrived; /* its owner is to be told */
        struct list held;    /* its owner settles it */
        struct list lost;    /* its owner is to be told that the lock is gone */
};

/* Two links that a correlation id joins; both NULL, or neither. */
struct hub_pair {
        pn_link_t *in;
        pn_link_t *out;
        uint64_t sent; /* counts delivery tags */
};

/* The lists hold struct hub_method with what belongs to it. */
struct hub_methods {
        struct hub_pair links; /* calls come in, answers go out */
        struct list arrived;   /* its owner is to be told */
        struct list held;      /* its owner answers */
};

/* How far it is with following the desired properties on these links. */
enum hub_follow {
        HUB_FOLLOW_NOT,
        HUB_FOLLOW_SUBSCRIBING, /* notifications are asked for */
        HUB_FOLLOW_READING,     /* then for what there is: nothing is missed between */
        HUB_FOLLOWED,
};

/* Most devices never need one. */
struct hub_twin {
        struct hub_device *device;
        struct hub_pair links;              /* answers come in, requests go out */
        struct hub_send *report;            /* whose answer is waited for; or NULL */
        struct buf patch;                   /* JSON; empty once it is sent */
        char correlation[CRYPTO_UUID_SIZE]; /* of request and answer */
        struct timer timer;                 /* ends the waiting */
        enum hub_follow follow;
        bool is_asked;                             /* the request of that step is sent */
        char follow_correlation[CRYPTO_UUID_SIZE]; /* of that request */
        struct timer follow_timer;                 /* ends the waiting for its answer, or a pause */
        struct list desired;                       /* its owner is to be told */
};

/* Of the message or report that failed last; see hub_trial.h. */
struct hub_trial {
        uint64_t token;
        uint64_t accepted; /* what the hub had accepted when the present count began */
        int tries;         /* that failed for no known reason */
        int losses;        /* of a connection while it was under way */
        int lone_losses;   /* of them, while nothing else was */
        int on_parole;     /* messages to be accepted until a suspect is one no more; 0 = is none */
};

struct hub_device {
        struct hub *hub;
        struct hub_connection *connection; /* NULL in the places of the hub */
        struct list_node node;             /* of the list of its place */
        enum hub_place place;

        char *device_id;
        char *key;      /* NULL: the hub has its certificate */
        char *key_name; /* or NULL */
        char *model_id; /* or NULL */
        bool receives;  /* commands and methods */
        bool follows;   /* its owner wants to know desired properties */
        const struct hub_device_handler *handler;
        void *context;

        struct hub_token token;
        int64_t token_until_ms;         /* wall clock; when that ends */
        struct timer token_timer;       /* renews it */
        struct hub_pause pause;         /* before it authorises or attaches its telemetry again */
        struct hub_pause command_pause; /* before it attaches the other links again */
        int64_t not_before_ms;          /* no token before */
        int64_t unauthorized_ms;        /* when a link was last refused so; 0 = never */

        struct hub_session *session;
        struct list_node session_node; /* of its devices */
        struct hub_trial trial;
        struct hub_telemetry telemetry;
        struct hub_commands commands;
        struct hub_methods methods;
        struct hub_twin *twin; /* or NULL, until there is something to ask or to report */

        unsigned work;                   /* enum hub_work */
        struct list_node work_node;      /* of client->busy_devices unless `work` is 0 */
        struct hub_condition *condition; /* of the work; or NULL */

        struct list_node news_node; /* of client->news; unused when next is NULL */
        struct list ended;          /* sends whose outcome is to be told */
        enum hub_device_state told;
        enum hub_refusal refusal;
        char *reason;    /* of the state; or NULL */
        bool has_token;  /* the hub accepted one on this connection */
        bool is_apart;   /* its next session is its own */
        bool tell_again; /* the state, though it has not changed */
        bool telling;
};

#endif
