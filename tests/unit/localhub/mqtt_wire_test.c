// SPDX-License-Identifier: MIT
/* Packets of MQTT 3.1.1, and what IoT Hub writes into user names and topics (rule W15). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "localhub/mqtt/mqtt_topic.h"

#define MAX 100000

static enum mqtt_taken take(const char *bytes, size_t size, struct mqtt_packet *packet)
{
        size_t used = 0;
        enum mqtt_taken taken = mqtt_take(bytes, size, MAX, packet, &used);

        if (taken == MQTT_WHOLE)
                assert_int_equal(used, size);
        return taken;
}

#define TAKE(bytes, packet) take(bytes, sizeof(bytes) - 1, packet)

static void assert_bytes(const struct mqtt_bytes *bytes, const char *text)
{
        assert_non_null(bytes->data);
        assert_int_equal(bytes->size, strlen(text));
        assert_memory_equal(bytes->data, text, bytes->size);
}

/* --- reading --------------------------------------------------------------------------------- */

#define CONNECT                                                                                    \
        "\x10\x1f\x00\x04MQTT\x04\xee\x00\xb4\x00\x02"                                             \
        "id\x00\x01t\x00\x02"                                                                      \
        "\xff\x00\x00\x02uu\x00\x04"                                                               \
        "p\0pp"

static void a_connect_is_taken_apart_w15(void **state)
{
        struct mqtt_packet packet;

        (void)state;
        assert_int_equal(TAKE(CONNECT, &packet), MQTT_WHOLE);
        assert_int_equal(packet.kind, MQTT_CONNECT);
        assert_true(packet.connect.is_mqtt_3_1_1);
        assert_true(packet.connect.clean_session);
        assert_int_equal(packet.connect.keep_alive_s, 180);
        assert_bytes(&packet.connect.client_id, "id");
        assert_bytes(&packet.connect.will_topic, "t");
        assert_int_equal(packet.connect.will_body.size, 2);
        assert_bytes(&packet.connect.user_name, "uu");
        assert_int_equal(packet.connect.password.size, 4);
}

static void a_part_of_a_packet_is_waited_for(void **state)
{
        struct mqtt_packet packet;
        size_t used;

        (void)state;
        for (size_t size = 0; size < sizeof(CONNECT) - 1; size++)
                assert_int_equal(mqtt_take(CONNECT, size, MAX, &packet, &used), MQTT_PARTIAL);
}

static void other_protocols_are_told_apart(void **state)
{
        struct mqtt_packet packet;

        (void)state;
        assert_int_equal(TAKE("\x10\x0a\x00\x04MQTT\x05\x00\x00\x00", &packet), MQTT_WHOLE);
        assert_false(packet.connect.is_mqtt_3_1_1);
        assert_int_equal(TAKE("\x10\x0c\x00\x06MQIsdp\x03\x00\x00\x00", &packet), MQTT_WHOLE);
        assert_false(packet.connect.is_mqtt_3_1_1);
}

