// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "azure/dps/dps_pace.h"

#define START_MS  INT64_C(1000000)
#define MINUTE_MS 60000

/* Takes as many as the pace allows in [from, to), waiting as long as it says. */
static int take_until(struct dps_pace *pace, int64_t from_ms, int64_t to_ms)
{
        int taken = 0;

        for (int64_t now_ms = from_ms; now_ms < to_ms;) {
                int64_t wait_ms = dps_pace_take(pace, now_ms);

                assert_true(wait_ms >= 0);
                taken += wait_ms == 0;
                now_ms += wait_ms;
        }
        return taken;
}

static void no_minute_sees_more_than_the_quota(void **state)
{
        static const int quotas[] = {1, 2, 10, 200, 1000, 100000};

        (void)state;
        for (size_t i = 0; i < sizeof(quotas) / sizeof(quotas[0]); i++) {
                struct dps_pace pace;
                int first;
                int second;

                dps_pace_init(&pace, quotas[i], START_MS);
                first = take_until(&pace, START_MS, START_MS + MINUTE_MS);
                second = take_until(&pace, START_MS + MINUTE_MS, START_MS + 2 * MINUTE_MS);
                assert_in_range(first, quotas[i] / 2, quotas[i]);
                assert_in_range(second, quotas[i] / 2, quotas[i]);
        }
}

static void a_pause_gathers_no_more_than_the_bucket_holds(void **state)
{
        struct dps_pace pace;

        (void)state;
        dps_pace_init(&pace, 1000, START_MS);
        take_until(&pace, START_MS, START_MS + MINUTE_MS);
        assert_int_equal(
                take_until(&pace, START_MS + 100 * MINUTE_MS, START_MS + 100 * MINUTE_MS + 1), 50);
}

static void a_throttled_service_is_left_alone_for_the_time_it_names(void **state)
{
        struct dps_pace pace;

        (void)state;
        dps_pace_init(&pace, 1000, START_MS);
        assert_int_equal(dps_pace_take(&pace, START_MS), 0);
        assert_true(dps_pace_throttled(&pace, START_MS, 17000, START_MS + 10));
        assert_int_equal(dps_pace_take(&pace, START_MS + 10), 17000);
        assert_int_equal(dps_pace_take(&pace, START_MS + 17009), 1);
        /* Nothing has gathered meanwhile. */
        assert_int_equal(take_until(&pace, START_MS + 17010, START_MS + 17011), 0);
}

static void without_a_time_it_is_left_alone_for_a_while(void **state)
{
        struct dps_pace pace;

        (void)state;
        dps_pace_init(&pace, 1000, START_MS);
        dps_pace_throttled(&pace, START_MS, -1, START_MS);
        assert_in_range(dps_pace_take(&pace, START_MS), 1000, 30000);
}

static void throttling_halves_the_rate_once_for_what_was_on_its_way(void **state)
{
        struct dps_pace pace;
        double full;

        (void)state;
        dps_pace_init(&pace, 1000, START_MS);
        full = pace.rate;
        assert_true(dps_pace_throttled(&pace, START_MS, 0, START_MS + 100));
        for (int i = 0; i < 99; i++)
                assert_false(dps_pace_throttled(&pace, START_MS + i, 0, START_MS + 200));
        assert_true(pace.rate > full * 0.49 && pace.rate < full * 0.51);
        /* Sent after the first complaint: the halved rate is still too much. */
        assert_true(dps_pace_throttled(&pace, START_MS + 101, 0, START_MS + 300));
        assert_true(pace.rate > full * 0.24 && pace.rate < full * 0.26);
}

static void the_rate_never_falls_to_nothing_and_recovers(void **state)
{
        struct dps_pace pace;
        double full;

        (void)state;
        dps_pace_init(&pace, 1000, START_MS);
        full = pace.rate;
        for (int i = 0; i < 100; i++)
                dps_pace_throttled(&pace, START_MS + i * 10, 0, START_MS + i * 10 + 5);
        assert_true(pace.rate > full / 17 && pace.rate < full / 15);
        dps_pace_accepted(&pace);
        assert_true(pace.rate > full / 16);
        for (int i = 0; i < 1000; i++)
                dps_pace_accepted(&pace);
        assert_true(pace.rate <= full && pace.rate > full * 0.99);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(no_minute_sees_more_than_the_quota),
                cmocka_unit_test(a_pause_gathers_no_more_than_the_bucket_holds),
                cmocka_unit_test(a_throttled_service_is_left_alone_for_the_time_it_names),
                cmocka_unit_test(without_a_time_it_is_left_alone_for_a_while),
                cmocka_unit_test(throttling_halves_the_rate_once_for_what_was_on_its_way),
                cmocka_unit_test(the_rate_never_falls_to_nothing_and_recovers),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
