// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "camera/detect/layout.h"

struct row {
        int64_t dimensions[3];
        size_t classes;
        int width;
        int height;
        enum layout layout;
};

static const struct row rows[] = {
        {{1, 25200, 85}, 80, 640, 640, LAYOUT_OBJECTNESS},
        {{1, 84, 8400}, 80, 640, 640, LAYOUT_COLUMNS},
        {{1, 300, 6}, 80, 640, 640, LAYOUT_END_TO_END},
        {{1, 6300, 85}, 80, 320, 320, LAYOUT_OBJECTNESS},
        {{1, 84, 2100}, 80, 320, 320, LAYOUT_COLUMNS},
        {{1, 15120, 85}, 80, 640, 384, LAYOUT_OBJECTNESS},
        {{1, 84, 5040}, 80, 640, 384, LAYOUT_COLUMNS},
        /* With one label the rows of v5 are as wide as those of an end-to-end model. */
        {{1, 25200, 6}, 1, 640, 640, LAYOUT_OBJECTNESS},
        {{1, 300, 6}, 1, 640, 640, LAYOUT_END_TO_END},
        {{1, 5, 8400}, 1, 640, 640, LAYOUT_COLUMNS},
        {{1, 6, 8400}, 2, 640, 640, LAYOUT_COLUMNS},
        {{1, 84, 21}, 80, 32, 32, LAYOUT_COLUMNS},
        {{2, 25200, 85}, 80, 640, 640, LAYOUT_NONE},
        {{1, 25200, 86}, 80, 640, 640, LAYOUT_NONE},
        {{1, 85, 25200}, 80, 640, 640, LAYOUT_NONE},
        {{1, 116, 8400}, 80, 640, 640, LAYOUT_NONE}, /* masks of a segmenting model */
        {{1, 0, 6}, 80, 640, 640, LAYOUT_NONE},
};

static void the_layout_is_recognised_from_the_shape(void **state)
{
        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                const struct row *row = &rows[i];
                struct reason reason = REASON_INIT;
                enum layout layout = layout_recognise(row->dimensions, 3, row->classes, row->width,
                                                      row->height, &reason);

                if (layout != row->layout)
                        fail_msg("row %zu: %s instead of %s", i, layout_name(layout),
                                 layout_name(row->layout));
                assert_int_equal(layout == LAYOUT_NONE, reason.text[0] != '\0');
        }
}

static void a_refusal_says_what_was_found_and_what_is_needed(void **state)
{
        struct reason reason = REASON_INIT;

        (void)state;
        assert_int_equal(layout_recognise((const int64_t[]){1, 1000}, 2, 80, 640, 640, &reason),
                         LAYOUT_NONE);
        assert_non_null(strstr(reason.text, "[1, 1000]"));
        assert_non_null(strstr(reason.text, "[1, 25200, 85] (v5)"));
        assert_non_null(strstr(reason.text, "[1, 84, 8400] (v8 and later)"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_layout_is_recognised_from_the_shape),
                cmocka_unit_test(a_refusal_says_what_was_found_and_what_is_needed),
        };

        return cmocka_run_group_tests_name("layout", tests, NULL, NULL);
}
