// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/text.h"
#include "base/utf8.h"

#include <stdio.h>
#include <string.h>

static void test_utf8_follows_the_standards_table(void **state)
{
        /* Lengths by the table of well-formed sequences in the Unicode standard (3-7). */
        static const struct {
                const char *bytes;
                size_t length;
        } cases[] = {
                {"a", 1},
                {"\x7f", 1},
                {"\x80", 0},
                {"\xbf", 0},
                {"\xc1\xbf", 0},
                {"\xc2\x80", 2},
                {"\xdf\xbf", 2},
                {"\xc2\x41", 0},
                {"\xe0\x9f\xbf", 0},
                {"\xe0\xa0\x80", 3},
                {"\xed\x9f\xbf", 3},
                {"\xed\xa0\x80", 0},
                {"\xee\x80\x80", 3},
                {"\xef\xbf\xbf", 3},
                {"\xf0\x8f\xbf\xbf", 0},
                {"\xf0\x90\x80\x80", 4},
                {"\xf4\x8f\xbf\xbf", 4},
                {"\xf4\x90\x80\x80", 0},
                {"\xf5\x80\x80\x80", 0},
                {"\xfe", 0},
                {"\xff", 0},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                size_t size = strlen(cases[i].bytes);

                assert_int_equal(utf8_length(cases[i].bytes, size), cases[i].length);
                /* Cut short, only a single byte can still be a character. */
                if (size > 1)
                        assert_int_equal(utf8_length(cases[i].bytes, size - 1), 0);
        }
        assert_int_equal(utf8_length("a", 0), 0);
}

static void test_utf8_of_a_whole_text(void **state)
{
        (void)state;
        assert_true(utf8_is_valid("", 0));
        assert_true(utf8_is_valid("K\xc3\xa4se \xf0\x9f\xa7\x80", 10));
        assert_true(utf8_is_valid("with\0zero", 9));
        assert_false(utf8_is_valid("ok\xff", 3));
        assert_false(utf8_is_valid("ok\xe2\x82", 4));
}

static void test_equality_with_null(void **state)
{
        (void)state;
        assert_true(text_equal(NULL, NULL));
        assert_false(text_equal(NULL, ""));
        assert_false(text_equal("", NULL));
        assert_true(text_equal("a", "a"));
        assert_false(text_equal("a", "A"));
        assert_true(text_equal_nocase("ConnectionType", "CONNECTIONtype"));
        assert_true(text_equal_nocase(NULL, NULL));
        assert_false(text_equal_nocase("a", NULL));
        assert_false(text_equal_nocase("ab", "a"));
        assert_true(text_is_empty(NULL));
        assert_true(text_is_empty(""));
        assert_false(text_is_empty(" "));
}

static void test_numbers_are_decimal_whole_and_in_range(void **state)
{
        static const char *const refused[] = {
                "",    "-",   "+1", " 1", "1 ", "1.0", "0x10",
                "1e3", "--1", "1-", "a",  "1a", NULL,  "99999999999999999999"};
        int64_t number = 77;

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(refused); i++)
                assert_false(text_to_int64(refused[i], INT64_MIN, INT64_MAX, &number));
        assert_int_equal(number, 77);
        assert_true(text_to_int64("007", 0, 10, &number));
        assert_int_equal(number, 7);
        assert_true(text_to_int64("9223372036854775807", INT64_MIN, INT64_MAX, &number));
        assert_true(number == INT64_MAX);
        assert_true(text_to_int64("-9223372036854775808", INT64_MIN, INT64_MAX, &number));
        assert_true(number == INT64_MIN);
        assert_false(text_to_int64("9223372036854775808", INT64_MIN, INT64_MAX, &number));
        assert_true(text_to_int64("65535", 1, 65535, &number));
        assert_false(text_to_int64("65536", 1, 65535, &number));
        assert_false(text_to_int64("0", 1, 65535, &number));
}

static void check_escape(const char *text, const char *escaped)
{
        struct buf out = BUF_INIT;

        buf_add_text(&out, ">");
        text_url_escape(&out, text);
        assert_string_equal(buf_text(&out) + 1, escaped);
        buf_deinit(&out);
}

static void test_url_escape_keeps_only_unreserved_bytes(void **state)
{
        (void)state;
        check_escape("", "");
        check_escape("AZaz09-_.~", "AZaz09-_.~");
        check_escape("hub.azure-devices.net/devices/a b",
                     "hub.azure-devices.net%2Fdevices%2Fa%20b");
        check_escape("+=&?#%:;'!*()@$,", "%2B%3D%26%3F%23%25%3A%3B%27%21%2A%28%29%40%24%2C");
        check_escape("\xc3\xa9", "%C3%A9");
}

static void check_unescape(const char *text, const char *plain, size_t size)
{
        struct buf out = BUF_INIT;

        text_url_unescape(&out, text, strlen(text));
        assert_int_equal(out.size, size);
        assert_memory_equal(buf_text(&out), plain, size);
        buf_deinit(&out);
}

