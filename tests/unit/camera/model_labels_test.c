// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "camera/detect/model_labels.h"

/* Producer "x" (field 2), an empty graph (7), metadata stride=32 and names={0: 'cat'} (14). */
static const char model[] = "\x12\x01x\x3a\x00"
                            "\x72\x0c\x0a\x06stride\x12\x02"
                            "32"
                            "\x72\x13\x0a\x05names\x12\x0a{0: 'cat'}";
#define MODEL_SIZE (sizeof(model) - 1)

static void a_value_is_found_by_its_key(void **state)
{
        CLEANUP(buf_deinit) struct buf value = BUF_INIT;

        (void)state;
        assert_int_equal(model_metadata(model, MODEL_SIZE, "names", &value, NULL), 0);
        assert_string_equal(buf_text(&value), "{0: 'cat'}");
        buf_clear(&value);
        assert_int_equal(model_metadata(model, MODEL_SIZE, "stride", &value, NULL), 0);
        assert_string_equal(buf_text(&value), "32");
}

static void a_model_without_it_gives_nothing(void **state)
{
        CLEANUP(buf_deinit) struct buf value = BUF_INIT;

        (void)state;
        assert_int_equal(model_metadata(model, MODEL_SIZE, "name", &value, NULL), 0);
        assert_int_equal(value.size, 0);
        assert_int_equal(model_metadata("\x3a\x00", 2, "names", &value, NULL), 0);
        assert_int_equal(value.size, 0);
}

static void what_is_no_model_is_refused(void **state)
{
        static const struct {
                const char *bytes;
                size_t size;
        } cases[] = {
                {"", 0},
                {"text", 4},
                {"\x12\x01x", 3},    /* no graph */
                {"\x3a\x7f", 2},     /* longer than the file */
                {"\x3a\x00\x08", 3}, /* a number is missing */
                {"\x3a\x00\x72\x01\x0a", 5},
                {"\x3a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                CLEANUP(buf_deinit) struct buf value = BUF_INIT;
                struct reason reason = REASON_INIT;

                assert_int_equal(
                        model_metadata(cases[i].bytes, cases[i].size, "names", &value, &reason),
                        LABELS_E_BAD);
                assert_int_equal(value.size, 0);
                assert_true(reason.text[0] != '\0');
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_value_is_found_by_its_key),
                cmocka_unit_test(a_model_without_it_gives_nothing),
                cmocka_unit_test(what_is_no_model_is_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
