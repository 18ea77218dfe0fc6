// SPDX-License-Identifier: MIT
/* Cloud-to-device messages (rule W17): completed by PUBACK; there is no other settlement. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "localhub/mqtt/mqtt_core.h"
#include "localhub/mqtt/mqtt_topic.h"

struct inflight {
        struct list_node node;
        uint16_t packet_id;
        uint8_t lock[COMMAND_LOCK_SIZE];
};

/* --- the message ----------------------------------------------------------------------------- */

static void add(struct buf *topic, bool *is_first, const char *name, const char *value)
{
        if (!text_is_empty(value))
                mqtt_bag_add(topic, is_first, name, value);
}

/* `devices/DEVICE[/modules/MODULE]/messages/devicebound` */
static void add_place(struct buf *out, const char *identity, bool escaped)
{
        const char *slash = strchr(identity, '/');
        CLEANUP(mem_cleanup) char *device = mem_text_n(identity, strcspn(identity, "/"));

        buf_add_text(out, "devices/");
        if (escaped)
                text_url_escape(out, device);
        else
                buf_add_text(out, device);
        if (slash)
                buf_add_text(out, "/modules/");
        if (slash && escaped)
                text_url_escape(out, slash + 1);
        else if (slash)
                buf_add_text(out, slash + 1);
        buf_add_text(out, "/messages/devicebound");
}

static void write_topic(struct buf *topic, const char *device_id, const struct command *command)
{
        const struct local_hub_command *message = &command->message;
        CLEANUP(buf_deinit) struct buf to = BUF_INIT;
        char expiry[CLOCK_TEXT_SIZE];
        bool is_first = true;

        buf_add_char(&to, '/');
        add_place(&to, device_id, true);
        clock_format_utc(expiry, message->expires_ms * CLOCK_NS_PER_MS, CLOCK_FRACTION);
        add_place(topic, device_id, false);
        buf_add_char(topic, '/');
        add(topic, &is_first, "$.to", to.data);
        add(topic, &is_first, "$.mid", message->message_id);
        add(topic, &is_first, "$.cid", message->correlation_id);
        add(topic, &is_first, "$.uid", message->user_id);
        add(topic, &is_first, "$.ct", message->content_type);
        add(topic, &is_first, "$.ce", message->content_encoding);
        add(topic, &is_first, "$.exp", expiry);
        if (message->ack != LOCAL_HUB_ACK_NONE)
                add(topic, &is_first, "iothub-ack", local_hub_ack_names[message->ack]);
        for (size_t i = 0; i < message->property_count; i++)
                mqtt_bag_add(topic, &is_first, message->properties[i].name,
                             message->properties[i].value);
}

/* --- delivering ------------------------------------------------------------------------------ */

static struct inflight *find_inflight(struct mqtt_peer *peer, uint16_t packet_id)
{
        list_for_each (node, &peer->inflight) {
                struct inflight *inflight = list_entry(node, struct inflight, node);

                if (inflight->packet_id == packet_id)
                        return inflight;
        }
        return NULL;
}

static struct inflight *note_inflight(struct mqtt_peer *peer, const uint8_t *lock)
{
        struct inflight *inflight = mem_new(1, sizeof(*inflight));

        do {
                peer->last_packet_id++;
        } while (peer->last_packet_id == 0 || find_inflight(peer, peer->last_packet_id));
        inflight->packet_id = peer->last_packet_id;
        memcpy(inflight->lock, lock, sizeof(inflight->lock));
        if (peer->inflight.count == MQTT_INFLIGHT_MAX)
                free(list_entry(list_pop_front(&peer->inflight), struct inflight, node));
        list_push_back(&peer->inflight, &inflight->node);
        return inflight;
}

static void complete(struct mqtt_peer *peer, const uint8_t *lock)
{
        (void)command_queue_settle(peer->core->commands, peer->hub, peer->session.id, lock,
                                   COMMAND_COMPLETE, *peer->core->now_ms);
}

static void deliver(struct mqtt_peer *peer, const struct command *command, const uint8_t *lock)
{
        const struct mqtt_bytes body = {.data = command->message.body,
                                        .size = command->message.body_size};
        CLEANUP(buf_deinit) struct buf topic = BUF_INIT;

        write_topic(&topic, peer->session.id, command);
        if (peer->commands_at_most_once) {
                mqtt_peer_publish(peer, &topic, 0, &body);
                complete(peer, lock);
        } else {
                mqtt_peer_publish(peer, &topic, note_inflight(peer, lock)->packet_id, &body);
        }
        log_debug("HUB_COMMAND_DELIVERED", "A message was delivered to its device",
                  LOG_TEXT("hub", peer->hub_id), LOG_TEXT("device", peer->session.id),
                  LOG_TEXT("message", command->message.message_id), LOG_END);
}

void mqtt_commands_push(struct mqtt_peer *peer)
{
        const struct command *command;
        uint8_t lock[COMMAND_LOCK_SIZE];
        int delivery_count;

        if (!(peer->subscriptions & MQTT_SUBSCRIBED_COMMANDS) || !peer->session.owns)
                return;
        while ((command = command_queue_take(peer->core->commands, peer->hub, peer->session.id,
                                             peer->number, *peer->core->now_ms, lock,
                                             &delivery_count)) != NULL) {
                deliver(peer, command, lock);
                command_queue_release(command);
        }
}

void mqtt_commands_acknowledged(struct mqtt_peer *peer, uint16_t packet_id)
{
        struct inflight *inflight = find_inflight(peer, packet_id);

        if (!inflight)
                return;
        complete(peer, inflight->lock);
        list_remove(&peer->inflight, &inflight->node);
        free(inflight);
}

void mqtt_commands_forget(struct mqtt_peer *peer)
{
        struct list_node *node;

        while ((node = list_pop_front(&peer->inflight)) != NULL)
                free(list_entry(node, struct inflight, node));
        if (command_queue_unlock(peer->core->commands, peer->hub, peer->session.id, peer->number,
                                 *peer->core->now_ms) > 0)
                device_sessions_commands_wait(peer->core->sessions, peer->hub, peer->session.id);
}
