// SPDX-License-Identifier: MIT
/* Rules of faults: whom they hit, how often, and how long a delay is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "localhub/gate/faults.h"

static struct faults *faults;

static int set_up(void **state)
{
        (void)state;
        faults = faults_new();
        faults_seed(faults, 1);
        return 0;
}

static int tear_down(void **state)
{
        (void)state;
        faults_free(faults);
        return 0;
}

static uint64_t add(const struct fault *fault)
{
        struct reason reason = REASON_INIT;
        uint64_t id = faults_add(faults, fault, &reason);

        assert_int_equal(id == 0, reason.text[0] != '\0');
        return id;
}

static int count_applied(enum fault_kind kind, int times)
{
        struct fault applied;
        int count = 0;

        for (int i = 0; i < times; i++)
                count += faults_apply(faults, kind, "hub1", "dev1", &applied);
        return count;
}

static void without_rules_nothing_fails(void **state)
{
        (void)state;
        for (int kind = 0; kind < FAULT_KIND_COUNT; kind++)
                assert_int_equal(count_applied((enum fault_kind)kind, 10), 0);
}

static void a_rule_applies_as_often_as_it_says(void **state)
{
        struct fault fault = FAULT_INIT(FAULT_TOKEN);
        struct fault list[2];
        uint64_t id;

        (void)state;
        fault.remaining = 3;
        fault.status = 401;
        id = add(&fault);
        assert_int_equal(count_applied(FAULT_TOKEN, 1), 1);
        assert_int_equal(faults_list(faults, list, 2), 1);
        assert_int_equal(list[0].id, id);
        assert_int_equal(list[0].remaining, 2);
        assert_int_equal(list[0].applied, 1);
        assert_int_equal(count_applied(FAULT_TOKEN, 10), 2);
        assert_int_equal(faults_list(faults, list, 2), 0);
        assert_false(faults_remove(faults, id));
}

static void a_rule_without_an_end_applies_until_it_is_removed(void **state)
{
        struct fault fault = FAULT_INIT(FAULT_CREDIT);
        uint64_t id = add(&fault);

        (void)state;
        assert_int_equal(count_applied(FAULT_CREDIT, 100), 100);
        assert_true(faults_exist(faults, FAULT_CREDIT, "hub1", "dev1"));
        assert_true(faults_remove(faults, id));
        assert_false(faults_exist(faults, FAULT_CREDIT, "hub1", "dev1"));
        assert_int_equal(count_applied(FAULT_CREDIT, 10), 0);
}

static void a_rule_hits_its_hub_and_its_device_alone(void **state)
{
        struct fault fault = FAULT_INIT(FAULT_TOKEN);
        struct fault applied;

        (void)state;
        snprintf(fault.hub, sizeof(fault.hub), "hub1");
        snprintf(fault.device, sizeof(fault.device), "dev1");
        add(&fault);
        assert_true(faults_apply(faults, FAULT_TOKEN, "hub1", "dev1", &applied));
        assert_false(faults_apply(faults, FAULT_TOKEN, "hub2", "dev1", &applied));
        assert_false(faults_apply(faults, FAULT_TOKEN, "hub1", "dev2", &applied));
        assert_false(faults_apply(faults, FAULT_TOKEN, "hub1", "", &applied));
        assert_false(faults_apply(faults, FAULT_CONNECT, "hub1", "dev1", &applied));
}

static void the_oldest_rule_that_fits_comes_first(void **state)
{
        struct fault fault = FAULT_INIT(FAULT_TOKEN);
        struct fault applied;

        (void)state;
        fault.remaining = 1;
        fault.status = 401;
        add(&fault);
        fault.status = 404;
        add(&fault);
        assert_true(faults_apply(faults, FAULT_TOKEN, "hub1", "dev1", &applied));
        assert_int_equal(applied.status, 401);
        assert_true(faults_apply(faults, FAULT_TOKEN, "hub1", "dev1", &applied));
        assert_int_equal(applied.status, 404);
}

static void a_probability_is_kept_on_average_and_is_repeatable(void **state)
{
        struct fault fault = FAULT_INIT(FAULT_TOKEN);
        int first;

        (void)state;
        fault.probability = 0.2;
        add(&fault);
        faults_seed(faults, 42);
        first = count_applied(FAULT_TOKEN, 10000);
        assert_in_range(first, 1800, 2200);
        faults_seed(faults, 42);
        assert_int_equal(count_applied(FAULT_TOKEN, 10000), first);
}

static void delays_follow_their_distribution(void **state)
{
        struct fault fixed = FAULT_INIT(FAULT_SLOW);
        struct fault uniform = FAULT_INIT(FAULT_SLOW);
        struct fault exponential = FAULT_INIT(FAULT_SLOW);
        int64_t sum = 0;

        (void)state;
        fixed.delay_ms = 70;
        assert_int_equal(faults_draw_delay(faults, &fixed), 70);
        uniform.distribution = FAULT_DELAY_UNIFORM;
        uniform.delay_ms = 100;
        uniform.delay_max_ms = 200;
        exponential.distribution = FAULT_DELAY_EXPONENTIAL;
        exponential.delay_ms = 100;
        exponential.delay_max_ms = 1000;
        for (int i = 0; i < 10000; i++) {
                assert_in_range(faults_draw_delay(faults, &uniform), 100, 200);
                sum += faults_draw_delay(faults, &exponential);
                assert_in_range(faults_draw_delay(faults, &exponential), 0, 1000);
        }
        assert_in_range(sum / 10000, 90, 110);
}

static void rules_that_make_no_sense_are_refused(void **state)
{
        struct fault fault = FAULT_INIT(FAULT_TOKEN);

        (void)state;
        fault.remaining = 0;
        assert_int_equal(add(&fault), 0);
        fault.remaining = -2;
        assert_int_equal(add(&fault), 0);
        fault = FAULT_INIT(FAULT_TOKEN);
        fault.probability = 0;
        assert_int_equal(add(&fault), 0);
        fault.probability = 1.5;
        assert_int_equal(add(&fault), 0);
        fault = FAULT_INIT(FAULT_REJECT); /* no condition */
        assert_int_equal(add(&fault), 0);
        fault = FAULT_INIT(FAULT_DPS_STATUS); /* no status */
        assert_int_equal(add(&fault), 0);
        fault = FAULT_INIT(FAULT_SLOW);
        fault.delay_ms = -1;
        assert_int_equal(add(&fault), 0);
        fault = FAULT_INIT(FAULT_SLOW);
        fault.distribution = FAULT_DELAY_UNIFORM;
        fault.delay_ms = 10;
        fault.delay_max_ms = 5;
        assert_int_equal(add(&fault), 0);
        fault = FAULT_INIT(FAULT_KIND_COUNT);
        assert_int_equal(add(&fault), 0);
}

