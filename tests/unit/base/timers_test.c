// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "base/list.h"
#include "base/timers.h"

#define MANY 1000

struct probe {
        struct timer timer;
        struct timers *timers;
        struct timer *to_stop;
        int runs;
        int order;
        bool restart;
};

static int order;

static void run(struct timer *timer)
{
        struct probe *probe = list_entry(timer, struct probe, timer);

        probe->runs++;
        probe->order = ++order;
        if (probe->to_stop != NULL)
                timers_stop(probe->timers, probe->to_stop);
        if (probe->restart)
                timers_start(probe->timers, &probe->timer, probe->timer.due_ms);
}

static void they_run_in_the_order_of_their_times(void **state)
{
        static struct probe probes[MANY];
        struct timers timers = {0};
        int64_t last_ms = -1;

        (void)state;
        order = 0;
        assert_true(timers_next(&timers) == INT64_MAX);
        for (size_t i = 0; i < MANY; i++) {
                probes[i].timer.run = run;
                timers_start(&timers, &probes[i].timer, (int64_t)(i * 7919 % MANY));
        }
        for (size_t i = 0; i < MANY; i += 3)
                timers_stop(&timers, &probes[i].timer);
        for (size_t i = 1; i < MANY; i += 3)
                timers_start(&timers, &probes[i].timer, (int64_t)(i * 104729 % MANY));
        while (timers_next(&timers) != INT64_MAX) {
                assert_true(timers_next(&timers) > last_ms);
                last_ms = timers_next(&timers);
                timers_run(&timers, last_ms);
        }
        for (size_t i = 0; i < MANY; i++)
                assert_int_equal(probes[i].runs, i % 3 != 0);
        for (size_t i = 0; i < MANY; i++) {
                for (size_t j = 0; j < MANY; j += 97) {
                        if (probes[i].runs && probes[j].runs &&
                            probes[i].timer.due_ms < probes[j].timer.due_ms)
                                assert_true(probes[i].order < probes[j].order);
                }
        }
        timers_deinit(&timers);
}

static void a_stopped_timer_does_not_run(void **state)
{
        struct timers timers = {0};
        struct probe second = {.timer.run = run};
        struct probe first = {.timer.run = run, .timers = &timers, .to_stop = &second.timer};

        (void)state;
        timers_start(&timers, &first.timer, 1);
        timers_start(&timers, &second.timer, 1);
        timers_run(&timers, 5);
        assert_int_equal(first.runs, 1);
        assert_int_equal(second.runs, 0);
        assert_true(timers_next(&timers) == INT64_MAX);
        timers_stop(&timers, &second.timer);
        timers_deinit(&timers);
}

static void one_that_restarts_itself_holds_nobody_up(void **state)
{
        struct timers timers = {0};
        struct probe greedy = {.timer.run = run, .timers = &timers, .restart = true};

        (void)state;
        timers_start(&timers, &greedy.timer, 1);
        timers_run(&timers, 5);
        assert_int_equal(greedy.runs, 1);
        assert_int_equal(timers_next(&timers), 1);
        timers_stop(&timers, &greedy.timer);
        timers_deinit(&timers);
}

static void nothing_runs_before_its_time(void **state)
{
        struct timers timers = {0};
        struct probe probe = {.timer.run = run};

        (void)state;
        timers_start(&timers, &probe.timer, 10);
        timers_run(&timers, 9);
        assert_int_equal(probe.runs, 0);
        timers_run(&timers, 10);
        assert_int_equal(probe.runs, 1);
        assert_int_equal(probe.timer.position, 0);
        timers_deinit(&timers);
}

static void again_in_ten(struct timer *timer)
{
        struct probe *probe = list_entry(timer, struct probe, timer);

        assert_int_equal(timer->position, 0);
        if (++probe->runs < 5)
                timers_start(probe->timers, timer, timer->due_ms + 10);
}

static void a_timer_may_be_moved_and_may_start_itself(void **state)
{
        struct timers timers = TIMERS_INIT;
        struct probe probe = {.timer.run = again_in_ten, .timers = &timers};

        (void)state;
        timers_start(&timers, &probe.timer, 100);
        timers_start(&timers, &probe.timer, 10);
        assert_true(timers_next(&timers) == 10);
        timers_start(&timers, &probe.timer, 50);
        timers_run(&timers, 49);
        assert_int_equal(probe.runs, 0);
        for (int runs = 1; runs <= 3; runs++) { /* at 50, 60 and 70 */
                timers_run(&timers, 70);
                assert_int_equal(probe.runs, runs);
        }
        timers_run(&timers, 70);
        assert_int_equal(probe.runs, 3);
        timers_stop(&timers, &probe.timer);
        timers_stop(&timers, &probe.timer);
        timers_deinit(&timers);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(they_run_in_the_order_of_their_times),
                cmocka_unit_test(a_stopped_timer_does_not_run),
                cmocka_unit_test(one_that_restarts_itself_holds_nobody_up),
                cmocka_unit_test(nothing_runs_before_its_time),
                cmocka_unit_test(a_timer_may_be_moved_and_may_start_itself),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
