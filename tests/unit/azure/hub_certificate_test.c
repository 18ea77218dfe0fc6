// SPDX-License-Identifier: MIT
/* Devices with certificates: a connection each, and no tokens. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unit/azure/hub_pair.h"

#define MINUTE_MS (INT64_C(60) * 1000)

static struct certificate *certificate;

static int set_up(void **state)
{
        struct reason reason = REASON_INIT;

        *state = bench_new(&(struct hub_client_options){.devices_per_connection = 0});
        return certificate_make(&(struct certificate_order){.now_s = 1800000000,
                                                            .days = 1,
                                                            .common_name = "dev",
                                                            .use = CERTIFICATE_CLIENT},
                                &certificate, &reason);
}

static int tear_down(void **state)
{
        bench_free(*state);
        certificate_free(certificate);
        return 0;
}

static void open_certified(struct owner *owner, struct world *world, const char *id)
{
        owner->certificate = certificate;
        owner_open(owner, world, id);
}

static size_t pairs_used(const struct world *world)
{
        size_t used = 0;

        for (size_t i = 0; i < PAIRS; i++)
                used += world->pairs[i].used;
        return used;
}

static void each_has_its_own_connection_and_sends_without_a_token(void **state)
{
        struct bench *bench = *state;
        struct world *world = &bench->world;

        bench->owner.to_send = bench->other.to_send = 1;
        open_certified(&bench->owner, world, "dev1");
        open_certified(&bench->other, world, "dev2");
        owner_open(&bench->third, world, "dev3");
        world_run(world);
        assert_string_equal(bench->owner.log, "R R 1+");
        assert_string_equal(bench->other.log, "R R 1+");
        assert_string_equal(bench->third.log, "R");
        assert_int_equal(world->connects, 3);
        assert_int_equal(world->certified, 2);
        assert_int_equal(world->seen.tokens, 1);
        /* There is nothing to renew. */
        world_advance(world, 90 * MINUTE_MS);
        assert_string_equal(bench->owner.log, "R R 1+");
        assert_int_equal(world->connects, 3);
}

static void a_closed_device_takes_its_connection_along(void **state)
{
        struct bench *bench = *state;
        struct world *world = &bench->world;

        open_certified(&bench->owner, world, "dev1");
        open_certified(&bench->other, world, "dev2");
        world_run(world);
        owner_close(&bench->owner);
        world_run(world);
        assert_int_equal(pairs_used(world), 1);
        /* Also while it connects. */
        open_certified(&bench->owner, world, "dev1");
        owner_close(&bench->owner);
        world_run(world);
        world_run(world);
        assert_int_equal(pairs_used(world), 1);
        assert_int_equal(world->client.retired, 0);
        assert_int_equal(world->client.hubs.count, 2); /* the shared one and dev2's */
}

static void a_refusal_is_that_devices_alone(void **state)
{
        struct bench *bench = *state;
        struct world *world = &bench->world;

        owner_open(&bench->third, world, "dev3");
        world_run(world);
        world->connects_refused = 1;
        world->refuses_with = "amqp:unauthorized-access";
        open_certified(&bench->owner, world, "dev1");
        world_run(world);
        assert_string_equal(bench->owner.log, "X1");
        world_advance(world, 10 * MINUTE_MS);
        assert_int_equal(world->connects, 2);
        open_certified(&bench->other, world, "dev2");
        world_run(world);
        assert_string_equal(bench->other.log, "R");
        assert_string_equal(bench->third.log, "R");
        hub_device_retry(bench->owner.device);
        world_advance(world, MINUTE_MS);
        assert_string_equal(bench->owner.log, "X1 C R");
}

static void a_lost_connection_is_that_devices_alone(void **state)
{
        struct bench *bench = *state;
        struct world *world = &bench->world;

        open_certified(&bench->owner, world, "dev1");
        world_run(world);
        world->connects_refused = 100;
        pair_cut(world_pair(world));
        world_run(world);
        world->connects_refused = 0;
        /* It waits; others of the hub do not. */
        owner_open(&bench->third, world, "dev3");
        open_certified(&bench->other, world, "dev2");
        world_run(world);
        assert_string_equal(bench->owner.log, "R C");
        assert_string_equal(bench->other.log, "R");
        assert_string_equal(bench->third.log, "R");
        world_advance(world, MINUTE_MS);
        assert_string_equal(bench->owner.log, "R C R");
}

static void visit(void *context, const struct hub_summary *hub)
{
        struct hub_summary *seen = context;

        seen->failures++; /* visits */
        seen->devices += hub->devices;
        seen->connections += hub->connections;
        seen->ready += hub->ready;
}

static void a_hub_is_told_of_once(void **state)
{
        struct bench *bench = *state;
        struct world *world = &bench->world;
        struct hub_summary seen = {.name = NULL};

        open_certified(&bench->owner, world, "dev1");
        open_certified(&bench->other, world, "dev2");
        owner_open(&bench->third, world, "dev3");
        world_run(world);
        hub_client_each(&world->client, visit, &seen);
        assert_int_equal(seen.failures, 1);
        assert_int_equal(seen.devices, 3);
        assert_int_equal(seen.connections, 3);
        assert_int_equal(seen.ready, 3);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(
                        each_has_its_own_connection_and_sends_without_a_token, set_up, tear_down),
                cmocka_unit_test_setup_teardown(a_closed_device_takes_its_connection_along, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(a_refusal_is_that_devices_alone, set_up, tear_down),
                cmocka_unit_test_setup_teardown(a_lost_connection_is_that_devices_alone, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(a_hub_is_told_of_once, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
