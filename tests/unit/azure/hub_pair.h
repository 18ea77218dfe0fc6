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

#include "azure/amqp_message.h"
#include "azure/hub_connection.h"
#include "azure/hub_core.h"
#include "azure/hub_device.h"
#include "base/mem.h"
#include "base/thread.h"

#define PAIRS      16
#define TEXT_SIZE  600
#define TEST_KEY   "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define TEST_HUB   "myhub.azure-devices.net"

struct world;

/* The hub's end of one connection; what it does is set by the test at any time. */
struct peer {
        struct world *world;
        bool used;
        bool refuse_tcp;
        pn_connection_t *client_connection;
        pn_connection_driver_t client;
        pn_connection_driver_t server;
        pn_link_t *cbs_out;         /* answers go out here */
        pn_delivery_t *last;        /* last telemetry delivery that was left open */
        bool client_closed;         /* the client has sent CLOSE */
};

struct peer_script {
        bool hold_tokens;           /* no answers */
        int token_status;
        const char *token_text;
        int full_after;             /* tokens accepted per connection; 0 = no limit */
        pn_type_t correlation_type; /* of the answers */
        int cbs_credit;
        int credit;                 /* of telemetry links */
        uint64_t outcome;           /* 0 = none */
        const char *condition;      /* of PN_REJECTED */
        const char *description;
        const char *refuse_attach;  /* condition of a DETACH that follows ATTACH; or NULL */
        uint64_t max_message_size;
        int connects_refused;       /* so many connections fail */
};

struct world {
        struct hub_client client;
        struct peer peers[PAIRS];
        struct peer_script script;
        /* what the hubs saw */
        int connects;
        int tokens;
        int attaches;
        int messages;
        char token_name[TEXT_SIZE];
        char token_text[TEXT_SIZE];
        char token_id[TEXT_SIZE];
        char address[TEXT_SIZE];
        char link_name[TEXT_SIZE];
        char model_id[TEXT_SIZE];
        char hostname[TEXT_SIZE];
        char container[TEXT_SIZE];
        struct buf message; /* the last one, encoded */
};

static struct world *world_of(struct hub_client *client)
{
        return list_entry(client, struct world, client);
}

static struct peer *peer_of(struct world *world, const pn_connection_t *connection)
{
        for (size_t i = 0; i < PAIRS; i++) {
                if (world->peers[i].used && world->peers[i].client_connection == connection)
                        return &world->peers[i];
        }
        return NULL;
}

static void peer_free(struct peer *peer)
{
        pn_connection_driver_destroy(&peer->client);
        pn_connection_driver_destroy(&peer->server);
        memset(peer, 0, sizeof(*peer));
}

static void pair_connect(struct hub_client *client, pn_connection_t *connection, const char *host,
                         uint16_t port)
{
        struct world *world = world_of(client);
        struct peer *peer = NULL;

        (void)host;
        (void)port;
        for (size_t i = 0; i < PAIRS && peer == NULL; i++) {
                if (!world->peers[i].used)
                        peer = &world->peers[i];
        }
        if (peer == NULL)
                abort();
        peer->world = world;
        peer->used = true;
        peer->client_connection = connection;
        world->connects++;
        pn_connection_driver_init(&peer->client, connection, NULL);
        pn_connection_open(connection);
        pn_connection_driver_init(&peer->server, NULL, NULL);
        pn_transport_set_server(peer->server.transport);
        pn_connection_driver_bind(&peer->client);
        if (world->script.connects_refused > 0) {
                world->script.connects_refused--;
                pn_connection_driver_errorf(&peer->client, "proton:io", "refused by the test");
                pn_connection_driver_close(&peer->client);
        }
}

static void pair_wake(struct hub_client *client, pn_connection_t *connection)
{
        if (peer_of(world_of(client), connection) == NULL)
                abort();
}

static void pair_abandon(struct hub_client *client, pn_connection_t *connection)
{
        peer_free(peer_of(world_of(client), connection));
}

static const struct hub_io pair_io = {pair_connect, pair_wake, pair_abandon};

static inline void world_init(struct world *world, const struct hub_client_options *options)
{
        memset(world, 0, sizeof(*world));
        thread_enter(HUB_CLIENT_THREAD);
        hub_core_init(&world->client, options, &pair_io);
        world->client.now_ms = 1000000;
        world->script.token_status = 200;
        world->script.token_text = "OK";
        world->script.cbs_credit = 100;
        world->script.credit = 1000;
        world->script.outcome = PN_ACCEPTED;
        world->script.correlation_type = PN_STRING;
}

