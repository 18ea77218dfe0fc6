// SPDX-License-Identifier: MIT
/* The rules of uplinks from Myriota, each by its number. */
#include "unit/networks/support.h"

#define PACKET "{\"Timestamp\":1741550000123,\"TerminalId\":\"0007\",\"Value\":\"00aBcC\"}"

/* A delivery around the text that Data holds; the caller frees it. */
static char *delivery(const char *data)
{
        CLEANUP(buf_deinit) struct buf body = BUF_INIT;

        buf_add_text(&body, "{\"EndpointRef\":\"ref:1\",\"Timestamp\":1741558503,\"Id\":\"id-1\","
                            "\"CertificateUrl\":\"u\",\"Signature\":\"s\",\"Data\":");
        buf_add_json_string(&body, data, strlen(data));
        buf_add_char(&body, '}');
        return buf_take(&body);
}

static struct trial parse_at(const char *path, const char *data)
{
        CLEANUP(mem_cleanup) char *body = delivery(data);

        return trial_bytes("myriota", path, body, strlen(body));
}

static struct trial parse(const char *data)
{
        return parse_at("", data);
}

static struct trial parse_packets(const char *packets)
{
        CLEANUP(mem_cleanup) char *data = mem_format("{\"Packets\":[%s]}", packets);

        return parse(data);
}

static void assert_reason(const struct trial *trial, const char *wanted)
{
        if (!strstr(trial->reason.text, wanted))
                fail_msg("\"%s\" is not in: %s", wanted, trial->reason.text);
}

/* The megabyte of empty objects hides from a count of the delivery's own values. */
static void the_text_in_data_may_not_hold_more_values_than_a_webhook(void **state)
{
        CLEANUP(buf_deinit) struct buf packets = BUF_INIT;
        struct trial trial;

        (void)state;
        for (int i = 0; i < 100000; i++)
                buf_add_text(&packets, i == 0 ? "{}" : ",{}");
        trial = parse_packets(buf_text(&packets));
        assert_int_equal(trial.result, NETWORK_E_MALFORMED);
        assert_reason(&trial, "the text in Data: the JSON text holds more than 100000 values");
        trial_deinit(&trial);
}

static void m1_one_event_per_packet_as_its_terminal(void **state)
{
        struct trial trial = parse_packets(
                PACKET ",{\"Timestamp\":1741540000000,\"TerminalId\":\"0008\",\"Value\":\"01\"}");
        const struct event *events = trial.events.events;

        (void)state;
        assert_int_equal(trial.result, 0);
        assert_int_equal(trial.events.count, 2);
        assert_string_equal(events[0].device, "0007");
        assert_string_equal(events[1].device, "0008");
        assert_int_equal(events[0].kind, EVENT_UPLINK);
        assert_string_equal(events[0].application, "ref:1");
        assert_string_equal(events[0].payload, "00aBcC");
        assert_string_not_equal(events[0].message_id, events[1].message_id);
        trial_deinit(&trial);
}

static void m1_m6_a_bad_packet_is_named_and_the_others_go_on(void **state)
{
        static const struct {
                const char *packet;
                const char *in_reason;
        } rows[] = {
                {"{\"Timestamp\":1,\"TerminalId\":\"5\",\"Value\":\"abc\"}",
                 "packet 2 of terminal 5: Value has an odd number of hex digits"},
                {"{\"Timestamp\":1,\"TerminalId\":\"5\",\"Value\":\"0g\"}", "not hexadecimal"},
                {"{\"Timestamp\":1,\"TerminalId\":\"5\",\"Value\":\"0 \"}", "not hexadecimal"},
                {"{\"Timestamp\":1,\"TerminalId\":\"5\"}", "Value is missing"},
                {"{\"Timestamp\":1,\"TerminalId\":\"5\",\"Value\":7}", "Value is missing or no"},
                {"{\"Timestamp\":1,\"TerminalId\":5,\"Value\":\"00\"}",
                 "packet 2 of terminal ?: TerminalId is missing or no text"},
                {"{\"Timestamp\":1,\"TerminalId\":\"\",\"Value\":\"00\"}", "TerminalId"},
                {"{\"TerminalId\":\"5\",\"Value\":\"00\"}", "Timestamp is missing"},
                {"{\"Timestamp\":\"x\",\"TerminalId\":\"5\",\"Value\":\"00\"}", "Timestamp"},
                {"{\"Timestamp\":-1,\"TerminalId\":\"5\",\"Value\":\"00\"}", "no time"},
                {"{\"Timestamp\":9999999999999999,\"TerminalId\":\"5\",\"Value\":\"00\"}",
                 "no time"},
                {"[]", "packet 2 of terminal ?"},
                {"null", "packet 2"},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                CLEANUP(mem_cleanup) char *three = mem_format(PACKET ",%s," PACKET, rows[i].packet);
                struct trial trial = parse_packets(three);

                assert_int_equal(trial.result, 0);
                assert_int_equal(trial.events.count, 2);
                assert_int_equal(trial.events.refusal_count, 1);
                assert_non_null(strstr(trial.events.refusals[0].why, rows[i].in_reason));
                assert_string_equal(trial.reason.text, "");
                trial_deinit(&trial);
                trial = parse_packets(rows[i].packet);
                assert_int_equal(trial.result, NETWORK_E_MALFORMED);
                assert_int_equal(trial.events.count, 0);
                assert_non_null(strstr(trial.reason.text, "packet 1 of terminal"));
                trial_deinit(&trial);
        }
}

