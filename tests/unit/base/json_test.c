// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/json/json.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"

#define DEPTH 8

/* The bytes in a block of their own size, so that a read behind them is found by sanitizers. */
static struct json_object *parse(const char *text, enum json_style style, struct reason *reason)
{
        size_t size = strlen(text);
        CLEANUP(mem_cleanup) char *bytes = mem_new(size, 1);

        memcpy(bytes, text, size);
        return json_parse(bytes, size, DEPTH, style, reason);
}

static void check_written(const char *text, enum json_style style, const char *expected)
{
        struct reason reason = REASON_INIT;
        CLEANUP(json_cleanup) struct json_object *value = parse(text, style, &reason);
        CLEANUP(buf_deinit) struct buf out = BUF_INIT;

        if (!value)
                fail_msg("refused: %s: %s", text, reason.text);
        json_write(&out, value);
        assert_string_equal(buf_text(&out), expected);
}

static void check_refused(const char *text, enum json_style style)
{
        struct reason reason = REASON_INIT;
        CLEANUP(json_cleanup) struct json_object *value = parse(text, style, &reason);

        if (value)
                fail_msg("accepted: %s", text);
        if (reason.text[0] == '\0')
                fail_msg("refused without a reason: %s", text);
        assert_true(utf8_is_valid(reason.text, strlen(reason.text)));
}

