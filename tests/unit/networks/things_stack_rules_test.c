// SPDX-License-Identifier: MIT
/* The rules of uplinks from The Things Stack, each by its number. */
#include "unit/networks/support.h"

#define IDS                                                                                        \
        "\"end_device_ids\":{\"device_id\":\"dev-1\",\"application_ids\":{\"application_id\":"     \
        "\"app-1\"},\"dev_eui\":\"70B3D57ED0048A11\"}"
#define TIMES "\"received_at\":\"2024-05-06T07:08:09.411871903Z\""

/* An uplink on port 5 with further members of uplink_message and of the message. */
#define UPLINK(more, outer)                                                                        \
        "{" IDS "," TIMES outer ",\"uplink_message\":{\"f_port\":5,\"f_cnt\":41,\"frm_payload\":"  \
        "\"AWcBEA==\",\"session_key_id\":\"AY9bq1n0eV2zU1n1yqj6oQ==\",\"received_at\":"            \
        "\"2024-05-06T07:08:09.204561234Z\"" more "}}"
#define DECODED(members) UPLINK(",\"decoded_payload\":{" members "}", "")

static struct trial parse(const char *body)
{
        return trial_text("things-stack", body);
}

/* The telemetry of a webhook's body. */
static struct json_object *telemetry(struct trial *trial, const char *body)
{
        *trial = parse(body);
        return trial_telemetry(trial, NULL, (struct telemetry_options){0});
}

static void assert_member(struct json_object *object, const char *name, const char *json)
{
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;
        struct json_object *member = NULL;

        if (!json_object_object_get_ex(object, name, &member))
                fail_msg("no member %s", name);
        json_write(&text, member);
        assert_string_equal(buf_text(&text), json);
}

static void assert_no_member(struct json_object *object, const char *name)
{
        assert_false(json_object_object_get_ex(object, name, NULL));
}

static void assert_refused(const char *body, int result, const char *in_reason)
{
        struct trial trial = parse(body);

        assert_int_equal(trial.result, result);
        assert_int_equal(trial.events.count, 0);
        if (!strstr(trial.reason.text, in_reason))
                fail_msg("\"%s\" is not in: %s", in_reason, trial.reason.text);
        trial_deinit(&trial);
}

static void u1_one_event_per_uplink_as_its_device(void **state)
{
        struct trial trial = parse(DECODED("\"t\":1"));
        const struct event *event = &trial.events.events[0];

        (void)state;
        assert_int_equal(trial.result, 0);
        assert_int_equal(trial.events.count, 1);
        assert_int_equal(event->kind, EVENT_UPLINK);
        assert_string_equal(event->network, "things-stack");
        assert_string_equal(event->application, "app-1");
        assert_string_equal(event->device, "dev-1");
        assert_int_equal(event->port, 5);
        trial_deinit(&trial);
}

static void u1_every_data_port_is_taken(void **state)
{
        (void)state;
        for (int port = 1; port <= 255; port++) {
                char *body = mem_format("{" IDS ",\"uplink_message\":{\"f_port\":%d}}", port);
                struct trial trial = parse(body);

                assert_int_equal(trial.result, port == 224 ? NETWORK_E_IGNORED : 0);
                assert_int_equal(trial.events.count, port == 224 ? 0 : 1);
                trial_deinit(&trial);
                free(body);
        }
}

static void u1_certification_port_is_ignored_with_a_reason(void **state)
{
        (void)state;
        assert_refused("{" IDS ",\"uplink_message\":{\"f_port\":224}}", NETWORK_E_IGNORED,
                       "certification");
}

static void u1_port_out_of_range_is_malformed(void **state)
{
        static const char *const ports[] = {"-1", "256", "1.5", "\"x\"", "true", "1e400", "[]"};

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(ports); i++) {
                char *body = mem_format("{" IDS ",\"uplink_message\":{\"f_port\":%s}}", ports[i]);

                assert_refused(body, NETWORK_E_MALFORMED, "uplink_message: f_port");
                free(body);
        }
}