static void what_is_no_packet_of_a_client_is_refused(void **state)
{
        static const struct {
                const char *bytes;
                size_t size;
        } cases[] = {
#define CASE(text) {text, sizeof(text) - 1}
                CASE("\x00\x00"),                                      /* no such kind */
                CASE("\x20\x02\x00\x00"),                              /* CONNACK */
                CASE("\xc1\x00"),                                      /* PINGREQ with flags */
                CASE("\xc0\x01\x00"),                                  /* PINGREQ with a body */
                CASE("\x80\x06\x00\x01\x00\x01\x61\x00"),              /* SUBSCRIBE without flags */
                CASE("\x82\x06\x00\x00\x00\x01\x61\x00"),              /* id 0 */
                CASE("\x82\x02\x00\x01"),                              /* no filter */
                CASE("\x82\x06\x00\x01\x00\x01\x61\x03"),              /* QoS 3 */
                CASE("\x82\x05\x00\x01\x00\x01\x61"),                  /* no QoS */
                CASE("\x82\x05\x00\x01\x00\x00\x00"),                  /* an empty filter */
                CASE("\x36\x05\x00\x01\x61\x00\x01"),                  /* PUBLISH with QoS 3 */
                CASE("\x30\x02\x00\x00"),                              /* without a topic */
                CASE("\x30\x03\x00\x05\x61"),                          /* a topic beyond the end */
                CASE("\x30\x03\x00\x01\xff"),                          /* no UTF-8 */
                CASE("\x30\x03\x00\x01\x00"),                          /* U+0000 */
                CASE("\x32\x04\x00\x01\x61\x00"),                      /* half an id */
                CASE("\x40\x02\x00\x00"),                              /* PUBACK of 0 */
                CASE("\x62\x02\x00\x01"),                              /* PUBREL */
                CASE("\x30\xff\xff\xff\xff\x01"),                      /* a length of five bytes */
                CASE("\x30\xff\xff\x7f"),                              /* more than is allowed */
                CASE("\x10\x0c\x00\x04MQTT\x04\x01\x00\x00\x00\x00"),  /* reserved flag */
                CASE("\x10\x0c\x00\x04MQTT\x04\x40\x00\x00\x00\x00"),  /* password, no user */
                CASE("\x10\x0c\x00\x04MQTT\x04\x08\x00\x00\x00\x00"),  /* QoS without a will */
                CASE("\x10\x0d\x00\x04MQTT\x04\x02\x00\x00\x00\x00x"), /* something behind it */
#undef CASE
        };
        struct mqtt_packet packet;

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                if (take(cases[i].bytes, cases[i].size, &packet) != MQTT_BROKEN)
                        fail_msg("case %zu is taken", i);
        }
}

static void filters_are_read_one_by_one(void **state)
{
        struct mqtt_packet packet;
        struct mqtt_bytes filter;
        int qos;

        (void)state;
        assert_int_equal(TAKE("\x82\x0b\x12\x34\x00\x01\x61\x01\x00\x02\x62\x63\x02", &packet),
                         MQTT_WHOLE);
        assert_int_equal(packet.id, 0x1234);
        assert_true(mqtt_next_filter(&packet, &filter, &qos));
        assert_bytes(&filter, "a");
        assert_int_equal(qos, 1);
        assert_true(mqtt_next_filter(&packet, &filter, &qos));
        assert_bytes(&filter, "bc");
        assert_int_equal(qos, 2);
        assert_false(mqtt_next_filter(&packet, &filter, &qos));
        assert_int_equal(TAKE("\xa2\x05\x00\x01\x00\x01\x61", &packet), MQTT_WHOLE);
        assert_true(mqtt_next_filter(&packet, &filter, &qos));
        assert_bytes(&filter, "a");
}

/* --- writing --------------------------------------------------------------------------------- */

static void assert_written(const struct buf *out, const char *bytes, size_t size)
{
        assert_int_equal(out->size, size);
        assert_memory_equal(out->data, bytes, size);
}

static void answers_are_as_the_standard_says(void **state)
{
        CLEANUP(buf_deinit) struct buf out = BUF_INIT;

        (void)state;
        mqtt_put_connack(&out, true, MQTT_WELCOME);
        mqtt_put_connack(&out, true, MQTT_NOT_AUTHORIZED);
        mqtt_put_suback(&out, 0x1234, (const uint8_t *)"\x01\x80", 2);
        mqtt_put_ack(&out, MQTT_PUBACK, 7);
        mqtt_put_ack(&out, MQTT_UNSUBACK, 8);
        mqtt_put_pingresp(&out);
        assert_written(&out,
                       "\x20\x02\x01\x00\x20\x02\x00\x05\x90\x04\x12\x34\x01\x80\x40\x02\x00\x07"
                       "\xb0\x02\x00\x08\xd0\x00",
                       24);
}

