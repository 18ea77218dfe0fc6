// SPDX-License-Identifier: MIT
/*
 * A client core and scripted hubs, joined in memory by pairs of connection drivers, with a clock
 * that only the test moves.
 */
#ifndef ISTHMUS_TESTS_HUB_PAIR_H
#define ISTHMUS_TESTS_HUB_PAIR_H

#include <proton/connection_driver.h>
#include <proton/engine.h>
#include <proton/event.h>
#include <proton/message.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "azure/hub/amqp_message.h"
#include "azure/hub/hub_connection.h"
#include "azure/hub/hub_inside.h"
#include "azure/hub/hub_pool.h"
#include "azure/hub/hub_turn.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"
#include "support/proton_move.h"
#include "unit/azure/hub_peer.h"

#define PAIRS    32
#define TEST_KEY "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define TEST_HUB "myhub.azure-devices.net"

/* Both ends of one connection. */
struct pair {
        bool used;
        bool unplugged;              /* nothing passes any more */
        pn_connection_t *connection; /* the client's */
        pn_connection_driver_t client;
        pn_connection_driver_t server;
        struct hub_peer peer;
};

struct world {
        struct hub_client client;
        struct pair pairs[PAIRS];
        struct hub_script script;
        struct hub_seen seen;
        int connects;
        int connects_refused;     /* so many fail */
        const char *refuses_with; /* the condition of those; NULL = of the network */
        unsigned which;           /* address asked for last */
        int certified;            /* connects with a certificate */
};

static struct world *world_of(struct hub_client *client)
{
        return list_entry(client, struct world, client);
}

static struct pair *pair_of(struct world *world, const pn_connection_t *connection)
{
        for (size_t i = 0; i < PAIRS; i++) {
                if (world->pairs[i].used && world->pairs[i].connection == connection)
                        return &world->pairs[i];
        }
        return NULL;
}

static void pair_free(struct pair *pair)
{
        pn_connection_driver_destroy(&pair->client);
        pn_connection_driver_destroy(&pair->server);
        memset(pair, 0, sizeof(*pair));
}

static void pair_connect(struct hub_client *client, pn_connection_t *connection,
                         const struct hub_address *address)
{
        struct world *world = world_of(client);
        struct pair *pair = NULL;

        for (size_t i = 0; i < PAIRS && pair == NULL; i++) {
                if (!world->pairs[i].used)
                        pair = &world->pairs[i];
        }
        if (pair == NULL)
                abort();
        *pair = (struct pair){.used = true, .connection = connection};
        pair->peer = (struct hub_peer){.script = &world->script, .seen = &world->seen};
        world->connects++;
        world->certified += address->certificate != NULL;
        world->which = address->which;
        pn_connection_driver_init(&pair->client, connection, NULL);
        pn_connection_open(connection);
        pn_connection_driver_init(&pair->server, NULL, NULL);
        pn_transport_set_server(pair->server.transport);
        if (world->script.channel_max > 0)
                pn_transport_set_channel_max(pair->server.transport, world->script.channel_max);
        pn_transport_set_idle_timeout(pair->server.transport, world->script.idle_timeout_ms);
        pn_transport_set_max_frame(pair->server.transport, world->script.max_frame);
        hub_connection_prepare(pair->client.transport);
        pn_connection_driver_bind(&pair->client);
        if (world->connects_refused > 0) {
                world->connects_refused--;
                pn_connection_driver_errorf(&pair->client,
                                            world->refuses_with != NULL ? world->refuses_with
                                                                        : "proton:io",
                                            "refused by the test");
                pn_connection_driver_close(&pair->client);
        }
}

static void pair_wake(struct hub_client *client, pn_connection_t *connection)
{
        if (pair_of(world_of(client), connection) == NULL)
                abort();
}

static void pair_abandon(struct hub_client *client, pn_connection_t *connection)
{
        pair_free(pair_of(world_of(client), connection));
}

static const struct hub_io pair_io = {pair_connect, pair_wake, pair_abandon};