static inline void world_deinit(struct world *world)
{
        hub_core_abandon(&world->client);
        while (hub_core_tell(&world->client))
                continue;
        hub_core_deinit(&world->client);
        for (size_t i = 0; i < PAIRS; i++) {
                if (world->peers[i].used)
                        peer_free(&world->peers[i]);
        }
        buf_deinit(&world->message);
}

/* --- the scripted hub ------------------------------------------------------------------------ */

static void keep(char out[TEXT_SIZE], pn_bytes_t bytes)
{
        snprintf(out, TEXT_SIZE, "%.*s", (int)bytes.size, bytes.start);
}

static void keep_text(char out[TEXT_SIZE], const char *text)
{
        snprintf(out, TEXT_SIZE, "%s", text == NULL ? "" : text);
}

static void peer_send(pn_link_t *link, pn_message_t *message, pn_bytes_t tag)
{
        CLEANUP(buf_deinit) struct buf bytes = BUF_INIT;

        if (!amqp_message_encode(message, &bytes))
                abort();
        pn_delivery(link, pn_dtag(tag.start, tag.size));
        pn_link_send(link, bytes.data, bytes.size);
        pn_link_advance(link);
}

static pn_atom_t as_type(pn_atom_t id, pn_type_t type)
{
        if (type == PN_ULONG) {
                pn_atom_t number = {.type = PN_ULONG};

                number.u.as_ulong = strtoull(id.u.as_bytes.start, NULL, 10);
                return number;
        }
        return id;
}

static void peer_answer_token(struct peer *peer, pn_atom_t id)
{
        const struct peer_script *script = &peer->world->script;
        pn_message_t *message = pn_message();
        pn_data_t *properties = pn_message_properties(message);
        const char *text = script->token_text;
        int status = script->token_status;

        if (script->full_after > 0 && peer->world->tokens > script->full_after) {
                status = 500;
                text = "The maximum number of tokens per connection (1000) has been reached.";
        }
        pn_message_set_correlation_id(message, as_type(id, script->correlation_type));
        pn_data_put_map(properties);
        pn_data_enter(properties);
        pn_data_put_string(properties, amqp_bytes(AZURE_CBS_STATUS_CODE));
        pn_data_put_int(properties, status);
        pn_data_put_string(properties, amqp_bytes(AZURE_CBS_STATUS_DESCRIPTION));
        pn_data_put_string(properties, amqp_bytes(text));
        pn_data_exit(properties);
        peer_send(peer->cbs_out, message, pn_bytes(1, "t"));
        pn_message_free(message);
}

static void peer_token(struct peer *peer, pn_delivery_t *delivery)
{
        CLEANUP(buf_deinit) struct buf bytes = BUF_INIT;
        struct world *world = peer->world;
        pn_link_t *link = pn_delivery_link(delivery);
        pn_message_t *message = pn_message();
        pn_atom_t atom;

        if (!amqp_message_receive(message, delivery, 65536, &bytes))
                abort();
        world->tokens++;
        if (amqp_map_find(pn_message_properties(message), AZURE_CBS_NAME, &atom))
                keep(world->token_name, atom.u.as_bytes);
        atom = pn_message_get_id(message);
        keep(world->token_id, atom.u.as_bytes);
        pn_data_rewind(pn_message_body(message));
        pn_data_next(pn_message_body(message));
        keep(world->token_text, pn_data_get_string(pn_message_body(message)));
        pn_delivery_settle(delivery);
        pn_link_flow(link, 1);
        if (!world->script.hold_tokens)
                peer_answer_token(peer, atom);
        pn_message_free(message);
}

static void peer_reject(pn_delivery_t *delivery, const struct peer_script *script)
{
        pn_condition_t *condition = pn_disposition_condition(pn_delivery_local(delivery));

        if (script->condition != NULL) {
                pn_condition_set_name(condition, script->condition);
                pn_condition_set_description(condition, script->description);
        }
}

static void peer_settle(struct peer *peer, pn_delivery_t *delivery)
{
        const struct peer_script *script = &peer->world->script;

        if (script->outcome == 0) {
                peer->last = delivery;
                return;
        }
        if (script->outcome == PN_REJECTED)
                peer_reject(delivery, script);
        pn_delivery_update(delivery, script->outcome);
        pn_delivery_settle(delivery);
}

static void peer_telemetry(struct peer *peer, pn_delivery_t *delivery)
{
        pn_link_t *link = pn_delivery_link(delivery);
        struct buf *bytes = &peer->world->message;
        size_t size = pn_delivery_pending(delivery);

        buf_clear(bytes);
        buf_reserve(bytes, size);
        if (pn_link_recv(link, bytes->data, size) != (ssize_t)size)
                abort();
        bytes->size = size;
        pn_link_advance(link);
        peer->world->messages++;
        peer_settle(peer, delivery);
}