static void what_is_published_is_read_again(void **state)
{
        CLEANUP(buf_deinit) struct buf out = BUF_INIT;
        CLEANUP(buf_deinit) struct buf topic = BUF_INIT;
        CLEANUP(buf_deinit) struct buf long_body = BUF_INIT;
        struct mqtt_packet packet;
        struct mqtt_bytes body;

        (void)state;
        buf_add_text(&topic, "some/topic");
        for (size_t size = 0; size <= 20000; size += size < 300 ? 1 : 997) {
                body = (struct mqtt_bytes){.data = buf_text(&long_body), .size = long_body.size};
                buf_clear(&out);
                assert_true(mqtt_put_publish(&out, &topic, 9, &body));
                assert_int_equal(take(out.data, out.size, &packet), MQTT_WHOLE);
                assert_int_equal(packet.kind, MQTT_PUBLISH);
                assert_int_equal(packet.publish.qos, 1);
                assert_int_equal(packet.id, 9);
                assert_bytes(&packet.publish.topic, "some/topic");
                assert_int_equal(packet.publish.body.size, long_body.size);
                while (long_body.size <= size)
                        buf_add_char(&long_body, 'x');
        }
        while (topic.size <= UINT16_MAX)
                buf_add_char(&topic, 't');
        buf_clear(&out);
        assert_false(mqtt_put_publish(&out, &topic, 0, &body));
        assert_int_equal(out.size, 0);
}

/* --- user names ------------------------------------------------------------------------------ */

static bool read_user(const char *text, struct mqtt_user *user)
{
        const struct mqtt_bytes bytes = {.data = text, .size = strlen(text)};

        return mqtt_user_read(&bytes, user);
}

static void a_user_name_says_who_connects_w15(void **state)
{
        struct mqtt_user user;

        (void)state;
        assert_true(read_user("localhost:8883/dev1/?api-version=2021-04-12&model-id=dtmi:com:"
                              "example:Thing;1&DeviceClientType=azure%2F1",
                              &user));
        assert_string_equal(user.host, "localhost:8883");
        assert_string_equal(user.device_id, "dev1");
        assert_string_equal(user.model_id, "dtmi:com:example:Thing;1");
        assert_string_equal(user.api_version, "2021-04-12");
        assert_true(read_user("hub/dev1", &user));
        assert_string_equal(user.model_id, "");
        assert_true(read_user("hub/dev1/api-version=2016-11-14", &user));
        assert_string_equal(user.api_version, "2016-11-14");
        assert_true(read_user("hub/dev1/?model-id=dtmi%3Aa%3B1", &user));
        assert_string_equal(user.model_id, "dtmi:a;1");
}

static void other_user_names_are_refused_w15(void **state)
{
        static const char *const cases[] = {
                "",
                "hub",
                "hub/",
                "/dev1",
                "hub/dev 1/",
                "hub/dev1/module1/more/?api-version=2021-04-12",
                "hub/dev1/?api-version=0123456789012345678901234567890123456789",
                "hub/dev1/?model-id=%00"};
        struct mqtt_user user;

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                if (read_user(cases[i], &user))
                        fail_msg("'%s' is taken", cases[i]);
        }
}

/* --- topics ---------------------------------------------------------------------------------- */

static void topics_are_told_apart_w15(void **state)
{
        static const struct {
                const char *topic;
                enum mqtt_place place;
                const char *bag;
                int status;
        } cases[] = {
                {"devices/dev1/messages/events/", MQTT_PLACE_EVENTS, "", 0},
                {"devices/dev1/messages/events", MQTT_PLACE_EVENTS, "", 0},
                {"devices/dev1/messages/events/a=b&c=d", MQTT_PLACE_EVENTS, "a=b&c=d", 0},
                {"devices/dev1/messages/events/?a=b", MQTT_PLACE_EVENTS, "a=b", 0},
                {"devices/dev1/messages/eventsx", MQTT_PLACE_UNKNOWN, "", 0},
                {"devices/dev1/messages", MQTT_PLACE_UNKNOWN, "", 0},
                {"devices/", MQTT_PLACE_UNKNOWN, "", 0},
                {"$iothub/methods/res/-5/?$rid=1", MQTT_PLACE_METHODS, "$rid=1", -5},
                {"$iothub/methods/res/x/?$rid=1", MQTT_PLACE_UNKNOWN, "", 0},
                {"$iothub/methods/res/200", MQTT_PLACE_UNKNOWN, "", 0},
                {"$iothub/twin/GET/?$rid=1", MQTT_PLACE_GET, "$rid=1", 0},
                {"$iothub/twin/GET/", MQTT_PLACE_UNKNOWN, "", 0},
                {"$iothub/twin/PATCH/properties/reported/?$rid=a", MQTT_PLACE_REPORT, "$rid=a", 0},
                {"other", MQTT_PLACE_UNKNOWN, "", 0},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                const struct mqtt_bytes topic = {.data = cases[i].topic,
                                                 .size = strlen(cases[i].topic)};
                struct mqtt_target target;

                mqtt_target_read(&topic, &target);
                if (target.place != cases[i].place)
                        fail_msg("'%s' is place %d", cases[i].topic, target.place);
                if (target.place == MQTT_PLACE_UNKNOWN)
                        continue;
                assert_bytes(&target.bag, cases[i].bag);
                assert_int_equal(target.status, cases[i].status);
        }
}

