// SPDX-License-Identifier: MIT
/* Connecting, losing, backing off, closing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/metrics.h"
#include "unit/azure/hub_pair.h"

#define MINUTE_MS (INT64_C(60) * 1000)

static void a_hub_that_refuses_is_tried_ever_more_slowly(void **state)
{
        struct bench *bench = *state;
        struct world *world = &bench->world;
        int early;

        world->connects_refused = INT32_MAX;
        owner_open(&bench->owner, world, "dev1");
        world_advance(world, 10000);
        early = world->connects;
        assert_in_range(early, 4, 9);
        world_advance(world, 10 * MINUTE_MS);
        assert_in_range(world->connects - early, 10, 24);    /* every 30 to 60 s at last */
        assert_int_equal(world->which, world->connects - 1); /* the addresses in turn */
        world->connects_refused = 0;
        world_advance(world, MINUTE_MS);
        assert_string_equal(bench->owner.log, "R");
}

static void what_open_announces(void **state)
{
        struct bench *bench = *state;
        const struct pair *pair = world_pair(&bench->world);

        assert_int_equal(pn_transport_get_remote_idle_timeout(pair->server.transport), 120000);
        assert_int_equal(pn_transport_get_remote_max_frame(pair->server.transport), 65536);
        assert_string_equal(pn_connection_remote_hostname(pair->server.connection), TEST_HUB);
}

/* --- numbers that the hub says --------------------------------------------------------------- */

static void no_more_devices_are_seated_than_the_hub_has_channels(void **state)
{
        struct bench *bench = *state;
        struct world *world = &bench->world;

        world->script.channel_max = 2;
        bench->owner.to_send = bench->other.to_send = bench->third.to_send = 1;
        owner_open(&bench->owner, world, "dev1");
        owner_open(&bench->other, world, "dev2");
        owner_open(&bench->third, world, "dev3");
        world_advance(world, 5000);
        assert_non_null(strstr(bench->owner.log, "1+"));
        assert_non_null(strstr(bench->other.log, "1+"));
        assert_non_null(strstr(bench->third.log, "1+"));
        assert_int_equal(world->connects, 2);
}

static void a_hub_that_wants_frames_all_the_time_is_left(void **state)
{
        struct bench *bench = *state;
        struct world *world = &bench->world;

        world->script.idle_timeout_ms = 2; /* announced as half of it */
        owner_open(&bench->owner, world, "dev1");
        world_advance(world, 100);
        assert_int_equal(world->seen.tokens, 0);
        world->script.idle_timeout_ms = 240000;
        world_advance(world, 5000);
        assert_string_equal(bench->owner.log, "R");
}

static void messages_fit_into_the_smallest_frames(void **state)
{
        struct bench *bench = *state;

        bench->world.script.max_frame = 512;
        bench->owner.to_send = 3;
        owner_open(&bench->owner, &bench->world, "dev1");
        world_run(&bench->world);
        assert_string_equal(bench->owner.log, "R R 1+ 2+ 3+");
}

static void many_devices_wait_for_one_connection_attempt(void **state)
{
        struct bench *bench = *state;
        struct world *world = &bench->world;

        world->connects_refused = 1;
        owner_open(&bench->owner, world, "dev1");
        owner_open(&bench->other, world, "dev2");
        world_run(world);
        assert_int_equal(world->connects, 1);
        owner_open(&bench->third, world, "dev3");
        world_run(world);
        assert_int_equal(world->connects, 1);
        world_advance(world, 2000);
        assert_int_equal(world->connects, 2);
        assert_string_equal(bench->owner.log, "R");
        assert_string_equal(bench->other.log, "R");
        assert_string_equal(bench->third.log, "R");
}

static void a_hub_that_never_answers_is_given_up(void **state)
{
        struct bench *bench = *state;
        struct world *world = &bench->world;

        world->script.silent = true;
        owner_open(&bench->owner, world, "dev1");
        world_advance(world, 29000);
        assert_int_equal(world->connects, 1);
        world_advance(world, 5000);
        assert_int_equal(world->connects, 2);
        world->script.silent = false;
        world_advance(world, MINUTE_MS);
        assert_string_equal(bench->owner.log, "R");
}

