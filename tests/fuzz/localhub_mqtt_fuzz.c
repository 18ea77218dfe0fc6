// SPDX-License-Identifier: MIT
/* Packets of MQTT from a client: taken apart, with the user names, topics and bags in them. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "fuzz/fuzz.h"
#include "localhub/mqtt/mqtt_topic.h"

static void read_bag(struct mqtt_bytes bag)
{
        CLEANUP(buf_deinit) struct buf name = BUF_INIT;
        CLEANUP(buf_deinit) struct buf value = BUF_INIT;
        size_t before = bag.size;

        (void)mqtt_bag_request_id(bag, &value);
        while (mqtt_bag_next(&bag, &name, &value)) {
                if (bag.size >= before || name.size + value.size > before)
                        abort();
                before = bag.size;
        }
}

static void read_packet(struct mqtt_packet *packet)
{
        struct mqtt_target target;
        struct mqtt_bytes filter;
        CLEANUP(mqtt_order_deinit) struct mqtt_order order = {.is_poll = false};
        struct mqtt_registrant registrant;
        struct mqtt_user user;
        int qos;

        if (packet->kind == MQTT_CONNECT) {
                (void)mqtt_user_read(&packet->connect.user_name, &user);
                (void)mqtt_registrant_read(&packet->connect.user_name, &registrant);
        } else if (packet->kind == MQTT_PUBLISH) {
                mqtt_target_read(&packet->publish.topic, &target);
                if (target.place != MQTT_PLACE_UNKNOWN)
                        read_bag(target.bag);
                if (mqtt_order_read(&packet->publish.topic, &order) && order.request_id.size == 0)
                        abort();
        } else if (packet->kind == MQTT_SUBSCRIBE || packet->kind == MQTT_UNSUBSCRIBE) {
                while (mqtt_next_filter(packet, &filter, &qos))
                        (void)mqtt_filter_read(&filter, "dev1");
                if (packet->filters.size > 0)
                        abort(); /* it was checked as a whole */
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
        const char *at = (const char *)bytes;
        struct mqtt_packet packet;
        size_t used;

        while (mqtt_take(at, size, 65536, &packet, &used) == MQTT_WHOLE) {
                if (used == 0 || used > size)
                        abort();
                read_packet(&packet);
                at += used;
                size -= used;
        }
        return 0;
}
