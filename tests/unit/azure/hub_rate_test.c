// SPDX-License-Identifier: MIT
/* How fast many devices are authorised, who goes first, and when they renew. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unit/azure/hub_pair.h"

#define MINUTE_MS (INT64_C(60) * 1000)
#define MANY      300

static void open_many(struct bench *bench)
{
        bench->many = mem_new(MANY, sizeof(*bench->many));
        for (size_t i = 0; i < MANY; i++) {
                char id[32];

                snprintf(id, sizeof(id), "many%zu", i);
                owner_open(&bench->many[i], &bench->world, id);
        }
}

static size_t count_ready(const struct bench *bench)
{
        size_t ready = 0;

        for (size_t i = 0; i < MANY; i++)
                ready += strstr(bench->many[i].log, "R") != NULL;
        return ready;
}

static void find_rate(void *context, const struct hub_summary *hub)
{
        *(int *)context = hub->rate;
}

static void the_rate_is_found_from_what_is_too_many(void **state)
{
        struct bench *bench = bench_new(&(struct hub_client_options){.devices_per_second = 0});
        struct world *world = &bench->world;
        int seconds = 0;
        int rate = 0;

        (void)state;
        world->script.most_now = 20; /* in a second */
        open_many(bench);
        while (count_ready(bench) < MANY && seconds++ < 120) {
                world->seen.tokens_now = 0;
                world_advance(world, 1000);
        }
        /* The hub alone needs 15 seconds; who was refused waits for some 10. */
        assert_in_range(seconds, 15, 45);
        /* What was under way when it first said no, and little more. */
        assert_in_range(world->seen.tokens - MANY, 1, 80);
        hub_client_each(&world->client, find_rate, &rate);
        assert_in_range(rate, 10, 25);
        /* It says no no more: the rate is forgotten some time. */
        world->script.most_now = 0;
        bench_free(bench);
}

/* Until the links of all are there; how many the hub has refused on the way. */
static int attach_all(struct bench *bench, int a_second, int *seconds)
{
        struct world *world = &bench->world;
        int refused = 0;

        world->script.most_attaches_now = a_second;
        for (*seconds = 0; world->seen.command_attaches < MANY && *seconds < 200; ++*seconds) {
                world->seen.attaches_now = 0;
                world_advance(world, 1000);
                if (world->seen.attaches_now > a_second)
                        refused += world->seen.attaches_now - a_second;
        }
        return refused;
}

static void the_rate_is_found_from_links_that_are_too_many(void **state)
{
        struct bench *bench = bench_new(&(struct hub_client_options){.without_methods = true});
        int seconds;
        int refused;
        int rate = 0;

        (void)state;
        bench->world.script.most_attaches_now = 20;
        bench->many = mem_new(MANY, sizeof(*bench->many));
        for (size_t i = 0; i < MANY; i++) {
                bench->many[i].receives = true;
                owner_open(&bench->many[i], &bench->world, "dev");
        }
        refused = attach_all(bench, 20, &seconds);
        /* The hub alone needs 15 seconds; who was refused waits for some 10. */
        assert_in_range(seconds, 15, 60);
        assert_in_range(refused, 1, MANY + 60);
        hub_client_each(&bench->world.client, find_rate, &rate);
        assert_in_range(rate, 8, 25);
        assert_int_equal(count_ready(bench), MANY);
        bench_free(bench);
}

static void who_is_in_a_hurry_is_authorised_first(void **state)
{
        struct bench *bench = bench_new(&(struct hub_client_options){.devices_per_second = 10});
        struct world *world = &bench->world;
        struct owner *last;

        (void)state;
        open_many(bench);
        last = &bench->many[MANY - 1];
        hub_device_hurry(last->device); /* waits for a seat */
        world_advance(world, 1000);
        assert_string_equal(last->log, "R");
        assert_in_range(count_ready(bench), 8, 15);
        hub_device_hurry(bench->many[MANY - 2].device); /* its token waits */
        world_advance(world, 500);
        assert_string_equal(bench->many[MANY - 2].log, "R");
        /* Whoever is authorised or closed has nothing to gain. */
        hub_device_hurry(last->device);
        world_advance(world, 60 * 1000);
        assert_int_equal(count_ready(bench), MANY);
        bench_free(bench);
}

static void those_that_came_together_renew_evenly(void **state)
{
        struct bench *bench = bench_new(&(struct hub_client_options){.devices_per_second = 0});
        struct world *world = &bench->world;
        int most = 0;

        (void)state;
        open_many(bench);
        world_run(world);
        assert_int_equal(world->seen.tokens, MANY);
        /* In the first hour from its 10th part on, later at any time. */
        for (int i = 0; i < 36; i++) {
                int before = world->seen.tokens;

                world_advance(world, 5 * MINUTE_MS);
                if (world->seen.tokens - before > most)
                        most = world->seen.tokens - before;
        }
        assert_in_range(most, 1, MANY / 3);
        assert_in_range(world->seen.tokens, 4 * MANY, 5 * MANY);
        for (size_t i = 0; i < MANY; i++)
                assert_string_equal(bench->many[i].log, "R");
        bench_free(bench);
}

static void without_methods_their_links_are_not_attached(void **state)
{
        struct bench *bench = bench_new(&(struct hub_client_options){.without_methods = true});
        struct world *world = &bench->world;

        (void)state;
        bench->owner.receives = true;
        owner_open(&bench->owner, world, "dev1");
        world_run(world);
        assert_string_equal(bench->owner.log, "R");
        assert_non_null(bench->owner.device->commands.link);
        assert_null(bench->owner.device->methods.links.in);
        bench_free(bench);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_rate_is_found_from_what_is_too_many),
                cmocka_unit_test(the_rate_is_found_from_links_that_are_too_many),
                cmocka_unit_test(who_is_in_a_hurry_is_authorised_first),
                cmocka_unit_test(those_that_came_together_renew_evenly),
                cmocka_unit_test(without_methods_their_links_are_not_attached),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
