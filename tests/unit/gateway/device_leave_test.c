// SPDX-License-Identifier: MIT
/* Devices that go to another gateway, and come back: late answers find them parked. */
#include "link_fixture.h"

#include <errno.h>

#include "base/metrics.h"

static void lose(struct fixture *fixture)
{
        struct store_shards all = store_shards_all();

        device_table_lose(fixture->devices, &all);
        device_link_lose(fixture->link, &all);
        uplink_queue_forget(fixture->queue, &all);
        device_table_forget(fixture->devices, &all);
        device_places_forget(fixture->places, &all);
        device_provision_forget_shards(fixture->provision, &all);
}

static void come_back(struct fixture *fixture)
{
        struct store_shards all = store_shards_all();

        gain(fixture, &all);
}

static void a_device_that_leaves_is_not_connected_and_asks_nobody(void **state)
{
        struct fixture *fixture = *state;
        size_t links;

        connect(fixture, "d1", HUB_A);
        connect(fixture, "d2", HUB_A);
        world_refuse("d2", HUB_REFUSAL_OTHER);
        uplink(fixture, "d1");
        assert_int_equal(world_link("d1")->token, 3);
        links = world_link_count;
        lose(fixture);
        assert_null(world_link("d1"));
        assert_null(world_link("d2"));
        assert_phase(fixture, "d1", DEVICE_ELSEWHERE);
        assert_phase(fixture, "d2", DEVICE_ELSEWHERE);
        hub_is_away(HUB_A, 2);
        world_pass(60 * MINUTE);
        device_link_try_held(fixture->link);
        world_pass(60 * MINUTE);
        assert_int_equal(world_link_count, links);
        assert_int_equal(world_registration_count, 2);
        /* What was in flight is settled by whoever has the device. */
        assert_int_equal(world_store.done_count, 2);
        assert_int_equal(world_store.dead_count, 0);
}

static void a_device_that_comes_back_is_connected_as_after_a_restart(void **state)
{
        struct fixture *fixture = *state;

        connect(fixture, "d1", HUB_A);
        lose(fixture);
        come_back(fixture);
        assert_phase(fixture, "d1", DEVICE_NEW);
        uplink(fixture, "d1");
        assert_phase(fixture, "d1", DEVICE_CONNECTING);
        assert_int_equal(world_registration_count, 1);
        world_ready("d1");
        assert_int_equal(world_link("d1")->token, 2);
}

static void a_takeover_lasts_until_the_first_event_that_waited_is_sent(void **state)
{
        struct fixture *fixture = *state;
        struct metrics_times before;
        struct metrics_times after;

        connect(fixture, "d1", HUB_A);
        metrics_times_read(METRIC_TAKEOVER, true, &before);
        /* As of a device whose events were read from the store. */
        device_named(fixture, "d1")->taken_over_ms = clock_steady_ms() - 5000;
        for (int i = 0; i < 2; i++) {
                uplink(fixture, "d1");
                world_answer_send("d1", HUB_ACCEPTED);
        }
        metrics_times_read(METRIC_TAKEOVER, false, &after);
        assert_int_equal(after.count, before.count + 1);
        assert_int_equal(after.least_ns, INT64_C(5000) * CLOCK_NS_PER_MS);
}

/* Whoever has it now has asked, too, and has written down what was answered. */
static void what_the_service_answers_late_is_neither_used_nor_remembered(void **state)
{
        struct fixture *fixture = *state;

        uplink(fixture, "d1");
        lose(fixture);
        world_assign("d1", HUB_A);
        assert_phase(fixture, "d1", DEVICE_ELSEWHERE);
        assert_null(world_link("d1"));
        assert_false(remembers("d1", HUB_A));
        come_back(fixture);
        uplink(fixture, "d1");
        assert_phase(fixture, "d1", DEVICE_REGISTERING);
        world_assign("d1", HUB_B);
        assert_string_equal(world_link("d1")->hub, HUB_B);
}

static void what_is_asked_still_is_not_asked_twice_when_it_comes_back(void **state)
{
        struct fixture *fixture = *state;

        uplink(fixture, "d1");
        lose(fixture);
        come_back(fixture);
        assert_phase(fixture, "d1", DEVICE_NEW);
        uplink(fixture, "d1");
        assert_phase(fixture, "d1", DEVICE_REGISTERING);
        assert_int_equal(world_registration_count, 1);
        world_assign("d1", HUB_A);
        assert_phase(fixture, "d1", DEVICE_CONNECTING);
        assert_true(remembers("d1", HUB_A));
}

