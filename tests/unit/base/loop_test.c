// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/list.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/thread.h"

struct noted {
        struct loop *loop;
        int runs[10];
        size_t count;
        int wakes;
};

struct numbered {
        struct noted *noted;
        int number;
};

static void note(void *context)
{
        struct numbered *numbered = context;

        numbered->noted->runs[numbered->noted->count++] = numbered->number;
}

static void note_and_post(void *context)
{
        struct numbered *numbered = context;

        note(context);
        loop_post(numbered->noted->loop, note, numbered);
}

static void count_wake(void *context)
{
        struct noted *noted = context;

        noted->wakes++;
}

static void posts_run_in_their_order_and_later_ones_next_time(void **state)
{
        struct noted noted = {.loop = loop_new()};
        struct numbered posts[] = {{&noted, 1}, {&noted, 2}, {&noted, 3}};

        (void)state;
        loop_post(noted.loop, note, &posts[0]);
        loop_post(noted.loop, note_and_post, &posts[1]);
        loop_post(noted.loop, note, &posts[2]);
        loop_run_posts(noted.loop);
        assert_int_equal(noted.count, 3);
        for (int i = 0; i < 3; i++)
                assert_int_equal(noted.runs[i], i + 1);
        loop_run_posts(noted.loop);
        assert_int_equal(noted.count, 4);
        assert_int_equal(noted.runs[3], 2);
        loop_run_posts(noted.loop);
        assert_int_equal(noted.count, 4);
        loop_free(noted.loop);
}

static size_t warmed;

/* Before anything has run. */
static void warm(const void *context)
{
        const struct numbered *numbered = context;

        assert_int_equal(numbered->noted->count, 0);
        loop_warm(numbered, sizeof(*numbered));
        warmed++;
}

static void all_is_warmed_before_the_first_runs(void **state)
{
        struct noted noted = {.loop = loop_new()};
        struct numbered posts[] = {{&noted, 1}, {&noted, 2}, {&noted, 3}};

        (void)state;
        warmed = 0;
        loop_post_warm(noted.loop, warm, note, &posts[0]);
        loop_post(noted.loop, note, &posts[1]);
        loop_post_warm(noted.loop, warm, note, &posts[2]);
        loop_run_posts(noted.loop);
        assert_int_equal(warmed, 2);
        assert_int_equal(noted.count, 3);
        for (int i = 0; i < 3; i++)
                assert_int_equal(noted.runs[i], i + 1);
        loop_free(noted.loop);
}

static void who_drives_it_is_woken_once_for_all_that_waits(void **state)
{
        struct noted noted = {.loop = loop_new()};
        struct numbered post = {&noted, 1};

        (void)state;
        loop_post(noted.loop, note, &post);
        assert_int_equal(noted.wakes, 0);
        loop_drive(noted.loop, count_wake, &noted); /* something waits already */
        assert_int_equal(noted.wakes, 1);
        loop_post(noted.loop, note, &post);
        assert_int_equal(noted.wakes, 1);
        loop_run_posts(noted.loop);
        loop_post(noted.loop, note, &post);
        loop_post(noted.loop, note, &post);
        assert_int_equal(noted.wakes, 2);
        loop_run_posts(noted.loop);
        loop_drive(noted.loop, NULL, NULL);
        loop_post(noted.loop, note, &post);
        assert_int_equal(noted.wakes, 2);
        assert_int_equal(noted.count, 4);
        loop_free(noted.loop);
}

struct probe {
        struct timer timer;
        int runs;
};

static void run(struct timer *timer)
{
        list_entry(timer, struct probe, timer)->runs++;
}

static void timers_count_from_the_beginning_of_the_turn(void **state)
{
        struct loop *loop = loop_new();
        struct probe probe = {.timer.run = run};

        (void)state;
        assert_true(loop_next_ms(loop) == INT64_MAX);
        loop_set_time(loop, 1000);
        loop_timer_start(loop, &probe.timer, 50);
        assert_true(loop_next_ms(loop) == 1050);
        loop_set_time(loop, 1049);
        loop_run_timers(loop);
        assert_int_equal(probe.runs, 0);
        loop_timer_start(loop, &probe.timer, -7);
        assert_true(loop_next_ms(loop) == 1049);
        loop_run_timers(loop);
        assert_int_equal(probe.runs, 1);
        loop_timer_start(loop, &probe.timer, 0);
        loop_timer_stop(loop, &probe.timer);
        loop_run_timers(loop);
        assert_int_equal(probe.runs, 1);
        loop_free(loop);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(posts_run_in_their_order_and_later_ones_next_time),
                cmocka_unit_test(all_is_warmed_before_the_first_runs),
                cmocka_unit_test(who_drives_it_is_woken_once_for_all_that_waits),
                cmocka_unit_test(timers_count_from_the_beginning_of_the_turn),
        };

        thread_enter(LOOP_THREAD);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
