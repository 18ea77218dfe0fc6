// SPDX-License-Identifier: MIT
/* IoT Hub's query language (rule W20). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/json/json.h"
#include "base/mem.h"
#include "localhub/query/query.h"

static const char *const twins[] = {
        ("{\"deviceId\":\"a\",\"status\":\"enabled\",\"lastActivityTime\":\"2026-01-02T00:00:00Z\","
         "\"tags\":{\"floor\":1,\"city\":\"Bern\",\"room key\":{\"x\":true}},\"properties\":{"
         "\"desired\":{\"limit\":20},\"reported\":{\"temp\":21.5,\"list\":[1,\"two\"],\"on\":true}}"
         "}"),
        ("{\"deviceId\":\"b\",\"status\":\"disabled\",\"lastActivityTime\":\"2026-03-02T00:00:"
         "00Z\","
         "\"tags\":{\"floor\":2,\"city\":\"Basel\"},\"properties\":{\"desired\":{},"
         "\"reported\":{\"temp\":19,\"on\":false,\"none\":null}}}"),
        ("{\"deviceId\":\"c\",\"status\":\"enabled\",\"lastActivityTime\":\"0001-01-01T00:00:00Z\","
         "\"tags\":{\"floor\":2},\"properties\":{\"desired\":{\"limit\":\"20\"},\"reported\":{}}}"),
};

static struct query *parse(const char *text)
{
        struct reason reason = REASON_INIT;
        struct query *query = NULL;

        if (query_parse(text, &query, &reason) != 0)
                fail_msg("'%s': %s", text, reason.text);
        return query;
}

static struct json_object *twin(size_t i)
{
        struct reason reason = REASON_INIT;

        return json_parse(twins[i], strlen(twins[i]), 16, JSON_STRICT, &reason);
}

/* The ids of those that fit. */
static void assert_fits(const char *where, const char *wanted)
{
        CLEANUP(mem_cleanup) char *text = mem_format("SELECT * FROM devices WHERE %s", where);
        struct query *query = parse(text);
        char got[8] = "";

        for (size_t i = 0; i < ARRAY_SIZE(twins); i++) {
                CLEANUP(json_cleanup) struct json_object *document = twin(i);

                if (query_fits(query, document))
                        strcat(got, json_text_member(document, "deviceId"));
        }
        query_free(query);
        if (strcmp(got, wanted) != 0)
                fail_msg("%s gives '%s', not '%s'", where, got, wanted);
}

