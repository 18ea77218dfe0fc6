// SPDX-License-Identifier: MIT
/* One connection: its events, its sessions, and the work that others order. */
#include <proton/connection.h>
#include <proton/session.h>
#include <proton/transport.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "base/log.h"
#include "base/mem.h"
#include "localhub/amqp/amqp_core.h"

static void on_device_grant_end(struct timer *timer)
{
        struct amqp_peer *peer = table_of(timer, struct amqp_peer, all_devices.timer);

        peer->all_devices.valid = false;
        list_for_each_safe (node, &peer->device_list) {
                struct amqp_device *device = list_entry(node, struct amqp_device, node);

                if (!device->token_valid)
                        amqp_device_order_detach(device, "amqp:unauthorized-access", NULL, false);
        }
}

static void on_service_grant_end(struct timer *timer)
{
        struct amqp_peer *peer = table_of(timer, struct amqp_peer, service.timer);

        peer->service.valid = false;
        peer->detach_service = true;
        peer->wake(peer);
}

static void set_hub(struct amqp_peer *peer, int hub)
{
        struct registry_hub known = {.id = ""};

        (void)registry_hub_get(peer->core->registry, hub, &known);
        peer->hub = hub;
        free(peer->hub_id);
        peer->hub_id = mem_text(known.id);
}

struct amqp_peer *amqp_peer_new(struct amqp_core *core, int hub, pn_connection_t *connection,
                                void (*wake)(struct amqp_peer *peer), void *context)
{
        struct amqp_peer *peer = mem_new(1, sizeof(*peer));

        peer->core = core;
        set_hub(peer, hub);
        peer->connection = connection;
        peer->wake = wake;
        peer->context = context;
        peer->opened_ms = core->wall_ms;
        snprintf(peer->id, sizeof(peer->id), "connection-%llu",
                 (unsigned long long)++core->last_number);
        list_init(&peer->device_list);
        list_init(&peer->work);
        list_init(&peer->links);
        peer->all_devices.timer.run = on_device_grant_end;
        peer->service.timer.run = on_service_grant_end;
        list_push_back(&core->peers, &peer->node);
        return peer;
}

static void end_all(struct amqp_peer *peer)
{
        list_for_each_safe (node, &peer->device_list)
                amqp_device_free(list_entry(node, struct amqp_device, node));
        list_for_each_safe (node, &peer->links)
                amqp_link_end(list_entry(node, struct amqp_link, node));
}

void amqp_peer_free(struct amqp_peer *peer)
{
        if (!peer)
                return;
        end_all(peer);
        timers_stop(&peer->core->timers, &peer->all_devices.timer);
        timers_stop(&peer->core->timers, &peer->service.timer);
        if (peer->password)
                mem_wipe(peer->password, strlen(peer->password));
        free(peer->password);
        free(peer->registrant);
        free(peer->hub_id);
        table_deinit(&peer->devices);
        list_remove(&peer->core->peers, &peer->node);
        free(peer);
}

/* --- opening and closing --------------------------------------------------------------------- */

/* Hubs may share a port: then the name in OPEN says which one is meant. */
static void choose_hub(struct amqp_peer *peer)
{
        const char *name = pn_connection_remote_hostname(peer->connection);
        int named = name ? registry_hub_choose(peer->core->registry, peer->hub, name) : -1;

        if (named >= 0)
                set_hub(peer, named);
}

static void open_connection(struct amqp_peer *peer)
{
        CLEANUP(buf_deinit) struct buf container = BUF_INIT;
        const char *client = pn_connection_remote_container(peer->connection);
        struct fault fault;
        uint8_t number[16];

        choose_hub(peer);
        crypto_random(number, sizeof(number));
        buf_add_text(&container, "DeviceGateway_");
        crypto_hex_encode(&container, number, sizeof(number));
        pn_connection_set_container(peer->connection, container.data);
        pn_connection_set_hostname(peer->connection, "localhost");
        pn_connection_open(peer->connection);
        log_debug("HUB_AMQP_CONNECTED", "A client connected over AMQP",
                  LOG_TEXT("hub", peer->hub_id), LOG_TEXT("connection", peer->id),
                  LOG_TEXT("container", client ? client : ""), LOG_END);
        if (faults_apply(peer->core->faults, FAULT_OPEN, peer->hub_id, "", &fault)) {
                amqp_error_set(pn_connection_condition(peer->connection), fault.condition,
                               fault.description);
                pn_connection_close(peer->connection);
        }
}

void amqp_peer_close(struct amqp_peer *peer)
{
        end_all(peer);
        pn_connection_close(peer->connection);
}

void amqp_peer_cut(struct amqp_peer *peer)
{
        peer->cut = true;
        peer->wake(peer);
}

