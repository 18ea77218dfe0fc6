// SPDX-License-Identifier: MIT
/*
 * The hub's AMQP core and plain proton clients, joined in memory by pairs of connection drivers,
 * with clocks that only the test moves. There are the hubs "hub1" and "hub2", and devices with
 * the key K32.
 */
#ifndef ISTHMUS_TESTS_AMQP_PAIR_H
#define ISTHMUS_TESTS_AMQP_PAIR_H

#include <proton/connection.h>
#include <proton/connection_driver.h>
#include <proton/session.h>
#include <proton/transport.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "localhub/amqp/amqp_core.h"
#include "support/proton_move.h"
#include "token_make.h"

#define CLIENTS 4
#define HOST    "localhost:5671"

struct client {
        struct world *world;
        pn_connection_driver_t driver;
        pn_connection_driver_t server;
        struct amqp_peer *peer; /* NULL = the connection has ended */
        pn_session_t *session;
        pn_link_t *cbs_out;
        pn_link_t *cbs_in;
        struct list got; /* struct got */
        bool open;
        bool woken;
        bool hold; /* keep the server's bytes back */
};

/* A message that a client received. */
struct got {
        struct list_node node;
        pn_link_t *link;
        pn_delivery_t *delivery;
        struct buf bytes;
        struct amqp_wire_message message;
};

struct world {
        struct amqp_core core;
        struct client clients[CLIENTS];
        int hub;
        int hub2;
};

/* --- moving bytes and events ----------------------------------------------------------------- */

static inline bool server_events(struct client *client)
{
        pn_event_t *event;
        bool any = false;

        while ((event = pn_connection_driver_next_event(&client->server)) != NULL) {
                any = true;
                if (!client->peer)
                        continue;
                if (pn_event_type(event) != PN_TRANSPORT_CLOSED) {
                        amqp_peer_handle(client->peer, event);
                        continue;
                }
                amqp_peer_free(client->peer);
                client->peer = NULL;
        }
        if (client->woken && client->peer) {
                client->woken = false;
                any = true;
                amqp_peer_work(client->peer);
        }
        return any;
}

static inline void client_receive(struct client *client, pn_delivery_t *delivery)
{
        struct got *got;

        if (!pn_delivery_readable(delivery) || pn_delivery_partial(delivery))
                return;
        got = mem_new(1, sizeof(*got));
        got->link = pn_delivery_link(delivery);
        got->delivery = delivery;
        buf_reserve(&got->bytes, pn_delivery_pending(delivery));
        got->bytes.size = pn_delivery_pending(delivery);
        pn_link_recv(got->link, got->bytes.data, got->bytes.size);
        pn_link_advance(got->link);
        (void)!amqp_wire_message_read(got->bytes.data, got->bytes.size, &got->message);
        list_push_back(&client->got, &got->node);
}

static inline bool client_events(struct client *client)
{
        pn_event_t *event;
        bool any = false;

        while ((event = pn_connection_driver_next_event(&client->driver)) != NULL) {
                any = true;
                if (pn_event_type(event) == PN_DELIVERY &&
                    pn_link_is_receiver(pn_event_link(event)))
                        client_receive(client, pn_event_delivery(event));
        }
        return any;
}

/* Until nobody has anything to say. */
static inline void world_run(struct world *world)
{
        bool any = true;

        while (any) {
                any = false;
                for (size_t i = 0; i < CLIENTS; i++) {
                        struct client *client = &world->clients[i];

                        if (!client->open)
                                continue;
                        any = server_events(client) || any;
                        if (!client->hold)
                                any = proton_move(&client->server, &client->driver) || any;
                        any = client_events(client) || any;
                        any = proton_move(&client->driver, &client->server) || any;
                }
        }
}

/* Time goes by. */
static inline void world_advance(struct world *world, int64_t ms)
{
        world->core.now_ms += ms;
        world->core.wall_ms += ms;
        (void)amqp_core_tick(&world->core);
        world_run(world);
        (void)amqp_core_tick(&world->core);
        world_run(world);
}

/* --- worlds ---------------------------------------------------------------------------------- */

static inline void watch_registry(void *context, enum registry_change change, int hub,
                                  const char *device_id, const char *patch)
{
        struct world *world = context;

        amqp_core_registry_changed(&world->core, change, hub, device_id, patch);
}

static inline void watch_faults(void *context)
{
        struct world *world = context;

        amqp_core_faults_changed(&world->core);
}

static inline void world_device(struct world *world, int hub, const char *id)
{
        const struct registry_device_settings settings = {.primary_key = K32};

        if (registry_device_put(world->core.registry, hub, id, REGISTRY_CREATE, &settings, NULL,
                                NULL))
                abort();
}

