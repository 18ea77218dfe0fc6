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

/* Proton keeps the words as long as the link. */
static void one_link_of_a_connection_says_what_program_it_is(void **state)
{
        struct bench *bench = *state;
        struct world *world = &bench->world;

        open_many(bench, MANY);
        for (size_t i = 0; i < MANY; i++)
                (void)owner_send(&bench->many[i], 1);
        world_run(world);
        assert_int_equal(world->seen.attaches, MANY);
        assert_int_equal(world->seen.introductions, 1);
        pair_cut(world_pair(world));
        world_advance(world, MINUTE_MS);
        for (size_t i = 0; i < MANY; i++)
                (void)owner_send(&bench->many[i], 2);
        world_run(world);
        assert_int_equal(world->connects, 2);
        assert_int_equal(world->seen.introductions, 2);
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

/* --- a message that costs the connection ----------------------------------------------------- */

static size_t count(const struct owner *owner, char mark)
{
        size_t found = 0;

        for (const char *at = owner->log; (at = strchr(at, mark)) != NULL; at++)
                found++;
        return found;
}

static void open_with_poison(struct bench *bench)
{
        open_many(bench, MANY);
        owner_open(&bench->owner, &bench->world, "dev1");
        world_run(&bench->world);
        owner_clear(&bench->owner);
        bench->world.script.cut_by = "dev1";
}

/* One second, in which message `token` of the owner is sent, and one of each of the others. */
static void one_second(struct bench *bench, uint64_t token, bool others)
{
        for (size_t i = 0; others && i < MANY; i++)
                (void)owner_send(&bench->many[i], 1000);
        if (token != 0)
                (void)owner_send(&bench->owner, token);
        world_advance(&bench->world, 1000);
}

static int seconds_until(struct bench *bench, uint64_t token, const char *mark, bool others)
{
        int seconds = 0;

        while (seconds < 1000 && strstr(bench->owner.log, mark) == NULL) {
                one_second(bench, token, others);
                seconds++;
        }
        return seconds;
}

static void a_message_that_costs_connections_goes_alone_and_is_given_up(void **state)
{
        struct bench *bench = *state;

        open_with_poison(bench);
        assert_in_range(seconds_until(bench, 1, "1-", true), 5, 200);
        assert_non_null(strstr(bench->owner.reason.text, "5 connections were lost"));
        /* The first losses of its own may be shared with some that were only near. */
        assert_in_range(count(&bench->owner, '?'), 2 + 4, 2 + 6);
        for (size_t i = 0; i < MANY; i++) {
                /* Twice, again if it came near once more, and once on the way back. */
                assert_in_range(count(&bench->many[i], 'C'), 2, 5);
                assert_in_range(count(&bench->many[i], '+'), 3, 1000);
                assert_int_equal(count(&bench->many[i], '-'), 0);
        }
}

static void a_message_is_no_poison_while_the_hub_accepts_nothing(void **state)
{
        struct bench *bench = *state;

        open_with_poison(bench);
        bench->world.script.cut_by = "/devices/";
        assert_int_equal(seconds_until(bench, 1, "1-", true), 1000);
        bench->world.script.cut_by = NULL;
        owner_clear(&bench->owner);
        for (size_t i = 0; i < MANY; i++)
                owner_clear(&bench->many[i]);
        (void)seconds_until(bench, 1, "1+", true);
        for (int i = 0; i < 120; i++)
                one_second(bench, 0, true);
        for (size_t i = 0; i < MANY; i++) {
                assert_int_equal(count(&bench->many[i], '-'), 0);
                assert_in_range(count(&bench->many[i], '+'), 1, 1000);
        }
}

static void a_suspect_comes_back_to_the_others_when_it_is_accepted(void **state)
{
        struct bench *bench = *state;
        struct world *world = &bench->world;

        open_with_poison(bench);
        for (int i = 0; i < 20 && count(&bench->owner, '?') < 2; i++)
                one_second(bench, 1, false);
        world->script.cut_by = NULL;
        assert_in_range(seconds_until(bench, 1, "1+", false), 1, 60);
        world_advance(world, 2 * MINUTE_MS);
        assert_non_null(world_pair(world));
        (void)seconds_until(bench, 2, "2+", false);
        assert_int_equal(bench->owner.device->hub->suspects, 0);
}

/* Who has cost a connection when it was alone there must show more. */
static void a_culprit_stays_alone_until_ten_were_accepted(void **state)
{
        struct bench *bench = *state;
        struct world *world = &bench->world;

        open_with_poison(bench);
        (void)seconds_until(bench, 1, "1-", true);
        world->script.cut_by = NULL;
        for (uint64_t token = 10; token < 20; token++) {
                char mark[8];

                assert_int_equal(bench->owner.device->hub->suspects, 1);
                snprintf(mark, sizeof(mark), "%u+", (unsigned)token);
                (void)seconds_until(bench, token, mark, false);
        }
        assert_int_equal(bench->owner.device->hub->suspects, 0);
        world_advance(world, 2 * MINUTE_MS);
        assert_non_null(world_pair(world));
}

/* Nobody knows at first which of many it was. */
static void those_who_were_only_near_are_cleared_at_once(void **state)
{
        struct bench *bench = *state;
        struct world *world = &bench->world;
        size_t accepted = 0;

        open_with_poison(bench);
        for (size_t i = 0; i < MANY; i++) {
                bench->many[i].send_again = true;
                bench->many[i].to_send = 1;
                (void)owner_send(&bench->many[i], 1000); /* attaches */
        }
        (void)owner_send(&bench->owner, 1);
        world_run(world);
        for (int i = 0; i < 60; i++)
                one_second(bench, 1, true);
        for (size_t i = 0; i < MANY; i++)
                accepted += count(&bench->many[i], '+') > 0;
        assert_int_equal(accepted, MANY);
        assert_in_range(bench->owner.device->hub->suspects, 0, 1);
}

static void a_report_that_costs_connections_is_given_up(void **state)
{
        struct bench *bench = *state;
        int seconds = 0;
        int waits = 0;

        open_with_poison(bench);
        while (seconds < 1000 && strstr(bench->owner.log, "7-") == NULL) {
                if (!hub_device_report(bench->owner.device, "{}", 2, 7))
                        waits++;
                one_second(bench, 0, true);
                seconds++;
        }
        assert_in_range(seconds, 5, 200);
        assert_int_equal(seconds - waits, 2 + 5);
        assert_int_equal(count(&bench->many[0], 'C'), 2);
}

/* --- a session that several share ------------------------------------------------------------- */

static int sessions(struct bench *bench)
{
        pn_session_t *session = pn_session_head(world_pair(&bench->world)->connection, 0);
        int found = 0;

        for (; session != NULL; session = pn_session_next(session, 0))
                found++;
        return found;
}

static void open_receivers(struct bench *bench)
{
        bench->many = mem_new(MANY, sizeof(*bench->many));
        for (size_t i = 0; i < MANY; i++) {
                bench->many[i].receives = true;
                owner_open(&bench->many[i], &bench->world, "dev");
        }
        world_run(&bench->world);
}

static void twenty_devices_share_a_session(void **state)
{
        struct bench *bench = *state;

        open_receivers(bench);
        assert_int_equal(sessions(bench), 1 + MANY / 20);
        assert_int_equal(bench->world.seen.command_attaches, MANY);
}

static void who_leaves_a_session_makes_room_for_another(void **state)
{
        struct bench *bench = *state;
        struct world *world = &bench->world;

        open_receivers(bench);
        owner_close(&bench->many[3]);
        assert_int_equal(hub_client_closing(&world->client), 3);
        world_run(world);
        assert_int_equal(hub_client_closing(&world->client), 0);
        assert_int_equal(world->seen.ends, 3);
        bench->owner.receives = true;
        owner_open(&bench->owner, world, "dev1");
        world_run(world);
        assert_string_equal(bench->owner.log, "R");
        assert_int_equal(sessions(bench), 1 + MANY / 20);
        for (size_t i = 0; i < MANY; i += 2)
                owner_close(&bench->many[i]);
        for (size_t i = 1; i < MANY; i += 2)
                owner_close(&bench->many[i]);
        owner_close(&bench->owner);
        world_run(world);
        assert_int_equal(hub_client_closing(&world->client), 0);
        assert_int_equal(sessions(bench), 1);
}

static void the_end_of_a_connection_says_nothing_of_what_is_on_it(void **state)
{
        struct bench *bench = *state;
        struct world *world = &bench->world;

        open_receivers(bench);
        hub_pool_stop(&world->client);
        world_run(world);
        assert_int_equal(world->seen.closes, 1);
        assert_int_equal(world->seen.ends, 0);
        assert_true(hub_pool_is_stopped(&world->client));
}

#define FRESH(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                FRESH(one_link_of_a_connection_says_what_program_it_is),
                FRESH(a_silent_token_is_no_reason_to_end_a_shared_connection),
                FRESH(two_silent_tokens_are_no_reason_either_while_others_are_answered),
                FRESH(a_silent_renewal_costs_nobody_the_connection),
                FRESH(a_connection_on_which_nobody_is_heard_is_replaced),
                FRESH(two_devices_that_hear_nothing_end_a_connection_without_witnesses),
                FRESH(a_message_that_costs_connections_goes_alone_and_is_given_up),
                FRESH(a_message_is_no_poison_while_the_hub_accepts_nothing),
                FRESH(a_suspect_comes_back_to_the_others_when_it_is_accepted),
                FRESH(a_culprit_stays_alone_until_ten_were_accepted),
                FRESH(those_who_were_only_near_are_cleared_at_once),
                FRESH(a_report_that_costs_connections_is_given_up),
                FRESH(twenty_devices_share_a_session),
                FRESH(who_leaves_a_session_makes_room_for_another),
                FRESH(the_end_of_a_connection_says_nothing_of_what_is_on_it),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
