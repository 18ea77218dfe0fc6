// SPDX-License-Identifier: MIT
/* The Things Stack: what is not an uplink, and the ids of all. */
#include "unit/networks/support.h"

#define IDS                                                                                        \
        "\"end_device_ids\":{\"device_id\":\"dev-1\",\"application_ids\":{\"application_id\":"     \
        "\"app-1\"}}"
#define MESSAGE(kind, body, more)                                                                  \
        "{" IDS ",\"received_at\":\"2024-05-06T07:08:09.4Z\"" more ",\"" kind "\":{" body "}}"

static struct trial parse(const char *body)
{
        struct trial trial = trial_text("things-stack", body);

        assert_int_equal(trial.result, 0);
        assert_int_equal(trial.events.count, 1);
        return trial;
}

static void assert_details(const char *body, enum event_kind kind, const char *details)
{
        struct trial trial = parse(body);

        assert_int_equal(trial.events.events[0].kind, kind);
        assert_string_equal(trial.events.events[0].details, details);
        trial_deinit(&trial);
}

static void every_kind_is_taken_and_told_by_name(void **state)
{
        (void)state;
        for (int kind = EVENT_JOIN_ACCEPT; kind <= EVENT_DOWNLINK_QUEUE_INVALIDATED; kind++) {
                const char *name = event_kind_name((enum event_kind)kind);
                CLEANUP(mem_cleanup) char *body = mem_format("{" IDS ",\"%s\":{}}", name);
                struct trial trial = parse(body);
                struct json_object *telemetry =
                        trial_telemetry(&trial, NULL, (struct telemetry_options){0});

                assert_int_equal(trial.events.events[0].kind, kind);
                assert_string_equal(json_text_member(telemetry, "Event"), name);
                assert_string_equal(trial_property(&trial, "Event"), name);
                assert_non_null(json_object_member(telemetry, name));
                assert_null(trial_property(&trial, "port"));
                trial_deinit(&trial);
        }
}

static void telemetry_of_an_event(void **state)
{
        struct trial trial = parse(MESSAGE("downlink_ack", "\"f_port\":10,\"confirmed\":true", ""));

        (void)state;
        trial_telemetry(&trial, NULL, (struct telemetry_options){0});
        assert_string_equal(trial.telemetry.body.data,
                            "{\"ApplicationID\":\"app-1\",\"DeviceID\":\"dev-1\",\"Port\":10,"
                            "\"Simulated\":false,\"ReceivedAtUtc\":\"2024-05-06T07:08:09.400Z\","
                            "\"Event\":\"downlink_ack\",\"downlink_ack\":{\"f_port\":10,"
                            "\"confirmed\":true,\"correlation_ids\":[]}}");
        assert_string_equal(trial_property(&trial, "port"), "10");
        trial_deinit(&trial);
}

static void u5_join_time_is_the_inner_one(void **state)
{
        struct trial trial =
                parse(MESSAGE("join_accept", "\"received_at\":\"2024-05-06T07:08:01Z\"", ""));

        (void)state;
        assert_true(trial.events.events[0].time_ns == INT64_C(1714979281000000000));
        trial_deinit(&trial);
}

static void session_keys_are_not_kept(void **state)
{
        (void)state;
        assert_details(MESSAGE("join_accept", "\"app_s_key\":{\"key\":\"AA==\"},\"x\":1", ""),
                       EVENT_JOIN_ACCEPT, "{\"x\":1}");
}

static void normalized_keeps_the_measurement_only(void **state)
{
        struct trial trial =
                parse(MESSAGE("uplink_normalized",
                              "\"f_port\":3,\"frm_payload\":\"AQ==\",\"rx_metadata\":[{}],"
                              "\"normalized_payload\":{\"air\":{\"temperature\":22.6}},"
                              "\"normalized_payload_warnings\":[\"w\"],\"settings\":{}",
                              ""));
        const struct event *event = &trial.events.events[0];

        (void)state;
        assert_int_equal(event->kind, EVENT_UPLINK_NORMALIZED);
        assert_int_equal(event->port, 3);
        assert_string_equal(event->payload, "AQ==");
        assert_string_equal(event->details,
                            "{\"normalized_payload\":{\"air\":{\"temperature\":22.6}},"
                            "\"normalized_payload_warnings\":[\"w\"]}");
        trial_deinit(&trial);
}

