// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "formatter/formatter_check.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "formatter/formatter_wire.h"

static void test_a_name_is_no_path(void **state)
{
        static const char *const good[] = {"tracker", "a b", "Größe-2.1", "x"};
        static const char *const bad[] = {"",     ".",    "..",   "../x", "a/b",
                                          "a\\b", ".git", "a..b", "a\nb", "\xff\xfe"};
        char name[200];

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(good); i++)
                assert_true(formatter_check_name(good[i]));
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                assert_false(formatter_check_name(bad[i]));
        memset(name, 'n', sizeof(name));
        name[128] = '\0';
        assert_true(formatter_check_name(name));
        name[128] = 'n';
        name[129] = '\0';
        assert_false(formatter_check_name(name));
}

/* False if the result has become a failure, which has a reason then. */
static bool passes(enum formatter_function function, struct formatter_result *result)
{
        assert_true(formatter_check_result(function, result));
        if (result->status == FORMATTER_GOOD)
                return true;
        assert_int_equal(result->status, FORMATTER_FAILED);
        assert_int_not_equal(result->reason.text[0], '\0');
        return false;
}

static bool data_passes(enum formatter_function function, const char *text)
{
        CLEANUP(mem_cleanup) char *data = mem_text(text);
        struct formatter_result result = {.status = FORMATTER_GOOD, .data = data};

        return passes(function, &result);
}

static char *nested(int depth)
{
        struct buf text = BUF_INIT;

        for (int i = 0; i < depth; i++)
                buf_add_text(&text, "{\"a\":");
        buf_add_text(&text, "1");
        for (int i = 0; i < depth; i++)
                buf_add_char(&text, '}');
        return buf_take(&text);
}

static void test_data_is_an_object_of_strict_json(void **state)
{
        static const char *const bad[] = {"",
                                          "1",
                                          "\"a\"",
                                          "null",
                                          "{",
                                          "{a:1}",
                                          "{} {}",
                                          "[1]",
                                          "{\"a\":NaN}",
                                          "{\"a\":1,}",
                                          "{\"a\\u0000b\":1}"};
        CLEANUP(mem_cleanup) char *deepest = nested(FORMATTER_DEPTH_LIMIT);
        CLEANUP(mem_cleanup) char *deeper = nested(FORMATTER_DEPTH_LIMIT + 1);

        (void)state;
        assert_true(data_passes(FORMATTER_DECODE_UPLINK, "{\"a\":[1,null,\"\\u0000\"]}"));
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                assert_false(data_passes(FORMATTER_DECODE_UPLINK, bad[i]));
        assert_false(data_passes(FORMATTER_DECODE_UPLINK, NULL));
        assert_true(data_passes(FORMATTER_NORMALIZE_UPLINK, "[{}]"));
        assert_true(data_passes(FORMATTER_DECODE_UPLINK, deepest));
        assert_false(data_passes(FORMATTER_DECODE_UPLINK, deeper));
}

static void test_a_result_has_a_limit(void **state)
{
        struct formatter_result result = {.status = FORMATTER_GOOD};
        struct buf bytes = BUF_INIT;

        (void)state;
        while (bytes.size < FORMATTER_RESULT_LIMIT)
                buf_add_char(&bytes, 'b');
        result.bytes = bytes;
        assert_true(passes(FORMATTER_ENCODE_DOWNLINK, &result));
        buf_add_char(&bytes, 'b');
        result.bytes = bytes;
        assert_false(passes(FORMATTER_ENCODE_DOWNLINK, &result));
        buf_deinit(&bytes);
}

static void test_warnings_are_a_list_of_texts(void **state)
{
        static const char *const bad[] = {"{}", "[1]", "[[\"a\"]]", "\"a\"", "[null]", "["};

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                CLEANUP(mem_cleanup) char *warnings = mem_text(bad[i]);
                struct formatter_result result = {.status = FORMATTER_GOOD, .warnings = warnings};

                assert_false(passes(FORMATTER_ENCODE_DOWNLINK, &result));
        }
}

static void test_a_worker_knows_only_some_statuses(void **state)
{
        (void)state;
        for (int status = FORMATTER_GOOD; status <= FORMATTER_STOPPED; status++) {
                struct formatter_result result = {.status = (enum formatter_status)status};
                bool known = status == FORMATTER_GOOD || status == FORMATTER_FAILED ||
                             status == FORMATTER_TIMEOUT || status == FORMATTER_NOT_COMPILED;

                assert_int_equal(formatter_check_result(FORMATTER_ENCODE_DOWNLINK, &result), known);
        }
}

/* Whoever reads a result need not ask twice. */
static void test_what_a_result_can_not_have_is_emptied(void **state)
{
        static char nonsense[] = "nonsense";
        struct formatter_result result = {.status = FORMATTER_FAILED,
                                          .data = nonsense,
                                          .warnings = nonsense,
                                          .bytes = {.data = nonsense, .size = 8},
                                          .port = 3};

        (void)state;
        assert_true(formatter_check_result(FORMATTER_DECODE_UPLINK, &result));
        assert_null(result.data);
        assert_null(result.warnings);
        assert_int_equal(result.bytes.size, 0);
        assert_int_equal(result.port, 0);
        result = (struct formatter_result){.status = FORMATTER_GOOD, .data = nonsense};
        assert_true(formatter_check_result(FORMATTER_ENCODE_DOWNLINK, &result));
        assert_null(result.data);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_name_is_no_path),
                cmocka_unit_test(test_data_is_an_object_of_strict_json),
                cmocka_unit_test(test_a_result_has_a_limit),
                cmocka_unit_test(test_warnings_are_a_list_of_texts),
                cmocka_unit_test(test_a_worker_knows_only_some_statuses),
                cmocka_unit_test(test_what_a_result_can_not_have_is_emptied),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