static void u2_u3_gateway_members_in_the_original_order(void **state)
{
        struct trial trial;

        (void)state;
        telemetry(&trial, DECODED("\"temperature\":27.2"));
        assert_string_equal(trial.telemetry.body.data,
                            "{\"ApplicationID\":\"app-1\",\"DeviceEUI\":\"70B3D57ED0048A11\","
                            "\"DeviceID\":\"dev-1\",\"Port\":5,\"Simulated\":false,"
                            "\"ReceivedAtUtc\":\"2024-05-06T07:08:09.204561234Z\","
                            "\"PayloadRaw\":\"AWcBEA==\",\"temperature\":27.2}");
        trial_deinit(&trial);
}

static void u4_simulated_is_always_there(void **state)
{
        struct trial trial;

        (void)state;
        assert_member(telemetry(&trial, UPLINK("", "")), "Simulated", "false");
        trial_deinit(&trial);
        assert_member(telemetry(&trial, UPLINK("", ",\"simulated\":null")), "Simulated", "false");
        trial_deinit(&trial);
        assert_member(telemetry(&trial, UPLINK("", ",\"simulated\":true")), "Simulated", "true");
        assert_string_equal(trial_property(&trial, "Simulated"), "True");
        trial_deinit(&trial);
}

static void assert_time(const char *body, const char *time, const char *in_reason)
{
        struct trial trial;

        telemetry(&trial, body);
        assert_string_equal(json_text_member(trial.body, "ReceivedAtUtc"), time);
        assert_string_equal(trial_property(&trial, "iothub-creation-time-utc"), time);
        assert_non_null(strstr(trial.reason.text, in_reason));
        trial_deinit(&trial);
}

static void u5_time_is_inner_then_outer_then_arrival(void **state)
{
        (void)state;
        assert_time(UPLINK("", ""), "2024-05-06T07:08:09.204561234Z", "");
        assert_time("{" IDS "," TIMES ",\"uplink_message\":{\"f_port\":5}}",
                    "2024-05-06T07:08:09.411871903Z", "");
        assert_time("{" IDS ",\"uplink_message\":{\"f_port\":5}}", "2024-05-06T07:09:00.250Z", "");
        assert_time("{" IDS "," TIMES ",\"uplink_message\":{\"f_port\":5,\"received_at\":"
                    "\"2024-05-06T09:08:09.9999+02:00\"}}",
                    "2024-05-06T07:08:09.9999Z", "");
}

static void u5_text_that_is_no_time_falls_through_with_a_note(void **state)
{
        static const char *const times[] = {"\"yesterday\"",
                                            "5",
                                            "\"0001-01-01T00:00:00Z\"",
                                            "\"1970-01-01T00:00:00+01:00\"",
                                            "{}",
                                            "\"\""};

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
                char *body = mem_format("{" IDS "," TIMES ",\"uplink_message\":{\"f_port\":5,"
                                        "\"received_at\":%s}}",
                                        times[i]);

                assert_time(body, "2024-05-06T07:08:09.411871903Z",
                            "received_at of uplink_message");
                free(body);
        }
        assert_time("{" IDS ",\"received_at\":7,\"uplink_message\":{\"f_port\":5}}",
                    "2024-05-06T07:09:00.250Z", "received_at of the message");
}

static void u5_compatible_times_are_truncated(void **state)
{
        struct trial trial = parse(UPLINK(",\"received_at\":\"2024-05-06T07:08:09.999Z\"", ""));
        struct json_object *body = trial_telemetry(
                &trial, NULL, (struct telemetry_options){.times_without_zone = true});

        (void)state;
        assert_string_equal(json_text_member(body, "ReceivedAtUtc"), "2024-05-06T07:08:09");
        assert_string_equal(trial_property(&trial, "iothub-creation-time-utc"),
                            "2024-05-06T07:08:09.999Z");
        trial_deinit(&trial);
}

static void u6_payload_is_the_text_unchanged(void **state)
{
        struct trial trial;

        (void)state;
        assert_member(telemetry(&trial, UPLINK(",\"frm_payload\":\"not base64 \\u00e9\"", "")),
                      "PayloadRaw", "\"not base64 \xc3\xa9\"");
        trial_deinit(&trial);
}