static void bags_are_read_and_written_w16(void **state)
{
        static const char text[] = "%24.mid=a%20b&&key&empty=&c=d=e";
        static const char *const parts[][2] = {
                {"$.mid", "a b"}, {"key", ""}, {"empty", ""}, {"c", "d=e"}};
        struct mqtt_bytes bag = {.data = text, .size = sizeof(text) - 1};
        CLEANUP(buf_deinit) struct buf name = BUF_INIT;
        CLEANUP(buf_deinit) struct buf value = BUF_INIT;
        CLEANUP(buf_deinit) struct buf written = BUF_INIT;
        bool is_first = true;

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
                assert_true(mqtt_bag_next(&bag, &name, &value));
                assert_string_equal(buf_text(&name), parts[i][0]);
                assert_string_equal(buf_text(&value), parts[i][1]);
        }
        assert_false(mqtt_bag_next(&bag, &name, &value));
        mqtt_bag_add(&written, &is_first, "$.mid", "a/b");
        mqtt_bag_add(&written, &is_first, "key", NULL);
        mqtt_bag_add(&written, &is_first, "empty", "");
        assert_string_equal(written.data, "%24.mid=a%2Fb&key&empty=");
}

static void a_request_has_an_id(void **state)
{
        CLEANUP(buf_deinit) struct buf id = BUF_INIT;
        char text[300] = "$rid=";

        (void)state;
        assert_true(
                mqtt_bag_request_id((struct mqtt_bytes){.data = "a=b&%24rid=x1", .size = 13}, &id));
        assert_string_equal(buf_text(&id), "x1");
        assert_false(mqtt_bag_request_id((struct mqtt_bytes){.data = "$rid=", .size = 5}, &id));
        assert_false(mqtt_bag_request_id((struct mqtt_bytes){.data = "", .size = 0}, &id));
        memset(text + 5, 'x', 201);
        assert_false(mqtt_bag_request_id((struct mqtt_bytes){.data = text, .size = 206}, &id));
}

static unsigned filter_of(const char *text)
{
        const struct mqtt_bytes filter = {.data = text, .size = strlen(text)};

        return mqtt_filter_read(&filter, "dev1");
}

static void only_what_there_is_can_be_subscribed_to_w15(void **state)
{
        (void)state;
        assert_int_equal(filter_of("devices/dev1/messages/devicebound/#"),
                         MQTT_SUBSCRIBED_COMMANDS);
        assert_int_equal(filter_of("$iothub/methods/POST/#"), MQTT_SUBSCRIBED_METHODS);
        assert_int_equal(filter_of("$iothub/twin/res/#"), MQTT_SUBSCRIBED_TWIN);
        assert_int_equal(filter_of("$iothub/twin/PATCH/properties/desired/#"),
                         MQTT_SUBSCRIBED_DESIRED);
        assert_int_equal(filter_of("#"), 0);
        assert_int_equal(filter_of("devices/dev2/messages/devicebound/#"), 0);
        assert_int_equal(filter_of("devices/dev1/messages/events/#"), 0);
        assert_int_equal(filter_of("devices/dev"), 0);
}

static void a_module_subscribes_to_its_own_messages_and_inputs_w27(void **state)
{
        static const struct {
                const char *filter;
                unsigned found;
        } cases[] = {
                {"devices/dev1/modules/mod1/messages/devicebound/#", MQTT_SUBSCRIBED_COMMANDS},
                {"devices/dev1/modules/mod1/inputs/#", MQTT_SUBSCRIBED_INPUTS},
                {"devices/dev1/modules/mod1/#", MQTT_SUBSCRIBED_INPUTS},
                {"devices/dev1/modules/mod12/messages/devicebound/#", 0},
                {"devices/dev1/messages/devicebound/#", 0},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                const struct mqtt_bytes filter = {.data = cases[i].filter,
                                                  .size = strlen(cases[i].filter)};

                assert_int_equal(mqtt_filter_read(&filter, "dev1/mod1"), cases[i].found);
        }
}

