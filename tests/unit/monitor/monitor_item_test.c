// SPDX-License-Identifier: MIT
/* Items and their envelopes: rules A1, A2, A7, A9 and A11. */
#include "monitor/monitor_item.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "monitor/insights_envelope.h"
#include "monitor/monitor.h"
#include "monitor/monitor_log.h"

/* The value of a property; NULL if it has none of that name. */
static const char *property_of(const struct monitor_item *item, const char *name)
{
        for (size_t i = 0; i < item->property_count; i++) {
                if (strcmp(item->properties[i].name, name) == 0)
                        return item->properties[i].value;
        }
        return NULL;
}

#define MESSAGE_ID "6f1d3c8e-9f0b-5c4e-8a57-2f0d9b1c7e33"

static const struct insights_origin origin = {
        .key = "11111111-2222-3333-4444-555555555555", .role = "isthmus", .instance = "gw1"};

static void test_a2_ids_follow_from_the_message_id(void **state)
{
        char operation[MONITOR_OPERATION_SIZE];
        char span[MONITOR_SPAN_SIZE];

        (void)state;
        monitor_operation_of(MESSAGE_ID, operation);
        assert_string_equal(operation, "6f1d3c8e9f0b5c4e8a572f0d9b1c7e33");
        monitor_span_of(MESSAGE_ID, MONITOR_WEBHOOK, span);
        assert_string_equal(span, "3597cff3db541995");
        monitor_span_of(MESSAGE_ID, MONITOR_SEND, span);
        assert_string_equal(span, "3f0a474390ee93d9");
        monitor_span_of(MESSAGE_ID, MONITOR_REGISTER, span);
        assert_string_equal(span, "f225a1ff5087481b");
}

static void test_a2_others_are_drawn(void **state)
{
        char one[MONITOR_OPERATION_SIZE];
        char other[MONITOR_OPERATION_SIZE];

        (void)state;
        monitor_operation_of(NULL, one);
        monitor_operation_of("no uuid", other);
        assert_int_equal(strspn(one, "0123456789abcdef"), 32);
        assert_int_equal(strspn(other, "0123456789abcdef"), 32);
        assert_string_not_equal(one, other);
}

/* A request, as the reference sample has it. */
static void test_a1_an_envelope(void **state)
{
        CLEANUP(buf_deinit) struct buf line = BUF_INIT;
        struct monitor_item *item = monitor_item_new(MONITOR_REQUEST);

        (void)state;
        assert_true(clock_parse_utc("2026-11-30T01:02:03.004999Z", &item->time_ns));
        item->duration_ns = 3250000;
        item->stands_for = 4;
        item->name = mem_text("POST /things-stack");
        item->operation_name = mem_text(item->name);
        item->result = mem_text("202");
        item->url = mem_text("http://gw1:8080/things-stack");
        monitor_operation_of(MESSAGE_ID, item->operation);
        monitor_span_of(MESSAGE_ID, MONITOR_WEBHOOK, item->span);
        monitor_item_add(item, "Network", "things-stack");
        insights_envelope_write(&origin, item, &line);
        assert_string_equal(
                buf_text(&line),
                "{\"ver\":1,\"name\":\"Microsoft.ApplicationInsights.Request\",\"time\":\"2026-11-"
                "30T01:02:03.004Z\",\"sampleRate\":25,\"iKey\":\"11111111-2222-3333-4444-"
                "555555555555\",\"tags\":{\"ai.cloud.role\":\"isthmus\",\"ai.cloud.roleInstance\":"
                "\"gw1\",\"ai.application.ver\":\"" ISTHMUS_VERSION
                "\",\"ai.internal.sdkVersion\":\"isthmus:" ISTHMUS_VERSION
                "\",\"ai.operation.id\":\"6f1d3c8e9f0b5c4e8a572f0d9b1c7e33\",\"ai.operation.name\":"
                "\"POST /things-stack\"},\"data\":{\"baseType\":\"RequestData\",\"baseData\":{"
                "\"ver\":2,\"id\":\"3597cff3db541995\",\"name\":\"POST /things-stack\","
                "\"duration\":\"00:00:00.0032500\",\"responseCode\":\"202\",\"success\":true,"
                "\"url\":\"http://gw1:8080/things-stack\",\"properties\":{\"Network\":"
                "\"things-stack\"}}}}\n");
        monitor_item_release(item);
}

static void test_a1_long_durations(void **state)
{
        static const struct {
                int64_t ns;
                const char *text;
        } rows[] = {
                {-5, "\"00:00:00.0000000\""},
                {CLOCK_NS_PER_S * 86399 + 999999999, "\"23:59:59.9999999\""},
                {CLOCK_NS_PER_S * (2 * 86400 + 3661), "\"2.01:01:01.0000000\""},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                CLEANUP(buf_deinit) struct buf line = BUF_INIT;
                struct monitor_item *item = monitor_item_new(MONITOR_DEPENDENCY);

                item->duration_ns = rows[i].ns;
                insights_envelope_write(&origin, item, &line);
                assert_non_null(strstr(buf_text(&line), rows[i].text));
                monitor_item_release(item);
        }
}