/* One queue, and an identity for each of its applications. */
static void all_places_of_a_module_are_connected_when_it_comes_back(void **state)
{
        static char by_both[] = "{application}-{device}";
        static const char *const applications[] = {"east", "west"};
        CLEANUP(mem_cleanup) char *name = mem_text("m1");
        const struct listed_device listed = {.device = name};
        struct fixture *fixture = *state;
        struct reason reason = REASON_INIT;

        fixture->settings.azure.device_id_template = by_both;
        fixture->settings.azure.connect_at_start = true;
        fixture->settings.networks[MYRIOTA].device_integration = true;
        assert_non_null(device_table_list(fixture->devices, network_by_name("myriota"), "east",
                                          &listed, &reason));
        for (size_t i = 0; i < ARRAY_SIZE(applications); i++) {
                CLEANUP(mem_cleanup) char *id = mem_format("%s-m1", applications[i]);

                uplink_by(fixture, "myriota", applications[i], "m1");
                world_assign(id, HUB_A);
                world_ready(id);
                world_answer_send(id, HUB_ACCEPTED);
        }
        lose(fixture);
        assert_null(world_link("east-m1"));
        assert_null(world_link("west-m1"));
        come_back(fixture);
        assert_non_null(world_link("east-m1"));
        assert_non_null(world_link("west-m1"));
}

/* The other gateway has given the id to another device meanwhile. */
static void an_identity_is_whose_the_store_says_when_it_comes_back(void **state)
{
        static const char other[] = "things-stack/other/d1\n{device}";
        struct fixture *fixture = *state;

        connect(fixture, "d1", HUB_A);
        lose(fixture);
        store_write_copy(NULL, &(struct store_record){.kind = DEVICE_OWNER_KIND,
                                                      .key = "d1@0ne00123ABC",
                                                      .value = other,
                                                      .value_size = strlen(other)});
        come_back(fixture);
        assert_non_null(device_table_find(fixture->devices, "things-stack/other/d1"));
}

/* Of which this one knows nothing: the store alone can tell. */
static void what_another_gateways_device_has_is_a_clash_until_it_is_free(void **state)
{
        static const char other[] = "things-stack/other/d1\n{device}";
        struct store_record record = {.kind = DEVICE_OWNER_KIND,
                                      .key = "d1@0ne00123ABC",
                                      .value = other,
                                      .value_size = strlen(other)};
        struct fixture *fixture = *state;

        store_write_copy(NULL, &record);
        uplink(fixture, "d1");
        assert_phase(fixture, "d1", DEVICE_NEW);
        assert_int_equal(world_store.dead_count, 1);
        assert_non_null(strstr(world_store.dead_reason[0], "things-stack/other/d1 has it"));
        record.value = NULL;
        store_write_copy(NULL, &record);
        uplink(fixture, "d1");
        assert_int_equal(world_store.dead_count, 2);
        world_pass(MINUTE);
        uplink(fixture, "d1");
        assert_phase(fixture, "d1", DEVICE_REGISTERING);
}

/* As the one before, of a place in a hub: here it is held, since its assignment may change. */
static void a_place_that_another_gateways_device_has_is_waited_for(void **state)
{
        static const char other[] = "things-stack/other/dx";
        struct store_record record = {.kind = DEVICE_PLACE_KIND,
                                      .key = "d1@" HUB_A,
                                      .value = other,
                                      .value_size = strlen(other)};
        struct fixture *fixture = *state;

        store_write_copy(NULL, &record);
        uplink(fixture, "d1");
        world_assign("d1", HUB_A);
        assert_phase(fixture, "d1", DEVICE_HELD);
        assert_null(world_link("d1"));
        assert_non_null(strstr(device_named(fixture, "d1")->held_because, other));
        world_pass(MINUTE);
        assert_phase(fixture, "d1", DEVICE_HELD);
        record.value = NULL;
        store_write_copy(NULL, &record);
        world_pass(10 * MINUTE);
        assert_phase(fixture, "d1", DEVICE_CONNECTING);
        assert_string_equal(world_record(DEVICE_PLACE_KIND, "d1@" HUB_A), "things-stack/app/d1");
        /* The next owner has it from the store, and need not ask. */
        lose(fixture);
        come_back(fixture);
        world_claim_result = -EIO;
        uplink(fixture, "d1");
        assert_phase(fixture, "d1", DEVICE_CONNECTING);
}

static void what_the_store_says_late_of_a_place_moves_nothing(void **state)
{
        struct fixture *fixture = *state;

        uplink(fixture, "d1");
        world_answer("d1", &(struct dps_result){.status = DPS_ASSIGNED,
                                                .assigned_hub = HUB_A,
                                                .device_id = "d1",
                                                .retry_after_ms = -1});
        lose(fixture);
        world_run_posts();
        assert_phase(fixture, "d1", DEVICE_ELSEWHERE);
        assert_null(world_link("d1"));
}

