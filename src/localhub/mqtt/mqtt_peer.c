// SPDX-License-Identifier: MIT
/* One connection: its packets in, and what it is told. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "localhub/mqtt/mqtt_core.h"
#include "localhub/mqtt/mqtt_topic.h"

/* Telemetry of 256 KB and its topic; more is no packet of a device. */
#define PACKET_MAX ((size_t)512 * 1024)

void mqtt_core_init(struct mqtt_core *core)
{
        list_init(&core->peers);
}

void mqtt_peer_end(struct mqtt_peer *peer, bool in_order)
{
        peer->in_order |= in_order;
        peer->ended = true;
        stream_end(peer->stream);
}

void mqtt_peer_set_hub(struct mqtt_peer *peer, int hub)
{
        struct registry_hub known = {.id = ""};

        (void)registry_hub_get(peer->core->registry, hub, &known);
        peer->hub = hub;
        free(peer->hub_id);
        peer->hub_id = mem_text(known.id);
}

void mqtt_core_end_device(struct mqtt_core *core, int hub, const char *device_id)
{
        list_for_each (node, &core->peers) {
                struct mqtt_peer *peer = list_entry(node, struct mqtt_peer, node);

                if (peer->connected && peer->hub == hub && strcmp(peer->session.id, device_id) == 0)
                        mqtt_peer_end(peer, false);
        }
}

void mqtt_peer_publish(struct mqtt_peer *peer, const struct buf *topic, uint16_t id,
                       const struct mqtt_bytes *body)
{
        CLEANUP(buf_deinit) struct buf packet = BUF_INIT;

        if (mqtt_put_publish(&packet, topic, id, body))
                stream_write(peer->stream, packet.data, packet.size);
}

void mqtt_peer_acknowledge(struct mqtt_peer *peer, uint16_t id)
{
        CLEANUP(buf_deinit) struct buf answer = BUF_INIT;

        if (id == 0)
                return;
        mqtt_put_ack(&answer, MQTT_PUBACK, id);
        stream_write(peer->stream, answer.data, answer.size);
}

/* --- packets --------------------------------------------------------------------------------- */

/* True if events are said to be of this device, or module. */
static bool is_own(const struct mqtt_peer *peer, const struct mqtt_target *target)
{
        const char *id = peer->session.id;
        size_t size = target->device_id.size;
        const char *module = id[size < strlen(id) ? size : strlen(id)] == '/' ? id + size + 1 : "";

        return strncmp(id, target->device_id.data, size) == 0 &&
               strlen(id) == size + (module[0] != '\0') + target->module_id.size &&
               (target->module_id.size == 0 ||
                memcmp(module, target->module_id.data, target->module_id.size) == 0);
}

/* False if the client said what IoT Hub ends a connection for. */
static bool take_publish(struct mqtt_peer *peer, const struct mqtt_packet *packet)
{
        struct mqtt_target target;

        if (packet->publish.qos == 2)
                return false;
        mqtt_target_read(&packet->publish.topic, &target);
        if (target.place == MQTT_PLACE_EVENTS) {
                if (!is_own(peer, &target))
                        return false;
                mqtt_telemetry_take(peer, packet, &target.bag);
                return true;
        }
        mqtt_peer_acknowledge(peer, packet->id);
        if (target.place == MQTT_PLACE_GET)
                mqtt_twin_get(peer, &target.bag);
        else if (target.place == MQTT_PLACE_REPORT)
                mqtt_twin_report(peer, &target.bag, &packet->publish.body);
        else if (target.place == MQTT_PLACE_METHODS)
                mqtt_methods_answer(peer, target.status, &target.bag, &packet->publish.body);
        return target.place != MQTT_PLACE_UNKNOWN;
}

void mqtt_peer_subscribed(struct mqtt_peer *peer, unsigned before)
{
        unsigned changed = before ^ peer->subscriptions;

        if (changed & MQTT_SUBSCRIBED_METHODS)
                device_session_take_methods(&peer->session,
                                            peer->subscriptions & MQTT_SUBSCRIBED_METHODS);
        if (changed & MQTT_SUBSCRIBED_DESIRED)
                device_session_subscribe(&peer->session,
                                         peer->subscriptions & MQTT_SUBSCRIBED_DESIRED);
        if (changed)
                mqtt_connect_keep(peer);
        if (peer->subscriptions & ~before & MQTT_SUBSCRIBED_COMMANDS)
                mqtt_commands_push(peer);
}

static void take_subscribe(struct mqtt_peer *peer, struct mqtt_packet packet)
{
        CLEANUP(buf_deinit) struct buf codes = BUF_INIT;
        CLEANUP(buf_deinit) struct buf answer = BUF_INIT;
        unsigned before = peer->subscriptions;
        struct mqtt_bytes filter;
        int qos;

        while (mqtt_next_filter(&packet, &filter, &qos)) {
                unsigned found = mqtt_filter_read(&filter, peer->session.id);

                peer->subscriptions |= found;
                if (found == MQTT_SUBSCRIBED_COMMANDS)
                        peer->commands_at_most_once = qos == 0;
                buf_add_char(&codes, (char)(!found ? MQTT_SUBACK_REFUSED : qos > 0));
                if (!found)
                        log_info("HUB_MQTT_FILTER_REFUSED",
                                 "A device subscribes to what the hub does not have",
                                 LOG_TEXT("hub", peer->hub_id),
                                 LOG_TEXT("device", peer->session.id), LOG_END);
        }
        mqtt_put_suback(&answer, packet.id, (const uint8_t *)codes.data, codes.size);
        stream_write(peer->stream, answer.data, answer.size);
        mqtt_peer_subscribed(peer, before);
}

