// SPDX-License-Identifier: MIT
/* The pace against services that are simulated in steps of a millisecond. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "azure/dps/dps_pace.h"

#define START_MS  INT64_C(1000000)
#define MINUTE_MS 60000

/* Takes as many as the pace allows in [from, to), each answered at once. */
static int take_until(struct dps_pace *pace, int64_t from_ms, int64_t to_ms)
{
        int taken = 0;

        for (int64_t now_ms = from_ms; now_ms < to_ms;) {
                int64_t wait_ms = dps_pace_take(pace, false, now_ms);

                assert_true(wait_ms >= 0);
                if (wait_ms == 0) {
                        taken++;
                        dps_pace_answered(pace, true, now_ms, now_ms);
                }
                now_ms += wait_ms;
        }
        return taken;
}

static void without_a_word_of_the_service_only_the_places_limit(void **state)
{
        struct dps_pace pace;
        int under_way = 0;

        (void)state;
        dps_pace_init(&pace, 0, MINUTE_MS, START_MS);
        while (dps_pace_take(&pace, false, START_MS) == 0)
                under_way++;
        assert_int_equal(under_way, DPS_PACE_MOST);
        /* Who is urgent does not wait for those that get no answer. */
        for (int i = 0; i < DPS_PACE_MOST_URGENT; i++)
                assert_int_equal(dps_pace_take(&pace, true, START_MS), 0);
        assert_int_equal(dps_pace_take(&pace, true, START_MS), DPS_PACE_FULL);
        for (int i = 0; i < DPS_PACE_MOST_URGENT; i++)
                dps_pace_answered(&pace, true, START_MS, START_MS + 1);
        for (int i = 0; i < 100000; i++) {
                dps_pace_answered(&pace, true, START_MS, START_MS + 1);
                assert_int_equal(dps_pace_take(&pace, false, START_MS + 1), 0);
        }
}

static void no_window_sees_more_than_the_operator_allows(void **state)
{
        static const int limits[] = {1, 2, 10, 200, 1000, 100000};

        (void)state;
        for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
                struct dps_pace pace;
                int64_t begin_ms = START_MS + 7 * MINUTE_MS / 3;

                dps_pace_init(&pace, limits[i], MINUTE_MS, START_MS);
                assert_in_range(take_until(&pace, START_MS, START_MS + MINUTE_MS),
                                limits[i] * 9 / 10, limits[i]);
                take_until(&pace, START_MS + MINUTE_MS, begin_ms);
                assert_in_range(take_until(&pace, begin_ms, begin_ms + MINUTE_MS),
                                limits[i] * 9 / 10, limits[i]);
        }
}

static void who_is_urgent_goes_before_its_turn(void **state)
{
        struct dps_pace pace;

        (void)state;
        dps_pace_init(&pace, 600, MINUTE_MS, START_MS);
        take_until(&pace, START_MS, START_MS + 1);
        assert_true(dps_pace_take(&pace, false, START_MS) > 0);
        /* As many as have their turn within a second. */
        for (int i = 0; i < 10; i++)
                assert_int_equal(dps_pace_take(&pace, true, START_MS), 0);
        assert_true(dps_pace_take(&pace, true, START_MS) > 0);
        /* They took the turns of others. */
        assert_in_range(dps_pace_take(&pace, false, START_MS), 900, 1200);
}

static void a_throttled_service_is_left_alone_for_the_time_it_names(void **state)
{
        struct dps_pace pace;

        (void)state;
        dps_pace_init(&pace, 0, MINUTE_MS, START_MS);
        assert_int_equal(dps_pace_take(&pace, false, START_MS), 0);
        assert_true(dps_pace_throttled(&pace, START_MS, 17000, START_MS + 10));
        assert_int_equal(dps_pace_take(&pace, true, START_MS + 10), 17000);
        assert_int_equal(dps_pace_take(&pace, true, START_MS + 17009), 1);
        assert_int_equal(dps_pace_take(&pace, true, START_MS + 17010), 0);
}

static void without_a_time_it_is_left_alone_for_a_while(void **state)
{
        struct dps_pace pace;

        (void)state;
        dps_pace_init(&pace, 0, MINUTE_MS, START_MS);
        assert_int_equal(dps_pace_take(&pace, false, START_MS), 0);
        dps_pace_throttled(&pace, START_MS, -1, START_MS);
        assert_int_equal(dps_pace_take(&pace, false, START_MS), 1000);
}

static void only_the_first_429_teaches_of_what_was_on_its_way(void **state)
{
        struct dps_pace pace;

        (void)state;
        dps_pace_init(&pace, 0, MINUTE_MS, START_MS);
        take_until(&pace, START_MS, START_MS);
        for (int i = 0; i < 30; i++)
                assert_int_equal(dps_pace_take(&pace, false, START_MS), 0);
        for (int i = 0; i < 10; i++)
                dps_pace_answered(&pace, true, START_MS, START_MS + 1);
        assert_true(dps_pace_throttled(&pace, START_MS, 40000, START_MS + 2));
        assert_int_equal(dps_pace_quota(&pace), 10);
        for (int i = 0; i < 19; i++)
                assert_false(dps_pace_throttled(&pace, START_MS, 0, START_MS + 3));
        assert_int_equal(dps_pace_quota(&pace), 10);
        assert_int_equal(pace.under_way, 0);
}