static inline void world_init(struct world *world)
{
        struct amqp_core *core = &world->core;

        memset(world, 0, sizeof(*world));
        if (registry_open(&(struct registry_options){.directory = NULL}, &core->registry, NULL) ||
            registry_hub_add(core->registry, "hub1", 1, &world->hub, NULL) ||
            registry_hub_add(core->registry, "hub2", 1, &world->hub2, NULL) ||
            telemetry_log_new(&(struct telemetry_log_options){.max_messages = 10000},
                              &core->telemetry, NULL))
                abort();
        registry_hub_listens(core->registry, world->hub, HOST, 5671);
        registry_hub_listens(core->registry, world->hub2, "localhost:5672", 5672);
        core->faults = faults_new();
        core->commands = command_queue_new(&(struct command_queue_options){.lock_ms = 0});
        core->tokens_per_connection = 1000;
        core->feedback_delay_ms = 1000;
        amqp_core_init(core);
        core->sessions.registry = core->registry;
        core->sessions.faults = core->faults;
        registry_watch(core->registry, watch_registry, world);
        faults_watch(core->faults, watch_faults, world);
        world_device(world, world->hub, "dev1");
        world_device(world, world->hub, "dev2");
}

static inline void got_free(struct got *got)
{
        buf_deinit(&got->bytes);
        free(got);
}

static inline void client_free(struct client *client)
{
        struct list_node *node;

        if (!client->open)
                return;
        while ((node = list_pop_front(&client->got)) != NULL)
                got_free(list_entry(node, struct got, node));
        amqp_peer_free(client->peer);
        pn_connection_driver_destroy(&client->driver);
        pn_connection_driver_destroy(&client->server);
        memset(client, 0, sizeof(*client));
}

static inline void world_free(struct world *world)
{
        for (size_t i = 0; i < CLIENTS; i++)
                client_free(&world->clients[i]);
        amqp_core_deinit(&world->core);
        command_queue_free(world->core.commands);
        faults_free(world->core.faults);
        telemetry_log_free(world->core.telemetry);
        registry_close(world->core.registry);
}

/* --- clients --------------------------------------------------------------------------------- */

static inline void wake_client(struct amqp_peer *peer)
{
        struct client *client = peer->context;

        client->woken = true;
}

/* Connects; nothing is opened yet. */
static inline struct client *client_connect(struct world *world, int hub)
{
        struct client *client = world->clients;
        pn_transport_t *transport = pn_transport();
        pn_connection_t *connection = pn_connection();

        while (client->open)
                client++;
        client->world = world;
        client->open = true;
        list_init(&client->got);
        pn_connection_driver_init(&client->driver, NULL, NULL);
        pn_transport_set_server(transport);
        pn_transport_set_max_frame(transport, 65536);
        pn_transport_set_channel_max(transport, 8191);
        pn_connection_driver_init(&client->server, connection, transport);
        client->peer = amqp_peer_new(&world->core, hub, connection, wake_client, client);
        amqp_sasl_offer(client->peer, transport);
        return client;
}

static inline pn_link_t *client_sender(struct client *client, const char *address)
{
        char name[80];
        pn_link_t *link;

        snprintf(name, sizeof(name), "out-%llu",
                 (unsigned long long)++client->world->core.last_number);
        link = pn_sender(client->session, name);
        pn_terminus_set_address(pn_link_target(link), address);
        pn_link_open(link);
        world_run(client->world);
        return link;
}

static inline pn_link_t *client_receiver(struct client *client, const char *address, int credit)
{
        char name[80];
        pn_link_t *link;

        snprintf(name, sizeof(name), "in-%llu",
                 (unsigned long long)++client->world->core.last_number);
        link = pn_receiver(client->session, name);
        pn_terminus_set_address(pn_link_source(link), address);
        pn_link_open(link);
        pn_link_flow(link, credit);
        world_run(client->world);
        return link;
}

/* Connection, session and the links of tokens. */
static inline struct client *client_open_at(struct world *world, int hub)
{
        struct client *client = client_connect(world, hub);

        pn_connection_set_container(client->driver.connection, "test");
        pn_connection_open(client->driver.connection);
        client->session = pn_session(client->driver.connection);
        pn_session_open(client->session);
        client->cbs_out = client_sender(client, "$cbs");
        client->cbs_in = client_receiver(client, "$cbs", 1000);
        return client;
}

static inline struct client *client_open(struct world *world)
{
        return client_open_at(world, world->hub);
}

/* Sends an encoded message; the delivery is the client's, to look at or to settle. */
static inline pn_delivery_t *client_send(struct client *client, pn_link_t *link,
                                         const struct buf *message)
{
        uint64_t tag = ++client->world->core.last_number;
        pn_delivery_t *delivery = pn_delivery(link, pn_dtag((const char *)&tag, sizeof(tag)));

        pn_link_send(link, message->data, message->size);
        pn_link_advance(link);
        world_run(client->world);
        return delivery;
}

/* The next message on a link, taken off; NULL = none. got_free it. */
static inline struct got *client_take(struct client *client, const pn_link_t *link)
{
        list_for_each (node, &client->got) {
                struct got *got = list_entry(node, struct got, node);

                if (got->link != link)
                        continue;
                list_remove(&client->got, node);
                return got;
        }
        return NULL;
}

