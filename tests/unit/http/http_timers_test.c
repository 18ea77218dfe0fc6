// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "base/error.h"
#include "http/http_timers.h"

static void nothing(void *context)
{
        (void)context;
}

static void they_come_in_order_of_their_time(void **state)
{
        CLEANUP(http_timers_deinit) struct http_timers timers = {0};
        struct http_timer taken;
        int64_t last = -1;

        (void)state;
        /* 7919 is prime: each of the times 0 to 999 comes once, in no order. */
        for (int64_t i = 0; i < 1000; i++)
                http_timers_add(&timers, i * 7919 % 1000, nothing, NULL);
        for (int i = 0; i < 1000; i++) {
                assert_true(http_timers_take(&timers, 1000, &taken));
                assert_int_equal(taken.due_ms, last + 1);
                last = taken.due_ms;
        }
        assert_false(http_timers_take(&timers, INT64_MAX, &taken));
}

static void what_is_due_at_the_same_time_stays_in_order(void **state)
{
        CLEANUP(http_timers_deinit) struct http_timers timers = {0};
        char marks[100];
        struct http_timer taken;

        (void)state;
        for (size_t i = 0; i < sizeof(marks); i++)
                http_timers_add(&timers, 5, nothing, &marks[i]);
        for (size_t i = 0; i < sizeof(marks); i++) {
                assert_true(http_timers_take(&timers, 5, &taken));
                assert_ptr_equal(taken.context, &marks[i]);
        }
}

static void nothing_comes_too_early(void **state)
{
        CLEANUP(http_timers_deinit) struct http_timers timers = {0};
        struct http_timer taken;

        (void)state;
        assert_int_equal(http_timers_wait(&timers, 0), -1);
        http_timers_add(&timers, 100, nothing, NULL);
        assert_int_equal(http_timers_wait(&timers, 40), 60);
        assert_false(http_timers_take(&timers, 99, &taken));
        assert_int_equal(http_timers_wait(&timers, 100), 0);
        assert_int_equal(http_timers_wait(&timers, 5000), 0);
        assert_true(http_timers_take(&timers, 100, &taken));
        assert_int_equal(http_timers_wait(&timers, 100), -1);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(they_come_in_order_of_their_time),
                cmocka_unit_test(what_is_due_at_the_same_time_stays_in_order),
                cmocka_unit_test(nothing_comes_too_early),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