static void test_url_unescape_leaves_what_is_no_escape(void **state)
{
        (void)state;
        check_unescape("", "", 0);
        check_unescape("a%2Fb%2fc", "a/b/c", 5);
        check_unescape("%41", "A", 1);
        check_unescape("%00", "\0", 1);
        check_unescape("%", "%", 1);
        check_unescape("%4", "%4", 2);
        check_unescape("%zz%4g", "%zz%4g", 6);
        check_unescape("%%41", "%A", 2);
        check_unescape("a+b", "a+b", 3);
}

static void test_url_unescape_undoes_escape_for_every_byte(void **state)
{
        char text[256];

        (void)state;
        for (size_t i = 0; i < 255; i++)
                text[i] = (char)(i + 1);
        text[255] = '\0';
        for (size_t i = 0; i < 255; i++) {
                struct buf escaped = BUF_INIT;
                struct buf plain = BUF_INIT;

                text_url_escape(&escaped, text + i);
                text_url_unescape(&plain, escaped.data, escaped.size);
                assert_string_equal(buf_text(&plain), text + i);
                buf_deinit(&escaped);
                buf_deinit(&plain);
        }
}

/* Text, what a terminal gets of it, what a terminal gets of it as JSON. */
static const struct {
        const char *text;
        const char *printable;
        const char *json;
} printing[] = {
        {"d-1 K\xc3\xa4se \xf0\x9f\x90\x84", "d-1 K\xc3\xa4se \xf0\x9f\x90\x84",
         "d-1 K\xc3\xa4se \xf0\x9f\x90\x84"},
        {"\x1b[2J\x07", "?[2J?", "\\u001b[2J\\u0007"},
        {"\xc2\x9b[31m", "?[31m", "\\u009b[31m"},
        {"\x9b[31m", "?[31m", "\\ufffd[31m"},
        {"\x7f", "?", "\\u007f"},
        {"a\xe2\x80\xae"
         "b",
         "a?b", "a\\u202eb"},
        {"\xe2\x81\xa6x\xe2\x81\xa9", "?x?", "\\u2066x\\u2069"},
        {"\xd8\x9c\xe2\x80\x8f", "??", "\\u061c\\u200f"},
        {"\xe2\x80\xa8\xe2\x80\xa9", "??", "\\u2028\\u2029"},
        {"one\ntwo", "one?two", "one\ntwo"},
        {"\xc2\xa0\xe2\x80\xaf", "\xc2\xa0\xe2\x80\xaf", "\xc2\xa0\xe2\x80\xaf"},
};

static void test_a_terminal_gets_no_orders_from_text(void **state)
{
        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(printing); i++) {
                CLEANUP(buf_deinit) struct buf out = BUF_INIT;
                CLEANUP(buf_deinit) struct buf json = BUF_INIT;

                text_add_printable(&out, printing[i].text, strlen(printing[i].text));
                assert_string_equal(buf_text(&out), printing[i].printable);
                text_add_printable_json(&json, printing[i].text, strlen(printing[i].text));
                assert_string_equal(buf_text(&json), printing[i].json);
        }
}

static void a_cut_leaves_no_part_of_a_character(void **state)
{
        (void)state;
        assert_int_equal(utf8_cut("", 3), 0);
        assert_int_equal(utf8_cut("abc", 3), 3);
        assert_int_equal(utf8_cut("abcd", 3), 3);
        assert_int_equal(utf8_cut("ab\xc3\xa9", 4), 4);
        assert_int_equal(utf8_cut("ab\xc3\xa9", 3), 2);
        assert_int_equal(utf8_cut("\xf0\x9f\x9b\xb0", 3), 0);
}

static void letters_are_made_small(void **state)
{
        char text[] = "AbZ-9@\xc3\x84[`{";

        (void)state;
        text_lower(text);
        assert_string_equal(text, "abz-9@\xc3\x84[`{");
}

static void an_ending_is_left_out_where_it_is_not_all(void **state)
{
        (void)state;
        assert_int_equal(text_size_without("a.js", ".js"), 1);
        assert_int_equal(text_size_without("a.js.js", ".js"), 4);
        assert_int_equal(text_size_without("a.jsx", ".js"), 5);
        assert_int_equal(text_size_without(".js", ".js"), 3);
        assert_int_equal(text_size_without("", ".js"), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(letters_are_made_small),
                cmocka_unit_test(an_ending_is_left_out_where_it_is_not_all),
                cmocka_unit_test(a_cut_leaves_no_part_of_a_character),
                cmocka_unit_test(test_utf8_follows_the_standards_table),
                cmocka_unit_test(test_utf8_of_a_whole_text),
                cmocka_unit_test(test_equality_with_null),
                cmocka_unit_test(test_numbers_are_decimal_whole_and_in_range),
                cmocka_unit_test(test_url_escape_keeps_only_unreserved_bytes),
                cmocka_unit_test(test_url_unescape_leaves_what_is_no_escape),
                cmocka_unit_test(test_url_unescape_undoes_escape_for_every_byte),
                cmocka_unit_test(test_a_terminal_gets_no_orders_from_text),
        };

        return cmocka_run_group_tests_name("base.text", tests, NULL, NULL);
}
