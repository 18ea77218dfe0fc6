// SPDX-License-Identifier: MIT
/* What becomes of a connection, and of the devices beside it, when one device has trouble. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unit/azure/hub_pair.h"

#define MINUTE_MS (INT64_C(60) * 1000)
#define MANY      40

static void open_many(struct bench *bench, size_t count)
{
        bench->many = mem_new(count, sizeof(*bench->many));
        for (size_t i = 0; i < count; i++) {
                char id[32];

                snprintf(id, sizeof(id), "many%zu", i);
                owner_open(&bench->many[i], &bench->world, id);
        }
        world_run(&bench->world);
}

/* --- a token without an answer --------------------------------------------------------------- */

static void a_silent_token_is_no_reason_to_end_a_shared_connection(void **state)
{
        struct bench *bench = *state;
        struct world *world = &bench->world;

        open_many(bench, MANY);
        world->script.mute = "dev1";
        owner_open(&bench->owner, world, "dev1");
        world_advance(world, 10 * MINUTE_MS);
        assert_int_equal(world->connects, 1);
        for (size_t i = 0; i < MANY; i++)
                assert_string_equal(bench->many[i].log, "R");
        assert_string_equal(bench->owner.log, "");
        /* Its own, ever more slowly, and after each the three that witness. */
        assert_in_range(world->seen.tokens, MANY + 4 * 4, MANY + 20 * 4);
        world->script.mute = NULL;
        world_advance(world, 2 * MINUTE_MS);
        assert_string_equal(bench->owner.log, "R");
}

static void two_silent_tokens_are_no_reason_either_while_others_are_answered(void **state)
{
        struct bench *bench = *state;
        struct world *world = &bench->world;

        open_many(bench, MANY);
        world->script.mute = "dev1";
        owner_open(&bench->owner, world, "dev1");
        owner_open(&bench->other, world, "otherdev1");
        world_advance(world, 10 * MINUTE_MS);
        assert_int_equal(world->connects, 1);
        assert_string_equal(bench->many[0].log, "R");
}

static void a_silent_renewal_costs_nobody_the_connection(void **state)
{
        struct bench *bench = *state;
        struct world *world = &bench->world;

        open_many(bench, MANY);
        world->script.mute = "many0";
        world_advance(world, 61 * MINUTE_MS);
        assert_int_equal(world->connects, 1);
        for (size_t i = 0; i < MANY; i++)
                assert_string_equal(bench->many[i].log, "R");
}

static void a_connection_on_which_nobody_is_heard_is_replaced(void **state)
{
        struct bench *bench = *state;
        struct world *world = &bench->world;

        open_many(bench, MANY);
        world->script.hold_tokens = true;
        owner_open(&bench->owner, world, "dev1");
        world_advance(world, MINUTE_MS - 5000);
        assert_int_equal(world->connects, 1);
        world_advance(world, 8000);
        assert_int_equal(world->connects, 2);
        world->script.hold_tokens = false;
        world_advance(world, 2 * MINUTE_MS);
        assert_string_equal(bench->owner.log, "R");
        assert_string_equal(bench->many[0].log, "R C R");
}

static void two_devices_that_hear_nothing_end_a_connection_without_witnesses(void **state)
{
        struct bench *bench = *state;
        struct world *world = &bench->world;

        world->script.hold_tokens = true;
        owner_open(&bench->owner, world, "dev1");
        owner_open(&bench->other, world, "dev2");
        world_advance(world, 29000);
        assert_int_equal(world->connects, 1);
        world->script.hold_tokens = false;
        world_advance(world, 10000);
        assert_int_equal(world->connects, 2);
        assert_string_equal(bench->owner.log, "R");
        assert_string_equal(bench->other.log, "R");
}

#define FRESH(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                FRESH(a_silent_token_is_no_reason_to_end_a_shared_connection),
                FRESH(two_silent_tokens_are_no_reason_either_while_others_are_answered),
                FRESH(a_silent_renewal_costs_nobody_the_connection),
                FRESH(a_connection_on_which_nobody_is_heard_is_replaced),
                FRESH(two_devices_that_hear_nothing_end_a_connection_without_witnesses),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