static void test_values_come_out_as_they_went_in(void **state)
{
        static const char *const cases[] = {
                "{}",
                "[]",
                "\"\"",
                "true",
                "false",
                "0",
                "7",
                "-7",
                "42",
                "{\"a\":[1,2,[],{}],\"b\":{\"c\":null},\"d\":\"x\"}",
                "\"K\xc3\xa4se \xf0\x9f\xa7\x80\"",
                "\"\\u0000 \\u001f \\\" \\\\ \\n\"",
                "\"https://example.net/a\"",
                "[1.5,-0.25,1e3,1E+3,2.50,0.1,1e-7]",
                "[0,-0.5,10,100]",
                "[9007199254740993,-9223372036854775808,9223372036854775807]",
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
                check_written(cases[i], JSON_STRICT, cases[i]);
        check_written(" \t\r\n{ \"a\" : 1 , \"b\" : [ 1 , 2 ] } \n", JSON_STRICT,
                      "{\"a\":1,\"b\":[1,2]}");
        check_written("5", JSON_RELAXED, "5");
        check_written("\"\\u00e9\\ud83e\\uddc0\\/\"", JSON_STRICT, "\"\xc3\xa9\xf0\x9f\xa7\x80/\"");
}

static void test_integers_beyond_64_bits_keep_every_digit(void **state)
{
        static const char *const cases[] = {
                "9223372036854775808",
                "18446744073709551615",
                "18446744073709551616",
                "-9223372036854775809",
                "123456789012345678901234567890",
                "[1715000000000000000,99999999999999999999,{\"a\":-100000000000000000000}]",
                "[\"123456789012345678901234567890\",1]",
                "[\"a\\\"123456789012345678901234567890\",12345678901234567890]",
                "1234567890123456789012.5",
                "0.12345678901234567890123",
                "12345678901234567890e5",
                "[\"1234567890123456789e0\",\"\\\"1234567890123456789e0\",1234567890123456789]",
                "{\"e0\":\"e0\",\"12345678901234567890e0\":10e0}",
                "1e0",
                "[-0.0,1e400,-1e400]",
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
                check_written(cases[i], JSON_STRICT, cases[i]);
}

static void test_repeated_members_the_last_wins(void **state)
{
        (void)state;
        check_written("{\"a\":1,\"b\":2,\"a\":3}", JSON_STRICT, "{\"a\":3,\"b\":2}");
        check_written("{\"a\":{\"x\":1},\"a\":{\"y\":2}}", JSON_STRICT, "{\"a\":{\"y\":2}}");
        check_written("{\"a\":1,\"a\":null}", JSON_STRICT, "{\"a\":null}");
}

static void test_strict_refuses_what_rfc8259_does_not_know(void **state)
{
        static const char *const cases[] = {
                "",
                " ",
                "{",
                "[1,",
                "\"open",
                "{\"a\"",
                "{\"a\":",
                "{\"a\":1",
                "tru",
                "nul",
                "-",
                "1.",
                "1e",
                "1e+",
                ".5",
                "+1",
                "01",
                "-01",
                "[00]",
                "1.e1",
                "0x10",
                "NaN",
                "[NaN]",
                "[Infinity]",
                "[-Infinity]",
                "TRUE",
                "None",
                "{a:1}",
                "{'a':1}",
                "['a']",
                "[1,]",
                "{\"a\":1,}",
                "[,1]",
                "[1 2]",
                "{\"a\" 1}",
                "{\"a\":1 \"b\":2}",
                "{1:2}",
                "}",
                "[1}",
                "[1]]",
                "{}{}",
                "1 2",
                "[1] x",
                "// comment\n1",
                "[1 /* comment */]",
                "[1] // comment",
                "\"\\x41\"",
                "\"\\u12\"",
                "\"\\u12g4\"",
                "\"line\nbreak\"",
                "\"tab\ttab\"",
                "\"\x01\"",
                "\f1",
                "\v1",
                "\xef\xbb\xbf{}",
                "[1-2]",
                "[1.2.3]",
                "[1e5e5]",
                "[NULL]",
                "[truely]",
                "{\"a\\u0000b\":1}",
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
                check_refused(cases[i], JSON_STRICT);
}

static void test_null_alone_is_refused(void **state)
{
        (void)state;
        check_refused("null", JSON_STRICT);
        check_refused(" null ", JSON_STRICT);
        check_refused("null", JSON_RELAXED);
}

static void test_zero_bytes_are_refused(void **state)
{
        struct reason reason = REASON_INIT;

        (void)state;
        assert_null(json_parse("{}\0", 3, DEPTH, JSON_STRICT, &reason));
        assert_string_not_equal(reason.text, "");
        assert_null(json_parse("\"a\0b\"", 5, DEPTH, JSON_STRICT, &reason));
}

static void test_invalid_utf8_is_refused_everywhere(void **state)
{
        static const char *const bad[] = {"\xff",         "\xc3",         "\xc0\x80",
                                          "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80",
                                          "\x80",         "\xf0\x9f\x98"};

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                CLEANUP(mem_cleanup) char *value = mem_format("[\"%s\"]", bad[i]);
                CLEANUP(mem_cleanup) char *name = mem_format("{\"%s\":1}", bad[i]);
                CLEANUP(mem_cleanup) char *between = mem_format("[1,%s2]", bad[i]);

                check_refused(value, JSON_STRICT);
                check_refused(name, JSON_STRICT);
                check_refused(between, JSON_STRICT);
                check_refused(value, JSON_RELAXED);
        }
}

static void test_lone_surrogates_never_leave_as_invalid_utf8(void **state)
{
        static const char *const cases[] = {"[\"\\ud800\"]", "[\"\\udc00x\"]",
                                            "[\"\\ud800\\u0041\"]",
                                            "{\"\\udbff\":\"\\ud83e\\ud83e\\uddc0\"}"};

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                CLEANUP(json_cleanup)
                struct json_object *value = parse(cases[i], JSON_STRICT, NULL);
                CLEANUP(buf_deinit) struct buf out = BUF_INIT;

                if (!value)
                        continue;
                json_write(&out, value);
                assert_true(utf8_is_valid(out.data, out.size));
        }
}

/* `depth` arrays or objects in each other. */
static char *nest(int depth, bool objects)
{
        struct buf text = BUF_INIT;

        for (int i = 0; i < depth; i++)
                buf_add_text(&text, objects ? "{\"a\":" : "[");
        buf_add_text(&text, "1");
        for (int i = 0; i < depth; i++)
                buf_add_char(&text, objects ? '}' : ']');
        return buf_take(&text);
}

static void test_depth_is_limited_exactly(void **state)
{
        struct reason reason = REASON_INIT;

        (void)state;
        for (int objects = 0; objects < 2; objects++) {
                CLEANUP(mem_cleanup) char *deepest = nest(DEPTH, objects != 0);
                CLEANUP(mem_cleanup) char *deeper = nest(DEPTH + 1, objects != 0);
                CLEANUP(mem_cleanup) char *absurd = nest(100000, objects != 0);
                struct json_object *value = parse(deepest, JSON_STRICT, &reason);

                assert_non_null(value);
                json_object_put(value);
                check_refused(deeper, JSON_STRICT);
                check_refused(absurd, JSON_STRICT);
                check_refused(absurd, JSON_RELAXED);
        }
}

/* An array of `count` values that are all `value`. */
static char *repeat(const char *value, size_t count)
{
        struct buf text = BUF_INIT;

        for (size_t i = 0; i < count; i++)
                buf_add_format(&text, "%c%s", i == 0 ? '[' : ',', value);
        buf_add_char(&text, ']');
        return buf_take(&text);
}

static void test_the_number_of_values_is_limited_exactly(void **state)
{
        static const char *const kinds[] = {"0", "\"\"", "null", "[]", "{}", "-1.5e3"};

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
                CLEANUP(mem_cleanup) char *text = repeat(kinds[i], 100);
                struct reason reason = REASON_INIT;
                struct json_object *value =
                        json_parse_foreign(text, strlen(text), DEPTH, 101, &reason);

                assert_non_null(value);
                json_object_put(value);
                assert_null(json_parse_foreign(text, strlen(text), DEPTH, 100, &reason));
                assert_non_null(strstr(reason.text, "more than 100 values"));
        }
}