static void conditions_choose_documents_w20(void **state)
{
        static const char *const cases[][2] = {
                {"deviceId = 'a'", "a"},
                {"devices.deviceId = 'a' OR devices.tags.city = 'Basel'", "ab"},
                {"deviceId != 'a'", "bc"},
                {"deviceId <> \"a\"", "bc"},
                {"DEVICEID = 'a'", ""},
                {"tags.floor = 2 AND status = 'enabled'", "c"},
                {"tags.floor = 1 OR tags.city = 'Basel'", "ab"},
                {"tags.floor = 2 and (tags.city = 'Basel' or tags.city = 'Bern')", "b"},
                {"tags.floor = 1 or tags.floor = 2 and status = 'disabled'", "ab"},
                {"NOT tags.floor = 2", "a"},
                {"not not deviceId = 'b'", "b"},
                {"tags.floor > 1", "bc"},
                {"tags.floor >= 1 and tags.floor < 2", "a"},
                {"properties.reported.temp <= 21.5", "ab"},
                {"properties.reported.temp > -1e3", "ab"},
                {"properties.desired.limit = 20", "a"},
                {"properties.desired.limit = '20'", "c"},
                {"properties.desired.limit != 20", "c"},
                {"lastActivityTime < '2026-02-01T00:00:00Z'", "ac"},
                {"tags.city IN ['Bern', 'Basel']", "ab"},
                {"tags.city NIN ['Bern']", "b"},
                {"tags.city in []", ""},
                {"tags['room key'].x", "a"},
                {"tags.[[room key]].x = true", "a"},
                {"tags['room key'].x = true", "a"},
                {"properties.reported.list[1] = 'two'", "a"},
                {"properties.reported.list[2] = 'two'", ""},
                {"properties.reported.on = false", "b"},
                {"properties.reported.none = null", "b"},
                {"is_null(properties.reported.none)", "b"},
                {"IS_DEFINED(tags.city)", "ab"},
                {"NOT IS_DEFINED(tags.city)", "c"},
                {"is_string(properties.desired.limit)", "c"},
                {"is_number(properties.desired.limit)", "a"},
                {"is_bool(properties.reported.on)", "ab"},
                {"is_object(tags)", "abc"},
                {"is_array(properties.reported.list)", "a"},
                {"is_primitive(tags.floor)", "abc"},
                {"startswith(tags.city, 'Ba')", "b"},
                {"STARTS_WITH(tags.city, 'B')", "ab"},
                {"endswith(tags.city, 'ern')", "a"},
                {"contains(tags.city, 's')", "b"},
                {"contains(tags.floor, '1')", ""},
                {"deviceId = 'it''s' or deviceId = 'it\\'s' or deviceId = 'c'", "c"},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
                assert_fits(cases[i][0], cases[i][1]);
}

static void a_wrong_query_says_where_it_is_wrong_w20(void **state)
{
        static const char *const cases[][2] = {
                {"", "character 1"},
                {"SELECT", "character 7"},
                {"SELECT * FROM", "character 14"},
                {"SELECT * FROM things", "'things' at character 15"},
                {"SELECT * FROM devices.things", "'things' at character 23"},
                {"SELECT * FROM devices WHERE", "character 28"},
                {"SELECT * FROM devices WHERE a = ", "character 33"},
                {"SELECT * FROM devices WHERE a == 1", "'=' at character 32"},
                {"SELECT * FROM devices WHERE a = 1 b", "'b' at character 35"},
                {"SELECT * FROM devices WHERE a = 'x", "at character 33"},
                {"SELECT * FROM devices WHERE (a = 1", "character 35"},
                {"SELECT * FROM devices WHERE a in (1)", "'(' at character 34"},
                {"SELECT * FROM devices WHERE 1", "character 30"},
                {"SELECT * FROM devices WHERE a = 01x", "'01x' at character 33"},
                {"SELECT * FROM devices ORDER BY a",
                 "'ORDER' at character 23 of the query: the end, since IoT Hub has no ORDER BY"},
                {"SELECT * FROM devices WHERE a = 1 order by a", "at character 35"},
                {"SELECT * FROM devices WHERE startswith(a)", "')' at character 41"},
                {"SELECT a, FROM devices", "'devices' at character 16"},
                {"SELECT TOP x * FROM devices", "'x' at character 12"},
                {"SELECT * FROM devices WHERE a[1.5] = 1", NULL},
                {"SELECT * FROM devices WHERE tags.[[a]", "an id and ']]'"},
                {"SELECT * FROM devices; DROP", "';' at character 22"},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct reason reason = REASON_INIT;
                struct query *query = NULL;
                int r = query_parse(cases[i][0], &query, &reason);

                if (cases[i][1] && (r == 0 || !strstr(reason.text, cases[i][1])))
                        fail_msg("'%s' says '%s'", cases[i][0], reason.text);
                if (r == 0)
                        query_free(query);
        }
}

static void nesting_and_size_are_bounded(void **state)
{
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;
        struct reason reason = REASON_INIT;
        struct query *query = NULL;

        (void)state;
        buf_add_text(&text, "SELECT * FROM devices WHERE ");
        for (int i = 0; i < 5000; i++)
                buf_add_text(&text, i % 2 ? "(" : "not ");
        assert_int_not_equal(query_parse(buf_text(&text), &query, &reason), 0);
        buf_clear(&text);
        buf_add_text(&text, "SELECT * FROM devices WHERE a = 1");
        for (int i = 0; i < 600; i++)
                buf_add_text(&text, " or a = 1");
        assert_int_not_equal(query_parse(buf_text(&text), &query, &reason), 0);
        while (text.size <= QUERY_SIZE_MAX)
                buf_add_char(&text, ' ');
        assert_int_not_equal(query_parse(buf_text(&text), &query, &reason), 0);
}

static void assert_json(struct json_object *value, const char *wanted)
{
        assert_string_equal(json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN), wanted);
}

static void columns_are_projected_w20(void **state)
{
        struct query *query = parse("select top 7 deviceId, properties.reported.temp as t, "
                                    "tags.none from devices");
        CLEANUP(json_cleanup) struct json_object *document = twin(0);
        CLEANUP(json_cleanup) struct json_object *made = query_project(query, document);

        (void)state;
        assert_json(made, "{\"deviceId\":\"a\",\"t\":21.5}");
        assert_int_equal(query_top(query), 7);
        assert_false(query_is_whole(query));
        assert_false(query_is_grouped(query));
        assert_int_equal(query_source(query), QUERY_DEVICES);
        query_free(query);
}

