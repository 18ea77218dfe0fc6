// SPDX-License-Identifier: MIT
/* The interface, judged by a reader of its own of DTDL's rules (DTDL/v2/DTDL.v2.md). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/json/json.h"
#include "base/text.h"
#include "cli/camera/dtdl_interface.h"

/* --- the rules ------------------------------------------------------------------------------ */

/* ^[A-Za-z](?:[A-Za-z0-9_]*[A-Za-z0-9])?$ */
static void assert_is_name(const char *name)
{
        static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        size_t length = strlen(name);

        assert_in_range(length, 1, 64);
        assert_non_null(strchr(letters, name[0]));
        for (size_t i = 0; i < length; i++)
                assert_true(strchr(letters, name[i]) || strchr("0123456789_", name[i]));
        assert_true(name[length - 1] != '_');
}

static void assert_members(struct json_object *object, const char *allowed)
{
        json_object_object_foreach (object, name, value) {
                char pattern[80];

                (void)value;
                snprintf(pattern, sizeof(pattern), " %s ", name);
                if (!strstr(allowed, pattern))
                        fail_msg("the member '%s' is not among '%s'", name, allowed);
        }
}

static void assert_is_schema(struct json_object *schema, bool may_be_array)
{
        const char *type;
        struct json_object *fields;

        assert_non_null(schema);
        if (json_object_is_type(schema, json_type_string)) {
                const char *name = json_object_get_string(schema);

                assert_true(text_equal(name, "integer") || text_equal(name, "double") ||
                            text_equal(name, "string") || text_equal(name, "boolean"));
                return;
        }
        assert_true(may_be_array);
        type = json_text_member(schema, "@type");
        if (text_equal(type, "Array")) {
                assert_members(schema, " @type elementSchema ");
                assert_is_schema(json_member(schema, "elementSchema"), true);
                return;
        }
        assert_string_equal(type, "Object");
        assert_members(schema, " @type fields ");
        fields = json_member(schema, "fields");
        assert_in_range(json_object_array_length(fields), 1, 30);
        for (size_t i = 0; i < json_object_array_length(fields); i++) {
                struct json_object *field = json_object_array_get_idx(fields, i);

                assert_members(field, " name schema ");
                assert_is_name(json_text_member(field, "name"));
                assert_is_schema(json_member(field, "schema"), true);
        }
}

static void assert_is_element(struct json_object *element)
{
        const char *type = json_text_member(element, "@type");
        const char *display_name = json_text_member(element, "displayName");

        assert_is_name(json_text_member(element, "name"));
        assert_true(!display_name || strlen(display_name) <= 64);
        if (text_equal(type, "Telemetry")) {
                assert_members(element, " @type name displayName schema ");
                assert_is_schema(json_member(element, "schema"), true);
        } else if (text_equal(type, "Property")) {
                assert_members(element, " @type name displayName schema writable ");
                /* Version 2 has no arrays in properties. */
                assert_is_schema(json_member(element, "schema"), false);
        } else {
                assert_string_equal(type, "Command");
                assert_members(element, " @type name displayName ");
        }
}

static void assert_is_interface(struct json_object *root, size_t most)
{
        struct json_object *contents = json_member(root, "contents");
        size_t count = json_object_array_length(contents);

        assert_members(root, " @context @id @type displayName contents ");
        assert_string_equal(json_text_member(root, "@type"), "Interface");
        assert_in_range(count, 1, most);
        for (size_t i = 0; i < count; i++) {
                struct json_object *element = json_object_array_get_idx(contents, i);

                assert_is_element(element);
                for (size_t j = 0; j < i; j++)
                        assert_string_not_equal(
                                json_text_member(element, "name"),
                                json_text_member(json_object_array_get_idx(contents, j), "name"));
        }
}

/* --- the interface -------------------------------------------------------------------------- */

static char *three[] = {(char[]){"person"}, (char[]){"traffic light"}, (char[]){"2nd"}};
static char *same[] = {(char[]){"traffic light"}, (char[]){"traffic_light"}};
static const struct labels labels = {.names = three, .count = 3};

static struct dtdl_options usual(void)
{
        return (struct dtdl_options){.labels = &labels,
                                     .id = "dtmi:example:camera;1",
                                     .display_name = "Yard",
                                     .version = 2};
}

static struct json_object *make(const struct dtdl_options *options)
{
        CLEANUP(buf_deinit) struct buf out = BUF_INIT;
        struct reason reason = REASON_INIT;
        struct json_object *root;

        if (!dtdl_interface(options, &out, &reason))
                fail_msg("%s", reason.text);
        root = json_parse(out.data, out.size, 20, JSON_STRICT, NULL);
        assert_non_null(root);
        return root;
}

static struct json_object *find(struct json_object *root, const char *name)
{
        struct json_object *contents = json_member(root, "contents");

        for (size_t i = 0; i < json_object_array_length(contents); i++) {
                struct json_object *element = json_object_array_get_idx(contents, i);

                if (text_equal(json_text_member(element, "name"), name))
                        return element;
        }
        return NULL;
}