static void lost_devices_come_back_by_themselves(void **state)
{
        struct bench *bench = *state;
        struct world *world = &bench->world;
        int64_t lost = metrics_counter_value(METRIC_HUB_DISCONNECTS);
        int64_t connects = metrics_counter_value(METRIC_HUB_CONNECTS);
        int64_t ready = metrics_gauge_value(METRIC_DEVICES_CONNECTED);

        pair_cut(world_pair(world));
        world_run(world);
        assert_string_equal(bench->owner.log, "C");
        assert_string_equal(bench->other.log, "C");
        assert_non_null(strstr(bench->owner.reason.text, "cut by the test"));
        assert_int_equal(metrics_gauge_value(METRIC_DEVICES_CONNECTED), ready - 2);
        assert_int_equal(metrics_counter_value(METRIC_HUB_DISCONNECTS), lost + 1);
        world_advance(world, 200);
        assert_int_equal(world->connects, 1);
        world_advance(world, 1000);
        assert_int_equal(world->connects, 2);
        assert_string_equal(bench->owner.log, "C R");
        assert_string_equal(bench->other.log, "C R");
        assert_int_equal(metrics_gauge_value(METRIC_DEVICES_CONNECTED), ready);
        assert_int_equal(metrics_counter_value(METRIC_HUB_CONNECTS), connects + 1);
}

static void a_hub_that_has_fallen_silent_is_left_when_something_was_sent(void **state)
{
        struct bench *bench = *state;
        struct world *world = &bench->world;

        world_pair(world)->unplugged = true;
        world_advance(world, 80000);
        assert_int_equal(world->connects, 1);
        bench->owner.send_again = true;
        assert_true(owner_send(&bench->owner, 1));
        world_advance(world, 75000);
        assert_int_equal(world->connects, 1);
        world_advance(world, 30000);
        assert_int_equal(world->connects, 2);
        assert_non_null(strchr(bench->owner.log, '+'));
}

static void a_close_by_the_hub_is_followed_by_a_new_connection(void **state)
{
        static const char *const conditions[] = {NULL, "amqp:connection:forced",
                                                 "amqp:connection:redirect",
                                                 "amqp:unauthorized-access"};

        for (size_t i = 0; i < ARRAY_SIZE(conditions); i++) {
                struct bench *bench;
                pn_connection_t *connection;

                bench_setup_two(state);
                bench = *state;
                connection = world_pair(&bench->world)->server.connection;
                if (conditions[i] != NULL)
                        pn_condition_set_name(pn_connection_condition(connection), conditions[i]);
                pn_connection_close(connection);
                world_run(&bench->world);
                assert_string_equal(bench->owner.log, "C");
                world_advance(&bench->world, 2000);
                assert_string_equal(bench->owner.log, "C R");
                assert_int_equal(bench->world.connects, 2);
                bench_teardown(state);
        }
}

static void garbage_ends_the_connection_and_no_more(void **state)
{
        struct bench *bench = *state;
        struct world *world = &bench->world;
        pn_rwbytes_t in = pn_connection_driver_read_buffer(&world_pair(world)->client);

        memset(in.start, 0xee, 64);
        pn_connection_driver_read_done(&world_pair(world)->client, 64);
        world_run(world);
        assert_string_equal(bench->owner.log, "C");
        world_advance(world, 2000);
        assert_string_equal(bench->owner.log, "C R");
}

static void a_flapping_hub_is_not_hammered(void **state)
{
        struct bench *bench = *state;
        struct world *world = &bench->world;

        world->script.hold_tokens = true; /* opens, but nobody is ever authorised */
        owner_open(&bench->owner, world, "dev1");
        for (int i = 0; i < 600; i++) {
                if (world_pair(world) != NULL)
                        pair_cut(world_pair(world));
                world_advance(world, 1000);
        }
        assert_in_range(world->connects, 15, 40);
}

static void an_empty_connection_is_closed_in_order(void **state)
{
        struct bench *bench = *state;
        struct world *world = &bench->world;

        owner_close(&bench->owner);
        owner_close(&bench->other);
        world_advance(world, 20000);
        assert_int_equal(world->seen.closes, 0);
        owner_open(&bench->owner, world, "dev1");
        world_advance(world, 60000);
        assert_int_equal(world->seen.closes, 0);
        owner_close(&bench->owner);
        world_advance(world, 40000);
        assert_int_equal(world->seen.closes, 1);
        assert_null(world_pair(world));
        world_advance(world, 10 * MINUTE_MS);
        assert_int_equal(world->connects, 1);
}

