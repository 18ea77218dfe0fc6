// SPDX-License-Identifier: MIT
/*
 * The client without its thread: hubs, connections and devices as state machines that proton's
 * events and timers move. It knows neither sockets nor the proactor: hub_client.c gives it both,
 * and a test gives it two connection drivers joined in memory and a clock of its own.
 *
 * Parts, from the outside in:
 *   hub_pool       the hubs by name; which device goes to which connection, and when
 *   hub_connection one AMQP connection: opening, watching, ending
 *   hub_cbs        its $cbs links: tokens out, answers in
 *   hub_device     one device: its place, its session, what is told to its owner
 *   hub_telemetry, hub_commands, hub_methods   the device's links
 *
 * What owners are told is put down as news and told by hub_core_tell at the end of a batch of
 * events, so that no owner's code runs in the middle of a change of state.
 */
#ifndef ISTHMUS_AZURE_HUB_HUB_CORE_H
#define ISTHMUS_AZURE_HUB_HUB_CORE_H

#include <proton/connection.h>
#include <proton/types.h>
#include <stdbool.h>
#include <stdint.h>

#include "azure/hub/amqp_message.h"
#include "azure/hub/hub_client.h"
#include "base/buf.h"

struct hub_connection;

/* Where to connect. */
struct hub_address {
        const char *host;
        uint16_t port;
        unsigned which; /* of several addresses of the host, which to try */
};

/* What the core needs of the world. */
struct hub_io {
        /*
         * Connects and opens a connection that is ready for it. Its events go to
         * hub_connection_event; the last one is PN_TRANSPORT_CLOSED, also when it fails.
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
        struct list news;               /* devices with something to tell */
        struct list unsent;             /* connections to wake at the end of the turn */
        struct hub_connection *current; /* whose batch of events is handled; needs no wake */
        struct buf encoded;             /* reused for what is sent */
        struct amqp_inbox inbox;        /* reused for what is received */
        bool stopping;
};

void hub_core_init(struct hub_client *client, const struct hub_client_options *options,
                   const struct hub_io *io);

/* Frees what is left; connections must have been closed or abandoned. */
void hub_core_deinit(struct hub_client *client);

/*
 * What the clocks show at the beginning of a turn. If the wall clock was set, tokens are renewed in
 * time for what it shows now, and whom the hub did not authorise tries again.
 */
void hub_core_time(struct hub_client *client, int64_t steady_ms, int64_t wall_ms);

/* Tells the owners what happened; true if there was anything. */
bool hub_core_tell(struct hub_client *client);

/* Wakes the connections that were written to; the end of each turn. */
void hub_core_flush(struct hub_client *client);

/* From half to all of min * 2^attempt, at most max. */
int64_t hub_core_backoff(const struct hub_client *client, int attempt);

/* A random number from `low` up to and without `high`. */
int64_t hub_core_random(int64_t low, int64_t high);

/*
 * Stops in order: no new sends; a connection closes when its unsettled sends have been answered.
 * Called again at each turn until hub_core_is_stopped; hub_core_abandon ends what remains at once.
 */
void hub_core_stop(struct hub_client *client);
bool hub_core_is_stopped(const struct hub_client *client);
void hub_core_abandon(struct hub_client *client);

#endif