/* The condition of the hub's DETACH, or "" while the link is attached. */
static inline const char *link_condition(pn_link_t *link)
{
        const char *name;

        if (!(pn_link_state(link) & PN_REMOTE_CLOSED))
                return "";
        name = pn_condition_get_name(pn_link_remote_condition(link));
        return name ? name : "none";
}

static inline const char *link_description(pn_link_t *link)
{
        const char *text = pn_condition_get_description(pn_link_remote_condition(link));

        return text ? text : "";
}

/* --- tokens ---------------------------------------------------------------------------------- */

static inline void write_put_token(struct buf *out, const char *token)
{
        size_t begin;

        amqp_wire_put_section(out, AMQP_WIRE_SECTION_PROPERTIES);
        begin = amqp_wire_begin_list(out);
        amqp_wire_put_string(out, "request-1");
        amqp_wire_put_null(out);
        amqp_wire_put_string(out, "$cbs");
        amqp_wire_put_null(out);
        amqp_wire_put_string(out, "cbs");
        amqp_wire_end(out, begin, 5);
        amqp_wire_put_section(out, AMQP_WIRE_SECTION_APPLICATION_PROPERTIES);
        begin = amqp_wire_begin_map(out);
        amqp_wire_put_string(out, "operation");
        amqp_wire_put_string(out, "put-token");
        amqp_wire_put_string(out, "type");
        amqp_wire_put_string(out, "servicebus.windows.net:sastoken");
        amqp_wire_put_string(out, "name");
        amqp_wire_put_string(out, "localhost%3A5671%2Fdevices%2Fdev1");
        amqp_wire_end(out, begin, 6);
        amqp_wire_put_section(out, AMQP_WIRE_SECTION_VALUE);
        amqp_wire_put_string(out, token);
}

/* The status of the answer; 0 = none came. */
static inline int client_put(struct client *client, const char *token)
{
        CLEANUP(buf_deinit) struct buf request = BUF_INIT;
        struct got *got;
        struct amqp_wire_value status;

        write_put_token(&request, token);
        pn_delivery_settle(client_send(client, client->cbs_out, &request));
        got = client_take(client, client->cbs_in);
        if (!got)
                return 0;
        status = amqp_wire_map_find(got->message.properties, got->message.property_count,
                                    "status-code");
        pn_delivery_update(got->delivery, PN_ACCEPTED);
        pn_delivery_settle(got->delivery);
        got_free(got);
        world_run(client->world);
        return (int)status.number;
}

/* Puts the token of a device that ends in `life_s` seconds. */
static inline int client_authorise_for(struct client *client, const char *device, int64_t life_s)
{
        CLEANUP(mem_cleanup) char *resource = mem_format(HOST "/devices/%s", device);
        CLEANUP(mem_cleanup)
        char *token = token_make(resource, K32, client->world->core.wall_ms / 1000 + life_s, NULL);

        return client_put(client, token);
}

static inline int client_authorise(struct client *client, const char *device)
{
        return client_authorise_for(client, device, 3600);
}

/* Puts a token of a policy for the whole hub. */
static inline int client_put_policy(struct client *client, const char *policy, int64_t life_s)
{
        struct registry_policy known;
        CLEANUP(mem_cleanup) char *token = NULL;

        if (!registry_policy_get(client->world->core.registry, client->peer->hub, policy, &known))
                abort();
        token = token_make(client->peer->hub == client->world->hub ? HOST : "localhost:5672",
                           known.primary_key, client->world->core.wall_ms / 1000 + life_s, policy);
        return client_put(client, token);
}

/* --- messages -------------------------------------------------------------------------------- */

/* Telemetry with a message id and a body. */
static inline void write_telemetry(struct buf *out, const char *message_id, const void *body,
                                   size_t size)
{
        size_t begin;

        amqp_wire_put_section(out, AMQP_WIRE_SECTION_PROPERTIES);
        begin = amqp_wire_begin_list(out);
        amqp_wire_put_string(out, message_id);
        amqp_wire_end(out, begin, 1);
        amqp_wire_put_data(out, body, size);
}

static inline pn_delivery_t *client_send_telemetry(struct client *client, pn_link_t *link,
                                                   const char *message_id)
{
        CLEANUP(buf_deinit) struct buf message = BUF_INIT;

        write_telemetry(&message, message_id, "{\"t\":1}", 7);
        return client_send(client, link, &message);
}

/* The outcome's condition of a rejected delivery. */
static inline const char *rejected_condition(pn_delivery_t *delivery)
{
        const char *name;

        if (pn_delivery_remote_state(delivery) != PN_REJECTED)
                return "not rejected";
        name = pn_condition_get_name(pn_disposition_condition(pn_delivery_remote(delivery)));
        return name ? name : "none";
}

#endif
