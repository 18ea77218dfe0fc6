// SPDX-License-Identifier: MIT
/* Who may hold how much of the store. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/clock.h"
#include "store/store_shares.h"

#define MAXIMUM 1000000

/* The most that a device which holds `held` may add, when `used` bytes are used. */
static int64_t most(struct store_shares *shares, const char *device, int64_t used)
{
        int64_t bytes = 0;

        while (bytes <= MAXIMUM - used &&
               store_shares_allow(shares, device, bytes + 1, used, MAXIMUM))
                bytes++;
        return bytes;
}

static void the_share_shrinks_with_the_free_room(void **state)
{
        struct store_shares shares;

        (void)state;
        store_shares_init(&shares);
        store_shares_add(&shares, "a", 1);
        store_shares_keep(&shares);
        assert_true(store_shares_allow(&shares, "a", 400000, MAXIMUM / 2, MAXIMUM));
        assert_in_range(most(&shares, "a", 500001), 499900, 500000);
        assert_in_range(most(&shares, "a", 750000), 124990, 125000);
        assert_in_range(most(&shares, "a", 900000), 19990, 20000);
        assert_int_equal(most(&shares, "a", 999999), 0);
        /* Who holds nothing is asked for no share. */
        assert_true(store_shares_allow(&shares, "b", 1000, 999000, MAXIMUM));
        store_shares_deinit(&shares);
}

static void a_thousand_hogs_one_after_the_other_leave_room_for_one_more(void **state)
{
        struct store_shares shares;
        const int64_t event = 500;
        const int64_t maximum = INT64_C(1) << 30;
        int64_t used = 0;
        char device[16];

        (void)state;
        store_shares_init(&shares);
        for (int i = 0; i < 1000; i++) {
                snprintf(device, sizeof(device), "hog%d", i);
                while (store_shares_allow(&shares, device, event, used, maximum) &&
                       used + event <= maximum) {
                        store_shares_add(&shares, device, event);
                        used += event;
                }
                assert_true(store_shares_held(&shares, device) >= event);
        }
        assert_true(maximum - used > 500 * event);
        assert_true(store_shares_allow(&shares, "healthy", event, used, maximum));
        store_shares_deinit(&shares);
}

static void what_a_failed_transaction_added_is_undone(void **state)
{
        struct store_shares shares;

        (void)state;
        store_shares_init(&shares);
        store_shares_add(&shares, "a", 100);
        store_shares_add(&shares, "b", 10);
        store_shares_keep(&shares);
        store_shares_add(&shares, "a", 50);
        store_shares_add(&shares, "a", -100);
        store_shares_add(&shares, "b", -10);
        store_shares_add(&shares, "c", 7);
        assert_int_equal(store_shares_held(&shares, "a"), 50);
        assert_int_equal(store_shares_held(&shares, "b"), 0);
        store_shares_undo(&shares);
        assert_int_equal(store_shares_held(&shares, "a"), 100);
        assert_int_equal(store_shares_held(&shares, "b"), 10);
        assert_int_equal(store_shares_held(&shares, "c"), 0);
        assert_int_equal(shares.devices.count, 2);
        /* Who holds nothing any more takes no memory. */
        store_shares_add(&shares, "a", -100);
        store_shares_add(&shares, "b", -10);
        store_shares_keep(&shares);
        assert_int_equal(shares.devices.count, 0);
        store_shares_deinit(&shares);
}

static void a_device_is_told_of_every_ten_minutes_at_most(void **state)
{
        struct store_shares shares;
        int64_t now_ns = clock_steady_ns();

        (void)state;
        store_shares_init(&shares);
        store_shares_add(&shares, "a", 1);
        store_shares_keep(&shares);
        assert_true(store_shares_tell(&shares, "a", now_ns));
        assert_false(store_shares_tell(&shares, "a", now_ns + 599 * CLOCK_NS_PER_S));
        assert_true(store_shares_tell(&shares, "a", now_ns + 600 * CLOCK_NS_PER_S));
        assert_false(store_shares_tell(&shares, "nobody", now_ns));
        store_shares_deinit(&shares);
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