static inline void world_init(struct world *world, const struct hub_client_options *options)
{
        struct hub_client_options with_loop = *options;

        memset(world, 0, sizeof(*world));
        thread_enter(LOOP_THREAD);
        log_configure(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
        with_loop.loop = loop_new();
        hub_pool_init(&world->client, &with_loop, &pair_io);
        world->client.now_ms = 1000000;
        loop_set_time(with_loop.loop, world->client.now_ms);
        world->client.wall_offset_ms = world->client.wall_ms - world->client.now_ms;
        world->script = hub_script_good();
}

static inline void world_deinit(struct world *world)
{
        hub_pool_abandon(&world->client);
        while (hub_turn_tell(&world->client))
                continue;
        hub_pool_deinit(&world->client);
        loop_free(world->client.loop);
        for (size_t i = 0; i < PAIRS; i++) {
                if (world->pairs[i].used)
                        pair_free(&world->pairs[i]);
        }
        buf_deinit(&world->seen.message);
        buf_deinit(&world->seen.answer);
        buf_deinit(&world->seen.report);
}

/* The network is gone: no word from the other side. */
static inline void pair_cut(struct pair *pair)
{
        pn_connection_driver_errorf(&pair->client, "proton:io", "cut by the test");
        pn_connection_driver_close(&pair->client);
}

/* --- moving everything ----------------------------------------------------------------------- */

static bool client_events(struct world *world, struct pair *pair)
{
        struct hub_client *client = &world->client;
        pn_event_t *event;
        bool any = false;

        while (pair->used && (event = pn_connection_driver_next_event(&pair->client)) != NULL) {
                hub_turn_event(client, pair->connection, event);
                any = true;
        }
        while (hub_turn_tell(client))
                any = true;
        client->current = NULL;
        return any;
}

static bool server_events(struct pair *pair)
{
        pn_event_t *event;
        bool any = false;

        while ((event = pn_connection_driver_next_event(&pair->server)) != NULL) {
                peer_event(&pair->peer, event);
                any = true;
        }
        return any;
}

static bool pair_turn(struct world *world, struct pair *pair)
{
        bool any = client_events(world, pair);

        if (!pair->used)
                return true;
        any = (!pair->unplugged && proton_move(&pair->client, &pair->server)) || any;
        any = server_events(pair) || any;
        if (pair->peer.cut) {
                pair->peer.cut = false;
                pair_cut(pair);
        }
        any = (!pair->unplugged && proton_move(&pair->server, &pair->client)) || any;
        if (pn_connection_driver_finished(&pair->client) &&
            !pn_connection_driver_has_event(&pair->client)) {
                pair_free(pair);
                any = true;
        }
        return any;
}

/* Until nobody has anything to say. */
static inline void world_run(struct world *world)
{
        bool any = true;

        while (any) {
                loop_run_timers(world->client.loop);
                if (world->client.stopping)
                        hub_pool_stop(&world->client);
                any = hub_turn_tell(&world->client);
                hub_turn_end(&world->client);
                for (size_t i = 0; i < PAIRS; i++) {
                        if (world->pairs[i].used)
                                any = pair_turn(world, &world->pairs[i]) || any;
                }
        }
}

static inline void world_advance(struct world *world, int64_t ms)
{
        int64_t until_ms = world->client.now_ms + ms;

        while (world->client.now_ms < until_ms) {
                int64_t step_ms = until_ms - world->client.now_ms;

                step_ms = step_ms < 100 ? step_ms : 100;
                hub_pool_time(&world->client, world->client.now_ms + step_ms,
                              world->client.wall_ms + step_ms);
                world_run(world);
        }
}

/* The only pair that is connected; NULL if there is none or more than one. */
static inline struct pair *world_pair(struct world *world)
{
        struct pair *found = NULL;

        for (size_t i = 0; i < PAIRS; i++) {
                if (!world->pairs[i].used)
                        continue;
                if (found != NULL)
                        return NULL;
                found = &world->pairs[i];
        }
        return found;
}

/* --- an owner that notes everything ---------------------------------------------------------- */

#define OWNER_LOG_SIZE 4000
#define OWNER_HELD     64
#define OWNER_SENDS    1000

struct owner {
        struct hub_device *device;
        /*
         * "C" connecting, "R" ready, "X1" refused with refusal 1; "7+" token 7 accepted, "7-"
         * rejected, "7~" throttled, "7?" unknown; "cmd:ID" a command, "lost:ID" its lock is gone;
         * "call:NAME" a method; "all:JSON" and "part:JSON" desired properties.
         */
        char log[OWNER_LOG_SIZE];
        struct reason reason;
        int to_send; /* sends when it is ready */
        uint64_t next;
        bool send_again; /* what has unknown outcome */
        bool close_on_outcome;
        bool close_on_state;
        bool close_on_command;
        bool receives;
        bool follows;
        const char *hub;
        const char *key;
        struct certificate *certificate;
        struct hub_command *commands[OWNER_HELD];
        size_t command_count;
        struct hub_method *methods[OWNER_HELD];
        size_t method_count;
};

static void note(struct owner *owner, const char *text)
{
        size_t used = strlen(owner->log);

        snprintf(owner->log + used, sizeof(owner->log) - used, "%s%s", used == 0 ? "" : " ", text);
}

static inline bool owner_send(struct owner *owner, uint64_t token)
{
        static const struct property properties[] = {{"k", "v"}};
        const struct hub_message message = {
                .message_id = "abc",
                .correlation_id = "corr",
                .content_type = "application/json",
                .content_encoding = "utf-8",
                .properties = properties,
                .property_count = 1,
                .body = "{\"t\":1}",
                .body_size = 7,
        };

        return hub_device_send(owner->device, &message, token);
}

static void owner_send_more(struct owner *owner)
{
        while (owner->device != NULL && owner->to_send > 0 && owner_send(owner, owner->next + 1)) {
                owner->next++;
                owner->to_send--;
        }
}

static void owner_close(struct owner *owner)
{
        struct hub_device *device = owner->device;

        owner->device = NULL;
        if (device != NULL)
                hub_device_close(device);
}

static void owner_state(void *context, enum hub_device_state state, enum hub_refusal refusal,
                        const struct reason *reason)
{
        struct owner *owner = context;
        char refused[8];

        snprintf(refused, sizeof(refused), "X%u", (unsigned)refusal);
        note(owner, state == HUB_DEVICE_CONNECTING ? "C"
                    : state == HUB_DEVICE_READY    ? "R"
                                                   : refused);
        owner->reason = *reason;
        if (owner->close_on_state)
                owner_close(owner);
        else if (state == HUB_DEVICE_READY)
                owner_send_more(owner);
}

static void owner_outcome(void *context, uint64_t token, enum hub_outcome outcome,
                          const struct reason *reason)
{
        static const char marks[] = "+-~?";
        struct owner *owner = context;
        char text[24];

        snprintf(text, sizeof(text), "%llu%c", (unsigned long long)token, marks[outcome]);
        note(owner, text);
        owner->reason = *reason;
        if (owner->close_on_outcome)
                owner_close(owner);
        if (owner->send_again && outcome == HUB_UNKNOWN && owner->next < OWNER_SENDS)
                owner->to_send++;
        if (owner->send_again)
                owner_send_more(owner);
}

static void owner_command(void *context, struct hub_command *command)
{
        struct owner *owner = context;
        char text[200];

        snprintf(text, sizeof(text), "cmd:%s", command->message_id);
        note(owner, text);
        owner->commands[owner->command_count++ % OWNER_HELD] = command;
        if (owner->close_on_command)
                owner_close(owner);
}

static void owner_command_lost(void *context, struct hub_command *command)
{
        char text[200];

        snprintf(text, sizeof(text), "lost:%s", command->message_id);
        note(context, text);
}

static void owner_method(void *context, struct hub_method *method)
{
        struct owner *owner = context;
        char text[200];

        snprintf(text, sizeof(text), "call:%s", method->name);
        note(owner, text);
        owner->methods[owner->method_count++ % OWNER_HELD] = method;
}

static void owner_desired(void *context, const char *json, size_t size, bool is_whole)
{
        char text[200];

        snprintf(text, sizeof(text), "%s:%.*s", is_whole ? "all" : "part", (int)size, json);
        note(context, text);
}

static const struct hub_device_handler owner_handler = {
        .state = owner_state,
        .outcome = owner_outcome,
        .command = owner_command,
        .command_lost = owner_command_lost,
        .method = owner_method,
        .desired = owner_desired,
};

static inline void owner_open(struct owner *owner, struct world *world, const char *device_id)
{
        const struct hub_identity identity = {
                .hub = owner->hub != NULL ? owner->hub : TEST_HUB,
                .device_id = device_id,
                .key = owner->key != NULL ? owner->key : TEST_KEY,
                .certificate = owner->certificate,
                .model_id = "dtmi:com:example:Thermostat;1",
                .receive_commands = owner->receives,
                .follow_desired = owner->follows,
        };

        owner->device = hub_device_open(&world->client, &identity, &owner_handler, owner);
}

static inline void owner_clear(struct owner *owner)
{
        owner->log[0] = '\0';
}

/* --- what most tests start with -------------------------------------------------------------- */

struct bench {
        struct world world;
        struct owner owner;
        struct owner other; /* another device on the same connection */
        struct owner third;
        struct owner *many;
};

static inline struct bench *bench_new(const struct hub_client_options *options)
{
        struct bench *bench = mem_new(1, sizeof(*bench));

        world_init(&bench->world, options);
        return bench;
}

static inline void bench_free(struct bench *bench)
{
        world_deinit(&bench->world);
        free(bench->many);
        free(bench);
}

static inline int bench_setup(void **state)
{
        const struct hub_client_options options = {0};

        *state = bench_new(&options);
        return 0;
}

static inline int bench_teardown(void **state)
{
        bench_free(*state);
        return 0;
}

/* One device that is ready. */
static inline int bench_setup_ready(void **state)
{
        struct bench *bench;

        bench_setup(state);
        bench = *state;
        owner_open(&bench->owner, &bench->world, "dev1");
        world_run(&bench->world);
        owner_clear(&bench->owner);
        return 0;
}

/* The same with another device beside it, and the telemetry links of both attached. */
static inline int bench_setup_two(void **state)
{
        struct bench *bench;

        bench_setup(state);
        bench = *state;
        bench->other.to_send = 1;
        owner_open(&bench->other, &bench->world, "dev2");
        world_run(&bench->world);
        bench->owner.to_send = 1;
        owner_open(&bench->owner, &bench->world, "dev1");
        world_run(&bench->world);
        owner_clear(&bench->owner);
        owner_clear(&bench->other);
        return 0;
}

#endif