static void each_label_is_telemetry_as_it_is_sent(void **state)
{
        struct dtdl_options options = usual();
        struct json_object *root = make(&options);
        struct json_object *light = find(root, "traffic_light");

        (void)state;
        assert_is_interface(root, 300);
        assert_string_equal(json_text_member(root, "@id"), "dtmi:example:camera;1");
        assert_string_equal(json_text_member(light, "@type"), "Telemetry");
        assert_string_equal(json_text_member(light, "schema"), "integer");
        assert_string_equal(json_text_member(light, "displayName"), "traffic light");
        assert_non_null(find(root, "person"));
        /* A name can't begin with a digit, so what is sent does not either. */
        assert_non_null(find(root, "n2nd"));
        json_object_put(root);
}

static void commands_and_properties_are_there(void **state)
{
        struct dtdl_options options = usual();
        struct json_object *root = make(&options);

        (void)state;
        assert_string_equal(json_text_member(find(root, "ImageTimerStart"), "@type"), "Command");
        assert_string_equal(json_text_member(find(root, "ImageTimerStop"), "@type"), "Command");
        assert_true(json_bool_member(find(root, "ImageTimerDue"), "writable", false));
        assert_true(json_bool_member(find(root, "ImageTimerPeriod"), "writable", false));
        assert_false(json_bool_member(find(root, "ImageTimerStarted"), "writable", false));
        json_object_put(root);
}

static void zones_have_labels_of_their_own(void **state)
{
        static char gate[] = "front gate";
        static char chosen[] = "Person";
        static char yard[] = "yard";
        const struct dtdl_zone zones[] = {{.name = gate, .labels = chosen}, {.name = yard}};
        struct dtdl_options options = usual();
        struct json_object *root;

        (void)state;
        options.zones = zones;
        options.zone_count = 2;
        options.details = true;
        root = make(&options);
        assert_is_interface(root, 300);
        assert_string_equal(json_text_member(find(root, "front_gate_person"), "displayName"),
                            "front gate: person");
        assert_null(find(root, "front_gate_traffic_light"));
        assert_non_null(find(root, "yard_traffic_light"));
        assert_non_null(find(root, "details"));
        json_object_put(root);
}

static void few_labels_may_be_chosen(void **state)
{
        struct dtdl_options options = usual();
        struct json_object *root;

        (void)state;
        options.only = "traffic light,PERSON";
        root = make(&options);
        assert_non_null(find(root, "person"));
        assert_null(find(root, "n2nd"));
        json_object_put(root);
}

static void coco_is_an_interface(void **state)
{
        struct labels coco = LABELS_INIT;
        struct dtdl_options options = usual();
        struct json_object *root;

        (void)state;
        labels_coco(&coco);
        options.labels = &coco;
        root = make(&options);
        assert_is_interface(root, 300);
        assert_int_equal(json_object_array_length(json_member(root, "contents")), 92);
        json_object_put(root);
        labels_deinit(&coco);
}

static void the_version_is_in_the_context(void **state)
{
        static const struct {
                int64_t version;
                const char *first;
                size_t count;
        } cases[] = {{2, "dtmi:dtdl:context;2", 2}, {3, "dtmi:dtdl:context;3", 1}};

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct dtdl_options options = usual();
                struct json_object *root;
                struct json_object *context;

                options.version = cases[i].version;
                root = make(&options);
                context = json_member(root, "@context");
                assert_int_equal(json_object_array_length(context), cases[i].count);
                assert_string_equal(json_object_get_string(json_object_array_get_idx(context, 0)),
                                    cases[i].first);
                json_object_put(root);
        }
}

static void assert_refused(const struct dtdl_options *options, const char *part)
{
        CLEANUP(buf_deinit) struct buf out = BUF_INIT;
        struct reason reason = REASON_INIT;

        assert_false(dtdl_interface(options, &out, &reason));
        if (!strstr(reason.text, part))
                fail_msg("'%s' does not say '%s'", reason.text, part);
}

static void what_can_not_be_one_is_refused(void **state)
{
        static const char *const ids[] = {"",          "camera",         "dtmi:camera",
                                          "dtmi:;1",   "dtmi:1camera;1", "dtmi:a_;1",
                                          "dtmi:a;0",  "dtmi:a b;1",     "dtmi:a;1234567890",
                                          "dtmi:a:;1", "dtmi:a;1;1"};
        static char *many[301];
        const struct labels doubles = {.names = same, .count = 2};
        const struct labels hundreds = {.names = many, .count = ARRAY_SIZE(many)};
        static char names[301][8];
        struct dtdl_options options = usual();

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
                options.id = ids[i];
                assert_refused(&options, "this is no DTMI");
        }
        options = usual();
        options.only = "persn";
        assert_refused(&options, "knows no such label: 'persn'");
        options = usual();
        options.labels = &doubles;
        assert_refused(&options, "'traffic_light'");
        for (size_t i = 0; i < ARRAY_SIZE(many); i++) {
                snprintf(names[i], sizeof(names[i]), "l%zu", i);
                many[i] = names[i];
        }
        options.labels = &hundreds;
        assert_refused(&options, "allows 300 elements");
        options.version = 3;
        json_object_put(make(&options));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(each_label_is_telemetry_as_it_is_sent),
                cmocka_unit_test(commands_and_properties_are_there),
                cmocka_unit_test(zones_have_labels_of_their_own),
                cmocka_unit_test(few_labels_may_be_chosen),
                cmocka_unit_test(coco_is_an_interface),
                cmocka_unit_test(the_version_is_in_the_context),
                cmocka_unit_test(what_can_not_be_one_is_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
