// SPDX-License-Identifier: MIT
/* A device's way to its hub: phases, refusals, doubts, and what outlives a restart. */
#include "link_fixture.h"

static char hub_string[] = "HostName=" HUB_A ";SharedAccessKeyName=device;SharedAccessKey=a2V5";

/* --- phases -------------------------------------------------------------------------------- */

static void a_new_device_registers_connects_and_sends(void **state)
{
        struct fixture *fixture = *state;

        uplink(fixture, "d1");
        assert_phase(fixture, "d1", DEVICE_REGISTERING);
        assert_int_equal(world_registration("d1")->kind, DPS_URGENT);
        world_assign("d1", HUB_A);
        assert_phase(fixture, "d1", DEVICE_CONNECTING);
        assert_string_equal(world_link("d1")->hub, HUB_A);
        world_ready("d1");
        assert_phase(fixture, "d1", DEVICE_READY);
        assert_int_equal(world_link("d1")->token, 1);
        world_answer_send("d1", HUB_ACCEPTED);
        assert_int_equal(world_store.done[0], 1);
        assert_true(remembers("d1", HUB_A));
}

static void a_known_device_asks_nothing_after_a_restart(void **state)
{
        struct fixture *fixture = *state;

        connect(fixture, "d1", HUB_A);
        restart(fixture);
        uplink(fixture, "d1");
        assert_phase(fixture, "d1", DEVICE_CONNECTING);
        assert_string_equal(world_link("d1")->hub, HUB_A);
        assert_int_equal(world_registration_count, 0);
}

static void what_the_hub_rejects_is_set_aside_and_the_next_goes_on(void **state)
{
        struct fixture *fixture = *state;

        connect(fixture, "d1", HUB_A);
        uplink(fixture, "d1");
        uplink(fixture, "d1");
        world_answer_send("d1", HUB_REJECTED);
        assert_int_equal(world_store.dead[0], 2);
        assert_int_equal(world_link("d1")->token, 3);
}

static void what_was_throttled_or_lost_is_sent_again(void **state)
{
        struct fixture *fixture = *state;

        connect(fixture, "d1", HUB_A);
        uplink(fixture, "d1");
        world_answer_send("d1", HUB_THROTTLED);
        assert_int_equal(world_link("d1")->token, 0);
        world_pass(MINUTE);
        assert_int_equal(world_link("d1")->token, 2);
        world_answer_send("d1", HUB_UNKNOWN);
        world_pass(MINUTE);
        assert_int_equal(world_link("d1")->token, 2);
        assert_int_equal(world_store.dead_count, 0);
}

static void a_service_that_is_away_is_asked_again_within_a_minute(void **state)
{
        struct fixture *fixture = *state;

        uplink(fixture, "d1");
        for (int i = 0; i < 5; i++) {
                world_deny("d1", DPS_UNAVAILABLE, 0);
                assert_phase(fixture, "d1", DEVICE_HELD);
                world_pass(MINUTE);
                assert_phase(fixture, "d1", DEVICE_REGISTERING);
                assert_int_equal(world_registration("d1")->kind, DPS_URGENT);
        }
}

static void a_device_that_the_service_refuses_asks_again_slowly_and_behind_new_ones(void **state)
{
        struct fixture *fixture = *state;

        uplink(fixture, "d1");
        for (int i = 0; i < 8; i++) {
                world_deny("d1", DPS_DISABLED, 0);
                assert_phase(fixture, "d1", DEVICE_HELD);
                world_pass(10 * 1000);
                assert_int_equal(world_asked(), 0);
                world_pass(15 * MINUTE);
                assert_int_equal(world_registration("d1")->kind, DPS_REPEATED);
        }
        world_assign("d1", HUB_A);
        assert_phase(fixture, "d1", DEVICE_CONNECTING);
}