static void u6_no_payload_is_an_empty_one(void **state)
{
        static const char *const payloads[] = {"", ",\"frm_payload\":null", ",\"frm_payload\":\"\"",
                                               ",\"frm_payload\":17"};

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(payloads); i++) {
                char *body =
                        mem_format("{" IDS ",\"uplink_message\":{\"f_port\":5%s}}", payloads[i]);
                struct trial trial;

                assert_member(telemetry(&trial, body), "PayloadRaw", "\"\"");
                assert_int_equal(strstr(trial.reason.text, "frm_payload is no text") != NULL,
                                 i == 3);
                trial_deinit(&trial);
                free(body);
        }
}

static void u7_no_dev_eui_leaves_it_out(void **state)
{
        static const char *const euis[] = {"", ",\"dev_eui\":null", ",\"dev_eui\":\"\"",
                                           ",\"dev_eui\":[]"};

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(euis); i++) {
                char *body = mem_format("{\"end_device_ids\":{\"device_id\":\"d\","
                                        "\"application_ids\":{\"application_id\":\"a\"}%s},"
                                        "\"uplink_message\":{\"f_port\":5}}",
                                        euis[i]);
                struct trial trial;

                assert_no_member(telemetry(&trial, body), "DeviceEUI");
                assert_null(trial_property(&trial, "DeviceEUI"));
                trial_deinit(&trial);
                free(body);
        }
}

static void u7_dev_eui_is_in_upper_case_whoever_wrote_it(void **state)
{
        struct trial trial;

        (void)state;
        telemetry(&trial, "{\"end_device_ids\":{\"device_id\":\"d\",\"application_ids\":{"
                          "\"application_id\":\"a\"},\"dev_eui\":\"00ab00cd00ef0012\"},"
                          "\"uplink_message\":{\"f_port\":5}}");
        assert_string_equal(json_text_member(trial.body, "DeviceEUI"), "00AB00CD00EF0012");
        assert_string_equal(trial_property(&trial, "DeviceEUI"), "00AB00CD00EF0012");
        trial_deinit(&trial);
}

static void u8_decoded_members_keep_value_type_and_order(void **state)
{
        static const char decoded[] =
                "\"b\":true,\"a\":null,\"text\":\"K\xc3\xbchlraum \xf0\x9f\x9b\xb0\","
                "\"iso\":\"2024-05-06T06:00:00.000Z\",\"big\":9007199254740991,\"small\":1e-07,"
                "\"half\":-0.5,\"list\":[1,\"a\",null,{\"k\":[0]}],\"empty\":[],\"none\":{},"
                "\"deep\":{\"er\":{\"x\":[[1,2],[3,4]]}},\"price\":1.10";
        struct trial trial;
        const char *end;

        (void)state;
        telemetry(&trial, UPLINK(",\"decoded_payload\":{\"b\":true,\"a\":null,\"text\":"
                                 "\"K\\u00fchlraum \\ud83d\\udef0\","
                                 "\"iso\":\"2024-05-06T06:00:00.000Z\",\"big\":9007199254740991,"
                                 "\"small\":1e-07,\"half\":-0.5,"
                                 "\"list\":[1,\"a\",null,{\"k\":[0]}],\"empty\":[],\"none\":{},"
                                 "\"deep\":{\"er\":{\"x\":[[1,2],[3,4]]}},\"price\":1.10}",
                                 ""));
        end = strstr(trial.telemetry.body.data, "\"b\":true");
        assert_non_null(end);
        assert_memory_equal(end, decoded, strlen(decoded));
        assert_string_equal(end + strlen(decoded), "}");
        trial_deinit(&trial);
}

static void u8_odd_names_and_numbers_are_sent_as_they_are(void **state)
{
        static const char decoded[] = "\"a\\u0000b\":1,\"t.x\":21.5,\"\":null,\"huge\":1e400,"
                                      "\"long\":12345678901234567890,\"minus\":-0";
        struct trial trial = parse(DECODED("\"a\\u0000b\":1,\"t.x\":21.5,\"\":null,\"huge\":1e400,"
                                           "\"long\":12345678901234567890,\"minus\":-0"));
        struct telemetry_options options = {0};
        struct reason reason = REASON_INIT;

        (void)state;
        assert_int_equal(trial.result, 0);
        assert_int_equal(network_by_name("things-stack")
                                 ->telemetry(&trial.events.events[0], NULL, &options,
                                             &trial.telemetry, &reason),
                         0);
        assert_non_null(strstr(trial.telemetry.body.data, decoded));
        trial_deinit(&trial);
}