static void stopping_waits_for_answers_and_closes(void **state)
{
        struct bench *bench = *state;
        struct world *world = &bench->world;

        world->script.outcome = 0;
        assert_true(owner_send(&bench->owner, 2));
        world_run(world);
        hub_pool_stop(&world->client);
        world_run(world);
        assert_false(hub_pool_is_stopped(&world->client));
        assert_false(owner_send(&bench->other, 3));
        pn_delivery_update(world_pair(world)->peer.held, PN_ACCEPTED);
        pn_delivery_settle(world_pair(world)->peer.held);
        world_run(world);
        assert_true(hub_pool_is_stopped(&world->client));
        assert_int_equal(world->seen.closes, 1);
        assert_string_equal(bench->owner.log, "2+ C");
        assert_string_equal(bench->other.log, "C");
}

static void stopping_has_an_end(void **state)
{
        struct bench *bench = *state;
        struct world *world = &bench->world;

        world->script.outcome = 0;
        assert_true(owner_send(&bench->owner, 2));
        world_run(world);
        hub_pool_stop(&world->client);
        hub_pool_abandon(&world->client);
        world_run(world);
        assert_true(hub_pool_is_stopped(&world->client));
        assert_string_equal(bench->owner.log, "C 2?");
}

static void stopping_does_not_wait_for_a_connection_to_be_made(void **state)
{
        struct bench *bench = *state;
        struct world *world = &bench->world;

        world->script.silent = true;
        owner_open(&bench->owner, world, "dev1");
        world_run(world);
        hub_pool_stop(&world->client);
        assert_true(hub_pool_is_stopped(&world->client));
}

static void a_hub_that_does_not_close_is_left(void **state)
{
        struct bench *bench = *state;
        struct world *world = &bench->world;

        world->script.silent = true;
        owner_close(&bench->owner);
        owner_close(&bench->other);
        world_advance(world, 35000);
        assert_non_null(world_pair(world));
        world_advance(world, 15000);
        assert_null(world_pair(world));
}

static void hubs_do_not_disturb_each_other(void **state)
{
        struct bench *bench = *state;
        struct world *world = &bench->world;

        bench->third.hub = "other.azure-devices.net:5671";
        owner_open(&bench->third, world, "dev1");
        world_run(world);
        assert_string_equal(world->seen.hostname, "other.azure-devices.net");
        assert_string_equal(world->seen.token_name, "other.azure-devices.net%2Fdevices%2Fdev1");
        assert_int_equal(world->connects, 2);
        pair_cut(&world->pairs[0]);
        world_advance(world, 2000);
        assert_string_equal(bench->owner.log, "C R");
        assert_string_equal(bench->third.log, "R");
}

#define FRESH(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)
#define TWO(name)   cmocka_unit_test_setup_teardown(name, bench_setup_two, bench_teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                FRESH(a_hub_that_refuses_is_tried_ever_more_slowly),
                TWO(what_open_announces),
                FRESH(many_devices_wait_for_one_connection_attempt),
                FRESH(no_more_devices_are_seated_than_the_hub_has_channels),
                FRESH(a_hub_that_wants_frames_all_the_time_is_left),
                FRESH(messages_fit_into_the_smallest_frames),
                FRESH(a_hub_that_never_answers_is_given_up),
                TWO(lost_devices_come_back_by_themselves),
                TWO(a_hub_that_has_fallen_silent_is_left_when_something_was_sent),
                cmocka_unit_test(a_close_by_the_hub_is_followed_by_a_new_connection),
                TWO(garbage_ends_the_connection_and_no_more),
                FRESH(a_flapping_hub_is_not_hammered),
                TWO(an_empty_connection_is_closed_in_order),
                TWO(stopping_waits_for_answers_and_closes),
                TWO(stopping_has_an_end),
                FRESH(stopping_does_not_wait_for_a_connection_to_be_made),
                TWO(a_hub_that_does_not_close_is_left),
                TWO(hubs_do_not_disturb_each_other),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
