// SPDX-License-Identifier: MIT
/* Events on disk, their device key, and the helpers around events and telemetry. */
#include "networks/event_record.h"
#include "unit/networks/support.h"

static struct event full_event(void)
{
        struct event event = {
                .network = network_by_name("things-stack")->name,
                .kind = EVENT_DOWNLINK_FAILED,
                .message_id = "0f6ad3a2-9a4c-5b5e-8f2e-1c2d3e4f5a6b",
                .duplicate_window_ms = 86400000,
                .application = mem_text("app \"1\" \xc3\xa9\n"),
                .device = mem_text("dev/1"),
                .dev_eui = mem_text("70B3D57ED0048A11"),
                .time_ns = INT64_C(1714979289204561234),
                .port = 255,
                .simulated = true,
                .encrypted = true,
                .payload = mem_text("AWcBEA=="),
                .decoded = mem_text("{\"t\":1.50,\"n\":12345678901234567890123}"),
                .details = mem_text("{\"a\":[null,{\"b\":\"\\u0000\"}]}"),
        };

        return event;
}

static void assert_same(const struct event *a, const struct event *b)
{
        CLEANUP(buf_deinit) struct buf one = BUF_INIT;
        CLEANUP(buf_deinit) struct buf other = BUF_INIT;

        event_encode(a, &one);
        event_encode(b, &other);
        assert_string_equal(one.data, other.data);
}

static void a_record_is_json_that_people_can_read(void **state)
{
        struct event event = full_event();
        CLEANUP(buf_deinit) struct buf record = BUF_INIT;

        (void)state;
        event_encode(&event, &record);
        assert_string_equal(
                record.data,
                "{\"version\":1,\"network\":\"things-stack\",\"kind\":\"downlink_failed\","
                "\"message_id\":\"0f6ad3a2-9a4c-5b5e-8f2e-1c2d3e4f5a6b\","
                "\"duplicate_window_ms\":86400000,"
                "\"application\":\"app \\\"1\\\" \xc3\xa9\\u000a\",\"device\":\"dev/1\","
                "\"dev_eui\":\"70B3D57ED0048A11\",\"time\":\"2024-05-06T07:08:09.204561234Z\","
                "\"port\":255,\"simulated\":true,\"encrypted\":true,\"payload\":\"AWcBEA==\","
                "\"decoded\":{\"t\":1.50,\"n\":12345678901234567890123},"
                "\"details\":{\"a\":[null,{\"b\":\"\\u0000\"}]}}");
        event_deinit(&event);
}

static void what_is_read_is_what_was_written(void **state)
{
        struct event event = full_event();
        struct event again;
        struct reason reason = REASON_INIT;
        CLEANUP(buf_deinit) struct buf record = BUF_INIT;

        (void)state;
        event_encode(&event, &record);
        assert_int_equal(event_decode(record.data, record.size, &again, &reason), 0);
        assert_same(&event, &again);
        assert_ptr_equal(again.network, event.network);
        assert_true(again.time_ns == event.time_ns);
        assert_string_equal(again.decoded, event.decoded);
        assert_string_equal(again.details, event.details);
        event_deinit(&again);
        event_deinit(&event);
}

static void what_a_webhook_says_of_its_device_is_kept(void **state)
{
        struct event event = full_event();
        struct event again;
        struct reason reason = REASON_INIT;
        CLEANUP(buf_deinit) struct buf record = BUF_INIT;

        (void)state;
        event.application_name = mem_text("Orchard");
        event.attributes = mem_new(1, sizeof(*event.attributes));
        *event.attributes = (struct device_attributes){.model_id = mem_text("dtmi:x:soil;1"),
                                                       .integration = INTEGRATION_OFF,
                                                       .device_class = DEVICE_CLASS_C};
        event_encode(&event, &record);
        assert_int_equal(event_decode(record.data, record.size, &again, &reason), 0);
        assert_string_equal(again.application_name, "Orchard");
        assert_non_null(again.attributes);
        assert_true(device_attributes_equal(again.attributes, event.attributes));
        event_deinit(&again);
        event_deinit(&event);
}