static void a_place_that_cannot_be_asked_for_is_asked_for_again(void **state)
{
        struct fixture *fixture = *state;

        uplink(fixture, "d1");
        world_claim_result = -EIO;
        world_assign("d1", HUB_A);
        assert_phase(fixture, "d1", DEVICE_HELD);
        world_claim_result = 0;
        world_pass(MINUTE);
        assert_phase(fixture, "d1", DEVICE_CONNECTING);
        assert_int_equal(world_registration_count, 1);
}

static void an_identity_that_cannot_be_asked_for_is_asked_for_again(void **state)
{
        struct fixture *fixture = *state;

        world_claim_result = -EIO;
        uplink(fixture, "d1");
        assert_phase(fixture, "d1", DEVICE_HELD);
        world_pass(MINUTE);
        assert_phase(fixture, "d1", DEVICE_HELD);
        world_claim_result = 0;
        world_pass(MINUTE);
        assert_phase(fixture, "d1", DEVICE_REGISTERING);
        assert_int_equal(world_store.dead_count, 0);
}

static void a_stolen_link_comes_back_after_the_store_was_asked(void **state)
{
        struct fixture *fixture = *state;

        connect(fixture, "d1", HUB_A);
        world_refuse("d1", HUB_REFUSAL_STOLEN);
        assert_phase(fixture, "d1", DEVICE_HELD);
        assert_int_equal(world_owner_asked, 1);
        assert_int_equal(world_link("d1")->retries, 0);
        world_pass(2000);
        assert_int_equal(world_link("d1")->retries, 1);
        world_ready("d1");
        /* It goes on: ever more slowly, although events are accepted in between. */
        for (int i = 0; i < 10; i++) {
                uplink(fixture, "d1");
                world_answer_send("d1", HUB_ACCEPTED);
                world_refuse("d1", HUB_REFUSAL_STOLEN);
                world_pass(5 * MINUTE);
                world_ready("d1");
        }
        world_refuse("d1", HUB_REFUSAL_STOLEN);
        world_pass(MINUTE);
        assert_int_equal(world_link("d1")->retries, 11);
        /* The service has nothing to do with it. */
        assert_int_equal(world_registration_count, 1);
}

static void a_stolen_link_of_another_gateways_device_stays_away(void **state)
{
        struct fixture *fixture = *state;

        connect(fixture, "d1", HUB_A);
        world_is_ours = false;
        world_refuse("d1", HUB_REFUSAL_STOLEN);
        world_pass(60 * MINUTE);
        assert_int_equal(world_link("d1")->retries, 0);
        lose(fixture);
        assert_phase(fixture, "d1", DEVICE_ELSEWHERE);
}

static void who_reaches_no_hub_says_so_and_tries_again(void **state)
{
        struct fixture *fixture = *state;

        fixture->settings.store.postgresql.hub_absence_s = 60;
        connect(fixture, "d1", HUB_A);
        hub_is_away(HUB_A, 1);
        world_pass(50 * 1000);
        assert_true(world_is_able);
        world_pass(20 * 1000);
        assert_false(world_is_able);
        /* The others don't reach it either, so it has kept its devices. */
        world_pass(10 * MINUTE);
        assert_false(world_is_able);
        world_hubs[0].connections = 1;
        world_pass(2000);
        assert_true(world_is_able);
        world_hubs[0].connections = 0;
        world_pass(62 * 1000);
        assert_false(world_is_able);
        /* It has given them away. */
        lose(fixture);
        hub_is_away(HUB_A, 0);
        world_pass(50 * 1000);
        assert_false(world_is_able);
        world_pass(20 * 1000);
        assert_true(world_is_able);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
                TEST(a_device_that_leaves_is_not_connected_and_asks_nobody),
                TEST(a_device_that_comes_back_is_connected_as_after_a_restart),
                TEST(a_takeover_lasts_until_the_first_event_that_waited_is_sent),
                TEST(what_the_service_answers_late_is_neither_used_nor_remembered),
                TEST(what_is_asked_still_is_not_asked_twice_when_it_comes_back),
                TEST(all_places_of_a_module_are_connected_when_it_comes_back),
                TEST(an_identity_is_whose_the_store_says_when_it_comes_back),
                TEST(what_another_gateways_device_has_is_a_clash_until_it_is_free),
                TEST(a_place_that_another_gateways_device_has_is_waited_for),
                TEST(what_the_store_says_late_of_a_place_moves_nothing),
                TEST(a_place_that_cannot_be_asked_for_is_asked_for_again),
                TEST(an_identity_that_cannot_be_asked_for_is_asked_for_again),
                TEST(a_stolen_link_comes_back_after_the_store_was_asked),
                TEST(a_stolen_link_of_another_gateways_device_stays_away),
                TEST(who_reaches_no_hub_says_so_and_tries_again),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
