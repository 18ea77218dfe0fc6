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
#include "base/text.h"
#include "gateway/command/command_translate.h"
#include "networks/myriota/myriota.h"
#include "networks/things_stack/things_stack.h"

#define MAX_PROPERTIES 4

struct message_row {
        struct property properties[MAX_PROPERTIES];
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

static struct command *new_trial(void)
{
        return mem_new(1, sizeof(struct command));
}

static void free_trial(struct command **command)
{
        command_free(*command);
}

static void check_message(struct settings *settings, const struct message_row *row)
{
        CLEANUP(free_trial) struct command *command = new_trial();
        struct command_source source = {
                .driver = things_stack.downlink,
                .application = "application1",
                .properties = row->properties,
                .payload = row->body,
                .payload_size = strlen(row->body),
        };
        struct reason reason = REASON_INIT;

        while (source.property_count < MAX_PROPERTIES &&
               row->properties[source.property_count].name)
                source.property_count++;
        assert_int_equal(command_translate(settings, &source, command, &reason), row->result);
        if (row->result != 0) {
                assert_non_null(strstr(reason.text, row->reason));
                return;
        }
        if (row->payload)
                assert_string_equal(command->downlink.payload, row->payload);
        else
                assert_null(command->downlink.payload);
        if (row->decoded)
                assert_string_equal(command->downlink.decoded, row->decoded);
        else
                assert_null(command->downlink.decoded);
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
        static const struct property all[] = {{"port", "223"},
                                              {"CONFIRMED", "True"},
                                              {"priority", "abovenormal"},
                                              {"queue", "REPLACE"}};
        static const struct property number[] = {{"Port", "1"}, {"Priority", "6"}};
        struct {
                const struct property *properties;
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
                CLEANUP(free_trial) struct command *command = new_trial();
                struct command_source source = {.driver = things_stack.downlink,
                                                .application = "a",
                                                .properties = rows[i].properties,
                                                .property_count = rows[i].count};
                struct reason reason = REASON_INIT;

                assert_int_equal(command_translate(*state, &source, command, &reason), 0);
                assert_int_equal(command->downlink.port, rows[i].expected.port);
                assert_int_equal(command->downlink.confirmed, rows[i].expected.confirmed);
                assert_int_equal(command->downlink.priority, rows[i].expected.priority);
                assert_int_equal(command->downlink.replace, rows[i].expected.replace);
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
        {.name = (char[]){"value_2"}, .port = 10, .priority = DOWNLINK_HIGH},
        {.name = (char[]){"LightsGoOn"}, .port = 10, .payload = (char[]){"{\"value_3\": 1}"}},
        {.name = (char[]){"LightsGoOff"}, .port = 10},
        {.name = (char[]){"Broken"}, .port = 10, .payload = (char[]){"{\"value_3\":"}},
        {.name = (char[]){"Bare"}, .port = 10, .payload = (char[]){"5"}},
};

static void check_method(struct settings *settings, const char *name, const char *payload,
                         const char *decoded)
{
        CLEANUP(free_trial) struct command *command = new_trial();
        struct command_source source = {.driver = things_stack.downlink,
                                        .application = "application1",
                                        .method = name,
                                        .payload = payload,
                                        .payload_size = strlen(payload)};
        const struct settings_method *method;
        struct reason reason = REASON_INIT;

        assert_int_equal(command_translate(settings, &source, command, &reason), 0);
        assert_string_equal(command->downlink.decoded, decoded);
        assert_null(command->downlink.payload);
        method = settings_method(settings, "application1", name);
        assert_int_equal(command->downlink.port, method->port);
        assert_int_equal(command->downlink.confirmed, method->confirmed);
        assert_int_equal(command->downlink.replace, method->queue == SETTINGS_QUEUE_REPLACE);
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
                {"Broken", COMMAND_E_UNPROCESSABLE, "Methods.Broken.Payload"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                CLEANUP(free_trial) struct command *command = new_trial();
                struct command_source source = {.driver = things_stack.downlink,
                                                .application = "a",
                                                .method = rows[i].method,
                                                .payload = "@",
                                                .payload_size = 1};
                struct reason reason = REASON_INIT;

                assert_int_equal(command_translate(*state, &source, command, &reason),
                                 rows[i].result);
                assert_non_null(strstr(reason.text, rows[i].reason));
        }
}

/* --- Myriota: bytes only, no ports (rules D2 and D4) --------------------------------------- */

struct bytes_row {
        const char *method; /* NULL = a message */
        const char *body;
        const char *device_formatter;
        int result;
        const char *reason;    /* part of it, if result is not 0 */
        const char *payload;   /* else: base64, or NULL if the formatter makes it */
        const char *formatter; /* or NULL */
        const char *decoded;   /* for the formatter; or NULL */
};

static void check_bytes(struct settings *settings, const struct bytes_row *row)
{
        CLEANUP(free_trial) struct command *command = new_trial();
        struct command_source source = {
                .driver = &myriota_downlink,
                .device_formatter = row->device_formatter,
                .application = "tracker",
                .method = row->method,
                .payload = row->body,
                .payload_size = strlen(row->body),
        };
        struct reason reason = REASON_INIT;
        int result = command_translate(settings, &source, command, &reason);

        if (result != row->result)
                fail_msg("%s '%s': %d, %s", row->method ? row->method : "message", row->body,
                         result, reason.text);
        if (result != 0) {
                assert_non_null(strstr(reason.text, row->reason));
                return;
        }
        assert_true(text_equal(command->downlink.payload, row->payload));
        assert_true(text_equal(command->downlink.decoded, row->decoded));
        assert_true(text_equal(command->formatter, row->formatter));
        assert_int_equal(command->downlink.replace, false);
        assert_int_equal(command->body != NULL, row->formatter != NULL);
}

static struct settings_method satellite[] = {
        {.name = (char[]){"Led"}, .formatter = (char[]){"led"}},
        {.name = (char[]){"Go"}, .formatter = (char[]){"led"}, .payload = (char[]){"{\"on\":1}"}},
        {.name = (char[]){"Raw"}},
        {.name = (char[]){"Fixed"}, .payload = (char[]){"\"0A0b\""}},
        {.name = (char[]){"Broken"}, .formatter = (char[]){"led"}, .payload = (char[]){"0A0b"}},
};

static int set_up_satellite(void **state)
{
        struct settings *settings;

        set_up(state);
        settings = *state;
        settings->azure.methods = satellite;
        settings->azure.method_count = ARRAY_SIZE(satellite);
        return 0;
}

static void d2_payloads_of_methods_for_a_formatter(void **state)
{
        static const struct bytes_row rows[] = {
                {"Led", "{\"a\":1}", NULL, 0, NULL, NULL, "led", "{\"a\":1}"},
                {"Led", "true", NULL, 0, NULL, NULL, "led", "{\"Led\":true}"},
                {"Led", "[1,2]", NULL, 0, NULL, NULL, "led", "{\"Led\":[1,2]}"},
                {"Led", "\"01aa\"", NULL, 0, NULL, NULL, "led", "{\"Led\":\"01aa\"}"},
                {"Led", "on, please", NULL, 0, NULL, NULL, "led", "{\"Led\":\"on, please\"}"},
                {"Led", "", NULL, 0, NULL, NULL, "led", "{}"},
                {"Go", "", NULL, 0, NULL, NULL, "led", "{\"on\":1}"},
                {"Go", "null", NULL, 0, NULL, NULL, "led", "{\"on\":1}"},
                {"Go", "\"\"", NULL, 0, NULL, NULL, "led", "{\"on\":1}"},
                {"Go", "@", NULL, 0, NULL, NULL, "led", "{\"on\":1}"},
                {"Broken", "@", NULL, COMMAND_E_UNPROCESSABLE, "Methods.Broken.Payload", NULL, NULL,
                 NULL},
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
                check_bytes(*state, &rows[i]);
}

static void d4_a_method_needs_an_entry_or_a_formatter(void **state)
{
        static const struct bytes_row rows[] = {
                {"Other", "5", NULL, COMMAND_E_UNKNOWN, "'Other'", NULL, NULL, NULL},
                {"Other", "5", "of-device", 0, NULL, NULL, "of-device", "{\"Other\":5}"},
                {"Led", "5", "of-device", 0, NULL, NULL, "led", "{\"Led\":5}"},
        };
        static const struct bytes_row by_default = {"Other", "5",  NULL,     0,
                                                    NULL,    NULL, "of-all", "{\"Other\":5}"};
        struct settings *settings = *state;

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
                check_bytes(settings, &rows[i]);
        settings->payload_formatters.downlink_default = mem_text("of-all");
        check_bytes(settings, &by_default);
}

static void d4_without_a_formatter_hex_text_is_sent_as_its_bytes(void **state)
{
        static const struct bytes_row rows[] = {
                {NULL, "01aAbB", NULL, 0, NULL, "Aaq7", NULL, NULL},
                {NULL, " 01\n", NULL, 0, NULL, "AQ==", NULL, NULL},
                {"Raw", "\"01aabb\"", NULL, 0, NULL, "Aaq7", NULL, NULL},
                {"Raw", "01aabb", NULL, 0, NULL, "Aaq7", NULL, NULL},
                {"Fixed", "@", NULL, 0, NULL, "Cgs=", NULL, NULL},
                {NULL, "", NULL, COMMAND_E_UNPROCESSABLE, "0 bytes", NULL, NULL, NULL},
                {NULL, "000102030405060708090a0b0c0d0e0f1011121314", NULL, COMMAND_E_UNPROCESSABLE,
                 "21 bytes", NULL, NULL, NULL},
                {NULL, "01a", NULL, COMMAND_E_UNPROCESSABLE, "DownlinkFormatterDefault", NULL, NULL,
                 NULL},
                {NULL, "{\"a\":1}", NULL, COMMAND_E_UNPROCESSABLE, "PayloadFormatter", NULL, NULL,
                 NULL},
                {"Raw", "{\"a\":1}", NULL, COMMAND_E_UNPROCESSABLE, "Formatter", NULL, NULL, NULL},
                {"Raw", "12", NULL, COMMAND_E_UNPROCESSABLE, "Formatter", NULL, NULL, NULL},
                {"Raw", "@", NULL, COMMAND_E_UNPROCESSABLE, "Formatter", NULL, NULL, NULL},
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
                check_bytes(*state, &rows[i]);
}

/* The formatter of a message, by the places where it can be named. */
static void check_choice(struct settings *settings, const struct downlink_driver *driver,
                         const char *property, const char *body, const char *formatter)
{
        const struct property properties[] = {{"Port", "1"}, {"payloadformatter", property}};
        CLEANUP(free_trial) struct command *command = new_trial();
        struct command_source source = {
                .driver = driver,
                .device_formatter = "of-device",
                .application = "a",
                .properties = properties,
                .property_count = property ? 2 : 1,
                .payload = body,
                .payload_size = strlen(body),
        };
        struct reason reason = REASON_INIT;

        assert_int_equal(command_translate(settings, &source, command, &reason), 0);
        if (!text_equal(command->formatter, formatter))
                fail_msg("%s", command->formatter);
}

static void the_formatter_of_a_message_is_its_own_or_the_devices(void **state)
{
        static const char object[] = "{\"a\":1}";

        check_choice(*state, &myriota_downlink, "own", object, "own");
        check_choice(*state, &myriota_downlink, NULL, object, "of-device");
        check_choice(*state, &myriota_downlink, NULL, "any text", "of-device");
        check_choice(*state, things_stack.downlink, "own", object, "own");
        check_choice(*state, things_stack.downlink, "own", "AAE=", "own");
        check_choice(*state, things_stack.downlink, NULL, object, "of-device");
        check_choice(*state, things_stack.downlink, NULL, "AAE=", NULL);
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
                cmocka_unit_test_setup_teardown(d2_payloads_of_methods_for_a_formatter,
                                                set_up_satellite, tear_down_methods),
                cmocka_unit_test_setup_teardown(d4_a_method_needs_an_entry_or_a_formatter,
                                                set_up_satellite, tear_down_methods),
                cmocka_unit_test_setup_teardown(
                        d4_without_a_formatter_hex_text_is_sent_as_its_bytes, set_up_satellite,
                        tear_down_methods),
                cmocka_unit_test_setup_teardown(
                        the_formatter_of_a_message_is_its_own_or_the_devices, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