static void a_device_that_the_service_refused_before_is_no_new_one_after_a_restart(void **state)
{
        struct fixture *fixture = *state;

        uplink(fixture, "d1");
        assert_int_equal(world_registration("d1")->kind, DPS_URGENT);
        world_deny("d1", DPS_UNAVAILABLE, 0);
        restart(fixture);
        uplink(fixture, "d1");
        assert_int_equal(world_registration("d1")->kind, DPS_URGENT);
        world_deny("d1", DPS_UNAUTHORIZED, 0);
        restart(fixture);
        uplink(fixture, "d1");
        assert_int_equal(world_registration("d1")->kind, DPS_REPEATED);
        world_assign("d1", HUB_A);
        assert_true(remembers("d1", HUB_A));
        world_ready("d1");
        assert_int_equal(world_link("d1")->sends, 1);
}

static void a_device_that_changes_while_it_registers_registers_anew(void **state)
{
        struct fixture *fixture = *state;
        struct device *device;

        uplink(fixture, "d1");
        device = device_named(fixture, "d1");
        device->model_id = mem_text("dtmi:new;1");
        device->changed = true;
        world_assign("d1", HUB_A);
        assert_phase(fixture, "d1", DEVICE_REGISTERING);
        assert_string_equal(world_registration("d1")->model_id, "dtmi:new;1");
        assert_null(world_link("d1"));
        world_assign("d1", HUB_A);
        assert_phase(fixture, "d1", DEVICE_CONNECTING);
}

static void what_is_stored_for_a_device_that_is_switched_off_is_set_aside(void **state)
{
        struct fixture *fixture = *state;
        struct device *device;

        connect(fixture, "d1", HUB_A);
        device = device_named(fixture, "d1");
        device->off = true;
        device->changed = true;
        uplink(fixture, "d1");
        assert_phase(fixture, "d1", DEVICE_NEW);
        assert_null(world_link("d1"));
        assert_int_equal(world_store.dead[0], 2);
}

/* --- refusals ------------------------------------------------------------------------------ */

static void a_refused_device_asks_the_service_and_keeps_what_was_assigned(void **state)
{
        struct fixture *fixture = *state;

        connect(fixture, "d1", HUB_A);
        restart(fixture);
        uplink(fixture, "d1");
        world_refuse("d1", HUB_REFUSAL_UNAUTHORIZED);
        world_pass(0);
        assert_int_equal(world_registration("d1")->kind, DPS_REPEATED);
        world_deny("d1", DPS_UNAUTHORIZED, 0);
        assert_phase(fixture, "d1", DEVICE_HELD);
        assert_true(remembers("d1", HUB_A));
        /* The hub is tried first, without the service. */
        world_pass(MINUTE);
        assert_int_equal(world_asked(), 0);
        assert_string_equal(world_link("d1")->hub, HUB_A);
        world_ready("d1");
        assert_phase(fixture, "d1", DEVICE_READY);
        assert_int_equal(world_store.dead_count, 0);
}

static void an_assignment_is_replaced_when_the_service_names_another_hub(void **state)
{
        struct fixture *fixture = *state;

        connect(fixture, "d1", HUB_A);
        restart(fixture);
        uplink(fixture, "d1");
        world_refuse("d1", HUB_REFUSAL_NOT_FOUND);
        world_pass(0);
        assert_true(remembers("d1", HUB_A));
        world_assign("d1", HUB_B);
        assert_true(remembers("d1", HUB_B));
        assert_string_equal(world_link("d1")->hub, HUB_B);
}

