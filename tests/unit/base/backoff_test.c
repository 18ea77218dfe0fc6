// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/backoff.h"

#define TRIES 1000

static void waits_double_up_to_the_most(void **state)
{
        static const struct {
                int failures;
                int64_t longest_ms;
        } cases[] = {{0, 100}, {1, 100}, {2, 200}, {3, 400}, {4, 500}, {1000, 500}};

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                int64_t longest_ms = cases[i].longest_ms;

                for (int n = 0; n < TRIES; n++)
                        assert_in_range(backoff_ms(cases[i].failures, 100, 500), longest_ms / 2,
                                        longest_ms);
        }
}

static void a_random_time_reaches_both_bounds(void **state)
{
        int seen[3] = {0};

        (void)state;
        for (int n = 0; n < TRIES; n++) {
                int64_t time_ms = backoff_between_ms(7, 9);

                assert_in_range(time_ms, 7, 9);
                seen[time_ms - 7]++;
        }
        for (int i = 0; i < 3; i++)
                assert_true(seen[i] > 0);
}

static void bounds_that_are_none_give_the_lower_one(void **state)
{
        (void)state;
        assert_int_equal(backoff_between_ms(5, 5), 5);
        assert_int_equal(backoff_between_ms(5, -3), 5);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(waits_double_up_to_the_most),
                cmocka_unit_test(a_random_time_reaches_both_bounds),
                cmocka_unit_test(bounds_that_are_none_give_the_lower_one),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
