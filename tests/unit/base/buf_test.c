// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"

#include <stdlib.h>
#include <string.h>

static void test_is_a_c_string_from_the_start(void **state)
{
        struct buf buf = BUF_INIT;

        (void)state;
        assert_string_equal(buf_text(&buf), "");
        buf_clear(&buf);
        assert_string_equal(buf_text(&buf), "");
        buf_deinit(&buf);
}

static void test_keeps_every_byte_while_it_grows(void **state)
{
        struct buf buf = BUF_INIT;

        (void)state;
        for (int i = 0; i < 10000; i++) {
                buf_add_char(&buf, (char)i);
                assert_int_equal(buf.data[buf.size], 0);
        }
        assert_int_equal(buf.size, 10000);
        for (int i = 0; i < 10000; i++)
                assert_int_equal(buf.data[i], (char)i);
        buf_deinit(&buf);
        assert_null(buf.data);
        assert_int_equal(buf.size, 0);
}

static void test_adds_nothing_without_harm(void **state)
{
        struct buf buf = BUF_INIT;

        (void)state;
        buf_add(&buf, NULL, 0);
        buf_add_text(&buf, "");
        buf_add_format(&buf, "%s", "");
        assert_int_equal(buf.size, 0);
        assert_string_equal(buf_text(&buf), "");
        buf_deinit(&buf);
}

static void test_formats_behind_what_is_there(void **state)
{
        struct buf buf = BUF_INIT;
        char wide[300];

        (void)state;
        memset(wide, 'w', sizeof(wide) - 1);
        wide[sizeof(wide) - 1] = '\0';
        buf_add_text(&buf, "a");
        buf_add_format(&buf, "-%d-%s", 42, wide);
        assert_int_equal(buf.size, 1 + 4 + 299);
        assert_memory_equal(buf.data, "a-42-www", 8);
        buf_deinit(&buf);
}

static void test_reserve_keeps_the_contents_and_promises_room(void **state)
{
        struct buf buf = BUF_INIT;
        char *data;

        (void)state;
        buf_add_text(&buf, "kept");
        buf_reserve(&buf, 5000);
        data = buf.data;
        assert_string_equal(data, "kept");
        for (int i = 0; i < 5000; i++)
                buf_add_char(&buf, 'x');
        assert_ptr_equal(buf.data, data);
        buf_deinit(&buf);
}

static void test_take_hands_the_memory_over(void **state)
{
        struct buf buf = BUF_INIT;
        char *text;

        (void)state;
        buf_add_text(&buf, "mine");
        text = buf_take(&buf);
        assert_string_equal(text, "mine");
        assert_int_equal(buf.size, 0);
        free(text);
        text = buf_take(&buf);
        assert_string_equal(text, "");
        free(text);
}

static void check_json_string(const char *text, size_t size, const char *expected)
{
        struct buf buf = BUF_INIT;

        buf_add_json_string(&buf, text, size);
        assert_string_equal(buf_text(&buf), expected);
        buf_deinit(&buf);
}

static void test_json_string_escapes_what_json_forbids(void **state)
{
        (void)state;
        check_json_string("plain", 5, "\"plain\"");
        check_json_string("", 0, "\"\"");
        check_json_string("a\"b\\c", 5, "\"a\\\"b\\\\c\"");
        check_json_string("\n\t\x1f", 3, "\"\\u000a\\u0009\\u001f\"");
        check_json_string("z\0z", 3, "\"z\\u0000z\"");
        check_json_string("/\x7f", 2, "\"/\x7f\"");
}

static void test_json_string_replaces_invalid_utf8(void **state)
{
        (void)state;
        check_json_string("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 9,
                          "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"");
        check_json_string("a\xff"
                          "b",
                          3,
                          "\"a\xef\xbf\xbd"
                          "b\"");
        check_json_string("\xe2\x82", 2, "\"\xef\xbf\xbd\xef\xbf\xbd\"");
        check_json_string("\xc0\xaf", 2, "\"\xef\xbf\xbd\xef\xbf\xbd\"");
}

static void test_trims_its_end_to_a_c_string(void **state)
{
        CLEANUP(buf_deinit) struct buf buf = BUF_INIT;

        (void)state;
        buf_trim_end(&buf, " ");
        buf_add_text(&buf, " a b \r\n ");
        buf_trim_end(&buf, " \r\n");
        assert_int_equal(buf.size, 4);
        assert_string_equal(buf_text(&buf), " a b");
        buf_add(&buf, "\0", 1);
        buf_trim_end(&buf, "b");
        assert_int_equal(buf.size, 5);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_is_a_c_string_from_the_start),
                cmocka_unit_test(test_keeps_every_byte_while_it_grows),
                cmocka_unit_test(test_adds_nothing_without_harm),
                cmocka_unit_test(test_formats_behind_what_is_there),
                cmocka_unit_test(test_reserve_keeps_the_contents_and_promises_room),
                cmocka_unit_test(test_trims_its_end_to_a_c_string),
                cmocka_unit_test(test_take_hands_the_memory_over),
                cmocka_unit_test(test_json_string_escapes_what_json_forbids),
                cmocka_unit_test(test_json_string_replaces_invalid_utf8),
        };

        return cmocka_run_group_tests_name("base.buf", tests, NULL, NULL);
}