static void take_unsubscribe(struct mqtt_peer *peer, struct mqtt_packet packet)
{
        CLEANUP(buf_deinit) struct buf answer = BUF_INIT;
        unsigned before = peer->subscriptions;
        struct mqtt_bytes filter;
        int qos;

        while (mqtt_next_filter(&packet, &filter, &qos))
                peer->subscriptions &= ~mqtt_filter_read(&filter, peer->session.id);
        mqtt_put_ack(&answer, MQTT_UNSUBACK, packet.id);
        stream_write(peer->stream, answer.data, answer.size);
        mqtt_peer_subscribed(peer, before);
}

/* False if the connection is to be ended. */
static bool take_packet(struct mqtt_peer *peer, const struct mqtt_packet *packet)
{
        CLEANUP(buf_deinit) struct buf answer = BUF_INIT;

        if (!peer->connected && !peer->provision)
                return packet->kind == MQTT_CONNECT && mqtt_connect(peer, packet);
        mqtt_connect_heard(peer);
        if (packet->kind == MQTT_PINGREQ) {
                mqtt_put_pingresp(&answer);
                stream_write(peer->stream, answer.data, answer.size);
                return true;
        }
        if (peer->provision)
                return mqtt_provision_take(peer, packet);
        switch (packet->kind) {
        case MQTT_PUBLISH:
                return take_publish(peer, packet);
        case MQTT_PUBACK:
                mqtt_commands_acknowledged(peer, packet->id);
                return true;
        case MQTT_SUBSCRIBE:
                take_subscribe(peer, *packet);
                return true;
        case MQTT_UNSUBSCRIBE:
                take_unsubscribe(peer, *packet);
                return true;
        case MQTT_DISCONNECT:
                mqtt_peer_end(peer, true);
                return true;
        default: /* a second CONNECT */
                return false;
        }
}

/* Takes whole packets; returns how many bytes they had. */
static size_t take_packets(struct mqtt_peer *peer, const char *bytes, size_t size)
{
        size_t taken = 0;

        while (taken < size && !peer->ended) {
                struct mqtt_packet packet;
                size_t used = 0;

                switch (mqtt_take(bytes + taken, size - taken, PACKET_MAX, &packet, &used)) {
                case MQTT_PARTIAL:
                        return taken;
                case MQTT_WHOLE:
                        taken += used;
                        if (take_packet(peer, &packet))
                                break;
                        mqtt_peer_end(peer, false);
                        return taken;
                case MQTT_BROKEN:
                        log_info("HUB_MQTT_BROKEN", "A client sent what is no packet of MQTT 3.1.1",
                                 LOG_TEXT("hub", peer->hub_id), LOG_TEXT("connection", peer->id),
                                 LOG_END);
                        mqtt_peer_end(peer, false);
                        return taken;
                }
        }
        return taken;
}

/* --- the stream ------------------------------------------------------------------------------ */

static void *on_opened(void *context, struct stream *stream, int hub)
{
        struct mqtt_core *core = context;
        struct mqtt_peer *peer = mem_new(1, sizeof(*peer));
        struct fault fault;

        peer->core = core;
        peer->stream = stream;
        mqtt_peer_set_hub(peer, hub);
        peer->opened_ms = *core->wall_ms;
        list_init(&peer->inflight);
        list_init(&peer->slow);
        peer->number = ++*core->last_number;
        snprintf(peer->id, sizeof(peer->id), "connection-%llu", (unsigned long long)peer->number);
        list_push_back(&core->peers, &peer->node);
        if (faults_apply(core->faults, FAULT_CONNECT, peer->hub_id, "", &fault))
                stream_cut(stream);
        return peer;
}

static void on_received(void *context, const char *bytes, size_t size)
{
        struct mqtt_peer *peer = context;
        size_t taken;

        if (peer->ended)
                return;
        if (peer->in.size == 0) {
                taken = take_packets(peer, bytes, size);
                buf_add(&peer->in, bytes + taken, size - taken);
                if (peer->in.size == 0)
                        buf_deinit(&peer->in);
                return;
        }
        buf_add(&peer->in, bytes, size);
        taken = take_packets(peer, peer->in.data, peer->in.size);
        peer->in.size -= taken;
        memmove(peer->in.data, peer->in.data + taken, peer->in.size);
        if (peer->in.size == 0)
                buf_deinit(&peer->in);
}

static void on_woken(void *context)
{
        struct mqtt_peer *peer = context;
        unsigned work = peer->work;

        peer->work = 0;
        if (!peer->connected || peer->ended)
                return;
        if (work & 1U << DEVICE_WORK_COMMANDS)
                mqtt_commands_push(peer);
        if (work & 1U << DEVICE_WORK_METHODS)
                mqtt_methods_push(peer);
        if (work & 1U << DEVICE_WORK_TWIN)
                mqtt_twin_push(peer);
}

static void on_ended(void *context)
{
        struct mqtt_peer *peer = context;

        if (peer->connected)
                mqtt_connect_end(peer);
        mqtt_provision_end(peer);
        list_remove(&peer->core->peers, &peer->node);
        buf_deinit(&peer->in);
        free(peer->hub_id);
        free(peer);
}

struct stream_protocol mqtt_stream_protocol(struct mqtt_core *core)
{
        return (struct stream_protocol){
                .opened = on_opened,
                .received = on_received,
                .woken = on_woken,
                .ended = on_ended,
                .context = core,
        };
}