static void test_members_and_what_they_hold_count_as_values(void **state)
{
        const char *text = "{\"a\":{\"b\":[1,2]},\"a\":3}";
        struct reason reason = REASON_INIT;
        struct json_object *value;

        (void)state;
        assert_null(json_parse_foreign(text, strlen(text), DEPTH, 5, &reason));
        value = json_parse_foreign(text, strlen(text), DEPTH, 6, &reason);
        assert_non_null(value);
        json_object_put(value);
}

static void test_a_text_that_ends_too_early_is_told_as_such_at_the_limit(void **state)
{
        struct reason reason = REASON_INIT;

        (void)state;
        assert_null(json_parse_foreign("[1,2", 4, DEPTH, 3, &reason));
        assert_non_null(strstr(reason.text, "ends too early"));
}

/* A megabyte of each costly kind; sanitizers have allocators of their own, which tell nothing. */
static void test_a_megabyte_never_becomes_more_than_thirty(void **state)
{
        static const char *const kinds[] = {"{}", "{\"\":0}", "[]", "0", "\"\"", "[{}]"};

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
                CLEANUP(mem_cleanup) char *bomb = repeat(kinds[i], 1000000 / strlen(kinds[i]));
                CLEANUP(mem_cleanup) char *most = repeat(kinds[i], 6600);
                struct reason reason = REASON_INIT;
                size_t before = mallinfo2().uordblks;
                struct json_object *value =
                        json_parse_foreign(most, strlen(most), DEPTH, JSON_VALUES_USUAL, &reason);
                size_t made = mallinfo2().uordblks - before;

                assert_non_null(value);
                json_object_put(value);
                assert_in_range(made, 0, (size_t)30 << 20);
                assert_null(
                        json_parse_foreign(bomb, strlen(bomb), DEPTH, JSON_VALUES_USUAL, &reason));
                assert_non_null(strstr(reason.text, "more than 20000 values"));
        }
}

static void check_place(const char *text, enum json_style style, const char *place)
{
        struct reason reason = REASON_INIT;

        assert_null(parse(text, style, &reason));
        if (!strstr(reason.text, place))
                fail_msg("%s: expected %s in: %s", text, place, reason.text);
}

