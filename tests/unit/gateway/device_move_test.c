// SPDX-License-Identifier: MIT
/* A connected device that moves to another hub, or has nothing to do. */
#include "link_fixture.h"

/* Connected to hub A, and assigned to hub B by the service of another scope. */
static struct hub_device *move_to_b(struct fixture *fixture)
{
        struct hub_device *old;
        struct reason reason = REASON_INIT;

        old = world_link("d1");
        assert_int_equal(device_provision_move(fixture->provision, device_named(fixture, "d1"),
                                               "0neOTHER", &reason),
                         0);
        assert_false(old->closed);
        world_assign("d1", HUB_B);
        assert_string_equal(world_link("d1")->hub, HUB_B);
        return old;
}

static void the_old_connection_is_closed_when_the_new_one_stands(void **state)
{
        struct fixture *fixture = *state;
        struct hub_device *old;

        connect(fixture, "d1", HUB_A);
        old = move_to_b(fixture);
        uplink(fixture, "d1");
        assert_false(old->closed);
        assert_int_equal(old->sends, 1);
        /* What becomes of the old one is no matter of the new one. */
        old->handler->state(old->context, HUB_DEVICE_CONNECTING, HUB_REFUSAL_NONE, NULL);
        assert_phase(fixture, "d1", DEVICE_CONNECTING);
        world_ready("d1");
        assert_true(old->closed);
        assert_phase(fixture, "d1", DEVICE_READY);
        assert_int_equal(world_link("d1")->token, 2);
}

static void what_is_under_way_when_a_device_moves_is_sent_once(void **state)
{
        struct fixture *fixture = *state;
        struct hub_device *old;
        uint64_t token;

        connect(fixture, "d1", HUB_A);
        uplink(fixture, "d1");
        old = move_to_b(fixture);
        token = old->token;
        assert_int_equal(token, 2);
        old->token = 0;
        old->handler->outcome(old->context, token, HUB_ACCEPTED, NULL);
        assert_int_equal(world_store.done[1], 2);
        world_ready("d1");
        assert_int_equal(world_link("d1")->sends, 0);
        assert_true(old->closed);
}

static void what_the_old_hub_does_not_answer_is_sent_to_the_new_one(void **state)
{
        struct fixture *fixture = *state;
        struct hub_device *old;

        connect(fixture, "d1", HUB_A);
        uplink(fixture, "d1");
        old = move_to_b(fixture);
        world_ready("d1");
        assert_true(old->closed);
        world_pass(60 * 1000);
        assert_int_equal(world_link("d1")->token, 2);
}

static void a_new_hub_that_refuses_the_device_ends_the_old_connection(void **state)
{
        struct fixture *fixture = *state;
        struct hub_device *old;

        connect(fixture, "d1", HUB_A);
        old = move_to_b(fixture);
        world_refuse("d1", HUB_REFUSAL_UNAUTHORIZED);
        assert_true(old->closed);
        assert_phase(fixture, "d1", DEVICE_HELD);
}

/* Before the new connection stands; and the service knows the next hub. */
static void a_new_hub_that_is_gone_is_asked_about(void **state)
{
        struct fixture *fixture = *state;
        struct hub_device *old;

        connect(fixture, "d1", HUB_A);
        old = move_to_b(fixture);
        uplink(fixture, "d1");
        hub_is_away(HUB_B, 1);
        world_pass(10 * 60 * 1000);
        assert_int_equal(world_asked(), 1);
        world_hub_count = 0;
        world_assign("d1", "third.example");
        assert_string_equal(world_link("d1")->hub, "third.example");
        world_ready("d1");
        assert_true(old->closed);
        assert_int_equal(world_link("d1")->token, 2);
}

/* --- idle ------------------------------------------------------------------------------------ */

static void an_idle_device_is_detached_until_its_next_uplink(void **state)
{
        struct fixture *fixture = *state;

        fixture->settings.azure.detach_idle_minutes = 10;
        connect(fixture, "d1", HUB_A);
        world_pass(9 * MINUTE);
        assert_phase(fixture, "d1", DEVICE_READY);
        world_pass(2 * MINUTE);
        assert_phase(fixture, "d1", DEVICE_NEW);
        assert_null(world_link("d1"));
        uplink(fixture, "d1");
        assert_int_equal(world_asked(), 0);
        assert_true(world_link("d1")->hurried);
        world_ready("d1");
        world_answer_send("d1", HUB_ACCEPTED);
        assert_phase(fixture, "d1", DEVICE_READY);
}

/* By default, and whatever it has to send. */
static void a_device_that_is_not_idle_stays(void **state)
{
        struct fixture *fixture = *state;

        connect(fixture, "d1", HUB_A);
        world_pass(DAY);
        assert_phase(fixture, "d1", DEVICE_READY);
        fixture->settings.azure.detach_idle_minutes = 10;
        uplink(fixture, "d1");
        world_pass(20 * MINUTE);
        assert_phase(fixture, "d1", DEVICE_READY);
        assert_int_equal(world_link("d1")->token, 2);
        world_answer_send("d1", HUB_ACCEPTED);
        world_pass(MINUTE);
        assert_phase(fixture, "d1", DEVICE_NEW);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(the_old_connection_is_closed_when_the_new_one_stands),
                TEST(what_is_under_way_when_a_device_moves_is_sent_once),
                TEST(what_the_old_hub_does_not_answer_is_sent_to_the_new_one),
                TEST(a_new_hub_that_refuses_the_device_ends_the_old_connection),
                TEST(a_new_hub_that_is_gone_is_asked_about),
                TEST(an_idle_device_is_detached_until_its_next_uplink),
                TEST(a_device_that_is_not_idle_stays),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
