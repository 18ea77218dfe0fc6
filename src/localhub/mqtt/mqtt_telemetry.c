// SPDX-License-Identifier: MIT
/* Device-to-cloud messages (rule W16): recorded, then acknowledged. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "localhub/mqtt/mqtt_core.h"
#include "localhub/mqtt/mqtt_topic.h"
#include "localhub/sessions/device_injection.h"

#define TELEMETRY_MAX  262144
#define PROPERTIES_MAX 256

/* --- the record ------------------------------------------------------------------------------ */

/* What a bag says; the texts are its own. */
struct bag {
        struct property properties[PROPERTIES_MAX + 1]; /* one may be ours */
        size_t count;
        size_t size; /* of names and values */
        char *message_id;
        char *correlation_id;
        char *user_id;
        char *content_type;
        char *content_encoding;
        char *component;
};

static void bag_deinit(struct bag *bag)
{
        properties_deinit(bag->properties, bag->count);
        free(bag->message_id);
        free(bag->correlation_id);
        free(bag->user_id);
        free(bag->content_type);
        free(bag->content_encoding);
        free(bag->component);
}

static void add_property(struct bag *bag, const char *name, const char *value)
{
        property_set(&bag->properties[bag->count++], name, value);
}

/* True if it is a system property; those that nobody reads here are passed over. */
static bool take_system(struct bag *bag, const char *name, const char *value)
{
        struct {
                const char *name;
                char **to;
        } const known[] = {
                {"$.mid", &bag->message_id},  {"$.cid", &bag->correlation_id},
                {"$.ct", &bag->content_type}, {"$.ce", &bag->content_encoding},
                {"$.sub", &bag->component},   {"$.uid", &bag->user_id},
        };

        for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
                if (strcmp(name, known[i].name) != 0)
                        continue;
                free(*known[i].to);
                *known[i].to = mem_text(value);
        }
        return strncmp(name, "$.", 2) == 0;
}

static void bag_read(struct bag *bag, struct mqtt_bytes text)
{
        CLEANUP(buf_deinit) struct buf name = BUF_INIT;
        CLEANUP(buf_deinit) struct buf value = BUF_INIT;

        while (mqtt_bag_next(&text, &name, &value)) {
                bag->size += name.size + value.size;
                if (!take_system(bag, buf_text(&name), buf_text(&value)) &&
                    bag->count < PROPERTIES_MAX)
                        add_property(bag, buf_text(&name), buf_text(&value));
        }
}

static const char *or_empty(const char *text)
{
        return text ? text : "";
}

static void record(struct mqtt_peer *peer, const struct bag *bag, const struct mqtt_bytes *body)
{
        const struct telemetry_record record = {
                .enqueued_ms = *peer->core->wall_ms,
                .hub = peer->hub_id,
                .device_id = peer->session.id,
                .connection = peer->id,
                .model_id = peer->session.model_id,
                .message_id = or_empty(bag->message_id),
                .correlation_id = or_empty(bag->correlation_id),
                .content_type = or_empty(bag->content_type),
                .content_encoding = or_empty(bag->content_encoding),
                .component = or_empty(bag->component),
                .user_id = or_empty(bag->user_id),
                .generation_id = peer->session.generation_id,
                .auth = peer->session.auth,
                .properties = bag->properties,
                .property_count = bag->count,
                .body = body->data,
                .body_size = body->size,
        };

        (void)telemetry_log_append(peer->core->telemetry, &record);
        peer->messages++;
}

/* --- acknowledging --------------------------------------------------------------------------- */

struct slow {
        struct list_node node;
        struct timer timer;
        struct mqtt_peer *peer;
        uint16_t packet_id;
};

static void slow_free(struct slow *slow)
{
        timers_stop(slow->peer->core->timers, &slow->timer);
        list_remove(&slow->peer->slow, &slow->node);
        free(slow);
}

static void on_slow(struct timer *timer)
{
        struct slow *slow = list_entry(timer, struct slow, timer);

        mqtt_peer_acknowledge(slow->peer, slow->packet_id);
        slow_free(slow);
}

static void acknowledge_later(struct mqtt_peer *peer, uint16_t packet_id, const struct fault *fault)
{
        struct slow *slow = mem_new(1, sizeof(*slow));

        slow->peer = peer;
        slow->packet_id = packet_id;
        slow->timer.run = on_slow;
        list_push_back(&peer->slow, &slow->node);
        timers_start(peer->core->timers, &slow->timer,
                     *peer->core->now_ms + faults_draw_delay(peer->core->faults, fault));
}

void mqtt_telemetry_forget(struct mqtt_peer *peer)
{
        list_for_each_safe (node, &peer->slow)
                slow_free(list_entry(node, struct slow, node));
}

static bool take_fault(struct mqtt_peer *peer, enum fault_kind kind, struct fault *fault)
{
        return faults_apply(peer->core->faults, kind, peer->hub_id, peer->session.id, fault);
}

static void settle(struct mqtt_peer *peer, uint16_t packet_id)
{
        struct fault fault;

        if (take_fault(peer, FAULT_CUT, &fault))
                stream_cut(peer->stream);
        else if (take_fault(peer, FAULT_DISPOSITION, &fault))
                return;
        else if (take_fault(peer, FAULT_SLOW, &fault))
                acknowledge_later(peer, packet_id, &fault);
        else
                mqtt_peer_acknowledge(peer, packet_id);
}

/* --- what comes ------------------------------------------------------------------------------ */

/* MQTT has no refusal of a message: the connection ends instead. */
void mqtt_telemetry_take(struct mqtt_peer *peer, const struct mqtt_packet *packet,
                         const struct mqtt_bytes *bag_text)
{
        CLEANUP(bag_deinit) struct bag bag = {.count = 0};
        struct fault fault;

        bag_read(&bag, *bag_text);
        if (packet->publish.body.size + bag.size > TELEMETRY_MAX ||
            take_fault(peer, FAULT_REJECT, &fault) || take_fault(peer, FAULT_DETACH, &fault) ||
            quotas_take_message(peer->session.all->quotas, peer->hub, packet->publish.body.size,
                                *peer->core->now_ms, *peer->core->wall_ms) != QUOTA_TAKEN) {
                mqtt_peer_end(peer, false);
                return;
        }
        if (packet->publish.retain)
                add_property(&bag, "mqtt-retain", "true");
        if (!device_injection_take(&peer->session, bag.properties, bag.count))
                record(peer, &bag, &packet->publish.body);
        settle(peer, packet->id);
}

void mqtt_telemetry_will(struct mqtt_peer *peer)
{
        CLEANUP(bag_deinit) struct bag bag = {.count = 0};
        const struct mqtt_bytes topic = {.data = peer->will->topic.data,
                                         .size = peer->will->topic.size};
        const struct mqtt_bytes body = {.data = buf_text(&peer->will->body),
                                        .size = peer->will->body.size};
        struct mqtt_target target;

        mqtt_target_read(&topic, &target);
        if (target.place != MQTT_PLACE_EVENTS || body.size > TELEMETRY_MAX)
                return;
        bag_read(&bag, target.bag);
        add_property(&bag, "iothub-MessageType", "Will");
        record(peer, &bag, &body);
}