static void u9_positions_are_added_before_the_originals(void **state)
{
        struct trial trial;
        struct json_object *body = telemetry(
                &trial, DECODED("\"GPS_1\":{\"Latitude\":-43.5,\"longitude\":172.6,\"ALTITUDE\":"
                                "12.5,\"fix\":{\"latitude\":1},\"more\":[{\"longitude\":2}]}"));

        (void)state;
        assert_member(body, "GPS_1",
                      "{\"lat\":-43.5,\"Latitude\":-43.5,\"lon\":172.6,\"longitude\":172.6,"
                      "\"alt\":12.5,\"ALTITUDE\":12.5,\"fix\":{\"lat\":1,\"latitude\":1},"
                      "\"more\":[{\"lon\":2,\"longitude\":2}]}");
        trial_deinit(&trial);
}

static void u9_positions_that_are_there_stay(void **state)
{
        struct trial trial;
        struct json_object *body =
                telemetry(&trial, DECODED("\"gps_1\":{\"latitude\":1,\"lat\":9,\"Longitude\":2,"
                                          "\"longitude\":3,\"altitude\":null},\"gps_2\":5"));

        (void)state;
        assert_member(body, "gps_1",
                      "{\"latitude\":1,\"lat\":9,\"lon\":2,\"Longitude\":2,\"longitude\":3,"
                      "\"altitude\":null}");
        assert_member(body, "gps_2", "5");
        trial_deinit(&trial);
}

static void u9_other_objects_stay_as_they_are(void **state)
{
        struct trial trial;
        struct json_object *body =
                telemetry(&trial, DECODED("\"latitude\":1,\"gps\":{\"latitude\":2},\"x\":{"
                                          "\"gps_1\":{\"latitude\":3}}"));

        (void)state;
        assert_no_member(body, "lat");
        assert_member(body, "gps", "{\"latitude\":2}");
        assert_member(body, "x", "{\"gps_1\":{\"latitude\":3}}");
        trial_deinit(&trial);
}

static void u10_clashing_members_are_kept_under_another_name(void **state)
{
        struct trial trial;
        struct json_object *body = telemetry(
                &trial, DECODED("\"Port\":99,\"DeviceID\":\"x\",\"ApplicationID\":{},\"port\":12,"
                                "\"PayloadRaw\":[1],\"Simulated\":\"maybe\",\"ReceivedAtUtc\":1,"
                                "\"DeviceEUI\":null"));

        (void)state;
        assert_member(body, "Port", "5");
        assert_member(body, "Decoded_Port", "99");
        assert_member(body, "port", "12");
        assert_member(body, "DeviceID", "\"dev-1\"");
        assert_member(body, "Decoded_DeviceID", "\"x\"");
        assert_member(body, "Decoded_ApplicationID", "{}");
        assert_member(body, "Decoded_PayloadRaw", "[1]");
        assert_member(body, "Decoded_Simulated", "\"maybe\"");
        assert_member(body, "Decoded_ReceivedAtUtc", "1");
        assert_member(body, "Decoded_DeviceEUI", "null");
        trial_deinit(&trial);
}

static void u10_the_other_name_may_be_taken_too(void **state)
{
        struct trial trial;
        struct json_object *body =
                telemetry(&trial, DECODED("\"Decoded_Port\":1,\"Port\":2,\"Decoded_Port_\":3"));

        (void)state;
        assert_member(body, "Port", "5");
        assert_member(body, "Decoded_Port", "1");
        assert_member(body, "Decoded_Port_", "3");
        assert_member(body, "Decoded_Port__", "2");
        trial_deinit(&trial);
}

static void u11_of_repeated_names_the_last_wins(void **state)
{
        struct trial trial;

        (void)state;
        assert_member(telemetry(&trial, DECODED("\"t\":1,\"u\":2,\"t\":3")), "t", "3");
        trial_deinit(&trial);
        assert_member(telemetry(&trial, DECODED("\"o\":{\"t\":1,\"t\":[2]}")), "o", "{\"t\":[2]}");
        trial_deinit(&trial);
}

