// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/reason.h"

#include <string.h>

#include "base/utf8.h"

static void test_set_replaces(void **state)
{
        struct reason reason = REASON_INIT;

        (void)state;
        assert_string_equal(reason.text, "");
        reason_set(&reason, "first %d", 1);
        reason_set(&reason, "second %s", "two");
        assert_string_equal(reason.text, "second two");
}

static void test_prefix_tells_where(void **state)
{
        struct reason reason = REASON_INIT;

        (void)state;
        reason_set(&reason, "no such key");
        reason_prefix(&reason, "line %d", 7);
        reason_prefix(&reason, "%s", "isthmus.json");
        assert_string_equal(reason.text, "isthmus.json: line 7: no such key");
}

static void test_nobody_may_want_to_know(void **state)
{
        (void)state;
        reason_set(NULL, "%d", 1);
        reason_prefix(NULL, "%d", 1);
}

/* `shift` bytes, then characters of the given kind until far beyond the limit. */
static void check_cut(const char *character, size_t shift)
{
        char text[2048] = "";
        struct reason reason = REASON_INIT;
        size_t length;

        memset(text, 'x', shift);
        while (strlen(text) < 1500)
                strcat(text, character);
        reason_set(&reason, "%s", text);
        length = strlen(reason.text);
        assert_true(length < sizeof(reason.text));
        assert_true(length >= sizeof(reason.text) - 1 - 4);
        assert_true(utf8_is_valid(reason.text, length));
        assert_memory_equal(reason.text, text, length);
        reason_prefix(&reason, "where");
        assert_true(utf8_is_valid(reason.text, strlen(reason.text)));
        assert_memory_equal(reason.text, "where: ", 7);
}

static void test_long_text_is_cut_between_characters(void **state)
{
        (void)state;
        for (size_t shift = 0; shift < 4; shift++) {
                check_cut("a", shift);
                check_cut("\xc3\xa9", shift);
                check_cut("\xe2\x82\xac", shift);
                check_cut("\xf0\x9f\xa7\x80", shift);
        }
}

static void test_a_long_prefix_leaves_a_bounded_text(void **state)
{
        char text[1024];
        struct reason reason = REASON_INIT;

        (void)state;
        memset(text, 'p', sizeof(text) - 1);
        text[sizeof(text) - 1] = '\0';
        reason_set(&reason, "rest");
        reason_prefix(&reason, "%s", text);
        assert_int_equal(strlen(reason.text), sizeof(reason.text) - 1);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_set_replaces),
                cmocka_unit_test(test_prefix_tells_where),
                cmocka_unit_test(test_nobody_may_want_to_know),
                cmocka_unit_test(test_long_text_is_cut_between_characters),
                cmocka_unit_test(test_a_long_prefix_leaves_a_bounded_text),
        };

        return cmocka_run_group_tests_name("base.reason", tests, NULL, NULL);
}
