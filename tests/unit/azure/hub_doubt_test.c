// SPDX-License-Identifier: MIT
/* A hub that refuses everybody, and a clock that is set. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "azure/hub/hub_doubt.h"
#include "unit/azure/hub_pair.h"

#define SECOND_MS INT64_C(1000)
#define MINUTE_MS (60 * SECOND_MS)
#define HOUR_MS   (60 * MINUTE_MS)
#define DAY_MS    (24 * HOUR_MS)
#define MANY      100

static void open_many(struct bench *bench)
{
        bench->many = mem_new(MANY, sizeof(*bench->many));
        for (size_t i = 0; i < MANY; i++) {
                char id[32];

                snprintf(id, sizeof(id), "many%zu", i);
                owner_open(&bench->many[i], &bench->world, id);
        }
        world_run(&bench->world);
}

static size_t count_like(const struct bench *bench, const char *log)
{
        size_t count = 0;

        for (size_t i = 0; i < MANY; i++)
                count += strcmp(bench->many[i].log, log) == 0;
        return count;
}

static void clear_all(struct bench *bench)
{
        for (size_t i = 0; i < MANY; i++)
                owner_clear(&bench->many[i]);
}

static void set_clock(struct world *world, int64_t step_ms)
{
        hub_pool_time(&world->client, world->client.now_ms, world->client.wall_ms + step_ms);
        world_run(world);
}

/* "X4" is HUB_REFUSAL_COMMON. */
static void a_refusal_of_everybody_is_no_device_s_own(void **state)
{
        struct bench *bench = *state;
        struct world *world = &bench->world;
        size_t asked;

        world->script.token_status = 401;
        open_many(bench);
        asked = (size_t)world->seen.tokens;
        assert_in_range(asked, 5, 60);
        assert_int_equal(count_like(bench, "X4"), asked);
        assert_int_equal(count_like(bench, ""), MANY - asked);
        assert_non_null(strstr(bench->many[0].reason.text, "401"));
        /* One tries for all, now and then, rather one that was not refused yet. */
        world_advance(world, 5 * MINUTE_MS);
        assert_in_range((size_t)world->seen.tokens - asked, 15, 40);
        assert_int_equal(count_like(bench, "X1"), 0);
        asked = MANY - count_like(bench, "");
        world->script.token_status = 200;
        world_advance(world, 45 * SECOND_MS);
        assert_in_range(count_like(bench, "R"), MANY - asked, MANY - asked + 1);
        for (size_t i = 0; i < MANY; i++)
                assert_non_null(strchr(bench->many[i].log, 'R'));
}

static void a_clock_that_is_set_has_all_try_at_once(void **state)
{
        struct bench *bench = *state;
        struct world *world = &bench->world;

        world->script.token_status = 401;
        open_many(bench);
        world_advance(world, 2 * MINUTE_MS);
        world->script.token_status = 200;
        set_clock(world, 2 * HOUR_MS);
        world_advance(world, SECOND_MS);
        for (size_t i = 0; i < MANY; i++)
                assert_non_null(strchr(bench->many[i].log, 'R'));
}

static void a_refusal_is_the_device_s_own_while_others_are_accepted(void **state)
{
        struct bench *bench = *state;
        struct world *world = &bench->world;
        struct owner *bad;

        open_many(bench);
        bad = mem_new(10, sizeof(*bad));
        world_advance(world, MINUTE_MS);
        world->script.refuse = "bad";
        for (size_t i = 0; i < 10; i++) {
                char id[32];

                snprintf(id, sizeof(id), "%zubad", i);
                owner_open(&bad[i], world, id);
        }
        world_run(world);
        for (size_t i = 0; i < 10; i++) {
                assert_non_null(strstr(bad[i].log, "X1"));
                owner_close(&bad[i]);
        }
        assert_int_equal(count_like(bench, "R"), MANY);
        free(bad);
}

/* All who came before it are refused for themselves, and the hub has accepted nobody yet. */
static void a_healthy_device_behind_many_refused_ones_is_found_soon(void **state)
{
        struct bench *bench = *state;
        struct world *world = &bench->world;
        int tokens;

        world->script.refuse = "bad";
        bench->many = mem_new(MANY, sizeof(*bench->many));
        for (size_t i = 0; i < MANY; i++) {
                char id[32];

                snprintf(id, sizeof(id), "%zubad", i);
                owner_open(&bench->many[i], world, id);
        }
        world_run(world);
        world_advance(world, MINUTE_MS);
        /* It comes right after one of them has tried. */
        tokens = world->seen.tokens;
        while (world->seen.tokens == tokens)
                world_advance(world, 100);
        owner_open(&bench->owner, world, "dev1");
        world_advance(world, 2 * SECOND_MS);
        assert_string_equal(bench->owner.log, "R");
        /* Now that it is accepted the others are refused for themselves. */
        world_advance(world, SECOND_MS);
        for (size_t i = 0; i < MANY; i++)
                assert_non_null(strstr(bench->many[i].log, "X1"));
}

static void few_refusals_wait_three_seconds_at_most(void **state)
{
        struct bench *bench = *state;
        struct world *world = &bench->world;

        world->script.hold_tokens = true;
        open_many(bench);
        peer_refuse_token(&world_pair(world)->peer, 1);
        peer_refuse_token(&world_pair(world)->peer, 2);
        world_run(world);
        assert_int_equal(count_like(bench, ""), MANY);
        world_advance(world, 4 * SECOND_MS);
        assert_int_equal(count_like(bench, "X1"), 2);
}