static void peer_attach(struct peer *peer, pn_link_t *link)
{
        struct world *world = peer->world;
        const char *source = pn_terminus_get_address(pn_link_remote_source(link));
        const char *target = pn_terminus_get_address(pn_link_remote_target(link));
        bool is_cbs = text_equal(source, AZURE_CBS_NODE) || text_equal(target, AZURE_CBS_NODE);
        pn_atom_t atom;

        pn_terminus_copy(pn_link_source(link), pn_link_remote_source(link));
        pn_terminus_copy(pn_link_target(link), pn_link_remote_target(link));
        if (world->script.max_message_size != 0)
                pn_link_set_max_message_size(link, world->script.max_message_size);
        pn_link_open(link);
        if (is_cbs) {
                if (pn_link_is_sender(link))
                        peer->cbs_out = link;
                else
                        pn_link_flow(link, world->script.cbs_credit);
                return;
        }
        world->attaches++;
        keep_text(world->address, pn_link_is_sender(link) ? source : target);
        keep_text(world->link_name, pn_link_name(link));
        if (amqp_map_find(pn_link_remote_properties(link), AZURE_LINK_MODEL_ID, &atom))
                keep(world->model_id, atom.u.as_bytes);
        if (world->script.refuse_attach != NULL) {
                pn_condition_set_name(pn_link_condition(link), world->script.refuse_attach);
                pn_link_close(link);
        } else if (pn_link_is_receiver(link)) {
                pn_link_flow(link, world->script.credit);
        }
}

static void peer_event(struct peer *peer, pn_event_t *event)
{
        pn_connection_t *connection = pn_event_connection(event);
        pn_link_t *link = pn_event_link(event);
        pn_delivery_t *delivery = pn_event_delivery(event);

        switch (pn_event_type(event)) {
        case PN_CONNECTION_REMOTE_OPEN:
                keep_text(peer->world->hostname, pn_connection_remote_hostname(connection));
                keep_text(peer->world->container, pn_connection_remote_container(connection));
                pn_connection_open(connection);
                break;
        case PN_CONNECTION_REMOTE_CLOSE:
                peer->client_closed = true;
                pn_connection_close(connection);
                break;
        case PN_SESSION_REMOTE_OPEN:
                pn_session_open(pn_event_session(event));
                break;
        case PN_SESSION_REMOTE_CLOSE:
                pn_session_close(pn_event_session(event));
                pn_session_free(pn_event_session(event));
                break;
        case PN_LINK_REMOTE_OPEN:
                peer_attach(peer, link);
                break;
        case PN_LINK_REMOTE_CLOSE:
                pn_link_close(link);
                pn_link_free(link);
                break;
        case PN_DELIVERY:
                if (!pn_delivery_readable(delivery) || pn_delivery_partial(delivery))
                        break;
                if (text_equal(pn_terminus_get_address(pn_link_target(link)), AZURE_CBS_NODE))
                        peer_token(peer, delivery);
                else
                        peer_telemetry(peer, delivery);
                break;
        default:
                break;
        }
}

/* --- moving everything ----------------------------------------------------------------------- */

static bool move_bytes(pn_connection_driver_t *from, pn_connection_driver_t *to)
{
        pn_bytes_t out = pn_connection_driver_write_buffer(from);
        pn_rwbytes_t in = pn_connection_driver_read_buffer(to);
        size_t size = out.size < in.size ? out.size : in.size;

        if (size > 0) {
                memcpy(in.start, out.start, size);
                pn_connection_driver_read_done(to, size);
                pn_connection_driver_write_done(from, size);
                return true;
        }
        if (pn_connection_driver_write_closed(from) && !pn_connection_driver_read_closed(to)) {
                pn_connection_driver_read_close(to);
                return true;
        }
        if (pn_connection_driver_read_closed(to) && !pn_connection_driver_write_closed(from)) {
                pn_connection_driver_write_close(from);
                return true;
        }
        return false;
}

static bool client_events(struct world *world, struct peer *peer)
{
        struct hub_client *client = &world->client;
        pn_event_t *event;
        bool any = false;

        while (peer->used && (event = pn_connection_driver_next_event(&peer->client)) != NULL) {
                client->current = pn_connection_get_context(peer->client_connection);
                hub_connection_event(peer->client_connection, event);
                any = true;
        }
        while (hub_core_tell(client))
                any = true;
        client->current = NULL;
        return any;
}