static void m2_m3_body_without_a_formatter(void **state)
{
        struct trial trial = parse_packets(PACKET);

        (void)state;
        trial_telemetry(&trial, NULL, (struct telemetry_options){0});
        assert_string_equal(trial.telemetry.body.data,
                            "{\"PayloadBytes\":\"00-AB-CC\",\"PayloadId\":\"id-1\","
                            "\"EndpointReference\":\"ref:1\",\"TerminalId\":\"0007\","
                            "\"PacketArrivedAtUtc\":\"2025-03-09T19:53:20.123Z\","
                            "\"PayloadReceivedAtUtc\":\"2025-03-09T22:15:03.000Z\","
                            "\"PayloadArrivedAtUtc\":\"2024-05-06T07:09:00.250Z\"}");
        trial_deinit(&trial);
}

static void m2_times_as_the_original_wrote_them(void **state)
{
        struct trial trial = parse_packets(PACKET);
        struct json_object *body = trial_telemetry(
                &trial, NULL, (struct telemetry_options){.times_without_zone = true});

        (void)state;
        assert_string_equal(json_text_member(body, "PacketArrivedAtUtc"), "2025-03-09T19:53:20");
        assert_string_equal(json_text_member(body, "PayloadReceivedAtUtc"), "2025-03-09T22:15:03");
        assert_string_equal(json_text_member(body, "PayloadArrivedAtUtc"), "2024-05-06T07:09:00");
        assert_string_equal(trial_property(&trial, "iothub-creation-time-utc"),
                            "2025-03-09T19:53:20.123Z");
        trial_deinit(&trial);
}

static void m2_m4_what_a_formatter_set_stays(void **state)
{
        static const struct property own[] = {
                {"iothub-creation-time-utc", "2025-01-01T00:00:00Z"},
                {"alarm", "yes"},
        };
        struct formatted formatted = {
                .data = "{\"TerminalId\":null,\"lat\":-41.5,\"PacketArrivedAtUtc\":\"mine\"}",
                .properties = own,
                .property_count = ARRAY_SIZE(own),
        };
        struct trial trial = parse_packets(PACKET);

        (void)state;
        trial_telemetry(&trial, &formatted, (struct telemetry_options){0});
        assert_string_equal(trial.telemetry.body.data,
                            "{\"TerminalId\":null,\"lat\":-41.5,\"PacketArrivedAtUtc\":\"mine\","
                            "\"PayloadId\":\"id-1\",\"EndpointReference\":\"ref:1\","
                            "\"PayloadReceivedAtUtc\":\"2025-03-09T22:15:03.000Z\","
                            "\"PayloadArrivedAtUtc\":\"2024-05-06T07:09:00.250Z\"}");
        assert_string_equal(trial_property(&trial, "iothub-creation-time-utc"),
                            "2025-01-01T00:00:00Z");
        assert_string_equal(trial_property(&trial, "alarm"), "yes");
        assert_string_equal(trial_property(&trial, "TerminalId"), "0007");
        trial_deinit(&trial);
}

static void m2_formatter_output_that_is_no_object_can_never_be_sent(void **state)
{
        struct formatted formatted = {.data = "[]"};
        struct telemetry_options options = {0};
        struct trial trial = parse_packets(PACKET);

        (void)state;
        assert_int_equal(network_by_name("myriota")->telemetry(&trial.events.events[0], &formatted,
                                                               &options, &trial.telemetry,
                                                               &trial.reason),
                         1);
        assert_reason(&trial, "the decoded payload");
        trial_deinit(&trial);
}