static void what_the_service_has_just_confirmed_is_not_asked_at_the_next_refusal(void **state)
{
        struct fixture *fixture = *state;
        size_t asked;

        uplink(fixture, "d1");
        world_assign("d1", HUB_A);
        world_refuse("d1", HUB_REFUSAL_UNAUTHORIZED);
        world_pass(MINUTE);
        assert_int_equal(world_asked(), 0);
        assert_int_equal(world_link("d1")->retries, 1);
        /* In a day it is tried often, and the service asked some dozen times. */
        asked = world_registration_count;
        for (int64_t ms = 0; ms < DAY; ms += MINUTE) {
                if (world_registration("d1"))
                        world_assign("d1", HUB_A);
                else if (world_link("d1")->state != HUB_DEVICE_REFUSED ||
                         device_named(fixture, "d1")->phase == DEVICE_CONNECTING)
                        world_refuse("d1", HUB_REFUSAL_UNAUTHORIZED);
                world_pass(MINUTE);
        }
        assert_in_range(world_registration_count - asked, 20, 60);
        assert_int_equal(world_store.dead_count, 0);
}

static void a_device_that_was_ready_for_a_while_starts_with_short_pauses_again(void **state)
{
        struct fixture *fixture = *state;

        connect(fixture, "d1", HUB_A);
        for (int i = 0; i < 10; i++) {
                world_refuse("d1", HUB_REFUSAL_OTHER);
                world_pass(15 * MINUTE);
        }
        assert_int_equal(device_named(fixture, "d1")->failures, 10);
        world_ready("d1");
        world_pass(5 * MINUTE);
        world_refuse("d1", HUB_REFUSAL_OTHER);
        assert_int_equal(device_named(fixture, "d1")->failures, 1);
        world_pass(30 * 1000);
        assert_phase(fixture, "d1", DEVICE_CONNECTING);
}

static void a_held_device_that_the_client_connects_by_itself_sends_at_once(void **state)
{
        struct fixture *fixture = *state;

        uplink(fixture, "d1");
        world_assign("d1", HUB_A);
        world_refuse("d1", HUB_REFUSAL_UNAUTHORIZED);
        world_tell("d1", HUB_DEVICE_CONNECTING, HUB_REFUSAL_NONE);
        assert_phase(fixture, "d1", DEVICE_CONNECTING);
        world_ready("d1");
        assert_int_equal(world_link("d1")->token, 1);
        world_answer_send("d1", HUB_ACCEPTED);
        world_pass(60 * MINUTE);
        assert_phase(fixture, "d1", DEVICE_READY);
}

/* --- hubs that are away --------------------------------------------------------------------- */

static void known_devices(struct fixture *fixture)
{
        static const char *const names[] = {"d1", "d2", "d3"};

        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                connect(fixture, names[i], HUB_A);
}

static void lose(void)
{
        static const char *const names[] = {"d1", "d2", "d3"};

        hub_is_away(HUB_A, ARRAY_SIZE(names));
        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                world_tell(names[i], HUB_DEVICE_CONNECTING, HUB_REFUSAL_NONE);
}

static const char *the_one_that_asks(void)
{
        for (size_t i = 0; i < world_registration_count; i++) {
                if (!world_registrations[i].answered)
                        return world_registrations[i].id;
        }
        return NULL;
}

static void a_hub_that_is_gone_makes_one_device_ask_and_then_all(void **state)
{
        struct fixture *fixture = *state;

        known_devices(fixture);
        lose();
        world_pass(30 * 1000);
        assert_int_equal(world_asked(), 0);
        world_pass(MINUTE);
        assert_int_equal(world_asked(), 1);
        world_pass(MINUTE);
        assert_int_equal(world_asked(), 1);
        world_assign(the_one_that_asks(), HUB_B);
        assert_int_equal(world_asked(), 2);
        assert_int_equal(world_registrations[world_registration_count - 1].kind, DPS_REPEATED);
        world_assign(the_one_that_asks(), HUB_B);
        world_assign(the_one_that_asks(), HUB_B);
        assert_true(remembers("d1", HUB_B) && remembers("d2", HUB_B) && remembers("d3", HUB_B));
        assert_string_equal(world_link("d3")->hub, HUB_B);
}

static void a_hub_that_is_gone_is_noticed_after_a_restart_too(void **state)
{
        struct fixture *fixture = *state;

        connect(fixture, "d1", HUB_A);
        restart(fixture);
        uplink(fixture, "d1");
        hub_is_away(HUB_A, 1);
        world_pass(2 * MINUTE);
        assert_int_equal(world_asked(), 1);
        world_assign("d1", HUB_B);
        assert_string_equal(world_link("d1")->hub, HUB_B);
}

