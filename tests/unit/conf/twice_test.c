// SPDX-License-Identifier: MIT
/* A name that an object of the file has twice, and names of which null is said. */
#include "support.h"

#include "base/mem.h"

#define HUB "\"AzureIoTHub\": {\"ConnectionString\": \"" HUB_STRING "\"}"

static void assert_only(const char *text, const char *said)
{
        CLEANUP(loaded_free) struct loaded loaded;

        load_text(&loaded, text);
        assert_counts(&loaded, 1, 0);
        assert_said(&loaded, said);
}

static void an_object_that_stands_twice_is_a_mistake_with_both_places(void **state)
{
        (void)state;
        assert_only("{\n  \"AzureIoT\": {" HUB "},\n  \"AzureIoT\": {\"AmqpPort\": 5671}\n}",
                    "test.json:3:15: AzureIoT: this name is given twice, also at line 2 column 15; "
                    "put what both hold into one object");
        assert_only("{\"AzureIoT\": {" HUB ",\n \"Applications\": {\"own\": {},\n"
                    "  \"own\": {\"DtdlModelId\": \"dtmi:a:b;1\"}}}}",
                    "test.json:3:10: AzureIoT.Applications.own: this name is given twice, also at "
                    "line 2 column 26");
}

static void what_lies_within_is_not_said_again(void **state)
{
        (void)state;
        assert_only("{\"AzureIoT\": {" HUB "},\n \"AzureIoT\": {" HUB ", \"AmqpPort\": 5,\n"
                    " \"AmqpPort\": \"x\"}}",
                    "test.json:2:14: AzureIoT: this name is given twice");
}

static void names_of_sections_are_the_same_in_any_case(void **state)
{
        (void)state;
        assert_only("{\"AzureIoT\": {" HUB "},\n \"azureiot\": {\"AmqpPort\": 5671}}",
                    "test.json:2:14: azureiot: this name is given twice, also at line 1 column 14");
        assert_only("{\"AzureIoT\": {" HUB ", \"Methods\": {\"Reset\": {},\n \"reset\": {}}}}",
                    "test.json:2:11: AzureIoT.Methods.reset: this name is given twice");
}

static void every_other_kind_of_value_counts_as_well(void **state)
{
        (void)state;
        assert_only("{\"AzureIoT\": {" HUB "},\n \"Listen\": \"127.0.0.1:1\",\n"
                    " \"Listen\": \"127.0.0.1:2\"}",
                    "test.json:3:12: Listen: this name is given twice, also at line 2 column 12; "
                    "remove one of the two");
        assert_only("{\"AzureIoT\": {" HUB "}, \"Telemetry\": {\"Events\": [\"JoinAccept\"],\n"
                    " \"Events\": [\"JoinAccept\"]}}",
                    "test.json:2:12: Telemetry.Events: this name is given twice");
        assert_only("{\"AzureIoT\": {" HUB ", \"Methods\": {\"Reset\": {\"Payload\":\n"
                    " {\"a\": 1, \"A\": 2, \"a\": 3}}}}}",
                    "test.json:2:24: AzureIoT.Methods.Reset.Payload.a: this name is given twice");
}

/* .NET reads such files, and each of their names stands once. */
static void what_is_not_one_name_is_none_twice(void **state)
{
        static const char *const texts[] = {
                "{\"AzureIoT\": {" HUB "}, \"AzureIoT:AmqpPort\": 5672, \"AzureIoT__DtdlModelId\": "
                "\"dtmi:a:b;1\"}",
                "{\"AzureIoT\": {" HUB ", \"Methods\": {\"Reset\": {\"Payload\": {\"a\": 1, "
                "\"A\": 2}}}}}",
                "{\"AzureIoT\": {" HUB ", \"DtdlModelId\": \"dtmi:a:b;1\", \"Applications\": "
                "{\"own\": {\"DtdlModelId\": \"dtmi:a:b;1\"}}}}",
        };
        CLEANUP(loaded_free) struct loaded applications;

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                CLEANUP(loaded_free) struct loaded loaded;

                load_text(&loaded, texts[i]);
                assert_counts(&loaded, 0, 0);
        }
        load_text(&applications,
                  "{\"AzureIoT\": {" HUB ", \"Applications\": {\"own\": {}, \"Own\": {}}}}");
        assert_counts(&applications, 0, 1);
        assert_said(&applications, "differ in case only; they are two");
}

static void other_mistakes_are_said_beside_it(void **state)
{
        CLEANUP(loaded_free) struct loaded loaded;

        (void)state;
        load_text(&loaded, "{\"AzureIoT\": {" HUB ", \"AmqpPort\": \"x\"}, \"Log\": {}, "
                           "\"Log\": {}}");
        assert_counts(&loaded, 2, 0);
        assert_said(&loaded, "AzureIoT.AmqpPort: 'x' is no whole number");
        assert_said(&loaded, "Log: this name is given twice");
}

static void null_in_place_of_what_the_user_named_is_a_mistake(void **state)
{
        (void)state;
        assert_only("{\"AzureIoT\": {" HUB ",\n \"Applications\": {\"own\": null}}}",
                    "test.json:2:26: AzureIoT.Applications.own: this must be an object in { }, "
                    "which may be empty, not null");
        assert_only("{\"AzureIoT\": {" HUB ", \"Methods\": {\"Reset\": \"\"}}}",
                    "AzureIoT.Methods.Reset: this must be an object in { }, which may be empty, "
                    "not an empty text");
        assert_only("{\"AzureIoT\": {" HUB
                    ", \"ApplicationToDtdlModelIdMapping\": {\"own\": null}}}",
                    "AzureIoT.ApplicationToDtdlModelIdMapping.own: null says nothing");
        assert_only("{\"AzureIoT\": {" HUB "}, \"WebhookKeys\": [null]}",
                    "WebhookKeys.0: null says nothing");
        assert_only("{\"AzureIoT\": {" HUB "}, \"Telemetry\": {\"Events\": [null]}}",
                    "Telemetry.Events.0: null says nothing");
        assert_only("{\"AzureIoT\": {" HUB "}, \"WebhookKeys\": [{\"Key\": \"a-long-enough-key\", "
                    "\"Applications\": [\"own\", null]}]}",
                    "WebhookKeys.0.Applications.1: null says nothing");
        assert_only("{\"AzureIoT\": {" HUB "}, \"Queues\": {\"uplink\": null}}",
                    "Queues.uplink: this must be an object in { }");
}

/* Templates hold it, and .NET takes it for nothing. */
static void null_in_place_of_a_setting_is_nothing(void **state)
{
        CLEANUP(loaded_free) struct loaded loaded;

        (void)state;
        load_text(&loaded, "{\"AzureIoT\": {" HUB ", \"AmqpPort\": null, \"Applications\": null, "
                           "\"DtdlModelId\": null}, \"WebhookKeys\": null, \"Log\": null}");
        assert_counts(&loaded, 0, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_object_that_stands_twice_is_a_mistake_with_both_places),
                cmocka_unit_test(what_lies_within_is_not_said_again),
                cmocka_unit_test(names_of_sections_are_the_same_in_any_case),
                cmocka_unit_test(every_other_kind_of_value_counts_as_well),
                cmocka_unit_test(what_is_not_one_name_is_none_twice),
                cmocka_unit_test(other_mistakes_are_said_beside_it),
                cmocka_unit_test(null_in_place_of_what_the_user_named_is_a_mistake),
                cmocka_unit_test(null_in_place_of_a_setting_is_nothing),
        };

        return cmocka_run_group_tests_name("conf.twice", tests, NULL, NULL);
}