static void a_service_that_was_left_alone_gets_a_burst_again(void **state)
{
        struct dps_pace pace;

        (void)state;
        dps_pace_init(&pace, 0, MINUTE_MS, START_MS);
        assert_int_equal(take_until(&pace, START_MS, START_MS), 0);
        for (int i = 0; i < 100; i++) {
                assert_int_equal(dps_pace_take(&pace, false, START_MS), 0);
                dps_pace_answered(&pace, true, START_MS, START_MS);
        }
        assert_int_equal(dps_pace_take(&pace, false, START_MS), 0);
        dps_pace_throttled(&pace, START_MS, 40000, START_MS);
        assert_in_range(dps_pace_quota(&pace), 90, 100);
        /* Not by the pause, nor while somebody waits. */
        assert_in_range(take_until(&pace, START_MS + 40000, START_MS + 2 * MINUTE_MS), 110, 150);
        assert_true(dps_pace_take(&pace, false, START_MS + 2 * MINUTE_MS) > 0);
        assert_true(dps_pace_take(&pace, false, START_MS + 3 * MINUTE_MS - 1) == 0);
        dps_pace_answered(&pace, true, START_MS + 3 * MINUTE_MS - 1, START_MS + 3 * MINUTE_MS - 1);
        assert_true(dps_pace_quota(&pace) > 0);
        for (int i = 0; i < DPS_PACE_MOST; i++)
                assert_int_equal(dps_pace_take(&pace, false, START_MS + 4 * MINUTE_MS), 0);
        assert_int_equal(dps_pace_quota(&pace), 0);
}

/* --- simulated services -------------------------------------------------------------------- */

struct service {
        int quota;  /* per window */
        int window; /* ms */
        int depth;  /* of its bucket; 0 = a sliding window */
        bool silent_about_time;
        double tokens;
        int64_t at[100000]; /* when it took them */
        int count;
        int first; /* of those that count in the window */
};

/* -2: taken; else Retry-After in milliseconds, whole seconds as in HTTP; -1: not said. */
static int64_t service_answer(struct service *service, int64_t now_ms)
{
        double per_ms = (double)service->quota / service->window;
        int64_t wait_ms;

        while (service->first < service->count &&
               service->at[service->first] + service->window <= now_ms)
                service->first++;
        if (service->depth > 0 ? service->tokens >= 1
                               : service->count - service->first < service->quota) {
                service->at[service->count++] = now_ms;
                service->tokens -= 1;
                return -2;
        }
        if (service->silent_about_time)
                return -1;
        wait_ms = service->depth > 0 ? (int64_t)((1 - service->tokens) / per_ms)
                                     : service->at[service->first] + service->window - now_ms;
        return (wait_ms + 999) / 1000 * 1000;
}

/* A request is sent, arrives after half of this time, its answer after the other half. */
#define ROUND_TRIP_MS 20

#define PLACES (DPS_PACE_MOST + DPS_PACE_MOST_URGENT)

struct run {
        struct dps_pace pace;
        struct service service;
        int64_t sent_ms[PLACES];
        int64_t answers[PLACES]; /* what the service said; INT64_MIN = not yet */
        int on_their_way;
        int waiting; /* bulk */
        int refused;
        int urgent; /* that wait */
        int64_t urgent_since_ms;
        int64_t urgent_wait_ms; /* the longest one */
};

static void arrive(struct run *run, int64_t now_ms)
{
        for (int i = 0; i < run->on_their_way;) {
                if (now_ms == run->sent_ms[i] + ROUND_TRIP_MS / 2)
                        run->answers[i] = service_answer(&run->service, now_ms);
                if (now_ms < run->sent_ms[i] + ROUND_TRIP_MS) {
                        i++;
                        continue;
                }
                if (run->answers[i] == -2) {
                        dps_pace_answered(&run->pace, true, run->sent_ms[i], now_ms);
                } else {
                        dps_pace_throttled(&run->pace, run->sent_ms[i], run->answers[i], now_ms);
                        run->refused++;
                        run->waiting++;
                }
                run->on_their_way--;
                run->sent_ms[i] = run->sent_ms[run->on_their_way];
                run->answers[i] = run->answers[run->on_their_way];
        }
}

static void send(struct run *run, int64_t now_ms)
{
        while ((run->urgent > 0 || run->waiting > 0) &&
               dps_pace_take(&run->pace, run->urgent > 0, now_ms) == 0) {
                assert_in_range(run->on_their_way, 0, PLACES - 1);
                run->sent_ms[run->on_their_way++] = now_ms;
                if (run->urgent > 0) {
                        int64_t wait_ms = now_ms - run->urgent_since_ms;

                        run->urgent--;
                        if (wait_ms > run->urgent_wait_ms)
                                run->urgent_wait_ms = wait_ms;
                } else {
                        run->waiting--;
                }
        }
}

