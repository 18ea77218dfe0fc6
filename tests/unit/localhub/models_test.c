// SPDX-License-Identifier: MIT
/* What a device says, compared with its model (rule W37). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json/json.h"
#include "localhub/model/models.h"

#define THING "dtmi:com:example:Thing;1"

static const char text[] =
        "[{\"@id\":\"" THING
        "\",\"@type\":\"Interface\",\"extends\":\"dtmi:com:example:Base;1\",\"contents\":["
        "{\"@type\":[\"Telemetry\",\"Temperature\"],\"name\":\"temp\",\"schema\":\"double\"},"
        "{\"@type\":\"Telemetry\",\"name\":\"state\",\"schema\":{\"@type\":\"Enum\","
        "\"valueSchema\":"
        "\"string\",\"enumValues\":[{\"name\":\"on\",\"enumValue\":\"ON\"}]}},"
        "{\"@type\":\"Telemetry\",\"name\":\"box\",\"schema\":\"dtmi:com:example:Box;1\"},"
        "{\"@type\":\"Telemetry\",\"name\":\"list\",\"schema\":{\"@type\":\"Array\","
        "\"elementSchema\":\"integer\"}},"
        "{\"@type\":\"Telemetry\",\"name\":\"map\",\"schema\":{\"@type\":\"Map\",\"mapValue\":{"
        "\"name\":\"v\",\"schema\":\"boolean\"}}},"
        "{\"@type\":\"Property\",\"name\":\"rate\",\"schema\":\"integer\",\"writable\":true},"
        "{\"@type\":\"Component\",\"name\":\"inner\",\"schema\":\"dtmi:com:example:Base;1\"}],"
        "\"schemas\":[{\"@id\":\"dtmi:com:example:Box;1\",\"@type\":\"Object\",\"fields\":[{"
        "\"name\":\"w\",\"schema\":\"integer\"}]}]},"
        "{\"@id\":\"dtmi:com:example:Base;1\",\"@type\":\"Interface\",\"contents\":["
        "{\"@type\":\"Telemetry\",\"name\":\"at\",\"schema\":\"dateTime\"},"
        "{\"@type\":\"Property\",\"name\":\"serial\",\"schema\":\"string\"}]}]";

static char path[] = "/tmp/isthmus-models-XXXXXX";
static struct models *models;

static int set_up(void **state)
{
        struct reason reason = REASON_INIT;

        (void)state;
        close(mkstemp(path));
        assert_int_equal(file_write(path, 0600, text, sizeof(text) - 1, &reason), 0);
        assert_int_equal(models_load(path, &models, &reason), 0);
        return 0;
}

static int tear_down(void **state)
{
        (void)state;
        models_free(models);
        unlink(path);
        return 0;
}

static struct json_object *json(const char *value)
{
        struct reason reason = REASON_INIT;

        return json_parse(value, strlen(value), 16, JSON_STRICT, &reason);
}

static void assert_warns(struct json_object *warnings, const char *body, const char *wanted)
{
        const char *got = json_object_to_json_string_ext(warnings, JSON_C_TO_STRING_PLAIN);

        if (wanted ? !strstr(got, wanted) : json_object_array_length(warnings) > 0)
                fail_msg("%s gives %s, not %s", body, got, wanted ? wanted : "nothing");
        json_object_put(warnings);
}

static void assert_telemetry(const char *component, const char *body, const char *wanted)
{
        CLEANUP(json_cleanup) struct json_object *value = json(body);
        struct json_object *warnings = json_object_new_array();

        models_check_telemetry(models, THING, component, value, warnings);
        assert_warns(warnings, body, wanted);
}

static void telemetry_is_compared_with_its_schema_w37(void **state)
{
        static const char *const cases[][2] = {
                {"{\"temp\":21.5}", NULL},
                {"{\"temp\":21}", NULL},
                {"{\"temp\":\"21\"}", "'temp' is no double, as " THING " has it"},
                {"{\"tmp\":21}", "'tmp' is no telemetry of " THING},
                {"{\"rate\":21}", "'rate' is no telemetry"},
                {"{\"state\":\"ON\"}", NULL},
                {"{\"state\":\"on\"}", "'state' is none of the values"},
                {"{\"box\":{\"w\":3}}", NULL},
                {"{\"box\":{\"w\":3.5}}", "'w' is no integer"},
                {"{\"box\":{\"h\":3}}", "'h' of 'box' is not in " THING},
                {"{\"box\":3}", "'box' is no object"},
                {"{\"list\":[1,2]}", NULL},
                {"{\"list\":[1,3000000000]}", "'list' is no integer"},
                {"{\"list\":1}", "'list' is no array"},
                {"{\"map\":{\"a\":true}}", NULL},
                {"{\"map\":{\"a\":1}}", "'a' is no boolean"},
                {"{\"at\":\"2026-01-02T03:04:05Z\"}", NULL},
                {"{\"at\":\"yesterday\"}", "'at' is no dateTime"},
                {"[1]", "the body is no JSON object"},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
                assert_telemetry(NULL, cases[i][0], cases[i][1]);
        assert_telemetry("inner", "{\"at\":\"2026-01-02T03:04:05Z\"}", NULL);
        assert_telemetry("inner", "{\"temp\":1}",
                         "'temp' is no telemetry of dtmi:com:example:Base;1");
        assert_telemetry("outer", "{}", "has no component 'outer'");
}

static void reported_properties_are_compared_w37(void **state)
{
        static const char *const cases[][2] = {
                {"{\"rate\":1,\"serial\":\"a\",\"$version\":3}", NULL},
                {"{\"rate\":{\"value\":5,\"ac\":200,\"av\":2}}", NULL},
                {"{\"rate\":{\"value\":\"5\",\"ac\":200,\"av\":2}}", "'rate' is no integer"},
                {"{\"temp\":1}", "'temp' is no property of " THING},
                {"{\"inner\":{\"__t\":\"c\",\"serial\":\"x\"}}", NULL},
                {"{\"inner\":{\"__t\":\"c\",\"serial\":1}}", "'serial' is no string"},
                {"{\"none\":{\"__t\":\"c\"}}", "has no component 'none'"},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                CLEANUP(json_cleanup) struct json_object *value = json(cases[i][0]);
                struct json_object *warnings = json_object_new_array();

                models_check_reported(models, THING, value, warnings);
                assert_warns(warnings, cases[i][0], cases[i][1]);
        }
}

static void without_a_model_there_is_no_comparison(void **state)
{
        CLEANUP(json_cleanup) struct json_object *body = json("{\"x\":1}");
        struct json_object *warnings = json_object_new_array();

        (void)state;
        models_check_telemetry(NULL, THING, NULL, body, warnings);
        models_check_telemetry(models, "", NULL, body, warnings);
        assert_int_equal(json_object_array_length(warnings), 0);
        models_check_telemetry(models, "dtmi:x;1", NULL, body, warnings);
        assert_warns(warnings, "an unknown model", "there is no model dtmi:x;1 here");
}

static void files_that_are_no_models_are_refused(void **state)
{
        static const char *const contents[] = {
                "{",
                "{}",
                "[{\"@id\":\"dtmi:a;1\",\"@type\":\"Telemetry\"}]",
                ("[{\"@id\":\"dtmi:a;1\",\"@type\":\"Interface\"},{\"@id\":\"dtmi:a;1\","
                 "\"@type\":\"Interface\"}]"),
        };
        char file[] = "/tmp/isthmus-model-XXXXXX";

        (void)state;
        close(mkstemp(file));
        for (size_t i = 0; i < ARRAY_SIZE(contents); i++) {
                struct reason reason = REASON_INIT;
                struct models *made = NULL;

                assert_int_equal(file_write(file, 0600, contents[i], strlen(contents[i]), &reason),
                                 0);
                assert_int_not_equal(models_load(file, &made, &reason), 0);
                assert_non_null(strstr(reason.text, file));
        }
        unlink(file);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(telemetry_is_compared_with_its_schema_w37),
                cmocka_unit_test(reported_properties_are_compared_w37),
                cmocka_unit_test(without_a_model_there_is_no_comparison),
                cmocka_unit_test(files_that_are_no_models_are_refused),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