static void test_errors_name_line_and_column(void **state)
{
        (void)state;
        check_place("[1,\n 2,\n  x]", JSON_STRICT, "line 3 column 3");
        check_place("{\"a\": 1,\n \"b\" 2}", JSON_STRICT, "line 2 column 6");
        check_place("{\n", JSON_STRICT, "line 2 column 1");
        check_place("[1,\n2", JSON_STRICT, "line 2 column 2");
        check_place("[123456789012345678901234567890,x]", JSON_STRICT, "line 1 column 33");
        check_place("{}\n x", JSON_STRICT, "line 2 column 2");
        check_place("{} // good\n x", JSON_RELAXED, "line 2 column 2");
        check_place("[1,\n\"a\xff\"]", JSON_STRICT, "line 2 column 3");
}

static void test_position_counts_bytes_from_one(void **state)
{
        int line;
        int column;

        (void)state;
        json_position("ab\ncd", 5, 0, &line, &column);
        assert_int_equal(line, 1);
        assert_int_equal(column, 1);
        json_position("ab\ncd", 5, 3, &line, &column);
        assert_int_equal(line, 2);
        assert_int_equal(column, 1);
        json_position("ab\ncd", 5, 99, &line, &column);
        assert_int_equal(line, 2);
        assert_int_equal(column, 3);
}

static void test_relaxed_takes_comments_and_trailing_commas(void **state)
{
        (void)state;
        check_written("// head\n{ /* a 'quote */ \"a\": 1, // it's\n \"b\": [1,2,], }\n// end",
                      JSON_RELAXED, "{\"a\":1,\"b\":[1,2]}");
        check_written("{} /* end */ ", JSON_RELAXED, "{}");
        check_written("{\"url\":\"http://x/*y*/\"}", JSON_RELAXED, "{\"url\":\"http://x/*y*/\"}");
        check_refused("{} // fine\n garbage", JSON_RELAXED);
        check_refused("{} /* open", JSON_RELAXED);
        check_refused("{ /* open", JSON_RELAXED);
        check_refused("{}}", JSON_RELAXED);
        check_refused("", JSON_RELAXED);
        check_refused("{'a':1}", JSON_RELAXED);
        check_refused("[,]", JSON_RELAXED);
        check_refused("[1,,]", JSON_RELAXED);
        check_refused("[NaN]", JSON_RELAXED);
        check_refused("{} / x", JSON_RELAXED);
        check_written("\xef\xbb\xbf{}", JSON_RELAXED, "{}");
}

static void test_member_questions(void **state)
{
        struct reason reason = REASON_INIT;
        CLEANUP(json_cleanup)
        struct json_object *o =
                parse("{\"t\":\"x\",\"e\":\"\",\"n\":null,\"o\":{},\"a\":[],\"b\":true,\"i\":5}",
                      JSON_STRICT, &reason);

        (void)state;
        assert_string_equal(json_text_member(o, "t"), "x");
        assert_string_equal(json_text_member(o, "e"), "");
        assert_null(json_text_member(o, "n"));
        assert_null(json_text_member(o, "i"));
        assert_null(json_text_member(o, "absent"));
        assert_null(json_text_member(NULL, "t"));
        assert_null(json_member(o, "n"));
        assert_non_null(json_member(o, "a"));
        assert_null(json_member(json_member(o, "a"), "t"));
        assert_non_null(json_object_member(o, "o"));
        assert_null(json_object_member(o, "a"));
        assert_true(json_bool_member(o, "b", false));
        assert_true(json_bool_member(o, "n", true));
        assert_true(json_bool_member(o, "t", true));
        assert_false(json_bool_member(NULL, "b", false));
}

