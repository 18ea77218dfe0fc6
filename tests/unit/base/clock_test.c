// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"

#include <string.h>
#include <time.h>

#include "base/error.h"

static void test_parses_rfc3339(void **state)
{
        static const struct {
                const char *text;
                int64_t ns;
        } cases[] = {
                {"1970-01-01T00:00:00Z", 0},
                {"2024-05-06T07:08:09Z", INT64_C(1714979289000000000)},
                {"2024-05-06T07:08:09.204561234Z", INT64_C(1714979289204561234)},
                {"2024-05-06T07:08:09.2Z", INT64_C(1714979289200000000)},
                {"2024-05-06T07:08:09.2045612349999Z", INT64_C(1714979289204561234)},
                {"2024-05-06t07:08:09z", INT64_C(1714979289000000000)},
                {"2024-05-06T09:08:09+02:00", INT64_C(1714979289000000000)},
                {"2024-05-06T01:38:09-05:30", INT64_C(1714979289000000000)},
                {"2024-02-29T00:00:00Z", INT64_C(1709164800000000000)},
                {"2016-12-31T23:59:60Z", INT64_C(1483228800000000000)},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                int64_t ns = -1;

                assert_true(clock_parse_utc(cases[i].text, &ns));
                assert_int_equal(ns, cases[i].ns);
        }
}

static void test_refuses_what_is_no_rfc3339(void **state)
{
        static const char *const cases[] = {
                NULL,
                "",
                "2024-05-06",
                "2024-05-06T07:08:09",
                "2024-05-06 07:08:09Z",
                "2024-05-06T07:08Z",
                "2024-05-06T07:08:09.Z",
                "2024-05-06T07:08:09Zx",
                "2024-05-06T07:08:09+2:00",
                "2024-05-06T07:08:09+24:00",
                "2024-05-06T07:08:09+02:60",
                "2024-13-06T07:08:09Z",
                "2024-00-06T07:08:09Z",
                "2024-05-00T07:08:09Z",
                "2024-05-32T07:08:09Z",
                "2024-04-31T07:08:09Z",
                "2023-02-29T07:08:09Z",
                "2100-02-29T07:08:09Z",
                "2024-05-06T24:08:09Z",
                "2024-05-06T07:60:09Z",
                "2024-05-06T07:08:61Z",
                "1969-12-31T23:59:59Z",
                "2262-01-01T00:00:00Z",
                "24-05-06T07:08:09Z",
                " 2024-05-06T07:08:09Z",
        };
        int64_t ns;

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                if (clock_parse_utc(cases[i], &ns))
                        fail_msg("accepted: %s", cases[i]);
        }
}

static void check_format(int64_t ns, enum clock_format format, const char *expected)
{
        char text[CLOCK_TEXT_SIZE];

        clock_format_utc(text, ns, format);
        assert_string_equal(text, expected);
}

static void test_formats_without_rounding(void **state)
{
        (void)state;
        check_format(0, CLOCK_SECONDS, "1970-01-01T00:00:00");
        check_format(0, CLOCK_FRACTION, "1970-01-01T00:00:00.000Z");
        check_format(INT64_C(1714979289999999999), CLOCK_SECONDS, "2024-05-06T07:08:09");
        check_format(INT64_C(1714979289999999999), CLOCK_FRACTION,
                     "2024-05-06T07:08:09.999999999Z");
        check_format(INT64_C(1714979289204561234), CLOCK_FRACTION,
                     "2024-05-06T07:08:09.204561234Z");
        check_format(INT64_C(1714979289204560000), CLOCK_FRACTION, "2024-05-06T07:08:09.20456Z");
        check_format(INT64_C(1714979289200000000), CLOCK_FRACTION, "2024-05-06T07:08:09.200Z");
        check_format(-1, CLOCK_FRACTION, "1969-12-31T23:59:59.999999999Z");
        check_format(INT64_MAX, CLOCK_FRACTION, "2262-04-11T23:47:16.854775807Z");
        check_format(INT64_MIN, CLOCK_SECONDS, "1677-09-21T00:12:43");
}

