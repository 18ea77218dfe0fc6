// SPDX-License-Identifier: MIT
/* Device twins and direct methods (rule W17): what is asked and answered on topics. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "localhub/mqtt/mqtt_core.h"
#include "localhub/mqtt/mqtt_topic.h"
#include "localhub/sessions/device_twin.h"

/* --- twins ----------------------------------------------------------------------------------- */

static void answer(struct mqtt_peer *peer, const struct mqtt_bytes *bag,
                   const struct device_answer *answer)
{
        const struct mqtt_bytes body = {.data = buf_text(&answer->body), .size = answer->body.size};
        CLEANUP(buf_deinit) struct buf request_id = BUF_INIT;
        CLEANUP(buf_deinit) struct buf topic = BUF_INIT;

        if (!(peer->subscriptions & MQTT_SUBSCRIBED_TWIN))
                return;
        if (!mqtt_bag_request_id(*bag, &request_id))
                buf_clear(&request_id);
        buf_add_format(&topic, "$iothub/twin/res/%d/?$rid=", answer->status);
        text_url_escape(&topic, buf_text(&request_id));
        if (answer->version)
                buf_add_format(&topic, "&$version=%" PRId64, answer->version);
        mqtt_peer_publish(peer, &topic, 0, &body);
}

void mqtt_twin_get(struct mqtt_peer *peer, const struct mqtt_bytes *bag)
{
        struct device_answer twin = {.status = 0};

        device_twin_get(&peer->session, &twin);
        answer(peer, bag, &twin);
        buf_deinit(&twin.body);
}

void mqtt_twin_report(struct mqtt_peer *peer, const struct mqtt_bytes *bag,
                      const struct mqtt_bytes *body)
{
        struct device_answer report = {.status = 0};

        device_twin_report(&peer->session, body->data, body->size, &report);
        if (report.status == 200)
                report.status = 204;
        answer(peer, bag, &report);
        buf_deinit(&report.body);
}

/* The patch ends in its version: `"$version":7}`. */
void mqtt_twin_push(struct mqtt_peer *peer)
{
        char *patch;

        while ((patch = device_session_next_patch(&peer->session)) != NULL) {
                const struct mqtt_bytes body = {.data = patch, .size = strlen(patch)};
                const char *version = strrchr(patch, ':');
                CLEANUP(buf_deinit) struct buf topic = BUF_INIT;

                buf_add_format(&topic, "$iothub/twin/PATCH/properties/desired/?$version=%lld",
                               version ? strtoll(version + 1, NULL, 10) : 0);
                mqtt_peer_publish(peer, &topic, 0, &body);
                free(patch);
        }
}

/* --- direct methods -------------------------------------------------------------------------- */

void mqtt_methods_push(struct mqtt_peer *peer)
{
        struct device_call *call;

        while ((call = device_session_next_call(&peer->session)) != NULL) {
                const struct mqtt_bytes body = {.data = buf_text(&call->payload),
                                                .size = call->payload.size};
                CLEANUP(buf_deinit) struct buf topic = BUF_INIT;

                buf_add_format(&topic, "$iothub/methods/POST/%s/?$rid=%s", call->name, call->uuid);
                mqtt_peer_publish(peer, &topic, 0, &body);
        }
}

void mqtt_methods_answer(struct mqtt_peer *peer, int status, const struct mqtt_bytes *bag,
                         const struct mqtt_bytes *body)
{
        CLEANUP(buf_deinit) struct buf request_id = BUF_INIT;

        if (mqtt_bag_request_id(*bag, &request_id))
                device_session_answer(&peer->session, buf_text(&request_id), status, body->data,
                                      body->size);
}