static void e1_ids_are_the_union_of_nested_and_outer(void **state)
{
        (void)state;
        assert_details(MESSAGE("downlink_sent", "\"correlation_ids\":[\"a\",\"b\"]",
                               ",\"correlation_ids\":[\"b\",\"c\",5,null]"),
                       EVENT_DOWNLINK_SENT,
                       "{\"correlation_ids\":[\"a\",\"b\",\"c\"],\"confirmed\":false}");
        assert_details(
                MESSAGE("downlink_queued", "\"confirmed\":true", ",\"correlation_ids\":[\"c\"]"),
                EVENT_DOWNLINK_QUEUED, "{\"confirmed\":true,\"correlation_ids\":[\"c\"]}");
        assert_details(MESSAGE("downlink_queue_invalidated",
                               "\"downlinks\":[{\"correlation_ids\":[\"a\"]},7,"
                               "{\"correlation_ids\":[\"b\",\"a\"]},{\"correlation_ids\":\"x\"}]",
                               ""),
                       EVENT_DOWNLINK_QUEUE_INVALIDATED,
                       "{\"downlinks\":[{\"correlation_ids\":[\"a\"]},7,{\"correlation_ids\":["
                       "\"b\",\"a\"]},{\"correlation_ids\":\"x\"}],\"correlation_ids\":[\"a\","
                       "\"b\"]}");
}

static void e3_failed_reads_the_nested_downlink(void **state)
{
        struct trial trial = parse(MESSAGE(
                "downlink_failed",
                "\"downlink\":{\"f_port\":7,\"confirmed\":true,\"correlation_ids\":[\"a\"]},"
                "\"error\":{\"name\":\"too_long\",\"message_format\":\"{n} of `{max}`, {odd} {\","
                "\"attributes\":{\"n\":70,\"max\":\"53\"}}",
                ",\"correlation_ids\":[\"b\"]"));
        CLEANUP(json_cleanup)
        struct json_object *details =
                json_parse(trial.events.events[0].details, strlen(trial.events.events[0].details),
                           9, JSON_STRICT, NULL);
        CLEANUP(buf_deinit) struct buf ids = BUF_INIT;

        (void)state;
        assert_int_equal(trial.events.events[0].port, 7);
        assert_true(json_bool_member(details, "confirmed", false));
        assert_string_equal(json_text_member(details, "error_name"), "too_long");
        assert_string_equal(json_text_member(details, "error_message"), "70 of `53`, {odd} {");
        json_write(&ids, json_member(details, "correlation_ids"));
        assert_string_equal(buf_text(&ids), "[\"a\",\"b\"]");
        assert_non_null(json_object_member(details, "downlink"));
        trial_deinit(&trial);
}

static void e3_failed_with_odd_types_is_no_trouble(void **state)
{
        (void)state;
        assert_details(MESSAGE("downlink_failed", "\"downlink\":5,\"error\":[]", ""),
                       EVENT_DOWNLINK_FAILED,
                       "{\"downlink\":5,\"error\":[],\"confirmed\":false,\"correlation_ids\":[]}");
        assert_details(MESSAGE("downlink_failed",
                               "\"error\":{\"name\":{},\"message_format\":\"{a}\","
                               "\"attributes\":3}",
                               ""),
                       EVENT_DOWNLINK_FAILED,
                       "{\"error\":{\"name\":{},\"message_format\":\"{a}\",\"attributes\":3},"
                       "\"error_message\":\"{a}\",\"confirmed\":false,\"correlation_ids\":[]}");
}

