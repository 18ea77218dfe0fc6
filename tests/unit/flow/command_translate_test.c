// SPDX-License-Identifier: MIT
/* Rules D1 to D3: what becomes of each message, IoT Central command and direct method. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/mem.h"
#include "flow/command_translate.h"

#define MAX_PROPERTIES 4

struct message_row {
        struct hub_message_property properties[MAX_PROPERTIES];
        const char *body;
        int result;
        const char *reason;  /* part of it, if result is not 0 */
        const char *payload; /* else: base64, or NULL */
        const char *decoded; /* or this */
};

static int set_up(void **state)
{
        struct settings *settings = mem_new(1, sizeof(*settings));

        settings_init(settings);
        *state = settings;
        return 0;
}

static int tear_down(void **state)
{
        settings_deinit(*state);
        free(*state);
        return 0;
}

static void check_message(struct settings *settings, const struct message_row *row)
{
        CLEANUP(downlink_deinit) struct downlink downlink = DOWNLINK_INIT;
        struct command_source source = {
                .application = "application1",
                .properties = row->properties,
                .payload = row->body,
                .payload_size = strlen(row->body),
        };
        const struct settings_method *method;
        struct reason reason = REASON_INIT;

        while (source.property_count < MAX_PROPERTIES &&
               row->properties[source.property_count].name)
                source.property_count++;
        assert_int_equal(command_translate(settings, &source, &downlink, &method, &reason),
                         row->result);
        assert_null(method);
        if (row->result != 0) {
                assert_non_null(strstr(reason.text, row->reason));
                return;
        }
        if (row->payload)
                assert_string_equal(downlink.payload, row->payload);
        else
                assert_null(downlink.payload);
        if (row->decoded)
                assert_string_equal(downlink.decoded, row->decoded);
        else
                assert_null(downlink.decoded);
}