/* What a damaged store could hand out. */
static void an_event_that_makes_no_sense_can_never_be_sent(void **state)
{
        static const char *const rows[][3] = {
                {"\"", NULL, "the payload is not hexadecimal"},
                {"abc", NULL, "the payload is not hexadecimal"},
                {"00", "{", "the event's details text: "},
                {"00", "", "the event's details text is empty"},
        };
        struct telemetry_options options = {0};

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                struct trial trial = parse_packets(PACKET);
                struct event *event = &trial.events.events[0];

                free(event->payload);
                free(event->details);
                event->payload = mem_text(rows[i][0]);
                event->details = mem_text(rows[i][1]);
                assert_int_equal(network_by_name("myriota")->telemetry(
                                         event, NULL, &options, &trial.telemetry, &trial.reason),
                                 1);
                assert_reason(&trial, rows[i][2]);
                trial_deinit(&trial);
        }
}

static void an_event_without_details_is_sent_without_them(void **state)
{
        struct trial trial = parse_packets(PACKET);

        (void)state;
        free(trial.events.events[0].details);
        trial.events.events[0].details = NULL;
        trial_telemetry(&trial, NULL, (struct telemetry_options){0});
        assert_string_equal(trial.telemetry.body.data,
                            "{\"PayloadBytes\":\"00-AB-CC\",\"TerminalId\":\"0007\","
                            "\"PacketArrivedAtUtc\":\"2025-03-09T19:53:20.123Z\"}");
        trial_deinit(&trial);
}

static void m4_properties(void **state)
{
        static const char *const rows[][2] = {
                {"PayloadId", "id-1"},
                {"EndpointReference", "ref:1"},
                {"TerminalId", "0007"},
                {"iothub-creation-time-utc", "2025-03-09T19:53:20.123Z"},
        };
        struct trial trial = parse_packets(PACKET);

        (void)state;
        trial_telemetry(&trial, NULL, (struct telemetry_options){0});
        assert_int_equal(trial.telemetry.property_count, ARRAY_SIZE(rows));
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
                assert_string_equal(trial_property(&trial, rows[i][0]), rows[i][1]);
        trial_deinit(&trial);
}

static void m5_packet_times_may_lie_far_back(void **state)
{
        struct trial trial =
                parse_packets("{\"Timestamp\":0,\"TerminalId\":\"1\",\"Value\":\"00\"},"
                              "{\"Timestamp\":\"946684800001\",\"TerminalId\":\"1\",\"Value\":"
                              "\"00\"}");

        (void)state;
        assert_int_equal(trial.events.count, 2);
        assert_true(trial.events.events[0].time_ns == 0);
        assert_true(trial.events.events[1].time_ns == INT64_C(946684800001000000));
        trial_deinit(&trial);
}

static void m5_without_an_outer_time_its_member_is_left_out(void **state)
{
        struct trial trial = trial_text(
                "myriota", "{\"EndpointRef\":\"e\",\"Timestamp\":\"?\",\"Data\":"
                           "\"{\\\"Packets\\\":[{\\\"Timestamp\\\":1,\\\"TerminalId\\\":\\\"t\\\","
                           "\\\"Value\\\":\\\"\\\"}]}\"}");
        struct json_object *body = trial_telemetry(&trial, NULL, (struct telemetry_options){0});

        (void)state;
        assert_reason(&trial, "the outer Timestamp of the delivery with terminal t");
        assert_null(json_member(body, "PayloadReceivedAtUtc"));
        assert_null(json_member(body, "PayloadId"));
        assert_null(trial_property(&trial, "PayloadId"));
        trial_deinit(&trial);
}

static void m6_an_empty_value_is_no_bytes(void **state)
{
        struct trial trial = parse_packets("{\"Timestamp\":1,\"TerminalId\":\"1\",\"Value\":\"\"}");
        struct json_object *body = trial_telemetry(&trial, NULL, (struct telemetry_options){0});

        (void)state;
        assert_string_equal(json_text_member(body, "PayloadBytes"), "");
        trial_deinit(&trial);
}