static void u12_without_decoded_only_the_gateway_members(void **state)
{
        struct trial trial;

        (void)state;
        assert_int_equal(json_object_object_length(telemetry(&trial, UPLINK("", ""))), 7);
        trial_deinit(&trial);
        assert_int_equal(json_object_object_length(telemetry(&trial, DECODED(""))), 7);
        trial_deinit(&trial);
}

static void u12_a_formatter_replaces_what_the_network_decoded(void **state)
{
        static const struct property more[] = {{"alarm", "1"}};
        struct formatted formatted = {
                .data = "{\"own\":1,\"Port\":7}", .properties = more, .property_count = 1};
        struct trial trial = parse(DECODED("\"t\":1"));
        struct json_object *body =
                trial_telemetry(&trial, &formatted, (struct telemetry_options){0});

        (void)state;
        assert_no_member(body, "t");
        assert_member(body, "own", "1");
        assert_member(body, "Decoded_Port", "7");
        assert_string_equal(trial_property(&trial, "alarm"), "1");
        trial_deinit(&trial);
}

static void u12_formatter_output_that_is_no_object_can_never_be_sent(void **state)
{
        static const char *const outputs[] = {"[1]", "{", "5", "", "{\"a\":NaN}"};
        struct telemetry_options options = {0};

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(outputs); i++) {
                struct formatted formatted = {.data = outputs[i]};
                struct trial trial = parse(DECODED("\"t\":1"));

                assert_int_equal(network_by_name("things-stack")
                                         ->telemetry(&trial.events.events[0], &formatted, &options,
                                                     &trial.telemetry, &trial.reason),
                                 1);
                assert_non_null(strstr(trial.reason.text, "the decoded payload"));
                trial_deinit(&trial);
        }
}

static void u13_without_a_port_nothing_is_sent(void **state)
{
        (void)state;
        assert_refused("{" IDS ",\"uplink_message\":{}}", NETWORK_E_IGNORED, "no f_port");
        assert_refused("{" IDS ",\"uplink_message\":{\"f_port\":0}}", NETWORK_E_IGNORED, "");
        assert_refused("{" IDS ",\"uplink_message\":{\"f_port\":null}}", NETWORK_E_IGNORED, "");
        assert_refused("{" IDS ",\"uplink_message\":{\"f_port\":\"0\"}}", NETWORK_E_IGNORED, "");
}

static void u13_decoded_values_without_a_port_are_of_a_field_mask(void **state)
{
        (void)state;
        assert_refused("{" IDS ",\"uplink_message\":{\"decoded_payload\":{\"kwh\":12.5},"
                       "\"frm_payload\":\"AQ==\"}}",
                       NETWORK_E_IGNORED, "field mask, it must let uplink_message.f_port through");
        assert_refused("{" IDS ",\"uplink_message\":{\"decoded_payload\":{},\"f_port\":0}}",
                       NETWORK_E_IGNORED, "MAC commands only");
}

static void every_remark_and_refusal_names_the_device(void **state)
{
        static const char *const bodies[] = {
                "{" IDS ",\"uplink_message\":{}}",
                "{" IDS ",\"uplink_message\":{\"f_port\":224}}",
                "{" IDS ",\"uplink_message\":{\"f_port\":5,\"decoded_payload\":7}}",
                "{" IDS ",\"uplink_message\":{\"f_port\":5,\"received_at\":7}}",
                "{" IDS ",\"uplink_message\":{\"f_port\":700}}",
                "{" IDS "}",
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(bodies); i++) {
                struct trial trial = parse(bodies[i]);

                if (!strstr(trial.reason.text, "device 'dev-1' of application 'app-1': "))
                        fail_msg("no device is named in: %s", trial.reason.text);
                trial_deinit(&trial);
        }
}

static void u14_properties_in_the_original_order(void **state)
{
        static const char *const rows[][2] = {
                {"iothub-creation-time-utc", "2024-05-06T07:08:09.204561234Z"},
                {"ApplicationId", "app-1"},
                {"DeviceEUI", "70B3D57ED0048A11"},
                {"DeviceId", "dev-1"},
                {"port", "5"},
                {"Simulated", "False"},
        };
        struct trial trial;

        (void)state;
        telemetry(&trial, DECODED("\"t\":1"));
        assert_int_equal(trial.telemetry.property_count, ARRAY_SIZE(rows));
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                assert_string_equal(trial.telemetry.properties[i].name, rows[i][0]);
                assert_string_equal(trial.telemetry.properties[i].value, rows[i][1]);
        }
        trial_deinit(&trial);
}