static void d1_bodies_of_messages(void **state)
{
        static const struct message_row rows[] = {
                {{{"Port", "10"}}, "AAE=", 0, NULL, "AAE=", NULL},
                {{{"Port", "10"}}, "  AAE=\r\n", 0, NULL, "AAE=", NULL},
                {{{"Port", "10"}}, "", 0, NULL, "", NULL},
                {{{"Port", "10"}}, "{\"value_0\": 1.50}", 0, NULL, NULL, "{\"value_0\":1.50}"},
                {{{"Port", "10"}}, "[1,2]", COMMAND_E_INVALID, "array", NULL, NULL},
                {{{"Port", "10"}}, "{\"a\":", COMMAND_E_INVALID, "no JSON object", NULL, NULL},
                {{{"Port", "10"}}, "hello", COMMAND_E_INVALID, "base64", NULL, NULL},
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
                check_message(*state, &rows[i]);
}

static void d1_each_bad_property_is_rejected_by_name(void **state)
{
        static const struct message_row rows[] = {
                {{{"Confirmed", "true"}}, "AAE=", COMMAND_E_INVALID, "Port", NULL, NULL},
                {{{"Port", "0"}}, "AAE=", COMMAND_E_INVALID, "Port", NULL, NULL},
                {{{"Port", "224"}}, "AAE=", COMMAND_E_INVALID, "Port", NULL, NULL},
                {{{"Port", "1e1"}}, "AAE=", COMMAND_E_INVALID, "Port", NULL, NULL},
                {{{"Port", "1"}, {"Confirmed", "yes"}},
                 "AAE=",
                 COMMAND_E_INVALID,
                 "Confirmed",
                 NULL,
                 NULL},
                {{{"Port", "1"}, {"Priority", "7"}},
                 "AAE=",
                 COMMAND_E_INVALID,
                 "Priority",
                 NULL,
                 NULL},
                {{{"Port", "1"}, {"Queue", "Append"}},
                 "AAE=",
                 COMMAND_E_INVALID,
                 "Queue",
                 NULL,
                 NULL},
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
                check_message(*state, &rows[i]);
}

static void d1_properties_in_any_case_with_the_original_defaults(void **state)
{
        static const struct hub_message_property all[] = {{"port", "223"},
                                                          {"CONFIRMED", "True"},
                                                          {"priority", "abovenormal"},
                                                          {"queue", "REPLACE"}};
        static const struct hub_message_property number[] = {{"Port", "1"}, {"Priority", "6"}};
        struct {
                const struct hub_message_property *properties;
                size_t count;
                struct downlink expected;
        } rows[] = {
                {all,
                 4,
                 {.port = 223,
                  .confirmed = true,
                  .priority = DOWNLINK_ABOVE_NORMAL,
                  .replace = true}},
                {number, 2, {.port = 1, .priority = DOWNLINK_HIGHEST}},
                {number, 1, {.port = 1, .priority = DOWNLINK_NORMAL}},
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                CLEANUP(downlink_deinit) struct downlink downlink = DOWNLINK_INIT;
                struct command_source source = {.application = "a",
                                                .properties = rows[i].properties,
                                                .property_count = rows[i].count};
                const struct settings_method *method;
                struct reason reason = REASON_INIT;

                assert_int_equal(command_translate(*state, &source, &downlink, &method, &reason),
                                 0);
                assert_int_equal(downlink.port, rows[i].expected.port);
                assert_int_equal(downlink.confirmed, rows[i].expected.confirmed);
                assert_int_equal(downlink.priority, rows[i].expected.priority);
                assert_int_equal(downlink.replace, rows[i].expected.replace);
        }
}

static void d1_raw_text_is_sent_as_its_bytes_if_configured(void **state)
{
        static const struct message_row row = {{{"Port", "10"}}, "hello", 0, NULL,
                                               "aGVsbG8=",       NULL};
        struct settings *settings = *state;

        settings->commands.raw_text_payload = true;
        check_message(settings, &row);
}

/* The model of the founding text: RAK3172 with two values, an object, an enumeration, lights. */
static struct settings_method rak3172[] = {
        {.name = (char[]){"value_0"}, .port = 10, .queue = SETTINGS_QUEUE_PUSH},
        {.name = (char[]){"value_1"}, .port = 10},
        {.name = (char[]){"TemperatureOOBAlertMinimumAndMaximum"}, .port = 12, .confirmed = true},
        {.name = (char[]){"value_2"}, .port = 10, .priority = SETTINGS_PRIORITY_HIGH},
        {.name = (char[]){"LightsGoOn"}, .port = 10, .payload = (char[]){"{\"value_3\": 1}"}},
        {.name = (char[]){"LightsGoOff"}, .port = 10},
        {.name = (char[]){"Broken"}, .port = 10, .payload = (char[]){"{\"value_3\":"}},
        {.name = (char[]){"Bare"}, .port = 10, .payload = (char[]){"5"}},
};

static void check_method(struct settings *settings, const char *name, const char *payload,
                         const char *decoded)
{
        CLEANUP(downlink_deinit) struct downlink downlink = DOWNLINK_INIT;
        struct command_source source = {.application = "application1",
                                        .method = name,
                                        .payload = payload,
                                        .payload_size = strlen(payload)};
        const struct settings_method *method;
        struct reason reason = REASON_INIT;

        assert_int_equal(command_translate(settings, &source, &downlink, &method, &reason), 0);
        assert_string_equal(downlink.decoded, decoded);
        assert_null(downlink.payload);
        assert_int_equal(downlink.port, method->port);
        assert_int_equal(downlink.confirmed, method->confirmed);
        assert_int_equal(downlink.replace, method->queue == SETTINGS_QUEUE_REPLACE);
}

static int set_up_methods(void **state)
{
        struct settings *settings;

        set_up(state);
        settings = *state;
        settings->azure.methods = rak3172;
        settings->azure.method_count = ARRAY_SIZE(rak3172);
        return 0;
}

static int tear_down_methods(void **state)
{
        struct settings *settings = *state;

        settings->azure.methods = NULL;
        settings->azure.method_count = 0;
        return tear_down(state);
}

static void d1_each_command_of_the_founding_model(void **state)
{
        check_method(*state, "value_0", "21.5", "{\"value_0\":21.5}");
        check_method(*state, "VALUE_0", "21", "{\"VALUE_0\":21}");
        check_method(*state, "value_1", "-3", "{\"value_1\":-3}");
        check_method(*state, "TemperatureOOBAlertMinimumAndMaximum",
                     "{\"value_0\":1.0,\"value_1\":30}", "{\"value_0\":1.0,\"value_1\":30}");
        check_method(*state, "value_2", "1", "{\"value_2\":1}");
        check_method(*state, "LightsGoOn", "@", "{\"value_3\":1}");
        check_method(*state, "LightsGoOff", "@", "{}");
}

static void d1_arrays_primitives_and_text_are_wrapped(void **state)
{
        check_method(*state, "value_0", "[1,2]", "{\"value_0\":[1,2]}");
        check_method(*state, "value_0", "true", "{\"value_0\":true}");
        check_method(*state, "value_0", "\"on\"", "{\"value_0\":\"on\"}");
        check_method(*state, "value_0", "on, please", "{\"value_0\":\"on, please\"}");
}

static void d2_nothing_has_four_spellings(void **state)
{
        static const char *const nothing[] = {"@", "", "null", "\"\"", "  \n"};

        for (size_t i = 0; i < ARRAY_SIZE(nothing); i++) {
                check_method(*state, "LightsGoOn", nothing[i], "{\"value_3\":1}");
                check_method(*state, "LightsGoOff", nothing[i], "{}");
                check_method(*state, "Bare", nothing[i], "{\"Bare\":5}");
        }
}

static void d3_refusals_say_why(void **state)
{
        static const struct {
                const char *method;
                int result;
                const char *reason;
        } rows[] = {
                {"Unheard", COMMAND_E_UNKNOWN, "Unheard"},
                {"", COMMAND_E_UNKNOWN, "AzureIoT.Methods"},
                {"Broken", COMMAND_E_INVALID, "Methods.Broken.Payload"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                CLEANUP(downlink_deinit) struct downlink downlink = DOWNLINK_INIT;
                struct command_source source = {.application = "a",
                                                .method = rows[i].method,
                                                .payload = "@",
                                                .payload_size = 1};
                const struct settings_method *method;
                struct reason reason = REASON_INIT;

                assert_int_equal(command_translate(*state, &source, &downlink, &method, &reason),
                                 rows[i].result);
                assert_non_null(strstr(reason.text, rows[i].reason));
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(d1_bodies_of_messages, set_up, tear_down),
                cmocka_unit_test_setup_teardown(d1_each_bad_property_is_rejected_by_name, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(
                        d1_properties_in_any_case_with_the_original_defaults, set_up, tear_down),
                cmocka_unit_test_setup_teardown(d1_raw_text_is_sent_as_its_bytes_if_configured,
                                                set_up, tear_down),
                cmocka_unit_test_setup_teardown(d1_each_command_of_the_founding_model,
                                                set_up_methods, tear_down_methods),
                cmocka_unit_test_setup_teardown(d1_arrays_primitives_and_text_are_wrapped,
                                                set_up_methods, tear_down_methods),
                cmocka_unit_test_setup_teardown(d2_nothing_has_four_spellings, set_up_methods,
                                                tear_down_methods),
                cmocka_unit_test_setup_teardown(d3_refusals_say_why, set_up_methods,
                                                tear_down_methods),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
