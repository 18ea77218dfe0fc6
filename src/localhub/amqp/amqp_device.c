// SPDX-License-Identifier: MIT
/*
 * A device on a connection. It exists from its token or its first link to the end of the
 * connection; it is connected while it has links; at most one device of an identity, on whatever
 * connection, owns it: the one that attached a link last.
 */
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
                 LOG_TEXT("hub", device->peer->hub_id), LOG_TEXT("device", device->id), LOG_END);
        amqp_device_order_detach(device, "amqp:unauthorized-access", NULL, true);
}

/* What the device announced before, to the provisioning service or here: a client that cannot
 * announce its model over AMQP has it from there. */
static char *known_model_id(const struct amqp_peer *peer, const char *id)
{
        struct registry_device known;

        if (!registry_device_get(peer->core->registry, peer->hub, id, &known))
                return mem_text("");
        return mem_text(known.model_id);
}

struct amqp_device *amqp_device_make(struct amqp_peer *peer, const char *id)
{
        struct amqp_device *device = amqp_device_find(peer, id);

        if (device)
                return device;
        device = mem_new(1, sizeof(*device));
        device->peer = peer;
        device->owner_key = mem_format("%d/%s", peer->hub, id);
        device->id = strchr(device->owner_key, '/') + 1;
        device->model_id = known_model_id(peer, id);
        device->expiry.run = on_expiry;
        list_init(&device->links);
        list_init(&device->patches);
        device->by_id.key = device->id;
        device->owner.key = device->owner_key;
        table_add(&peer->devices, &device->by_id);
        list_push_back(&peer->device_list, &device->node);
        return device;
}

static void give_up(struct amqp_device *device)
{
        if (!device->owns)
                return;
        device->owns = false;
        table_remove(&device->peer->core->owners, &device->owner);
}

void amqp_device_free(struct amqp_device *device)
{
        struct amqp_peer *peer = device->peer;

        list_for_each_safe (node, &device->links)
                amqp_link_end(list_entry(node, struct amqp_link, node));
        give_up(device);
        amqp_twin_forget(device);
        timers_stop(&peer->core->timers, &device->expiry);
        if (device->work)
                list_remove(&peer->work, &device->work_node);
        table_remove(&peer->devices, &device->by_id);
        list_remove(&peer->device_list, &device->node);
        free(device->detach_description);
        free(device->model_id);
        free(device->owner_key);
        free(device);
}

/* --- links come and go ----------------------------------------------------------------------- */

static void take_over(struct amqp_device *device)
{
        struct amqp_core *core = device->peer->core;
        struct table_entry *entry = table_find(&core->owners, device->owner_key);
        struct amqp_device *before = entry ? table_of(entry, struct amqp_device, owner) : NULL;

        if (before == device)
                return;
        if (before) {
                log_info("HUB_DEVICE_TAKEN_OVER",
                         "A newer connection of the device detaches the links of the older one",
                         LOG_TEXT("hub", device->peer->hub_id), LOG_TEXT("device", device->id),
                         LOG_TEXT("older", before->peer->id), LOG_TEXT("newer", device->peer->id),
                         LOG_END);
                give_up(before);
                amqp_device_order_detach(before, "amqp:link:stolen", NULL, false);
        }
        device->owns = true;
        table_add(&core->owners, &device->owner);
}

void amqp_device_link_opened(struct amqp_device *device)
{
        take_over(device);
        registry_device_seen(device->peer->core->registry, device->peer->hub, device->id, true,
                             device->model_id[0] ? device->model_id : NULL);
}

void amqp_device_link_ended(struct amqp_device *device)
{
        bool owned = device->owns;

        if (device->links.count > 0)
                return;
        device->twin_subscribed = false;
        give_up(device);
        if (owned)
                registry_device_seen(device->peer->core->registry, device->peer->hub, device->id,
                                     false, NULL);
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
        snprintf(device->detach_condition, sizeof(device->detach_condition), "%s", condition);
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