static void assert_groups(const char *text, const char *wanted)
{
        struct query *query = parse(text);
        CLEANUP(json_cleanup) struct json_object *groups = json_object_new_object();
        CLEANUP(json_cleanup) struct json_object *answers = NULL;

        assert_true(query_is_grouped(query));
        for (size_t i = 0; i < ARRAY_SIZE(twins); i++) {
                CLEANUP(json_cleanup) struct json_object *document = twin(i);

                query_add_to_group(query, groups, document);
        }
        answers = query_finish_groups(query, groups);
        query_free(query);
        assert_json(answers, wanted);
}

static void groups_are_counted_w20(void **state)
{
        (void)state;
        assert_groups("SELECT COUNT() FROM devices", "[{\"count\":3}]");
        assert_groups("SELECT COUNT() AS n, tags.floor FROM devices GROUP BY tags.floor",
                      "[{\"floor\":1,\"n\":1},{\"floor\":2,\"n\":2}]");
        assert_groups("SELECT COUNT(tags.city) AS n, SUM(tags.floor) AS s FROM devices",
                      "[{\"n\":2,\"s\":5.0}]");
        assert_groups("SELECT MIN(tags.floor) AS a, MAX(tags.floor) AS b, "
                      "AVG(properties.reported.temp) AS c FROM devices",
                      "[{\"a\":1.0,\"b\":2.0,\"c\":20.25}]");
}

static void other_sources_are_told_w20(void **state)
{
        struct query *query = parse("SELECT * FROM devices.modules");

        (void)state;
        assert_int_equal(query_source(query), QUERY_MODULES);
        assert_true(query_is_whole(query));
        query_free(query);
        query = parse("SELECT * FROM devices.jobs WHERE devices.jobs = 1");
        assert_int_equal(query_source(query), QUERY_JOBS);
        query_free(query);
}

static void a_job_s_properties_may_be_named_with_their_source_w20(void **state)
{
        static const char text[] = "{\"jobId\":\"j\",\"devices\":{\"jobs\":1}}";
        struct reason reason = REASON_INIT;
        CLEANUP(json_cleanup)
        struct json_object *job = json_parse(text, sizeof(text) - 1, 8, JSON_STRICT, &reason);
        struct query *query = parse("SELECT * FROM devices.jobs WHERE devices.jobs.jobId = 'j' "
                                    "AND jobId = 'j' AND devices.jobs = 1");

        (void)state;
        assert_true(query_fits(query, job));
        query_free(query);
        query = parse("SELECT * FROM devices.jobs WHERE devices.jobId = 'j'");
        assert_false(query_fits(query, job));
        query_free(query);
}

static void a_page_goes_on_where_its_token_says(void **state)
{
        static const char *const bad[] = {"1", "1.", ".1", "a.1", "1.b", "-1.1", "1.-1", "1.2.3"};
        struct query_page page = {.cursor = 7, .before = 3, .limit = 100};
        CLEANUP(mem_cleanup) char *token = query_page_token(&page);

        (void)state;
        assert_string_equal(token, "7.3");
        page = (struct query_page){.limit = 5};
        assert_true(query_page_continue(&page, token));
        assert_int_equal(page.cursor, 7);
        assert_int_equal(page.before, 3);
        assert_int_equal(page.limit, 5);
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                assert_false(query_page_continue(&page, bad[i]));
        page = (struct query_page){.limit = 5};
        assert_true(query_page_continue(&page, NULL) && query_page_continue(&page, ""));
        assert_int_equal(page.cursor, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(conditions_choose_documents_w20),
                cmocka_unit_test(a_wrong_query_says_where_it_is_wrong_w20),
                cmocka_unit_test(nesting_and_size_are_bounded),
                cmocka_unit_test(columns_are_projected_w20),
                cmocka_unit_test(groups_are_counted_w20),
                cmocka_unit_test(other_sources_are_told_w20),
                cmocka_unit_test(a_job_s_properties_may_be_named_with_their_source_w20),
                cmocka_unit_test(a_page_goes_on_where_its_token_says),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
