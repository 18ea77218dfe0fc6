// SPDX-License-Identifier: MIT
/*
 * Provisioning over MQTT (rule W19): requests on topics become requests of the provisioning
 * service's HTTPS protocol, whose answers become publications.
 */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "localhub/mqtt/mqtt_core.h"
#include "localhub/mqtt/mqtt_topic.h"
#include "localhub/provision/provision_request.h"
#include "localhub/streams/stream_request.h"

#define RESPONSES "$dps/registrations/res/#"

/* Requests that are not answered yet; a client needs one. */
#define REQUESTS_MAX 8

struct mqtt_provision {
        struct mqtt_registrant registrant;
        char *token;
        struct list requests;
        bool subscribed;
};

struct request {
        struct list_node node;
        struct mqtt_peer *peer; /* NULL = it is gone */
        struct buf id;          /* `$rid` */
};

/* --- CONNECT --------------------------------------------------------------------------------- */

bool mqtt_provision_connect(struct mqtt_peer *peer, const struct mqtt_connect *connect)
{
        CLEANUP(buf_deinit) struct buf answer = BUF_INIT;
        struct mqtt_registrant registrant;
        enum mqtt_refusal code = MQTT_WELCOME;

        if (!peer->core->provisioning || !mqtt_registrant_read(&connect->user_name, &registrant))
                return false;
        if (connect->client_id.size != strlen(registrant.registration_id) ||
            memcmp(connect->client_id.data, registrant.registration_id, connect->client_id.size) !=
                    0)
                code = MQTT_WRONG_CLIENT_ID;
        else if (!provision_is_line(connect->password.data, connect->password.size) &&
                 !(connect->password.size == 0 && stream_chain(peer->stream)))
                code = MQTT_NOT_AUTHORIZED;
        mqtt_put_connack(&answer, false, code);
        stream_write(peer->stream, answer.data, answer.size);
        if (code != MQTT_WELCOME) {
                mqtt_peer_end(peer, true);
                return true;
        }
        peer->provision = mem_new(1, sizeof(*peer->provision));
        peer->provision->registrant = registrant;
        peer->provision->token = mem_text_n(connect->password.data, connect->password.size);
        list_init(&peer->provision->requests);
        stream_is_known(peer->stream);
        mqtt_connect_start_silence(peer, connect->keep_alive_s);
        return true;
}

void mqtt_provision_end(struct mqtt_peer *peer)
{
        struct mqtt_provision *provision = peer->provision;
        struct list_node *node;

        if (!provision)
                return;
        while ((node = list_pop_front(&provision->requests)) != NULL)
                list_entry(node, struct request, node)->peer = NULL;
        timers_stop(peer->core->timers, &peer->keep_alive);
        mem_wipe(provision->token, strlen(provision->token));
        free(provision->token);
        free(provision);
        peer->provision = NULL;
}

/* --- requests -------------------------------------------------------------------------------- */

static void publish(struct mqtt_peer *peer, const struct buf *id,
                    const struct stream_answer *answer)
{
        const struct mqtt_bytes body = {.data = answer->body, .size = answer->size};
        CLEANUP(buf_deinit) struct buf topic = BUF_INIT;

        if (!peer->provision->subscribed)
                return;
        buf_add_format(&topic, "$dps/registrations/res/%d/?$rid=", answer->status);
        text_url_escape(&topic, buf_text(id));
        if (answer->retry_after_s > 0)
                buf_add_format(&topic, "&retry-after=%d", answer->retry_after_s);
        mqtt_peer_publish(peer, &topic, 0, &body);
}

static void answered(void *context, const struct stream_answer *answer)
{
        struct request *request = context;

        if (request->peer) {
                list_remove(&request->peer->provision->requests, &request->node);
                publish(request->peer, &request->id, answer);
        }
        buf_deinit(&request->id);
        free(request);
}

static void ask(struct mqtt_peer *peer, const struct mqtt_order *order,
                const struct mqtt_bytes *body)
{
        const struct mqtt_registrant *registrant = &peer->provision->registrant;
        struct request *request = mem_new(1, sizeof(*request));
        CLEANUP(buf_wipe) struct buf text = BUF_INIT;

        request->peer = peer;
        buf_add(&request->id, order->request_id.data, order->request_id.size);
        list_push_back(&peer->provision->requests, &request->node);
        provision_request_write(
                &text,
                &(struct provision_request){
                        .id_scope = registrant->id_scope,
                        .registration_id = registrant->registration_id,
                        .api_version = registrant->api_version,
                        .token = peer->provision->token,
                        .operation_id = order->is_poll ? buf_text(&order->operation_id) : NULL,
                        .body = body->data,
                        .body_size = body->size});
        stream_request(peer->stream, peer->core->provisioning, &text, answered, request);
}

static bool take_publish(struct mqtt_peer *peer, const struct mqtt_packet *packet)
{
        CLEANUP(mqtt_order_deinit) struct mqtt_order order = {.is_poll = false};

        if (packet->publish.qos == 2 || !mqtt_order_read(&packet->publish.topic, &order) ||
            peer->provision->requests.count >= REQUESTS_MAX)
                return false;
        mqtt_peer_acknowledge(peer, packet->id);
        ask(peer, &order, &packet->publish.body);
        return true;
}

static void take_filters(struct mqtt_peer *peer, struct mqtt_packet packet)
{
        CLEANUP(buf_deinit) struct buf codes = BUF_INIT;
        CLEANUP(buf_deinit) struct buf answer = BUF_INIT;
        struct mqtt_bytes filter;
        int qos;

        while (mqtt_next_filter(&packet, &filter, &qos)) {
                bool known = filter.size == strlen(RESPONSES) &&
                             memcmp(filter.data, RESPONSES, filter.size) == 0;

                if (known)
                        peer->provision->subscribed = packet.kind == MQTT_SUBSCRIBE;
                buf_add_char(&codes, (char)(!known ? MQTT_SUBACK_REFUSED : qos > 0));
        }
        if (packet.kind == MQTT_SUBSCRIBE)
                mqtt_put_suback(&answer, packet.id, (const uint8_t *)codes.data, codes.size);
        else
                mqtt_put_ack(&answer, MQTT_UNSUBACK, packet.id);
        stream_write(peer->stream, answer.data, answer.size);
}

bool mqtt_provision_take(struct mqtt_peer *peer, const struct mqtt_packet *packet)
{
        switch (packet->kind) {
        case MQTT_PUBLISH:
                return take_publish(peer, packet);
        case MQTT_SUBSCRIBE:
        case MQTT_UNSUBSCRIBE:
                take_filters(peer, *packet);
                return true;
        case MQTT_PUBACK:
                return true;
        default: /* DISCONNECT, a second CONNECT */
                return false;
        }
}