static void doubt_has_an_end(void **state)
{
        static const struct {
                int status;
                const char *refused;
                int64_t patience_ms;
        } cases[] = {
                {401, "X1", 15 * MINUTE_MS},
                {404, "X2", 2 * MINUTE_MS},
                {400, "X3", 2 * MINUTE_MS},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct bench *bench;

                bench_setup(state);
                bench = *state;
                bench->world.script.token_status = cases[i].status;
                open_many(bench);
                world_advance(&bench->world, cases[i].patience_ms - MINUTE_MS);
                for (size_t j = 0; j < MANY; j++)
                        assert_null(strstr(bench->many[j].log, cases[i].refused));
                world_advance(&bench->world, 2 * MINUTE_MS);
                for (size_t j = 0; j < MANY; j++)
                        assert_non_null(strstr(bench->many[j].log, cases[i].refused));
                bench_teardown(state);
        }
}

static void a_doubted_device_may_be_closed(void **state)
{
        struct bench *bench = *state;
        struct world *world = &bench->world;

        world->script.token_status = 401;
        open_many(bench);
        hub_device_retry(bench->many[0].device);
        for (size_t i = 0; i < MANY; i++) {
                owner_close(&bench->many[i]);
                world_advance(world, 5 * SECOND_MS);
        }
        world->script.token_status = 200;
        owner_open(&bench->owner, world, "dev1");
        world_advance(world, MINUTE_MS);
        assert_string_equal(bench->owner.log, "R");
}

/* --- a ready device -------------------------------------------------------------------------- */

/* The clock is behind: all tokens that are made now have ended, those of before still hold. */
static void renewals_that_are_refused_to_all_cost_nobody_the_connection(void **state)
{
        struct bench *bench = *state;
        struct world *world = &bench->world;

        open_many(bench);
        assert_int_equal(count_like(bench, "R"), MANY);
        set_clock(world, -DAY_MS);
        world_advance(world, 44 * MINUTE_MS);
        world->script.token_status = 401;
        world_advance(world, 15 * MINUTE_MS);
        assert_int_equal(count_like(bench, "R"), MANY);
        world->script.token_status = 200;
        set_clock(world, DAY_MS);
        world_advance(world, MINUTE_MS);
        assert_int_equal(count_like(bench, "R"), MANY);
        assert_int_equal(world->connects, 1);
        assert_int_equal(world->seen.attaches, 0);
}

static void a_step_of_the_clock_forward_renews_the_tokens(void **state)
{
        struct bench *bench = *state;
        struct world *world = &bench->world;
        int tokens;

        open_many(bench);
        world_advance(world, MINUTE_MS);
        clear_all(bench);
        tokens = world->seen.tokens;
        set_clock(world, 30 * MINUTE_MS); /* 29 are left; 80 % of that is the time */
        world_advance(world, 22 * MINUTE_MS);
        assert_int_equal(world->seen.tokens, tokens);
        world_advance(world, 2 * MINUTE_MS);
        assert_int_equal(world->seen.tokens, tokens + MANY);
        set_clock(world, DAY_MS);
        world_advance(world, 11 * SECOND_MS);
        assert_int_equal(world->seen.tokens, tokens + 2 * MANY);
        assert_int_equal(count_like(bench, ""), MANY);
        assert_int_equal(world->connects, 1);
}

static void a_step_of_the_clock_back_delays_no_renewal(void **state)
{
        struct bench *bench = *state;
        struct world *world = &bench->world;

        open_many(bench);
        clear_all(bench);
        set_clock(world, -DAY_MS);
        world_advance(world, 44 * MINUTE_MS);
        assert_int_equal(world->seen.tokens, MANY);
        world_advance(world, 8 * MINUTE_MS);
        assert_int_equal(world->seen.tokens, 2 * MANY);
        assert_int_equal(count_like(bench, ""), MANY);
}

static void what_the_clock_does_changes_no_timer(void **state)
{
        struct bench *bench = *state;
        struct world *world = &bench->world;

        open_many(bench);
        clear_all(bench);
        world->script.outcome = 0;
        (void)owner_send(&bench->many[0], 1);
        world_run(world);
        assert_true(owner_send(&bench->many[0], 1));
        world_run(world);
        set_clock(world, DAY_MS);
        world_advance(world, 50 * SECOND_MS);
        set_clock(world, -2 * DAY_MS);
        world_advance(world, 5 * SECOND_MS);
        assert_null(strchr(bench->many[0].log, '1'));
        world_advance(world, 10 * SECOND_MS);
        assert_non_null(strstr(bench->many[0].log, "1?"));
        assert_int_equal(world->connects, 1);
}

#define FRESH(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)

static void doubt_comes_only_after_suspicion(void **state)
{
        (void)state;
        for (int trust = HUB_TRUSTED; trust <= HUB_DOUBTED; trust++) {
                assert_int_equal(hub_doubt_can_follow((enum hub_trust)trust, HUB_DOUBTED),
                                 trust == HUB_SUSPECTED);
                assert_int_equal(hub_doubt_can_follow((enum hub_trust)trust, HUB_BELIEVED),
                                 trust == HUB_DOUBTED);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(doubt_comes_only_after_suspicion),
                FRESH(a_refusal_of_everybody_is_no_device_s_own),
                FRESH(a_clock_that_is_set_has_all_try_at_once),
                FRESH(a_refusal_is_the_device_s_own_while_others_are_accepted),
                FRESH(a_healthy_device_behind_many_refused_ones_is_found_soon),
                FRESH(few_refusals_wait_three_seconds_at_most),
                cmocka_unit_test(doubt_has_an_end),
                FRESH(a_doubted_device_may_be_closed),
                FRESH(renewals_that_are_refused_to_all_cost_nobody_the_connection),
                FRESH(a_step_of_the_clock_forward_renews_the_tokens),
                FRESH(a_step_of_the_clock_back_delays_no_renewal),
                FRESH(what_the_clock_does_changes_no_timer),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