static void absent_members_stay_absent(void **state)
{
        struct event event = {.network = network_by_name("myriota")->name,
                              .message_id = "0f6ad3a2-9a4c-5b5e-8f2e-1c2d3e4f5a6b",
                              .application = mem_text("a"),
                              .device = mem_text("d")};
        struct event again;
        struct reason reason = REASON_INIT;
        CLEANUP(buf_deinit) struct buf record = BUF_INIT;

        (void)state;
        event_encode(&event, &record);
        assert_int_equal(event_decode(record.data, record.size, &again, &reason), 0);
        assert_null(again.dev_eui);
        assert_null(again.payload);
        assert_null(again.decoded);
        assert_null(again.details);
        assert_null(again.attributes);
        assert_null(again.application_name);
        assert_false(again.simulated);
        assert_false(again.encrypted);
        assert_true(again.duplicate_window_ms == 0 && again.time_ns == 0);
        event_deinit(&again);
        event_deinit(&event);
}

#define RECORD(version, network, kind, id, time, port)                                             \
        "{\"version\":" version ",\"network\":\"" network "\",\"kind\":\"" kind                    \
        "\",\"message_id\":\"" id "\",\"application\":\"a\",\"device\":\"d\",\"time\":\"" time     \
        "\",\"port\":" port "}"
#define ID   "0f6ad3a2-9a4c-5b5e-8f2e-1c2d3e4f5a6b"
#define TIME "2024-05-06T07:08:09.000Z"

static void records_that_are_none_are_refused_with_a_reason(void **state)
{
        static const char *const rows[][2] = {
                {"", "the stored event can't be read"},
                {"[]", "version"},
                {"{", "the stored event can't be read"},
                {"{}", "has not version 1"},
                {RECORD("2", "myriota", "uplink_message", ID, TIME, "1"), "has not version 1"},
                {RECORD("\"x\"", "myriota", "uplink_message", ID, TIME, "1"), "version"},
                {RECORD("1", "sigfox", "uplink_message", ID, TIME, "1"), "network"},
                {RECORD("1", "myriota", "uplink", ID, TIME, "1"), "kind"},
                {RECORD("1", "myriota", "uplink_message", "1", TIME, "1"), "message_id"},
                {RECORD("1", "myriota", "uplink_message", ID, "now", "1"), "time"},
                {RECORD("1", "myriota", "uplink_message", ID, TIME, "256"), "port"},
                {RECORD("1", "myriota", "uplink_message", ID, TIME, "-1"), "port"},
                {RECORD("1", "myriota", "uplink_message", ID, TIME, "null"), "port"},
                {"{\"version\":1,\"network\":\"myriota\",\"kind\":\"uplink_message\","
                 "\"message_id\":\"" ID "\",\"device\":\"d\"}",
                 "application"},
                {"{\"version\":1,\"network\":\"myriota\",\"kind\":\"uplink_message\","
                 "\"message_id\":\"" ID "\",\"application\":\"a\",\"device\":5}",
                 "device"},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                struct event event;
                struct reason reason = REASON_INIT;

                assert_int_equal(event_decode(rows[i][0], strlen(rows[i][0]), &event, &reason), 1);
                if (!strstr(reason.text, rows[i][1]))
                        fail_msg("\"%s\" is not in: %s", rows[i][1], reason.text);
                event_deinit(&event);
        }
}

static void newer_members_are_no_trouble(void **state)
{
        static const char record[] =
                "{\"later\":[1],\"version\":1,\"network\":\"myriota\",\"kind\":\"uplink_message\","
                "\"message_id\":\"" ID "\",\"application\":\"a\",\"device\":\"d\",\"time\":\"" TIME
                "\",\"port\":0,\"decoded\":[1],\"details\":5,\"payload\":7}";
        struct event event;
        struct reason reason = REASON_INIT;

        (void)state;
        assert_int_equal(event_decode(record, strlen(record), &event, &reason), 0);
        assert_null(event.decoded);
        assert_null(event.details);
        assert_null(event.payload);
        event_deinit(&event);
}

static void the_device_key_escapes_every_part(void **state)
{
        struct event event = full_event();
        CLEANUP(buf_deinit) struct buf key = BUF_INIT;

        (void)state;
        event_device_key(&event, &key);
        assert_string_equal(key.data, "things-stack/app%20%221%22%20%C3%A9%0A/dev%2F1");
        event_deinit(&event);
}

static void a_lane_has_no_application_where_ids_are_unique(void **state)
{
        static const char *const rows[][2] = {
                {"things-stack/app/dev", "things-stack/app/dev"},
                {"myriota/app/0042", "myriota//0042"},
                {"myriota//0042", "myriota//0042"},
                {"myriota/0042", "myriota/0042"},
                {"unknown/app/dev", "unknown/app/dev"},
                {"", ""},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                CLEANUP(buf_deinit) struct buf lane = BUF_INIT;

                event_lane_key(rows[i][0], &lane);
                assert_string_equal(buf_text(&lane), rows[i][1]);
        }
}

