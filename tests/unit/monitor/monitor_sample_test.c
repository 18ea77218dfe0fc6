// SPDX-License-Identifier: MIT
/* Rules A4 and A8: which operations are told, and for how many they stand. */
#include "monitor/monitor_sample.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "monitor/monitor_item.h"

static void test_a8_the_score_is_that_of_the_clients(void **state)
{
        static const struct {
                const char *operation;
                double score;
        } rows[] = {
                {"0af7651916cd43dd8448eb211c80319c", 52.788928},
                {"b369dce53c42e921d04d22bed49f7271", 66.759535},
                {"abc", 46.123688},
                {"a", 16.249091},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
                assert_true(monitor_sample_score(rows[i].operation) > rows[i].score - 1e-6 &&
                            monitor_sample_score(rows[i].operation) < rows[i].score + 1e-6);
}

struct outcome {
        int told;
        int64_t stands_for;
};

/* So many operations a second for a minute, with ids that chance made; simulated time. */
static struct outcome run_minute(double per_second, int load, const char *seed)
{
        struct monitor_sampler sampler;
        struct outcome outcome = {.told = 0};

        monitor_sampler_init(&sampler, per_second, per_second * 4 > 1 ? per_second * 4 : 1);
        for (int i = 0; i < load * 60; i++) {
                char text[64];
                char id[CRYPTO_UUID_SIZE];
                char operation[MONITOR_OPERATION_SIZE];
                int32_t stands_for;

                crypto_uuid_of(text, (size_t)snprintf(text, sizeof(text), "%s %d", seed, i), id);
                monitor_operation_of(id, operation);
                stands_for = monitor_sampler_take(&sampler, operation,
                                                  CLOCK_NS_PER_S + i * (CLOCK_NS_PER_S / load));
                outcome.told += stands_for > 0;
                outcome.stands_for += stands_for;
        }
        monitor_sampler_deinit(&sampler);
        return outcome;
}

static void test_a4_a_minute_under_load_is_cheap_and_its_sum_right(void **state)
{
        static const char *const seeds[] = {"one", "two", "three", "four", "five", "six"};

        (void)state;
        for (size_t i = 0; i < sizeof(seeds) / sizeof(seeds[0]); i++) {
                struct outcome outcome = run_minute(0.5, 100, seeds[i]);

                assert_in_range(outcome.told, 10, 30);
                assert_in_range(outcome.stands_for, 5400, 6000);
        }
}

static void test_a4_a_low_load_is_told_whole(void **state)
{
        (void)state;
        assert_int_equal(run_minute(1000, 100, "all").told, 6000);
}

static void test_a4_nothing_is_told_of_none_a_second(void **state)
{
        (void)state;
        assert_int_equal(run_minute(0, 100, "none").told, 0);
}

static void test_a4_failures_have_a_bound_of_their_own(void **state)
{
        struct monitor_sampler sampler;
        int64_t stand = 0;
        int told = 0;

        (void)state;
        monitor_sampler_init(&sampler, 1, 10);
        for (int i = 0; i < 1000; i++) {
                int32_t stands_for = monitor_sampler_take(
                        &sampler, NULL, CLOCK_NS_PER_S + i * CLOCK_NS_PER_MS * 100);

                told += stands_for > 0;
                stand += stands_for;
        }
        /* Ten at once, and one in each of a hundred seconds. */
        assert_in_range(told, 105, 110);
        assert_in_range(stand, 990, 1000);
        monitor_sampler_deinit(&sampler);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a8_the_score_is_that_of_the_clients),
                cmocka_unit_test(test_a4_a_minute_under_load_is_cheap_and_its_sum_right),
                cmocka_unit_test(test_a4_a_low_load_is_told_whole),
                cmocka_unit_test(test_a4_nothing_is_told_of_none_a_second),
                cmocka_unit_test(test_a4_failures_have_a_bound_of_their_own),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
