// SPDX-License-Identifier: MIT
/* What a hub of a size allows (rule W34). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "localhub/gate/quotas.h"

static void only_known_sizes_are_made_w34(void **state)
{
        (void)state;
        assert_null(quotas_new("F2", 1, 1));
        assert_null(quotas_new("F1", 2, 1));
        assert_null(quotas_new("S1", 0, 1));
        assert_null(quotas_new("S3", 11, 1));
        quotas_free(quotas_new("s1", 200, 1));
}

static int64_t taken(struct quotas *quotas, int hub, enum quota_kind kind, int64_t now_ms)
{
        int64_t count = 0;

        while (count < 1000000 && quotas_take(quotas, hub, kind, 1, now_ms) == QUOTA_TAKEN)
                count++;
        return count;
}

static void a_minute_s_worth_comes_at_once_then_the_rate_w34(void **state)
{
        struct quotas *quotas = quotas_new("S1", 9, 2);

        (void)state;
        assert_int_equal(taken(quotas, 0, QUOTA_QUERIES, 1000), 9 * 20);
        assert_int_equal(taken(quotas, 0, QUOTA_QUERIES, 31000), 9 * 10);
        /* The other hub has its own. */
        assert_int_equal(taken(quotas, 1, QUOTA_QUERIES, 31000), 9 * 20);
        assert_int_equal(taken(quotas, 0, QUOTA_SENDS, 0), 108 * 60);
        quotas_free(quotas);
        quotas = quotas_new("S1", 2, 1);
        assert_int_equal(taken(quotas, 0, QUOTA_SENDS, 0), 100 * 60);
        assert_int_equal(taken(quotas, 0, QUOTA_TWIN_READS, 0), 100 * 60);
        quotas_free(quotas);
}

static void a_day_has_so_many_messages_w34(void **state)
{
        const int64_t midnight = INT64_C(1700006400000);
        struct quotas *quotas = quotas_new("F1", 1, 1);
        struct quota_usage usage;

        (void)state;
        for (int i = 0; i < 15; i++)
                assert_int_equal(quotas_take_message(quotas, 0, 261120, i, midnight - 1000),
                                 QUOTA_TAKEN);
        assert_int_equal(quotas_take_message(quotas, 0, 261120, 20, midnight - 1), QUOTA_USED_UP);
        assert_int_equal(quotas_take_message(quotas, 0, 0, 20, midnight - 1), QUOTA_TAKEN);
        assert_true(quotas_usage(quotas, 0, midnight - 1, &usage));
        assert_int_equal(usage.messages, 15 * 510 + 1);
        assert_int_equal(usage.messages_a_day, 8000);
        assert_int_equal(quotas_take_message(quotas, 0, 261120, 20, midnight), QUOTA_TAKEN);
        quotas_free(quotas);
}

static void without_a_size_everything_is_allowed(void **state)
{
        struct quota_usage usage;

        (void)state;
        assert_int_equal(quotas_take(NULL, 0, QUOTA_QUERIES, 1000000, 0), QUOTA_TAKEN);
        assert_int_equal(quotas_take_message(NULL, 0, 1000000, 0, 0), QUOTA_TAKEN);
        assert_false(quotas_usage(NULL, 0, 0, &usage));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(only_known_sizes_are_made_w34),
                cmocka_unit_test(a_minute_s_worth_comes_at_once_then_the_rate_w34),
                cmocka_unit_test(a_day_has_so_many_messages_w34),
                cmocka_unit_test(without_a_size_everything_is_allowed),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