static void e1_no_id_of_a_long_queue_is_lost(void **state)
{
        CLEANUP(buf_deinit) struct buf body = BUF_INIT;
        CLEANUP(json_cleanup) struct json_object *details = NULL;
        struct json_object *ids;
        struct trial trial;

        (void)state;
        buf_add_text(&body, "{" IDS ",\"downlink_queue_invalidated\":{\"downlinks\":[0");
        for (int i = 0; i < 10000; i++)
                buf_add_format(&body, ",{\"correlation_ids\":[\"id-%d\",\"all\"]}", i);
        buf_add_text(&body, "]}}");
        trial = parse(body.data);
        details = json_parse(trial.events.events[0].details, strlen(trial.events.events[0].details),
                             9, JSON_STRICT, NULL);
        ids = json_member(details, "correlation_ids");
        assert_int_equal(json_object_array_length(ids), 10001);
        assert_string_equal(json_object_get_string(json_object_array_get_idx(ids, 10000)),
                            "id-9999");
        trial_deinit(&trial);
}

/* A message that repeats its attributes could grow beyond all bounds. */
static void long_error_messages_are_cut(void **state)
{
        CLEANUP(buf_deinit) struct buf body = BUF_INIT;
        struct trial trial;

        (void)state;
        buf_add_text(&body, "{" IDS ",\"downlink_failed\":{\"error\":{\"attributes\":{\"a\":\"");
        for (int i = 0; i < 1000; i++)
                buf_add_char(&body, 'a');
        buf_add_text(&body, "\"},\"message_format\":\"");
        for (int i = 0; i < 10000; i++)
                buf_add_text(&body, "{a}");
        buf_add_text(&body, "\"}}}");
        trial = parse(body.data);
        assert_true(strlen(trial.events.events[0].details) < body.size + 4000);
        trial_deinit(&trial);
}

/* --- ids -------------------------------------------------------------------------------- */

static void id_of(const char *body, char id[CRYPTO_UUID_SIZE])
{
        struct trial trial = parse(body);

        assert_int_equal(strlen(trial.events.events[0].message_id), CRYPTO_UUID_SIZE - 1);
        memcpy(id, trial.events.events[0].message_id, CRYPTO_UUID_SIZE);
        trial_deinit(&trial);
}

static void assert_ids(const char *one, const char *other, bool same)
{
        char a[CRYPTO_UUID_SIZE];
        char b[CRYPTO_UUID_SIZE];

        id_of(one, a);
        id_of(other, b);
        if ((strcmp(a, b) == 0) != same)
                fail_msg("%s\n%s", one, other);
}

#define UP(body, more) MESSAGE("uplink_message", "\"f_port\":1," body, more)

static void a_repeated_uplink_has_the_same_id(void **state)
{
        static const char first[] =
                UP("\"f_cnt\":4,\"session_key_id\":\"s\",\"received_at\":\"2024-05-06T07:08:09Z\"",
                   "");

        (void)state;
        assert_ids(first, first, true);
        /* Another webhook may show other members, in another order. */
        assert_ids(first,
                   "{\"uplink_message\":{\"session_key_id\":\"s\",\"f_cnt\":\"4\",\"f_port\":1,"
                   "\"received_at\":\"2024-05-06T07:08:09Z\",\"rx_metadata\":[{}]},"
                   "\"received_at\":\"2024-05-06T07:08:09.4Z\"," IDS "}",
                   true);
}

