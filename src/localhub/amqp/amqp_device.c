// SPDX-License-Identifier: MIT
/*
 * A device on a connection. It exists from its token or its first link to the end of the
 * connection; its session is connected while it has links.
 */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "localhub/amqp/amqp_core.h"

struct amqp_device *amqp_device_find(struct amqp_peer *peer, const char *id)
{
        struct table_entry *entry = table_find(&peer->devices, id);

        return entry ? table_of(entry, struct amqp_device, by_id) : NULL;
}

static void on_expiry(struct timer *timer)
{
        struct amqp_device *device = table_of(timer, struct amqp_device, expiry);

        log_info("HUB_TOKEN_EXPIRED", "A device's token expired without renewal",
                 LOG_TEXT("hub", device->peer->hub_id), LOG_TEXT("device", device->session.id),
                 LOG_END);
        amqp_device_order_detach(device, "amqp:unauthorized-access", NULL, true);
}

static struct amqp_device *device_of(struct device_session *session)
{
        return (struct amqp_device *)((char *)session - offsetof(struct amqp_device, session));
}

static void on_waiting(struct device_session *session, enum device_work work)
{
        static const enum amqp_work works[] = {
                [DEVICE_WORK_COMMANDS] = AMQP_WORK_COMMANDS,
                [DEVICE_WORK_METHODS] = AMQP_WORK_METHODS,
                [DEVICE_WORK_TWIN] = AMQP_WORK_TWIN,
        };

        amqp_device_order(device_of(session), works[work]);
}

static void on_taken_over(struct device_session *session)
{
        amqp_device_order_detach(device_of(session), "amqp:link:stolen", NULL, false);
}

static void on_injected(struct device_session *session, enum device_injection what,
                        const char *reason)
{
        amqp_injection_order(device_of(session), what, reason);
}

static const struct device_protocol protocol = {
        .waiting = on_waiting,
        .taken_over = on_taken_over,
        .injected = on_injected,
};

struct amqp_device *amqp_device_make(struct amqp_peer *peer, const char *id)
{
        struct amqp_device *device = amqp_device_find(peer, id);

        if (device)
                return device;
        device = mem_new(1, sizeof(*device));
        device->peer = peer;
        device_session_init(&device->session, &peer->core->sessions, &protocol, peer->hub, id,
                            peer->id);
        device->expiry.run = on_expiry;
        list_init(&device->links);
        device->by_id.key = device->session.id;
        table_add(&peer->devices, &device->by_id);
        list_push_back(&peer->device_list, &device->node);
        return device;
}

void amqp_device_free(struct amqp_device *device)
{
        struct amqp_peer *peer = device->peer;

        list_for_each_safe (node, &device->links)
                amqp_link_end(list_entry(node, struct amqp_link, node));
        timers_stop(&peer->core->timers, &device->expiry);
        if (device->work)
                list_remove(&peer->work, &device->work_node);
        table_remove(&peer->devices, &device->by_id);
        list_remove(&peer->device_list, &device->node);
        device_session_deinit(&device->session);
        free(device->detach_condition);
        free(device->detach_description);
        free(device->injection_reason);
        free(device);
}

/* --- links come and go ----------------------------------------------------------------------- */

void amqp_device_link_ended(struct amqp_device *device)
{
        if (device->links.count == 0)
                device_session_disconnect(&device->session);
}

/* --- tokens ---------------------------------------------------------------------------------- */

void amqp_device_set_token(struct amqp_device *device, int64_t expires_s)
{
        struct amqp_core *core = device->peer->core;

        device->token_valid = true;
        timers_start(&core->timers, &device->expiry,
                     core->now_ms + expires_s * 1000 - core->wall_ms);
}

/* --- work ------------------------------------------------------------------------------------ */

void amqp_device_order(struct amqp_device *device, enum amqp_work work)
{
        struct amqp_peer *peer = device->peer;

        if (!device->work)
                list_push_back(&peer->work, &device->work_node);
        device->work |= work;
        peer->wake(peer);
}

void amqp_device_order_detach(struct amqp_device *device, const char *condition,
                              const char *description, bool lose_token)
{
        free(device->detach_condition);
        device->detach_condition = mem_text(condition);
        free(device->detach_description);
        device->detach_description = mem_text(description);
        device->lose_token |= lose_token;
        amqp_device_order(device, AMQP_WORK_DETACH);
}

void amqp_device_detach(struct amqp_device *device)
{
        if (device->lose_token) {
                device->token_valid = false;
                timers_stop(&device->peer->core->timers, &device->expiry);
        }
        device->lose_token = false;
        list_for_each_safe (node, &device->links)
                amqp_link_detach(list_entry(node, struct amqp_link, node), device->detach_condition,
                                 device->detach_description);
}