static void there_is_an_end_to_rules(void **state)
{
        struct fault fault = FAULT_INIT(FAULT_CONNECT);

        (void)state;
        for (int i = 0; i < FAULTS_MAX; i++)
                assert_int_not_equal(add(&fault), 0);
        assert_int_equal(add(&fault), 0);
        faults_clear(faults);
        assert_int_not_equal(add(&fault), 0);
}

static void count_change(void *context)
{
        ++*(int *)context;
}

static void who_watches_is_told_of_changes(void **state)
{
        struct fault fault = FAULT_INIT(FAULT_CONNECT);
        int changes = 0;
        uint64_t id;

        (void)state;
        faults_watch(faults, count_change, &changes);
        id = add(&fault);
        assert_int_equal(changes, 1);
        assert_true(faults_remove(faults, id));
        assert_int_equal(changes, 2);
        faults_clear(faults);
        assert_int_equal(changes, 3);
}

static void kinds_have_names(void **state)
{
        (void)state;
        for (int kind = 0; kind < FAULT_KIND_COUNT; kind++) {
                enum fault_kind parsed;

                assert_true(fault_kind_parse(fault_kind_name((enum fault_kind)kind), &parsed));
                assert_int_equal(parsed, kind);
        }
        assert_false(fault_kind_parse("nothing", &(enum fault_kind){FAULT_OPEN}));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        const struct CMUnitTest tests[] = {
                TEST(without_rules_nothing_fails),
                TEST(a_rule_applies_as_often_as_it_says),
                TEST(a_rule_without_an_end_applies_until_it_is_removed),
                TEST(a_rule_hits_its_hub_and_its_device_alone),
                TEST(the_oldest_rule_that_fits_comes_first),
                TEST(a_probability_is_kept_on_average_and_is_repeatable),
                TEST(delays_follow_their_distribution),
                TEST(rules_that_make_no_sense_are_refused),
                TEST(there_is_an_end_to_rules),
                TEST(who_watches_is_told_of_changes),
                TEST(kinds_have_names),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