static void different_uplinks_have_different_ids(void **state)
{
        static const char first[] =
                UP("\"f_cnt\":4,\"session_key_id\":\"s\",\"received_at\":\"2024-05-06T07:08:09Z\"",
                   "");

        (void)state;
        assert_ids(first,
                   UP("\"f_cnt\":5,\"session_key_id\":\"s\",\"received_at\":"
                      "\"2024-05-06T07:08:09Z\"",
                      ""),
                   false);
        assert_ids(first,
                   UP("\"f_cnt\":4,\"session_key_id\":\"t\",\"received_at\":"
                      "\"2024-05-06T07:08:09Z\"",
                      ""),
                   false);
        assert_ids(first,
                   UP("\"f_cnt\":4,\"session_key_id\":\"s\",\"received_at\":"
                      "\"2024-05-06T07:08:10Z\"",
                      ""),
                   false);
        /* Simulated uplinks have no counter, and differ by their times only. */
        assert_ids("{" IDS ",\"simulated\":true,\"received_at\":\"2024-05-06T07:08:09.1Z\","
                   "\"uplink_message\":{\"f_port\":1}}",
                   "{" IDS ",\"simulated\":true,\"received_at\":\"2024-05-06T07:08:09.2Z\","
                   "\"uplink_message\":{\"f_port\":1}}",
                   false);
        /* Without any time, by their content. */
        assert_ids("{" IDS ",\"uplink_message\":{\"f_port\":1,\"frm_payload\":\"AA==\"}}",
                   "{" IDS ",\"uplink_message\":{\"f_port\":1,\"frm_payload\":\"AQ==\"}}", false);
}

static void devices_of_the_same_name_have_different_ids(void **state)
{
        (void)state;
        assert_ids("{\"end_device_ids\":{\"device_id\":\"b\",\"application_ids\":{"
                   "\"application_id\":\"a\"}},\"join_accept\":{}}",
                   "{\"end_device_ids\":{\"device_id\":\"b\",\"application_ids\":{"
                   "\"application_id\":\"c\"}},\"join_accept\":{}}",
                   false);
        assert_ids("{\"end_device_ids\":{\"device_id\":\"bc\",\"application_ids\":{"
                   "\"application_id\":\"a\"}},\"join_accept\":{}}",
                   "{\"end_device_ids\":{\"device_id\":\"c\",\"application_ids\":{"
                   "\"application_id\":\"ab\"}},\"join_accept\":{}}",
                   false);
}

static void other_events_are_told_apart_by_their_content(void **state)
{
        static const char ack[] = MESSAGE("downlink_ack", "\"correlation_ids\":[\"a\"]", "");

        (void)state;
        assert_ids(ack, ack, true);
        assert_ids(ack, MESSAGE("downlink_nack", "\"correlation_ids\":[\"a\"]", ""), false);
        assert_ids(ack, MESSAGE("downlink_ack", "\"correlation_ids\":[\"b\"]", ""), false);
        assert_ids(MESSAGE("downlink_nack", "\"confirmed_retry\":{\"attempt\":1}", ""),
                   MESSAGE("downlink_nack", "\"confirmed_retry\":{\"attempt\":2}", ""), false);
        assert_ids(MESSAGE("uplink_normalized", "\"normalized_payload\":{\"battery\":3}", ""),
                   MESSAGE("uplink_normalized", "\"normalized_payload\":{\"battery\":4}", ""),
                   false);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_kind_is_taken_and_told_by_name),
                cmocka_unit_test(telemetry_of_an_event),
                cmocka_unit_test(u5_join_time_is_the_inner_one),
                cmocka_unit_test(session_keys_are_not_kept),
                cmocka_unit_test(normalized_keeps_the_measurement_only),
                cmocka_unit_test(e1_ids_are_the_union_of_nested_and_outer),
                cmocka_unit_test(e3_failed_reads_the_nested_downlink),
                cmocka_unit_test(e3_failed_with_odd_types_is_no_trouble),
                cmocka_unit_test(e1_no_id_of_a_long_queue_is_lost),
                cmocka_unit_test(long_error_messages_are_cut),
                cmocka_unit_test(a_repeated_uplink_has_the_same_id),
                cmocka_unit_test(different_uplinks_have_different_ids),
                cmocka_unit_test(devices_of_the_same_name_have_different_ids),
                cmocka_unit_test(other_events_are_told_apart_by_their_content),
        };

        return cmocka_run_group_tests_name("things_stack_events", tests, NULL, NULL);
}
