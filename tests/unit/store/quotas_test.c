// SPDX-License-Identifier: MIT
/* Who may hold how much of the store. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/clock.h"
#include "store/store_quotas.h"

#define MAXIMUM 1000000

/* The most that a device which holds `held` may add, when `used` bytes are used. */
static int64_t most(struct store_quotas *quotas, const char *device, int64_t used)
{
        int64_t bytes = 0;

        while (bytes <= MAXIMUM - used &&
               store_quotas_allow(quotas, device, bytes + 1, used, MAXIMUM))
                bytes++;
        return bytes;
}

static void the_share_shrinks_with_the_free_room(void **state)
{
        struct store_quotas quotas;

        (void)state;
        store_quotas_init(&quotas);
        store_quotas_add(&quotas, "a", 1);
        store_quotas_keep(&quotas);
        assert_true(store_quotas_allow(&quotas, "a", 400000, MAXIMUM / 2, MAXIMUM));
        assert_in_range(most(&quotas, "a", 500001), 499900, 500000);
        assert_in_range(most(&quotas, "a", 750000), 124990, 125000);
        assert_in_range(most(&quotas, "a", 900000), 19990, 20000);
        assert_int_equal(most(&quotas, "a", 999999), 0);
        /* Who holds nothing is asked for no quota. */
        assert_true(store_quotas_allow(&quotas, "b", 1000, 999000, MAXIMUM));
        store_quotas_deinit(&quotas);
}

static void a_thousand_hogs_one_after_the_other_leave_room_for_one_more(void **state)
{
        struct store_quotas quotas;
        const int64_t event = 500;
        const int64_t maximum = INT64_C(1) << 30;
        int64_t used = 0;
        char device[16];

        (void)state;
        store_quotas_init(&quotas);
        for (int i = 0; i < 1000; i++) {
                snprintf(device, sizeof(device), "hog%d", i);
                while (store_quotas_allow(&quotas, device, event, used, maximum) &&
                       used + event <= maximum) {
                        store_quotas_add(&quotas, device, event);
                        used += event;
                }
                assert_true(store_quotas_held(&quotas, device) >= event);
        }
        assert_true(maximum - used > 500 * event);
        assert_true(store_quotas_allow(&quotas, "healthy", event, used, maximum));
        store_quotas_deinit(&quotas);
}

static void what_a_failed_transaction_added_is_undone(void **state)
{
        struct store_quotas quotas;

        (void)state;
        store_quotas_init(&quotas);
        store_quotas_add(&quotas, "a", 100);
        store_quotas_add(&quotas, "b", 10);
        store_quotas_keep(&quotas);
        store_quotas_add(&quotas, "a", 50);
        store_quotas_add(&quotas, "a", -100);
        store_quotas_add(&quotas, "b", -10);
        store_quotas_add(&quotas, "c", 7);
        assert_int_equal(store_quotas_held(&quotas, "a"), 50);
        assert_int_equal(store_quotas_held(&quotas, "b"), 0);
        store_quotas_undo(&quotas);
        assert_int_equal(store_quotas_held(&quotas, "a"), 100);
        assert_int_equal(store_quotas_held(&quotas, "b"), 10);
        assert_int_equal(store_quotas_held(&quotas, "c"), 0);
        assert_int_equal(quotas.devices.count, 2);
        /* Who holds nothing any more takes no memory. */
        store_quotas_add(&quotas, "a", -100);
        store_quotas_add(&quotas, "b", -10);
        store_quotas_keep(&quotas);
        assert_int_equal(quotas.devices.count, 0);
        store_quotas_deinit(&quotas);
}

static void a_device_is_told_of_every_ten_minutes_at_most(void **state)
{
        struct store_quotas quotas;
        int64_t now_ns = clock_steady_ns();

        (void)state;
        store_quotas_init(&quotas);
        store_quotas_add(&quotas, "a", 1);
        store_quotas_keep(&quotas);
        assert_true(store_quotas_tell(&quotas, "a", now_ns));
        assert_false(store_quotas_tell(&quotas, "a", now_ns + 599 * CLOCK_NS_PER_S));
        assert_true(store_quotas_tell(&quotas, "a", now_ns + 600 * CLOCK_NS_PER_S));
        assert_false(store_quotas_tell(&quotas, "nobody", now_ns));
        store_quotas_deinit(&quotas);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_share_shrinks_with_the_free_room),
                cmocka_unit_test(a_thousand_hogs_one_after_the_other_leave_room_for_one_more),
                cmocka_unit_test(what_a_failed_transaction_added_is_undone),
                cmocka_unit_test(a_device_is_told_of_every_ten_minutes_at_most),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
