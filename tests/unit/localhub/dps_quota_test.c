// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "localhub/dps/dps_quota.h"

#define START_MS INT64_C(5000)

static int take_all(struct dps_quota *quota, int64_t now_ms)
{
        int taken = 0;

        while (taken < 10000 && dps_quota_take(quota, now_ms) == 0)
                taken++;
        return taken;
}

static void without_a_quota_everything_is_taken(void **state)
{
        struct dps_quota quota;

        (void)state;
        dps_quota_init(&quota, &(struct dps_quota_options){0});
        assert_int_equal(take_all(&quota, START_MS), 10000);
        dps_quota_deinit(&quota);
}

static void a_window_has_no_more_than_the_quota(void **state)
{
        struct dps_quota quota;

        (void)state;
        dps_quota_init(&quota, &(struct dps_quota_options){.quota = 10});
        for (int i = 0; i < 4; i++)
                assert_int_equal(dps_quota_take(&quota, START_MS), 0);
        assert_int_equal(take_all(&quota, START_MS + 20000), 6);
        assert_int_equal(dps_quota_take(&quota, START_MS + 20000), 40000);
        assert_int_equal(dps_quota_take(&quota, START_MS + 59999), 1);
        assert_int_equal(take_all(&quota, START_MS + 60000), 4);
        assert_int_equal(take_all(&quota, START_MS + 80000), 6);
        dps_quota_deinit(&quota);
}

static void a_bucket_gives_its_depth_and_what_flows_in(void **state)
{
        struct dps_quota quota;

        (void)state;
        dps_quota_init(&quota,
                       &(struct dps_quota_options){.quota = 10, .window_ms = 1000, .burst = 4});
        assert_int_equal(take_all(&quota, START_MS), 4);
        assert_int_equal(dps_quota_take(&quota, START_MS), 100);
        assert_in_range(dps_quota_take(&quota, START_MS + 90), 10, 11);
        assert_int_equal(take_all(&quota, START_MS + 205), 2);
        assert_int_equal(take_all(&quota, START_MS + 100000), 4);
        dps_quota_deinit(&quota);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(without_a_quota_everything_is_taken),
                cmocka_unit_test(a_window_has_no_more_than_the_quota),
                cmocka_unit_test(a_bucket_gives_its_depth_and_what_flows_in),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