static void a_hub_that_is_away_for_hours_is_asked_about_slowly(void **state)
{
        struct fixture *fixture = *state;
        size_t before;

        known_devices(fixture);
        lose();
        before = world_registration_count;
        for (int64_t ms = 0; ms < 60 * MINUTE; ms += 1000) {
                if (the_one_that_asks())
                        world_assign(the_one_that_asks(), HUB_A);
                world_pass(1000);
        }
        assert_in_range(world_registration_count - before, 4, 14);
        assert_true(remembers("d1", HUB_A) && remembers("d2", HUB_A) && remembers("d3", HUB_A));
        /* All of them are waiting for the hub. */
        world_hubs[0].failures = 0;
        world_ready("d1");
        world_ready("d2");
        world_ready("d3");
}

/* --- refusals of everybody, and clocks ------------------------------------------------------ */

static void refuse_all(void)
{
        world_refuse("d1", HUB_REFUSAL_COMMON);
        world_refuse("d2", HUB_REFUSAL_COMMON);
        world_refuse("d3", HUB_REFUSAL_COMMON);
}

static void a_hub_that_refuses_everybody_makes_one_device_ask(void **state)
{
        struct fixture *fixture = *state;

        known_devices(fixture);
        refuse_all();
        world_pass(2000);
        assert_int_equal(world_asked(), 1);
        /* It has forgotten them: the one that asked is made known to it again. */
        world_assign(the_one_that_asks(), HUB_A);
        world_pass(10 * 1000);
        assert_int_equal(world_asked(), 0);
        world_pass(MINUTE);
        assert_int_equal(world_asked(), 1);
        assert_int_equal(world_store.dead_count, 0);
        assert_true(remembers("d1", HUB_A) && remembers("d2", HUB_A) && remembers("d3", HUB_A));
}

static void a_wrong_clock_forgets_nothing_and_nobody_asks_until_it_is_set(void **state)
{
        struct fixture *fixture = *state;

        known_devices(fixture);
        restart(fixture);
        world_wall_ms -= 120 * MINUTE;
        restart(fixture);
        uplink(fixture, "d1");
        uplink(fixture, "d2");
        uplink(fixture, "d3");
        world_refuse("d1", HUB_REFUSAL_UNAUTHORIZED);
        world_pass(0);
        world_deny("d1", DPS_UNAUTHORIZED, -120 * MINUTE);
        world_refuse("d2", HUB_REFUSAL_UNAUTHORIZED);
        world_refuse("d3", HUB_REFUSAL_UNAUTHORIZED);
        world_pass(60 * MINUTE);
        assert_int_equal(world_registration_count, 1);
        assert_true(remembers("d1", HUB_A) && remembers("d2", HUB_A) && remembers("d3", HUB_A));
        world_refuse("d1", HUB_REFUSAL_UNAUTHORIZED);
        world_wall_ms += 120 * MINUTE;
        world_pass(2000);
        assert_phase(fixture, "d1", DEVICE_CONNECTING);
        assert_phase(fixture, "d2", DEVICE_CONNECTING);
        assert_int_equal(world_registration_count, 1);
        world_ready("d1");
        assert_int_equal(world_link("d1")->sends, 1);
}

/* Four devices that the last run knew, at a hub that this one has not heard of yet. */
static void known_devices_of_the_last_run(struct fixture *fixture)
{
        static const char *const names[] = {"d1", "d2", "d3", "d4"};

        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                connect(fixture, names[i], HUB_A);
        restart(fixture);
        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                uplink(fixture, names[i]);
}