/* Texts are cut at characters. */
static void test_a1_long_texts_are_cut(void **state)
{
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;
        CLEANUP(buf_deinit) struct buf line = BUF_INIT;
        struct monitor_item *item = monitor_item_new(MONITOR_DEPENDENCY);

        (void)state;
        for (int i = 0; i < 5000; i++)
                buf_add_text(&text, "\xf0\x9f\x90\x84");
        item->name = mem_format("x%s", buf_text(&text));
        monitor_item_add(item, "Device", buf_text(&text));
        insights_envelope_write(&origin, item, &line);
        assert_true(line.size < 12000);
        assert_true(utf8_is_valid(line.data, line.size));
        assert_null(strstr(buf_text(&line), "\xef\xbf\xbd"));
        monitor_item_release(item);
}

static struct monitor_item *line_of(enum log_level level, const char *id, bool device_ids)
{
        return monitor_log_item(
                level, id, "DPS or the hub refuses a device",
                (const struct log_field[]){LOG_TEXT("message_id", MESSAGE_ID),
                                           LOG_TEXT("device", "things-stack/herd/collar-17"),
                                           LOG_TEXT("reason", "the device collar-17 is disabled"),
                                           LOG_INT("again_in_ms", 500), LOG_END},
                device_ids);
}

static void test_a1_lines_of_the_log(void **state)
{
        struct monitor_item *warning = line_of(LOG_LEVEL_WARN, "DEVICE_HELD", true);
        struct monitor_item *dead = line_of(LOG_LEVEL_WARN, "EVENT_DEAD", true);

        (void)state;
        assert_int_equal(warning->kind, MONITOR_MESSAGE);
        assert_string_equal(warning->message, "DPS or the hub refuses a device");
        assert_string_equal(property_of(warning, "Id"), "DEVICE_HELD");
        assert_string_equal(property_of(warning, "Device"), "things-stack/herd/collar-17");
        assert_string_equal(property_of(warning, "AgainInMs"), "500");
        assert_string_equal(warning->operation, "6f1d3c8e9f0b5c4e8a572f0d9b1c7e33");
        assert_int_equal(dead->kind, MONITOR_FAILURE);
        assert_string_equal(dead->name, "EVENT_DEAD");
        assert_string_equal(dead->message, "the device collar-17 is disabled");
        monitor_item_release(warning);
        monitor_item_release(dead);
}

static void test_a7_device_ids_can_be_left_out(void **state)
{
        struct monitor_item *item = line_of(LOG_LEVEL_ERROR, "EVENT_DEAD", false);

        (void)state;
        assert_null(property_of(item, "Device"));
        assert_string_equal(item->message, "the device (device) is disabled");
        assert_string_equal(property_of(item, "Reason"), "the device (device) is disabled");
        monitor_item_release(item);
}

static void test_a9_equal_lines_have_a_bound(void **state)
{
        struct monitor_log log;
        struct monitor_item *item;
        int admitted = 0;

        (void)state;
        monitor_log_init(&log);
        for (int i = 0; i < 13; i++)
                admitted += monitor_log_admit(&log, "DEVICE_HELD", CLOCK_NS_PER_S);
        assert_int_equal(admitted, 10);
        assert_true(monitor_log_admit(&log, "EVENT_DEAD", CLOCK_NS_PER_S));
        assert_null(monitor_log_suppressed(&log, CLOCK_NS_PER_S * 60, false));
        item = monitor_log_suppressed(&log, CLOCK_NS_PER_S * 62, false);
        assert_non_null(item);
        assert_string_equal(property_of(item, "Suppressed"), "3");
        assert_null(monitor_log_suppressed(&log, CLOCK_NS_PER_S * 62, true));
        assert_true(monitor_log_admit(&log, "DEVICE_HELD", CLOCK_NS_PER_S * 62));
        monitor_item_release(item);
        monitor_log_deinit(&log);
}

static void test_a11_without_a_service_there_is_no_monitor(void **state)
{
        struct monitor *monitor;
        struct reason reason = REASON_INIT;

        (void)state;
        assert_int_equal(
                monitor_start(&(struct monitor_options){.role = "isthmus"}, &monitor, &reason), 0);
        assert_null(monitor);
        assert_int_equal(monitor_begin(monitor, MESSAGE_ID), MONITOR_UNTOLD);
        monitor_request(monitor, &(struct monitor_request){.route = "/x"});
        monitor_dependency(monitor, &(struct monitor_dependency){.name = "x"});
        monitor_stop(monitor);
        monitor_free(monitor);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a2_ids_follow_from_the_message_id),
                cmocka_unit_test(test_a2_others_are_drawn),
                cmocka_unit_test(test_a1_an_envelope),
                cmocka_unit_test(test_a1_long_durations),
                cmocka_unit_test(test_a1_long_texts_are_cut),
                cmocka_unit_test(test_a1_lines_of_the_log),
                cmocka_unit_test(test_a7_device_ids_can_be_left_out),
                cmocka_unit_test(test_a9_equal_lines_have_a_bound),
                cmocka_unit_test(test_a11_without_a_service_there_is_no_monitor),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
