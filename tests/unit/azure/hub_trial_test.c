// SPDX-License-Identifier: MIT
/* When a message that fails again and again is given up, and when never. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unit/azure/hub_pair.h"

#define MINUTE_MS (INT64_C(60) * 1000)

/* Sends message 1 of the owner over and over, and a new one of the device beside it each time. */
static int tries_until_rejected(struct bench *bench, bool others)
{
        struct world *world = &bench->world;
        int tries = 0;

        while (tries < 50 && strstr(bench->owner.log, "1-") == NULL) {
                if (owner_send(&bench->owner, 1))
                        tries++;
                if (others)
                        (void)owner_send(&bench->other, 100 + (uint64_t)tries);
                world_advance(world, MINUTE_MS);
        }
        return tries;
}

static void a_message_refused_for_no_known_reason_is_given_up(void **state)
{
        static const struct {
                uint64_t outcome;
                const char *condition;
        } cases[] = {
                {PN_REJECTED, "amqp:internal-error"},
                {PN_REJECTED, "amqp:precondition-failed"},
                {PN_REJECTED, "amqp:illegal-state"},
                {PN_REJECTED, "amqp:resource-deleted"},
                {PN_REJECTED, "amqp:frame-size-too-small"},
                {PN_REJECTED, "amqp:not-allowed"},
                {PN_REJECTED, "com.microsoft:precondition-failed"},
                {PN_REJECTED, "never:heard"},
                {PN_REJECTED, NULL},
                {PN_RELEASED, NULL},
                {PN_MODIFIED, NULL},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct bench *bench;

                bench_setup_two(state);
                bench = *state;
                bench->world.script.victim = "dev1";
                bench->world.script.outcome = cases[i].outcome;
                bench->world.script.condition = cases[i].condition;
                assert_int_equal(tries_until_rejected(bench, true), 10);
                assert_non_null(strstr(bench->owner.reason.text, "given up after 10 tries"));
                if (cases[i].condition != NULL)
                        assert_non_null(strstr(bench->owner.reason.text, cases[i].condition));
                bench_teardown(state);
        }
}

static void a_message_is_not_to_blame_while_nobody_is_accepted(void **state)
{
        struct bench *bench = *state;

        bench->world.script.outcome = PN_REJECTED;
        bench->world.script.condition = "amqp:internal-error";
        assert_int_equal(tries_until_rejected(bench, true), 50);
        bench->world.script.victim = "dev1";
        assert_int_equal(tries_until_rejected(bench, true), 2);
}

static void what_is_said_of_device_or_hub_is_no_fault_of_the_message(void **state)
{
        static const char *const conditions[] = {
                "amqp:unauthorized-access",
                "amqp:not-found",
                "com.microsoft:iot-hub-not-found-error",
                "com.microsoft:iot-hub-suspended",
                "com.microsoft:quota-exceeded",
                "com.microsoft:device-container-throttled",
                "amqp:resource-limit-exceeded",
                "amqp:link:stolen",
        };

        for (size_t i = 0; i < ARRAY_SIZE(conditions); i++) {
                struct bench *bench;

                bench_setup_two(state);
                bench = *state;
                bench->world.script.victim = "dev1";
                bench->world.script.outcome = PN_REJECTED;
                bench->world.script.condition = conditions[i];
                for (int tries = 0; tries < 50; tries++) {
                        hub_device_retry(bench->owner.device);
                        world_advance(&bench->world, 2 * MINUTE_MS);
                        (void)owner_send(&bench->owner, 1);
                        (void)owner_send(&bench->other, 100);
                        world_run(&bench->world);
                }
                assert_null(strstr(bench->owner.log, "1-"));
                assert_non_null(strchr(bench->owner.log, '1'));
                bench_teardown(state);
        }
}

static void a_message_that_is_never_answered_is_given_up(void **state)
{
        struct bench *bench = *state;

        bench->world.script.victim = "dev1";
        bench->world.script.outcome = 0;
        for (int tries = 0; tries < 40 && strstr(bench->owner.log, "1-") == NULL; tries++) {
                (void)owner_send(&bench->owner, 1);
                (void)owner_send(&bench->other, 100);
                world_advance(&bench->world, 3 * MINUTE_MS);
        }
        assert_non_null(strstr(bench->owner.log, "1-"));
        assert_non_null(strstr(bench->owner.reason.text, "did not answer"));
}

static void a_message_that_ends_its_link_is_given_up(void **state)
{
        struct bench *bench = *state;
        struct world *world = &bench->world;
        int tries = 0;

        world->script.victim = "dev1";
        world->script.outcome = 0;
        while (tries < 50 && strstr(bench->owner.log, "1-") == NULL) {
                struct hub_peer *peer = &world_pair(world)->peer;

                (void)owner_send(&bench->other, 100);
                if (owner_send(&bench->owner, 1)) {
                        world_run(world);
                        tries++;
                        if (tries % 2 == 0)
                                pn_session_close(pn_link_session(peer->telemetry));
                        else
                                pn_link_close(peer->telemetry);
                }
                world_advance(world, MINUTE_MS);
        }
        /* And once with the other one on the same session, where nobody is to blame. */
        assert_int_equal(tries, 10 + 1);
}

static void a_report_that_fails_again_and_again_is_given_up(void **state)
{
        struct bench *bench = *state;
        int tries = 0;

        bench->world.script.victim = "dev1";
        bench->world.script.twin_status = 500;
        while (tries < 50 && strstr(bench->owner.log, "1-") == NULL) {
                (void)owner_send(&bench->other, 100);
                if (hub_device_report(bench->owner.device, "{}", 2, 1))
                        tries++;
                world_advance(&bench->world, MINUTE_MS);
        }
        assert_int_equal(tries, 10);
        assert_non_null(strstr(bench->owner.reason.text, "500"));
}

static void an_accepted_message_starts_a_new_count(void **state)
{
        struct bench *bench = *state;

        bench->world.script.victim = "dev1";
        bench->world.script.outcome = PN_RELEASED;
        for (int round = 0; round < 3; round++) {
                for (int tries = 0; tries < 9; tries++) {
                        (void)owner_send(&bench->other, 100);
                        assert_true(owner_send(&bench->owner, 1));
                        world_run(&bench->world);
                }
                bench->world.script.outcome = PN_ACCEPTED;
                assert_true(owner_send(&bench->owner, 1));
                world_run(&bench->world);
                bench->world.script.outcome = PN_RELEASED;
        }
        assert_null(strstr(bench->owner.log, "1-"));
}

#define TWO(name) cmocka_unit_test_setup_teardown(name, bench_setup_two, bench_teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_message_refused_for_no_known_reason_is_given_up),
                TWO(a_message_is_not_to_blame_while_nobody_is_accepted),
                cmocka_unit_test(what_is_said_of_device_or_hub_is_no_fault_of_the_message),
                TWO(a_message_that_is_never_answered_is_given_up),
                TWO(a_message_that_ends_its_link_is_given_up),
                TWO(a_report_that_fails_again_and_again_is_given_up),
                TWO(an_accepted_message_starts_a_new_count),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