static void kinds_have_the_names_of_the_stack(void **state)
{
        (void)state;
        assert_string_equal(event_kind_name(EVENT_UPLINK), "uplink_message");
        assert_string_equal(event_kind_name(EVENT_DOWNLINK_QUEUE_INVALIDATED),
                            "downlink_queue_invalidated");
        for (int i = 0; i < EVENT_KIND_COUNT; i++)
                assert_non_null(event_kind_name((enum event_kind)i));
}

static void a_property_that_is_there_gets_the_new_value(void **state)
{
        struct telemetry telemetry = TELEMETRY_INIT;

        (void)state;
        telemetry_set_property(&telemetry, "a", "1");
        telemetry_set_property(&telemetry, "b", "2");
        telemetry_set_property(&telemetry, "a", "3");
        assert_int_equal(telemetry.property_count, 2);
        assert_string_equal(telemetry.properties[0].name, "a");
        assert_string_equal(telemetry.properties[0].value, "3");
        assert_string_equal(telemetry.properties[1].value, "2");
        telemetry_deinit(&telemetry);
        assert_int_equal(telemetry.property_count, 0);
}

static void many_properties_stay_what_they_are(void **state)
{
        struct telemetry telemetry = TELEMETRY_INIT;
        char name[16];
        char value[128];

        (void)state;
        for (int round = 0; round < 2; round++) {
                for (int i = 0; i < 40; i++) {
                        snprintf(name, sizeof(name), "n%d", i);
                        snprintf(value, sizeof(value), "%0100d", i + round);
                        telemetry_set_property(&telemetry, name, value);
                }
                telemetry_set_property(&telemetry, "n0", "again");
                assert_int_equal(telemetry.property_count, 40);
                assert_string_equal(telemetry.properties[0].value, "again");
                for (int i = 1; i < 40; i++) {
                        snprintf(name, sizeof(name), "n%d", i);
                        snprintf(value, sizeof(value), "%0100d", i + round);
                        assert_string_equal(telemetry.properties[i].name, name);
                        assert_string_equal(telemetry.properties[i].value, value);
                }
                telemetry_clear(&telemetry);
                assert_int_equal(telemetry.property_count, 0);
        }
        telemetry_deinit(&telemetry);
}

static void networks_are_found_by_name_and_path(void **state)
{
        const char *rest = NULL;

        (void)state;
        assert_null(network_by_name("sigfox"));
        assert_null(network_by_name(""));
        for (size_t i = 0; networks[i]; i++) {
                CLEANUP(mem_cleanup) char *below = mem_format("%s//a/b", networks[i]->route);
                CLEANUP(mem_cleanup) char *beside = mem_format("%sx", networks[i]->route);

                assert_ptr_equal(network_by_name(networks[i]->name), networks[i]);
                assert_ptr_equal(network_by_path(networks[i]->route, &rest), networks[i]);
                assert_string_equal(rest, "");
                assert_ptr_equal(network_by_path(below, &rest), networks[i]);
                assert_string_equal(rest, "a/b");
                assert_null(network_by_path(beside, &rest));
                assert_null(network_by_path(networks[i]->route + 1, &rest));
        }
        assert_null(network_by_path("", &rest));
        assert_null(network_by_path("/", &rest));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_record_is_json_that_people_can_read),
                cmocka_unit_test(what_is_read_is_what_was_written),
                cmocka_unit_test(what_a_webhook_says_of_its_device_is_kept),
                cmocka_unit_test(absent_members_stay_absent),
                cmocka_unit_test(records_that_are_none_are_refused_with_a_reason),
                cmocka_unit_test(newer_members_are_no_trouble),
                cmocka_unit_test(the_device_key_escapes_every_part),
                cmocka_unit_test(a_lane_has_no_application_where_ids_are_unique),
                cmocka_unit_test(kinds_have_the_names_of_the_stack),
                cmocka_unit_test(a_property_that_is_there_gets_the_new_value),
                cmocka_unit_test(many_properties_stay_what_they_are),
                cmocka_unit_test(networks_are_found_by_name_and_path),
        };

        return cmocka_run_group_tests_name("event", tests, NULL, NULL);
}
