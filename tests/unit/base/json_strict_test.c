// SPDX-License-Identifier: MIT
/* JSON from outside: what is refused, where, and that numbers come out as they went in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"

/* The bytes in a block of their own size, so that a read behind them is found by sanitizers. */
static struct json_object *parse(const char *text, struct reason *reason)
{
        size_t size = strlen(text);
        char *bytes = malloc(size + 1);
        struct json_object *value;

        assert_non_null(bytes);
        memcpy(bytes, text, size);
        bytes = realloc(bytes, size ? size : 1);
        assert_non_null(bytes);
        value = json_parse(bytes, size, 8, JSON_STRICT, reason);
        free(bytes);
        return value;
}

static void what_rfc_8259_forbids_is_refused(void **state)
{
        static const char *const texts[] = {
                "{\"a\":NaN}", "[Infinity]",
                "[-Infinity]", "[nan]",
                "[NULL]",      "[True]",
                "{'a':1}",     "['a']",
                "{a:1}",       "[1.]",
                "[2.e5]",      "[.5]",
                "[+1]",        "[01]",
                "[-01]",       "[00]",
                "[-]",         "[1e]",
                "[1e+]",       "[1.5e]",
                "[1-2]",       "[1.2.3]",
                "[0x10]",      "[1,]",
                "{\"a\":1,}",  "[1 2]",
                "/*c*/[1]",    "[1]//c",
                "[1]]",        "[\"a\nb\"]",
                "[\"a\tb\"]",  "[\"\x01\"]",
                "[\"\\q\"]",   "[\"\\u12\"]",
                "[\"\xff\"]",  "",
                " ",           "[",
                "\"a",         "{\"a\":",
                "null",        "[tru]",
                "{\"a\" 1}",   "[1e5e5]",
                "[\f1]",       "\xef\xbb\xbf[1]",
        };

        (void)state;
        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
                struct reason reason = REASON_INIT;

                if (parse(texts[i], &reason))
                        fail_msg("taken: %s", texts[i]);
                assert_true(reason.text[0] != '\0');
        }
}

static void the_place_of_the_mistake_is_named(void **state)
{
        struct reason reason = REASON_INIT;

        (void)state;
        assert_null(parse("{\n \"a\": NaN}", &reason));
        assert_string_equal(reason.text, "not valid JSON at line 2 column 7: unexpected character");
        assert_null(parse("[1,\n\"ab", &reason));
        assert_string_equal(reason.text, "the JSON text ends too early, at line 2 column 4");
}

static void values_come_out_as_they_went_in(void **state)
{
        static const char *const texts[] = {
                "5",
                "-0.5e-7",
                "\"x\"",
                "true",
                "[9223372036854775807,9223372036854775808,-9223372036854775809]",
                "{\"a\":123456789012345678901234567890,\"b\":-1234567890123456789,\"c\":1e3}",
                "[1.50,123456789012345678901.5,123456789012345678901e5,1E400,10e0,0]",
                "[\"1234567890123456789e0\",\"\\\"1234567890123456789e0\",1234567890123456789]",
                "{\"text/with\":\"\xf0\x9f\x9b\xb0 \\u0000\",\"e0\":\"e0\"}",
        };

        (void)state;
        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
                CLEANUP(buf_deinit) struct buf out = BUF_INIT;
                struct reason reason = REASON_INIT;
                CLEANUP(json_cleanup) struct json_object *value = parse(texts[i], &reason);

                if (!value)
                        fail_msg("%s: %s", texts[i], reason.text);
                json_write(&out, value);
                assert_string_equal(buf_text(&out), texts[i]);
        }
}

static void long_integers_are_read_exactly(void **state)
{
        struct reason reason = REASON_INIT;
        CLEANUP(json_cleanup)
        struct json_object *value =
                parse("{\"max\":9223372036854775807,\"min\":-9223372036854775808,"
                      "\"more\":9223372036854775808,\"text\":\"1714979289204561234\","
                      "\"whole\":1e3,\"part\":0.5,\"huge\":1e300,\"ns\":1714979289204561234}",
                      &reason);
        int64_t number = 0;

        (void)state;
        assert_true(json_int_member(value, "max", &number));
        assert_true(number == INT64_MAX);
        assert_true(json_int_member(value, "min", &number));
        assert_true(number == INT64_MIN);
        assert_true(json_int_member(value, "text", &number));
        assert_true(number == INT64_C(1714979289204561234));
        assert_true(json_int_member(value, "ns", &number));
        assert_true(number == INT64_C(1714979289204561234));
        assert_true(json_int_member(value, "whole", &number));
        assert_true(number == 1000);
        assert_false(json_int_member(value, "more", &number));
        assert_false(json_int_member(value, "part", &number));
        assert_false(json_int_member(value, "huge", &number));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_rfc_8259_forbids_is_refused),
                cmocka_unit_test(the_place_of_the_mistake_is_named),
                cmocka_unit_test(values_come_out_as_they_went_in),
                cmocka_unit_test(long_integers_are_read_exactly),
        };

        return cmocka_run_group_tests_name("json_strict", tests, NULL, NULL);
}