static void refuse_four(void)
{
        world_refuse("d1", HUB_REFUSAL_UNAUTHORIZED);
        world_refuse("d2", HUB_REFUSAL_UNAUTHORIZED);
        world_refuse("d3", HUB_REFUSAL_UNAUTHORIZED);
        world_refuse("d4", HUB_REFUSAL_UNAUTHORIZED);
        world_pass(0);
}

static void before_the_clock_is_known_one_device_asks_and_nobody_registers_anew(void **state)
{
        struct fixture *fixture = *state;

        known_devices_of_the_last_run(fixture);
        refuse_four();
        assert_int_equal(world_asked(), 1);
        world_deny("d1", DPS_UNAUTHORIZED, -120 * MINUTE);
        world_pass(MINUTE);
        world_wall_ms += 120 * MINUTE;
        world_pass(MINUTE);
        assert_int_equal(world_registration_count, 1);
        assert_phase(fixture, "d1", DEVICE_CONNECTING);
        assert_phase(fixture, "d4", DEVICE_CONNECTING);
        world_ready("d4");
        assert_int_equal(world_link("d4")->sends, 1);
}

static void when_the_clock_is_right_all_who_are_refused_ask_at_once(void **state)
{
        struct fixture *fixture = *state;

        known_devices_of_the_last_run(fixture);
        refuse_four();
        assert_int_equal(world_asked(), 1);
        world_assign("d1", HUB_B);
        world_pass(0);
        assert_int_equal(world_asked(), 3);
}

static void an_accepted_device_proves_the_clock_for_those_who_wait_to_ask(void **state)
{
        struct fixture *fixture = *state;

        known_devices_of_the_last_run(fixture);
        world_refuse("d1", HUB_REFUSAL_UNAUTHORIZED);
        world_refuse("d2", HUB_REFUSAL_UNAUTHORIZED);
        world_pass(0);
        assert_int_equal(world_asked(), 1);
        world_ready("d3");
        world_pass(0);
        assert_int_equal(world_asked(), 2);
}

static void an_asker_without_an_answer_leaves_the_question_to_another(void **state)
{
        struct fixture *fixture = *state;

        known_devices_of_the_last_run(fixture);
        world_refuse("d1", HUB_REFUSAL_UNAUTHORIZED);
        world_refuse("d2", HUB_REFUSAL_UNAUTHORIZED);
        world_pass(MINUTE);
        assert_int_equal(world_link("d2")->retries, 1);
        assert_int_equal(world_asked(), 1);
        world_refuse("d2", HUB_REFUSAL_UNAUTHORIZED);
        world_pass(2 * MINUTE);
        assert_int_equal(world_asked(), 2);
}

static void what_was_asked_before_the_clock_was_set_is_asked_again(void **state)
{
        struct fixture *fixture = *state;

        known_devices_of_the_last_run(fixture);
        world_wall_ms += 120 * MINUTE;
        refuse_four();
        world_pass(3000);
        assert_int_equal(world_registration_count, 0);
        assert_int_equal(world_link("d1")->retries, 1);
        /* One that is refused for itself soon asks all the same. */
        for (int i = 0; i < 10 && !world_registration("d1"); i++) {
                world_refuse("d1", HUB_REFUSAL_UNAUTHORIZED);
                world_pass(2000);
        }
        assert_int_equal(world_asked(), 1);
        assert_non_null(world_registration("d1"));
}

static void a_clock_that_is_set_by_a_day_loses_and_rejects_nothing(void **state)
{
        struct fixture *fixture = *state;
        const int64_t steps[] = {DAY, -2 * DAY, DAY};

        known_devices(fixture);
        for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
                world_wall_ms += steps[i];
                uplink(fixture, "d1");
                world_answer_send("d1", HUB_THROTTLED);
                world_pass(MINUTE);
                world_answer_send("d1", HUB_ACCEPTED);
        }
        assert_int_equal(world_store.done_count, 6);
        assert_int_equal(world_store.dead_count, 0);
        assert_int_equal(world_registration_count, 3);
}

/* --- two ways to one place ------------------------------------------------------------------- */

