// SPDX-License-Identifier: MIT
/* Ticks: on their grid, never two at once, late ones skipped and counted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "camera/watch/schedule.h"

static void ticks_follow_each_other_on_the_periods_grid(void **state)
{
        struct schedule schedule = {.due_ms = 15000, .period_ms = 30000};

        (void)state;
        assert_true(schedule_wait_ms(&schedule, 1000) == INT64_MAX);
        schedule_start(&schedule, 1000);
        assert_int_equal(schedule_wait_ms(&schedule, 1000), 15000);
        assert_int_equal(schedule_wait_ms(&schedule, 15999), 1);
        assert_int_equal(schedule_wait_ms(&schedule, 16000), 0);
        assert_int_equal(schedule_wait_ms(&schedule, 16020), 0);
        schedule_take(&schedule);
        assert_int_equal(schedule_done(&schedule, 17500), 0);
        assert_int_equal(schedule_wait_ms(&schedule, 17500), 28500);
}

static void a_late_tick_is_skipped_and_counted(void **state)
{
        struct schedule schedule = {.due_ms = 0, .period_ms = 1000};

        (void)state;
        schedule_start(&schedule, 0);
        schedule_take(&schedule);
        assert_int_equal(schedule_done(&schedule, 3500), 3);
        assert_int_equal(schedule_wait_ms(&schedule, 3500), 500);
        schedule_take(&schedule);
        /* In time to the millisecond is not late. */
        assert_int_equal(schedule_done(&schedule, 5000), 0);
        assert_int_equal(schedule_wait_ms(&schedule, 5000), 0);
}

static void without_a_period_there_is_one_tick(void **state)
{
        struct schedule schedule = {.due_ms = 10, .period_ms = 0};

        (void)state;
        schedule_start(&schedule, 0);
        assert_int_equal(schedule_wait_ms(&schedule, 10), 0);
        schedule_take(&schedule);
        assert_int_equal(schedule_done(&schedule, 100000), 0);
        assert_true(schedule_wait_ms(&schedule, 100000) == INT64_MAX);
        schedule_start(&schedule, 100000);
        assert_int_equal(schedule_wait_ms(&schedule, 100000), 10);
}

static void stopping_ends_it_also_while_a_picture_is_looked_at(void **state)
{
        struct schedule schedule = {.due_ms = 0, .period_ms = 1000};

        (void)state;
        schedule_start(&schedule, 0);
        schedule_take(&schedule);
        schedule_stop(&schedule);
        assert_int_equal(schedule_done(&schedule, 9000), 0);
        assert_true(schedule_wait_ms(&schedule, 9000) == INT64_MAX);
}

static void new_times_start_it_anew_if_it_was_started(void **state)
{
        struct schedule schedule = {.due_ms = 0, .period_ms = 1000};

        (void)state;
        schedule_set(&schedule, 500, 2000, 100);
        assert_true(schedule_wait_ms(&schedule, 100) == INT64_MAX);
        schedule_start(&schedule, 100);
        assert_int_equal(schedule_wait_ms(&schedule, 100), 500);
        schedule_set(&schedule, 200, 3000, 300);
        assert_int_equal(schedule_wait_ms(&schedule, 300), 200);
        schedule_take(&schedule);
        assert_int_equal(schedule_wait_ms(&schedule, 500), 3000);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(ticks_follow_each_other_on_the_periods_grid),
                cmocka_unit_test(a_late_tick_is_skipped_and_counted),
                cmocka_unit_test(without_a_period_there_is_one_tick),
                cmocka_unit_test(stopping_ends_it_also_while_a_picture_is_looked_at),
                cmocka_unit_test(new_times_start_it_anew_if_it_was_started),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