static void u15_unknown_members_and_odd_types_are_no_matter(void **state)
{
        struct trial trial;
        struct json_object *body = telemetry(
                &trial, "{\"new\":[{}],\"uplink_message\":{\"rx_metadata\":[],\"settings\":null,"
                        "\"f_cnt\":\"41\",\"f_port\":\"5\",\"rssi\":-57.25,\"x\":1e400,"
                        "\"decoded_payload\":null,\"frm_payload\":null,\"received_at\":null},"
                        "\"received_at\":null,\"join_accept\":null,\"simulated\":null," IDS "}");

        (void)state;
        assert_member(body, "Port", "5");
        assert_int_equal(json_object_object_length(body), 7);
        trial_deinit(&trial);
}

static void u16_missing_ids_are_named(void **state)
{
        (void)state;
        assert_refused("{\"uplink_message\":{\"f_port\":5}}", NETWORK_E_MALFORMED,
                       "end_device_ids is missing; if the webhook has a field mask");
        assert_refused("{\"end_device_ids\":null,\"uplink_message\":{}}", NETWORK_E_MALFORMED,
                       "end_device_ids is missing");
        assert_refused("{\"end_device_ids\":[],\"uplink_message\":{}}", NETWORK_E_MALFORMED,
                       "end_device_ids is no object");
        assert_refused("{\"end_device_ids\":{},\"uplink_message\":{}}", NETWORK_E_MALFORMED,
                       "end_device_ids.device_id is missing");
        assert_refused("{\"end_device_ids\":{\"device_id\":\"\"},\"uplink_message\":{}}",
                       NETWORK_E_MALFORMED, "end_device_ids.device_id is missing");
        assert_refused("{\"end_device_ids\":{\"device_id\":5},\"uplink_message\":{}}",
                       NETWORK_E_MALFORMED, "end_device_ids.device_id is no text");
        assert_refused("{\"end_device_ids\":{\"device_id\":\"a\\u0000b\"},\"uplink_message\":{}}",
                       NETWORK_E_MALFORMED, "end_device_ids.device_id is no text");
        assert_refused("{\"end_device_ids\":{\"device_id\":\"a\"},\"uplink_message\":{}}",
                       NETWORK_E_MALFORMED, "end_device_ids.application_ids is missing");
        assert_refused("{\"end_device_ids\":{\"device_id\":\"a\",\"application_ids\":3}}",
                       NETWORK_E_MALFORMED, "end_device_ids.application_ids is no object");
        assert_refused("{\"end_device_ids\":{\"device_id\":\"a\",\"application_ids\":{}}}",
                       NETWORK_E_MALFORMED,
                       "end_device_ids.application_ids.application_id is missing");
}

static void u16_not_json_is_malformed(void **state)
{
        (void)state;
        assert_refused("", NETWORK_E_MALFORMED, "the body is empty");
        assert_refused("hello", NETWORK_E_MALFORMED, "the body: not valid JSON at line 1");
        assert_refused("[]", NETWORK_E_MALFORMED, "no object");
        assert_refused("null", NETWORK_E_MALFORMED, "null");
        assert_refused(UPLINK("", "") "x", NETWORK_E_MALFORMED, "more text");
}

static void u16_exactly_one_body(void **state)
{
        (void)state;
        assert_refused("{" IDS "}", NETWORK_E_MALFORMED, "no uplink_message, join_accept");
        assert_refused("{" IDS ",\"uplink_message\":null}", NETWORK_E_MALFORMED, "field mask");
        assert_refused("{" IDS ",\"uplink_message\":{\"f_port\":1},\"join_accept\":{}}",
                       NETWORK_E_MALFORMED, "both uplink_message and join_accept");
        assert_refused("{" IDS ",\"uplink_message\":7}", NETWORK_E_MALFORMED,
                       "uplink_message is no object");
}