static void two_enrolments_of_one_device_id_are_held_apart_until_one_moves(void **state)
{
        struct fixture *fixture = *state;

        connect(fixture, "d1", HUB_A);
        uplink(fixture, "d2");
        world_assign_as("d2", HUB_A, "d1");
        assert_phase(fixture, "d2", DEVICE_HELD);
        assert_non_null(strstr(device_named(fixture, "d2")->held_because, "things-stack/app/d1"));
        assert_non_null(strstr(device_named(fixture, "d2")->held_because, "things-stack/app/d2"));
        assert_int_equal(world_store.dead_count, 0);
        /* The first one is assigned to another hub: the place is free. */
        world_refuse("d1", HUB_REFUSAL_NOT_FOUND);
        world_pass(0);
        world_assign("d1", HUB_B);
        world_pass(MINUTE);
        assert_phase(fixture, "d2", DEVICE_CONNECTING);
        assert_int_equal(world_asked(), 0);
}

/* --- by connection string -------------------------------------------------------------------- */

static void a_device_with_a_connection_string_is_tried_again_at_its_hub(void **state)
{
        struct fixture *fixture = *state;

        fixture->settings.azure.connection_type = SETTINGS_DEVICE_CONNECTION_STRING;
        fixture->settings.azure.connection_string = hub_string;
        uplink(fixture, "d1");
        world_refuse("d1", HUB_REFUSAL_NOT_FOUND);
        assert_phase(fixture, "d1", DEVICE_HELD);
        world_pass(MINUTE);
        assert_int_equal(world_link("d1")->retries, 1);
        hub_is_away(HUB_A, 1);
        world_pass(10 * MINUTE);
        assert_int_equal(world_registration_count, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
                TEST(a_new_device_registers_connects_and_sends),
                TEST(a_known_device_asks_nothing_after_a_restart),
                TEST(what_the_hub_rejects_is_set_aside_and_the_next_goes_on),
                TEST(what_was_throttled_or_lost_is_sent_again),
                TEST(a_service_that_is_away_is_asked_again_within_a_minute),
                TEST(a_device_that_the_service_refuses_asks_again_slowly_and_behind_new_ones),
                TEST(a_device_that_the_service_refused_before_is_no_new_one_after_a_restart),
                TEST(a_device_that_changes_while_it_registers_registers_anew),
                TEST(what_is_stored_for_a_device_that_is_switched_off_is_set_aside),
                TEST(a_refused_device_asks_the_service_and_keeps_what_was_assigned),
                TEST(an_assignment_is_replaced_when_the_service_names_another_hub),
                TEST(what_the_service_has_just_confirmed_is_not_asked_at_the_next_refusal),
                TEST(a_device_that_was_ready_for_a_while_starts_with_short_pauses_again),
                TEST(a_held_device_that_the_client_connects_by_itself_sends_at_once),
                TEST(a_hub_that_is_gone_makes_one_device_ask_and_then_all),
                TEST(a_hub_that_is_gone_is_noticed_after_a_restart_too),
                TEST(a_hub_that_is_away_for_hours_is_asked_about_slowly),
                TEST(a_hub_that_refuses_everybody_makes_one_device_ask),
                TEST(a_wrong_clock_forgets_nothing_and_nobody_asks_until_it_is_set),
                TEST(before_the_clock_is_known_one_device_asks_and_nobody_registers_anew),
                TEST(when_the_clock_is_right_all_who_are_refused_ask_at_once),
                TEST(an_accepted_device_proves_the_clock_for_those_who_wait_to_ask),
                TEST(an_asker_without_an_answer_leaves_the_question_to_another),
                TEST(what_was_asked_before_the_clock_was_set_is_asked_again),
                TEST(a_clock_that_is_set_by_a_day_loses_and_rejects_nothing),
                TEST(two_enrolments_of_one_device_id_are_held_apart_until_one_moves),
                TEST(a_device_with_a_connection_string_is_tried_again_at_its_hub),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