static bool server_events(struct peer *peer)
{
        pn_event_t *event;
        bool any = false;

        while ((event = pn_connection_driver_next_event(&peer->server)) != NULL) {
                peer_event(peer, event);
                any = true;
        }
        return any;
}

static bool peer_turn(struct world *world, struct peer *peer)
{
        bool any = client_events(world, peer);

        if (!peer->used)
                return true;
        any = move_bytes(&peer->client, &peer->server) || any;
        any = server_events(peer) || any;
        any = move_bytes(&peer->server, &peer->client) || any;
        if (pn_connection_driver_finished(&peer->client) &&
            !pn_connection_driver_has_event(&peer->client)) {
                peer_free(peer);
                any = true;
        }
        return any;
}

/* Until nobody has anything to say. */
static inline void world_run(struct world *world)
{
        bool any = true;

        while (any) {
                hub_timers_run(&world->client.timers, world->client.now_ms);
                if (world->client.stopping)
                        hub_core_stop(&world->client);
                any = hub_core_tell(&world->client);
                hub_core_flush(&world->client);
                for (size_t i = 0; i < PAIRS; i++) {
                        if (world->peers[i].used)
                                any = peer_turn(world, &world->peers[i]) || any;
                }
        }
}

static inline void world_advance(struct world *world, int64_t ms)
{
        int64_t until_ms = world->client.now_ms + ms;

        while (world->client.now_ms < until_ms) {
                int64_t step_ms = until_ms - world->client.now_ms;

                world->client.now_ms += step_ms < 100 ? step_ms : 100;
                world_run(world);
        }
}

/* The only peer that is connected; NULL if there is none or more than one. */
static inline struct peer *world_peer(struct world *world)
{
        struct peer *found = NULL;

        for (size_t i = 0; i < PAIRS; i++) {
                if (!world->peers[i].used)
                        continue;
                if (found != NULL)
                        return NULL;
                found = &world->peers[i];
        }
        return found;
}

/* The network is gone: no word from the other side. */
static inline void peer_cut(struct peer *peer)
{
        pn_connection_driver_errorf(&peer->client, "proton:io", "cut by the test");
        pn_connection_driver_close(&peer->client);
}

/* --- an owner that notes everything ---------------------------------------------------------- */

#define OWNER_LOG_SIZE 2000

struct owner {
        struct hub_device *device;
        char log[OWNER_LOG_SIZE]; /* "C" connecting, "R" ready, "X1" refused with refusal 1; "7+" token 7 accepted, */
                                  /* "7-" rejected, "7~" throttled, "7?" unknown */
        struct reason reason;
        int to_send;       /* sends when it is ready */
        uint64_t next;
        bool close_on_outcome;
        bool close_on_state;
};

static void note(struct owner *owner, const char *text)
{
        size_t used = strlen(owner->log);

        snprintf(owner->log + used, sizeof(owner->log) - used, "%s%s", used == 0 ? "" : " ", text);
}

static inline bool owner_send(struct owner *owner, uint64_t token)
{
        static const struct hub_message_property properties[] = {{"k", "v"}};
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
        while (owner->to_send > 0 && owner_send(owner, owner->next + 1)) {
                owner->next++;
                owner->to_send--;
        }
}

static void owner_state(void *context, enum hub_device_state state, enum hub_refusal refusal,
                        const struct reason *reason)
{
        struct owner *owner = context;
        char text[8];

        snprintf(text, sizeof(text), "X%d", (int)refusal);
        note(owner, state == HUB_DEVICE_CONNECTING ? "C" : state == HUB_DEVICE_READY ? "R" : text);
        owner->reason = *reason;
        if (owner->close_on_state) {
                hub_device_close(owner->device);
                owner->device = NULL;
        } else if (state == HUB_DEVICE_READY) {
                owner_send_more(owner);
        }
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
        if (owner->close_on_outcome && owner->device != NULL) {
                struct hub_device *device = owner->device;

                owner->device = NULL;
                hub_device_close(device);
        }
}

static const struct hub_device_handler owner_handler = {
        .state = owner_state,
        .outcome = owner_outcome,
};

static inline void owner_open(struct owner *owner, struct world *world, const char *device_id)
{
        const struct hub_identity identity = {
                .hub = TEST_HUB,
                .device_id = device_id,
                .key = TEST_KEY,
                .model_id = "dtmi:com:example:Thermostat;1",
        };

        owner->device = hub_device_open(&world->client, &identity, &owner_handler, owner);
}

static inline void owner_clear(struct owner *owner)
{
        owner->log[0] = '\0';
}

#endif