static void cut_now(struct amqp_peer *peer)
{
        pn_transport_t *transport = pn_connection_transport(peer->connection);

        end_all(peer);
        if (transport) {
                pn_transport_close_tail(transport);
                pn_transport_close_head(transport);
        }
}

/* --- sessions and links ---------------------------------------------------------------------- */

static struct amqp_link *link_of(pn_event_t *event)
{
        pn_link_t *handle = pn_event_link(event);

        return handle ? pn_link_get_context(handle) : NULL;
}

static void end_link(pn_event_t *event, bool closed)
{
        pn_link_t *handle = pn_event_link(event);
        struct amqp_link *link = pn_link_get_context(handle);

        if (link)
                amqp_link_end(link);
        if (closed)
                pn_link_close(handle);
        else
                pn_link_detach(handle);
        pn_link_free(handle);
}

void amqp_peer_end_links(struct amqp_peer *peer, const pn_session_t *session)
{
        for (pn_link_t *handle = pn_link_head(peer->connection, 0); handle;
             handle = pn_link_next(handle, 0)) {
                struct amqp_link *link = pn_link_get_context(handle);

                if (link && pn_link_session(handle) == session)
                        amqp_link_end(link);
        }
}

/* Links of the session end without a DETACH of their own. */
static void end_session(struct amqp_peer *peer, pn_session_t *session)
{
        amqp_peer_end_links(peer, session);
        pn_session_close(session);
        pn_session_free(session);
}

static void handle_delivery(pn_event_t *event)
{
        struct amqp_link *link = link_of(event);

        if (link)
                amqp_link_delivery(link, pn_event_delivery(event));
}

static void handle_flow(pn_event_t *event)
{
        struct amqp_link *link = link_of(event);

        if (link && !link->closing)
                amqp_link_flow(link);
}

void amqp_peer_handle(struct amqp_peer *peer, pn_event_t *event)
{
        switch (pn_event_type(event)) {
        case PN_CONNECTION_REMOTE_OPEN:
                open_connection(peer);
                break;
        case PN_CONNECTION_REMOTE_CLOSE:
                amqp_peer_close(peer);
                break;
        case PN_SESSION_REMOTE_OPEN:
                pn_session_open(pn_event_session(event));
                break;
        case PN_SESSION_REMOTE_CLOSE:
                end_session(peer, pn_event_session(event));
                break;
        case PN_LINK_REMOTE_OPEN:
                amqp_link_attach(peer, pn_event_link(event));
                break;
        case PN_LINK_REMOTE_CLOSE:
                end_link(event, true);
                break;
        case PN_LINK_REMOTE_DETACH:
                end_link(event, false);
                break;
        case PN_LINK_FLOW:
                handle_flow(event);
                break;
        case PN_DELIVERY:
                handle_delivery(event);
                break;
        case PN_CONNECTION_WAKE:
                amqp_peer_work(peer);
                break;
        default:
                break;
        }
}

/* --- work ------------------------------------------------------------------------------------ */

static void grant_again(struct amqp_device *device)
{
        list_for_each_safe (node, &device->links) {
                struct amqp_link *link = list_entry(node, struct amqp_link, node);

                if (link->type == &amqp_telemetry)
                        amqp_link_grant(link);
        }
}

static void work_for(struct amqp_device *device)
{
        unsigned work = device->work;

        device->work = 0;
        if (work & AMQP_WORK_SETTLE)
                amqp_telemetry_settle(device);
        if (work & AMQP_WORK_DETACH)
                amqp_device_detach(device);
        if ((work & AMQP_WORK_COMMANDS) && device->command_link)
                amqp_commands_push(device->command_link);
        if (work & AMQP_WORK_METHODS)
                amqp_methods_push(device);
        if (work & AMQP_WORK_TWIN)
                amqp_twin_push(device);
        if (work & AMQP_WORK_CREDIT)
                grant_again(device);
        if (work & AMQP_WORK_INJECTION)
                amqp_injection_happen(device);
}

static void work_for_links(struct amqp_peer *peer)
{
        list_for_each_safe (node, &peer->links) {
                struct amqp_link *link = list_entry(node, struct amqp_link, node);

                if (!link->type)
                        continue;
                if (peer->detach_service && link->type->for_service)
                        amqp_link_detach(link, "amqp:unauthorized-access", NULL);
                else if (link->type->work)
                        link->type->work(link);
        }
        peer->detach_service = false;
}

void amqp_peer_work(struct amqp_peer *peer)
{
        struct list_node *node;

        if (peer->cut) {
                cut_now(peer);
                return;
        }
        while ((node = list_pop_front(&peer->work)) != NULL)
                work_for(list_entry(node, struct amqp_device, work_node));
        work_for_links(peer);
}