static void m7_data_must_be_json_with_packets(void **state)
{
        static const struct {
                const char *body;
                int result;
                const char *in_reason;
        } rows[] = {
                {"{\"EndpointRef\":\"e\"}", NETWORK_E_MALFORMED, "Data is missing"},
                {"{\"EndpointRef\":\"e\",\"Data\":{\"Packets\":[]}}", NETWORK_E_MALFORMED,
                 "Data is no text"},
                {"{\"EndpointRef\":\"e\",\"Data\":\"{\"}", NETWORK_E_MALFORMED,
                 "the text in Data: the JSON text ends too early"},
                {"{\"EndpointRef\":\"e\",\"Data\":\"\"}", NETWORK_E_MALFORMED, "the text in Data"},
                {"{\"EndpointRef\":\"e\",\"Data\":\"[]\"}", NETWORK_E_MALFORMED, "no list Packets"},
                {"{\"EndpointRef\":\"e\",\"Data\":\"{}\"}", NETWORK_E_MALFORMED, "no list Packets"},
                {"{\"EndpointRef\":\"e\",\"Data\":\"{\\\"Packets\\\":{}}\"}", NETWORK_E_MALFORMED,
                 "no list Packets"},
                {"{\"EndpointRef\":\"e\",\"Data\":\"{\\\"Packets\\\":[]}\"}", NETWORK_E_IGNORED,
                 "no packets"},
                {"{\"Data\":\"{\\\"Packets\\\":[1]}\"}", NETWORK_E_MALFORMED,
                 "EndpointRef is missing"},
                {"nothing", NETWORK_E_MALFORMED, "the body: not valid JSON"},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                struct trial trial = trial_text("myriota", rows[i].body);

                assert_int_equal(trial.result, rows[i].result);
                assert_int_equal(trial.events.count, 0);
                assert_reason(&trial, rows[i].in_reason);
                trial_deinit(&trial);
        }
}

/* The id of the first event of a list of packets. */
static void first_id(const char *packets, char id[CRYPTO_UUID_SIZE])
{
        struct trial trial = parse_packets(packets);

        assert_int_equal(trial.result, 0);
        assert_true(trial.events.events[0].duplicate_window_ms == INT64_C(86400000));
        memcpy(id, trial.events.events[0].message_id, CRYPTO_UUID_SIZE);
        trial_deinit(&trial);
}

static void m9_the_same_packet_has_the_same_id(void **state)
{
        static const char *const others[] = {
                "{\"Timestamp\":1741550000124,\"TerminalId\":\"0007\",\"Value\":\"00abcc\"}",
                "{\"Timestamp\":1741550000123,\"TerminalId\":\"007\",\"Value\":\"00abcc\"}",
                "{\"Timestamp\":1741550000123,\"TerminalId\":\"0007\",\"Value\":\"00abcd\"}",
        };
        char id[CRYPTO_UUID_SIZE];
        char again[CRYPTO_UUID_SIZE];

        (void)state;
        first_id(PACKET, id);
        first_id("{\"Value\":\"00ABCC\",\"TerminalId\":\"0007\",\"Timestamp\":\"1741550000123\"}",
                 again);
        assert_string_equal(id, again);
        for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
                first_id(others[i], again);
                assert_string_not_equal(id, again);
        }
}

static void the_path_decides_on_the_application(void **state)
{
        static const char *const rows[][2] = {
                {"tracker", "tracker"}, {"tracker/", "tracker"}, {"uplink/Tracker", "Tracker"},
                {"", "ref:1"},          {"/", "ref:1"},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                struct trial trial = parse_at(rows[i][0], "{\"Packets\":[" PACKET "]}");

                assert_int_equal(trial.result, 0);
                assert_string_equal(trial.events.events[0].application, rows[i][1]);
                trial_deinit(&trial);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_text_in_data_may_not_hold_more_values_than_a_webhook),
                cmocka_unit_test(m1_one_event_per_packet_as_its_terminal),
                cmocka_unit_test(m1_m6_a_bad_packet_is_named_and_the_others_go_on),
                cmocka_unit_test(m2_m3_body_without_a_formatter),
                cmocka_unit_test(m2_times_as_the_original_wrote_them),
                cmocka_unit_test(m2_m4_what_a_formatter_set_stays),
                cmocka_unit_test(m2_formatter_output_that_is_no_object_can_never_be_sent),
                cmocka_unit_test(an_event_that_makes_no_sense_can_never_be_sent),
                cmocka_unit_test(an_event_without_details_is_sent_without_them),
                cmocka_unit_test(m4_properties),
                cmocka_unit_test(m5_packet_times_may_lie_far_back),
                cmocka_unit_test(m5_without_an_outer_time_its_member_is_left_out),
                cmocka_unit_test(m6_an_empty_value_is_no_bytes),
                cmocka_unit_test(m7_data_must_be_json_with_packets),
                cmocka_unit_test(m9_the_same_packet_has_the_same_id),
                cmocka_unit_test(the_path_decides_on_the_application),
        };

        return cmocka_run_group_tests_name("myriota_rules", tests, NULL, NULL);
}