static void u17_decoded_that_is_no_object_is_ignored_with_a_note(void **state)
{
        static const char *const decoded[] = {"[1]", "\"x\"", "5", "true"};

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(decoded); i++) {
                char *body = mem_format("{" IDS ",\"uplink_message\":{\"f_port\":5,"
                                        "\"decoded_payload\":%s}}",
                                        decoded[i]);
                struct trial trial;

                assert_int_equal(json_object_object_length(telemetry(&trial, body)), 7);
                assert_non_null(strstr(trial.reason.text, "decoded_payload is no object"));
                trial_deinit(&trial);
                free(body);
        }
}

static void u18_encrypted_payloads_are_marked(void **state)
{
        struct trial trial;

        (void)state;
        telemetry(&trial, UPLINK(",\"app_s_key\":{\"kek_label\":\"k\"}", ""));
        assert_true(trial.events.events[0].encrypted);
        assert_member(trial.body, "PayloadRaw", "\"AWcBEA==\"");
        trial_deinit(&trial);
        trial = parse(UPLINK(",\"app_s_key\":null", ""));
        assert_false(trial.events.events[0].encrypted);
        trial_deinit(&trial);
}

static void the_2021_shape_is_a_setting(void **state)
{
        struct trial trial = parse(DECODED("\"Port\":1,\"gps_1\":{\"latitude\":2}"));
        struct json_object *body = trial_telemetry(
                &trial, NULL, (struct telemetry_options){.payload_decoded_member = true});

        (void)state;
        assert_member(body, "PayloadDecoded", "{\"Port\":1,\"gps_1\":{\"latitude\":2}}");
        assert_int_equal(json_object_object_length(body), 8);
        trial_deinit(&trial);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(u1_one_event_per_uplink_as_its_device),
                cmocka_unit_test(u1_every_data_port_is_taken),
                cmocka_unit_test(u1_certification_port_is_ignored_with_a_reason),
                cmocka_unit_test(u1_port_out_of_range_is_malformed),
                cmocka_unit_test(u2_u3_gateway_members_in_the_original_order),
                cmocka_unit_test(u4_simulated_is_always_there),
                cmocka_unit_test(u5_time_is_inner_then_outer_then_arrival),
                cmocka_unit_test(u5_text_that_is_no_time_falls_through_with_a_note),
                cmocka_unit_test(u5_compatible_times_are_truncated),
                cmocka_unit_test(u6_payload_is_the_text_unchanged),
                cmocka_unit_test(u6_no_payload_is_an_empty_one),
                cmocka_unit_test(u7_dev_eui_is_in_upper_case_whoever_wrote_it),
                cmocka_unit_test(u7_no_dev_eui_leaves_it_out),
                cmocka_unit_test(u8_decoded_members_keep_value_type_and_order),
                cmocka_unit_test(u8_odd_names_and_numbers_are_sent_as_they_are),
                cmocka_unit_test(u9_positions_are_added_before_the_originals),
                cmocka_unit_test(u9_positions_that_are_there_stay),
                cmocka_unit_test(u9_other_objects_stay_as_they_are),
                cmocka_unit_test(u10_clashing_members_are_kept_under_another_name),
                cmocka_unit_test(u10_the_other_name_may_be_taken_too),
                cmocka_unit_test(u11_of_repeated_names_the_last_wins),
                cmocka_unit_test(u12_without_decoded_only_the_gateway_members),
                cmocka_unit_test(u12_a_formatter_replaces_what_the_network_decoded),
                cmocka_unit_test(u12_formatter_output_that_is_no_object_can_never_be_sent),
                cmocka_unit_test(u13_without_a_port_nothing_is_sent),
                cmocka_unit_test(u13_decoded_values_without_a_port_are_of_a_field_mask),
                cmocka_unit_test(every_remark_and_refusal_names_the_device),
                cmocka_unit_test(u14_properties_in_the_original_order),
                cmocka_unit_test(u15_unknown_members_and_odd_types_are_no_matter),
                cmocka_unit_test(u16_missing_ids_are_named),
                cmocka_unit_test(u16_not_json_is_malformed),
                cmocka_unit_test(u16_exactly_one_body),
                cmocka_unit_test(u17_decoded_that_is_no_object_is_ignored_with_a_note),
                cmocka_unit_test(u18_encrypted_payloads_are_marked),
                cmocka_unit_test(the_2021_shape_is_a_setting),
        };

        return cmocka_run_group_tests_name("things_stack_rules", tests, NULL, NULL);
}
