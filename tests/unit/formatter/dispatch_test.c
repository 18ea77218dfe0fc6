// SPDX-License-Identifier: MIT
/* Which worker gets the next call; with workers that run nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "formatter/formatter_pool.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"

#define WORKERS 3
#define NOW_MS  1000

struct fixture {
        struct formatter_pool pool;
        struct formatter_worker workers[WORKERS + 1]; /* the last one is for probation */
};

static int start(void **state)
{
        struct fixture *fixture = mem_new(1, sizeof(*fixture));

        fixture->pool.workers = fixture->workers;
        fixture->pool.worker_count = WORKERS + 1;
        fixture->pool.call_ns = 100 * CLOCK_NS_PER_MS / 1000;
        for (int i = 0; i <= WORKERS; i++) {
                fixture->workers[i].state = FORMATTER_WORKER_READY;
                fixture->workers[i].answer_ms = NOW_MS;
                list_init(&fixture->workers[i].requests);
        }
        *state = fixture;
        return 0;
}

static int finish(void **state)
{
        struct fixture *fixture = *state;

        for (int i = 0; i <= WORKERS; i++) {
                struct list_node *node;

                while ((node = list_pop_front(&fixture->workers[i].requests)))
                        free(formatter_request_of(node));
        }
        free(fixture);
        return 0;
}

static void give(struct formatter_worker *worker, size_t count)
{
        for (size_t i = 0; i < count; i++) {
                struct formatter_request *request = mem_new(1, sizeof(*request));

                list_push_back(&worker->requests, &request->node);
        }
}

/* The index of who has the next call; -1 = nobody. */
static int chosen(const struct fixture *fixture)
{
        const struct formatter_worker *worker = formatter_dispatch_choose(&fixture->pool, NOW_MS);

        return worker ? (int)(worker - fixture->workers) : -1;
}

static void short_calls_stay_with_one_worker(void **state)
{
        struct fixture *fixture = *state;

        for (int i = 0; i < 10; i++) {
                assert_int_equal(chosen(fixture), 0);
                give(&fixture->workers[0], 1);
        }
}

static void one_that_has_enough_to_do_gets_no_more_while_others_have_less(void **state)
{
        struct fixture *fixture = *state;

        give(&fixture->workers[0], 40);
        assert_int_equal(chosen(fixture), 1);
        give(&fixture->workers[1], 41);
        assert_int_equal(chosen(fixture), 2);
        give(&fixture->workers[2], 42);
        assert_int_equal(chosen(fixture), 0);
        give(&fixture->workers[0], 2);
        assert_int_equal(chosen(fixture), 1);
}

static void long_calls_have_a_worker_each(void **state)
{
        struct fixture *fixture = *state;

        fixture->pool.call_ns = 50 * CLOCK_NS_PER_MS;
        for (int i = 0; i < WORKERS; i++) {
                assert_int_equal(chosen(fixture), i);
                give(&fixture->workers[i], 1);
        }
        assert_int_equal(chosen(fixture), 0);
}

static void one_that_does_not_answer_gets_no_more_while_others_do(void **state)
{
        struct fixture *fixture = *state;

        give(&fixture->workers[0], 1);
        fixture->workers[0].answer_ms = NOW_MS - 100;
        assert_int_equal(chosen(fixture), 1);
}

static void who_takes_no_more_gets_none(void **state)
{
        struct fixture *fixture = *state;

        fixture->workers[0].state = FORMATTER_WORKER_STARTING;
        fixture->workers[1].state = FORMATTER_WORKER_ENDING;
        give(&fixture->workers[2], 63);
        assert_int_equal(chosen(fixture), 2);
        give(&fixture->workers[2], 1);
        assert_int_equal(chosen(fixture), -1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, finish)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(short_calls_stay_with_one_worker),
                TEST(one_that_has_enough_to_do_gets_no_more_while_others_have_less),
                TEST(long_calls_have_a_worker_each),
                TEST(one_that_does_not_answer_gets_no_more_while_others_do),
                TEST(who_takes_no_more_gets_none),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
