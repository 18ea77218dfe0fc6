// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "camera/upload/picture_name.h"

/* 2024-05-06T17:08:09.123Z */
#define WALL_MS INT64_C(1715015289123)

static void names_are_made_as_dotnet_makes_them(void **state)
{
        static const struct {
                const char *format;
                const char *name;
        } cases[] = {
                {"{0:yyyyMMdd}/camera/{0:HHmmss}.jpg", "20240506/camera/170809.jpg"},
                {"{0:yyyyMMdd}/markedup/{0:HHmmss}.jpg", "20240506/markedup/170809.jpg"},
                {"{0:yy-M-d hh.mm.ss}", "24-5-6 05.08.09"},
                {"{0:H:m}", "17:8"},
                {"{0:HHmmss.fff}", "170809.123"},
                {"{0:fffffff}x", "1230000x"},
                {"{0:'at' HH\\h}", "at 17h"},
                {"{{{0:ss}}}", "{09}"},
                {"latest.jpg", "latest.jpg"},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                CLEANUP(buf_deinit) struct buf name = BUF_INIT;
                struct reason reason = REASON_INIT;

                if (!picture_name(cases[i].format, WALL_MS, &name, &reason))
                        fail_msg("%s: %s", cases[i].format, reason.text);
                assert_string_equal(buf_text(&name), cases[i].name);
        }
}

static void formats_that_make_no_name_are_refused(void **state)
{
        static const char *const formats[] = {
                "",          "{0}",           "{1:yyyy}", "{0:}",         "{0:s}",
                "{0:yyyyy}", "{0:HHH}",       "{0:tt}",   "{0:yyyy",      "yyyy}",
                "{",         "{0:'at}",       "{0:HH%m}", "{0:ffffffff}", "/a.jpg",
                "a//b.jpg",  "a/../b/{0:ss}", "a/",       "a.",           "./a.jpg",
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
                CLEANUP(buf_deinit) struct buf name = BUF_INIT;
                struct reason reason = REASON_INIT;

                if (picture_name(formats[i], WALL_MS, &name, &reason))
                        fail_msg("'%s' makes '%s'", formats[i], buf_text(&name));
                assert_int_equal(name.size, 0);
                assert_true(reason.text[0] != '\0');
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(names_are_made_as_dotnet_makes_them),
                cmocka_unit_test(formats_that_make_no_name_are_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