/* --- provisioning ---------------------------------------------------------------------------- */

static bool read_registrant(const char *text, struct mqtt_registrant *registrant)
{
        const struct mqtt_bytes bytes = {.data = text, .size = strlen(text)};

        return mqtt_registrant_read(&bytes, registrant);
}

static void a_user_name_says_who_registers_w19(void **state)
{
        static const char *const others[] = {"",
                                             "0ne1",
                                             "0ne1/registrations",
                                             "0ne1/registrations/dev1",
                                             "0ne1/registrations/dev1/ClientVersion=1",
                                             "0ne1/registrations/dev 1/api-version=1",
                                             "/registrations/dev1/api-version=1",
                                             "0ne1/other/dev1/api-version=1",
                                             "0ne1/registrations/dev1/api-version=%00"};
        struct mqtt_registrant registrant;

        (void)state;
        assert_true(read_registrant(
                "0ne1/registrations/dev1/api-version=2019-03-31&ClientVersion=x", &registrant));
        assert_string_equal(registrant.id_scope, "0ne1");
        assert_string_equal(registrant.registration_id, "dev1");
        assert_string_equal(registrant.api_version, "2019-03-31");
        for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
                if (read_registrant(others[i], &registrant))
                        fail_msg("'%s' is taken", others[i]);
        }
}

static void what_is_asked_of_provisioning_is_read_w19(void **state)
{
        static const struct {
                const char *topic;
                const char *request_id; /* NULL = it is refused */
                const char *operation_id;
        } cases[] = {
                {"$dps/registrations/PUT/iotdps-register/?$rid=a1", "a1", ""},
                {"$dps/registrations/GET/iotdps-get-operationstatus/?$rid=2&operationId=5.b%20c",
                 "2", "5.b c"},
                {"$dps/registrations/GET/iotdps-get-operationstatus/?operationId=5&$rid=2", "2",
                 "5"},
                {"$dps/registrations/GET/iotdps-get-operationstatus/?$rid=2", NULL, NULL},
                {"$dps/registrations/PUT/iotdps-register/?$rid=", NULL, NULL},
                {"$dps/registrations/PUT/iotdps-register/", NULL, NULL},
                {"$dps/registrations/res/200/?$rid=1", NULL, NULL},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                const struct mqtt_bytes topic = {.data = cases[i].topic,
                                                 .size = strlen(cases[i].topic)};
                CLEANUP(mqtt_order_deinit) struct mqtt_order order = {.is_poll = false};

                assert_int_equal(mqtt_order_read(&topic, &order), cases[i].request_id != NULL);
                if (!cases[i].request_id)
                        continue;
                assert_string_equal(buf_text(&order.request_id), cases[i].request_id);
                assert_string_equal(buf_text(&order.operation_id), cases[i].operation_id);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_connect_is_taken_apart_w15),
                cmocka_unit_test(a_part_of_a_packet_is_waited_for),
                cmocka_unit_test(other_protocols_are_told_apart),
                cmocka_unit_test(what_is_no_packet_of_a_client_is_refused),
                cmocka_unit_test(filters_are_read_one_by_one),
                cmocka_unit_test(answers_are_as_the_standard_says),
                cmocka_unit_test(what_is_published_is_read_again),
                cmocka_unit_test(a_user_name_says_who_connects_w15),
                cmocka_unit_test(other_user_names_are_refused_w15),
                cmocka_unit_test(topics_are_told_apart_w15),
                cmocka_unit_test(bags_are_read_and_written_w16),
                cmocka_unit_test(a_request_has_an_id),
                cmocka_unit_test(only_what_there_is_can_be_subscribed_to_w15),
                cmocka_unit_test(a_module_subscribes_to_its_own_messages_and_inputs_w27),
                cmocka_unit_test(a_user_name_says_who_registers_w19),
                cmocka_unit_test(what_is_asked_of_provisioning_is_read_w19),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