static void test_reads_back_what_it_wrote(void **state)
{
        int64_t ns = INT64_C(1);

        (void)state;
        while (ns < INT64_C(3000000000000000000)) {
                char text[CLOCK_TEXT_SIZE];
                int64_t back = -1;

                clock_format_utc(text, ns, CLOCK_FRACTION);
                assert_true(clock_parse_utc(text, &back));
                assert_int_equal(back, ns);
                ns = ns / 2 * 3 + 2;
        }
}

static void test_every_day_is_that_of_the_library(void **state)
{
        (void)state;
        for (int64_t day = 0; day < 106650; day++) {
                time_t seconds = (time_t)(day * 86400 + day % 86400);
                char text[CLOCK_TEXT_SIZE];
                char expected[CLOCK_TEXT_SIZE];
                int64_t back = -1;
                struct tm tm;

                gmtime_r(&seconds, &tm);
                strftime(expected, sizeof(expected), "%Y-%m-%dT%H:%M:%S", &tm);
                clock_format_utc(text, seconds * CLOCK_NS_PER_S, CLOCK_SECONDS);
                assert_string_equal(text, expected);
                strcat(text, "Z");
                assert_true(clock_parse_utc(text, &back));
                assert_int_equal(back, seconds * CLOCK_NS_PER_S);
        }
}

static void test_the_steady_clock_never_goes_back(void **state)
{
        int64_t last = clock_steady_ns();

        (void)state;
        for (int i = 0; i < 1000; i++) {
                int64_t now = clock_steady_ns();

                assert_true(now >= last);
                last = now;
        }
        assert_true(clock_steady_ms() >= last / CLOCK_NS_PER_MS);
        assert_true(clock_wall_ns() > INT64_C(1700000000) * CLOCK_NS_PER_S);
        assert_true(clock_wall_ms() > INT64_C(1700000000000));
}

static void law_a_step_of_the_wall_clock_makes_no_duration_longer(void **state)
{
        static const struct {
                int64_t wall_ms; /* how far each clock has gone */
                int64_t steady_ms;
                int64_t elapsed_ms;
        } rows[] = {
                {0, 0, 0},           {500, 500, 500},      {86400500, 500, 500},
                {-86399500, 500, 0}, {500, 86400500, 500}, /* as after a sleep that the steady clock
                                                              counts */
        };

        (void)state;
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct clock_moment since = clock_moment_now();
                struct clock_moment now = {since.wall_ms + rows[i].wall_ms,
                                           since.steady_ms + rows[i].steady_ms};

                assert_int_equal(clock_elapsed_ms(&since, &now), rows[i].elapsed_ms);
        }
}

static void a_time_of_an_earlier_run_is_as_old_as_the_wall_clock_says(void **state)
{
        struct clock_moment now = clock_moment_now();
        struct clock_moment old = clock_moment_of(now.wall_ms - 60 * 1000);
        struct clock_moment future = clock_moment_of(now.wall_ms + 3600 * 1000);

        (void)state;
        assert_int_equal(old.wall_ms, now.wall_ms - 60 * 1000);
        assert_true(now.steady_ms - old.steady_ms >= 59 * 1000);
        assert_true(future.steady_ms >= now.steady_ms);
        assert_true(clock_elapsed_ms(&future, &now) == 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_parses_rfc3339),
                cmocka_unit_test(test_refuses_what_is_no_rfc3339),
                cmocka_unit_test(test_formats_without_rounding),
                cmocka_unit_test(test_reads_back_what_it_wrote),
                cmocka_unit_test(test_every_day_is_that_of_the_library),
                cmocka_unit_test(test_the_steady_clock_never_goes_back),
                cmocka_unit_test(law_a_step_of_the_wall_clock_makes_no_duration_longer),
                cmocka_unit_test(a_time_of_an_earlier_run_is_as_old_as_the_wall_clock_says),
        };

        return cmocka_run_group_tests_name("base.clock", tests, NULL, NULL);
}