/* Until nobody waits. In the middle of `count` (0 = nowhere) an urgent one comes every two seconds.
 */
static int64_t go_on(struct run *run, int64_t from_ms, int count)
{
        int64_t now_ms = from_ms;

        while (run->waiting > 0 || run->on_their_way > 0) {
                bool is_middle = run->service.count > count / 3 && run->waiting > count / 4;

                run->service.tokens += (double)run->service.quota / run->service.window;
                if (run->service.tokens > run->service.depth)
                        run->service.tokens = run->service.depth;
                if (count > 0 && is_middle && now_ms % 2000 == 0 && run->urgent == 0) {
                        run->urgent = 1;
                        run->urgent_since_ms = now_ms;
                }
                arrive(run, now_ms);
                send(run, now_ms);
                now_ms++;
                assert_true(now_ms < from_ms + 60 * MINUTE_MS);
        }
        return now_ms - from_ms;
}

static int64_t run_through(struct run *run, int count)
{
        dps_pace_init(&run->pace, 0, run->service.window, START_MS);
        run->service.tokens = run->service.depth;
        run->waiting = count;
        return go_on(run, START_MS, count);
}

static void the_quota_is_used_up_and_few_are_refused(void **state)
{
        /* What 5,000 devices need at least: a window sees a quota, a bucket its depth at once. */
        static const struct {
                struct service service;
                int64_t demand_ms;
        } rows[] = {
                {{.quota = 1000, .window = MINUTE_MS}, 5 * MINUTE_MS},
                {{.quota = 1000, .window = MINUTE_MS, .silent_about_time = true}, 5 * MINUTE_MS},
                {{.quota = 1000, .window = MINUTE_MS, .depth = 1000}, 4 * MINUTE_MS},
                {{.quota = 1000, .window = MINUTE_MS, .depth = 100}, 49 * MINUTE_MS / 10},
                {{.quota = 1000, .window = MINUTE_MS, .depth = 100, .silent_about_time = true},
                 49 * MINUTE_MS / 10},
                /* A minute that is shorter, as tests have it. */
                {{.quota = 1000, .window = MINUTE_MS / 5}, MINUTE_MS},
                {{.quota = 1000, .window = MINUTE_MS / 5, .depth = 1000}, 4 * MINUTE_MS / 5},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                static struct run run;
                int64_t took_ms;

                memset(&run, 0, sizeof(run));
                run.service = rows[i].service;
                took_ms = run_through(&run, 5000);
                print_message("row %zu: %lld ms, the quota demands %lld; %d refused; an urgent one "
                              "waited at most %lld ms\n",
                              i, (long long)took_ms, (long long)rows[i].demand_ms, run.refused,
                              (long long)run.urgent_wait_ms);
                assert_in_range(took_ms, rows[i].demand_ms, rows[i].demand_ms * 11 / 10);
                assert_in_range(run.refused, 1, 5000 / 50);
                assert_in_range(run.urgent_wait_ms, 0, 2000);
        }
}

/* As many as have been taken when the service begins to take `factor` times as many. */
static void register_while_the_quota_changes(struct run *run, double factor, int64_t *took_ms)
{
        static struct run before;

        memset(&before, 0, sizeof(before));
        before.service = (struct service){.quota = 1000, .window = MINUTE_MS};
        run_through(&before, 3000);
        *run = before;
        run->service.quota = (int)(1000 * factor);
        run->refused = 0;
        run->waiting = 6000;
        *took_ms = go_on(run, run->pace.asked_ms, 0);
}

static void a_quota_that_grows_or_shrinks_is_found(void **state)
{
        static struct run run;
        int64_t took_ms;

        (void)state;
        register_while_the_quota_changes(&run, 3, &took_ms);
        assert_in_range(took_ms, MINUTE_MS, 5 * MINUTE_MS);
        register_while_the_quota_changes(&run, 0.25, &took_ms);
        assert_in_range(took_ms, 23 * MINUTE_MS, 27 * MINUTE_MS);
        assert_in_range(run.refused, 1, 6000 / 33);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(without_a_word_of_the_service_only_the_places_limit),
                cmocka_unit_test(no_window_sees_more_than_the_operator_allows),
                cmocka_unit_test(who_is_urgent_goes_before_its_turn),
                cmocka_unit_test(a_service_that_was_left_alone_gets_a_burst_again),
                cmocka_unit_test(a_throttled_service_is_left_alone_for_the_time_it_names),
                cmocka_unit_test(without_a_time_it_is_left_alone_for_a_while),
                cmocka_unit_test(only_the_first_429_teaches_of_what_was_on_its_way),
                cmocka_unit_test(the_quota_is_used_up_and_few_are_refused),
                cmocka_unit_test(a_quota_that_grows_or_shrinks_is_found),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