/* An id that is cut at a zero byte would be somebody else's id. */
static void test_a_text_with_a_zero_byte_is_no_text_member(void **state)
{
        struct reason reason = REASON_INIT;
        CLEANUP(json_cleanup)
        struct json_object *o = parse("{\"id\":\"device\\u0000-7\"}", JSON_STRICT, &reason);

        (void)state;
        assert_non_null(o);
        assert_null(json_text_member(o, "id"));
        check_written("{\"id\":\"device\\u0000-7\"}", JSON_STRICT, "{\"id\":\"device\\u0000-7\"}");
}

static void test_whole_numbers_as_number_or_text(void **state)
{
        static const struct {
                const char *text;
                bool good;
                int64_t number;
        } cases[] = {
                {"5", true, 5},
                {"-5", true, -5},
                {"\"5\"", true, 5},
                {"868300000.0", true, 868300000},
                {"1e3", true, 1000},
                {"1715000000000000000", true, INT64_C(1715000000000000000)},
                {"\"1715000000000000000\"", true, INT64_C(1715000000000000000)},
                {"9223372036854775807", true, INT64_MAX},
                {"-9223372036854775808", true, INT64_MIN},
                {"9223372036854775808", false, 0},
                {"18446744073709551615", false, 0},
                {"-9223372036854775809", false, 0},
                {"1.5", false, 0},
                {"1e300", false, 0},
                {"1e999", false, 0},
                {"\"\"", false, 0},
                {"\"5 \"", false, 0},
                {"\"5\\u00006\"", false, 0},
                {"true", false, 0},
                {"[]", false, 0},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                CLEANUP(mem_cleanup) char *text = mem_format("{\"n\":%s}", cases[i].text);
                CLEANUP(json_cleanup) struct json_object *o = parse(text, JSON_STRICT, NULL);
                int64_t number = 0;

                if (json_int_member(o, "n", &number) != cases[i].good)
                        fail_msg("wrong answer for %s", text);
                assert_true(number == cases[i].number);
        }
}

static void test_a_large_text_is_read_in_one_piece(void **state)
{
        struct buf text = BUF_INIT;
        struct reason reason = REASON_INIT;
        struct json_object *value;

        (void)state;
        buf_add_char(&text, '[');
        for (int i = 0; i < 100000; i++)
                buf_add_format(&text, "%s%d", i > 0 ? "," : "", i);
        buf_add_char(&text, ']');
        value = json_parse(text.data, text.size, DEPTH, JSON_STRICT, &reason);
        assert_int_equal(json_object_array_length(value), 100000);
        json_object_put(value);
        buf_deinit(&text);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_values_come_out_as_they_went_in),
                cmocka_unit_test(test_integers_beyond_64_bits_keep_every_digit),
                cmocka_unit_test(test_repeated_members_the_last_wins),
                cmocka_unit_test(test_strict_refuses_what_rfc8259_does_not_know),
                cmocka_unit_test(test_null_alone_is_refused),
                cmocka_unit_test(test_zero_bytes_are_refused),
                cmocka_unit_test(test_invalid_utf8_is_refused_everywhere),
                cmocka_unit_test(test_lone_surrogates_never_leave_as_invalid_utf8),
                cmocka_unit_test(test_depth_is_limited_exactly),
                cmocka_unit_test(test_the_number_of_values_is_limited_exactly),
                cmocka_unit_test(test_members_and_what_they_hold_count_as_values),
                cmocka_unit_test(test_a_text_that_ends_too_early_is_told_as_such_at_the_limit),
                cmocka_unit_test(test_a_megabyte_never_becomes_more_than_thirty),
                cmocka_unit_test(test_errors_name_line_and_column),
                cmocka_unit_test(test_position_counts_bytes_from_one),
                cmocka_unit_test(test_relaxed_takes_comments_and_trailing_commas),
                cmocka_unit_test(test_member_questions),
                cmocka_unit_test(test_a_text_with_a_zero_byte_is_no_text_member),
                cmocka_unit_test(test_whole_numbers_as_number_or_text),
                cmocka_unit_test(test_a_large_text_is_read_in_one_piece),
        };

        return cmocka_run_group_tests_name("base.json", tests, NULL, NULL);
}
