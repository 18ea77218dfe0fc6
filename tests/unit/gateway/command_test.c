// SPDX-License-Identifier: MIT
/* The states of gateway/command/command.h, and a command's form in the store. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "gateway/command/command.h"

static void law_a_command_ends_from_everywhere_and_starts_anew_only_then(void **state)
{
        struct command command = {.state = COMMAND_HELD};

        (void)state;
        for (int i = 0; i < COMMAND_STATE_COUNT; i++) {
                command.state = (enum command_state)i;
                assert_int_equal(command_can_reach(&command, COMMAND_FINISHED),
                                 i != COMMAND_FINISHED);
                assert_int_equal(command_can_reach(&command, COMMAND_HELD), i == COMMAND_FINISHED);
                assert_false(command_can_reach(&command, command.state));
        }
}

static void law_what_the_network_has_never_goes_back(void **state)
{
        static const enum command_state behind[] = {COMMAND_QUEUED, COMMAND_SENT, COMMAND_REQUEUED,
                                                    COMMAND_FINISHED};
        struct command command = {.state = COMMAND_HELD};

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(behind); i++) {
                command.state = behind[i];
                for (int to = COMMAND_RESTING; to < COMMAND_QUEUED; to++)
                        assert_false(command_can_reach(&command, (enum command_state)to));
        }
}

static void law_in_doubt_it_is_not_handed_over_without_being_begun(void **state)
{
        struct command command = {.state = COMMAND_UNCERTAIN_BEHIND};

        (void)state;
        assert_true(command_is_in_doubt(&command));
        assert_false(command_can_reach(&command, COMMAND_WAITING));
        assert_false(command_can_reach(&command, COMMAND_BEGUN));
        command.state = COMMAND_UNCERTAIN;
        assert_false(command_can_reach(&command, COMMAND_WAITING));
        assert_true(command_can_reach(&command, COMMAND_BEGUN));
}

static struct command *write_and_read(struct command *command)
{
        CLEANUP(buf_deinit) struct buf record = BUF_INIT;
        struct reason reason = REASON_INIT;
        struct command *again;

        command_encode(command, &record);
        again = command_decode(record.data, record.size, &reason);
        if (!again)
                fail_msg("%s", reason.text);
        return again;
}

static struct command *a_command(void)
{
        struct command *command = mem_new(1, sizeof(*command));

        command->device_key = mem_text("things-stack/app/dev");
        command->identity = mem_text("m \"1\"");
        command->message_id = mem_text("m1");
        command->downlink.application = mem_text("app");
        command->downlink.device = mem_text("dev");
        command->downlink.decoded = mem_text("{\"led\":1.50}");
        command->downlink.port = 223;
        command->policy = SETTINGS_SETTLE_ON_ACK;
        command->resume = COMMAND_WAITING;
        command->attempt = 3;
        command->sequence = 7;
        command->received = clock_moment_now();
        command_make_reference(command);
        return command;
}

/* What was begun may have gone out before the end of the run; a pause ends with it. */
static void states_outlive_a_restart(void **state)
{
        static const enum command_state rows[COMMAND_STATE_COUNT] = {
                [COMMAND_HELD] = COMMAND_HELD,
                [COMMAND_RESTING] = COMMAND_DENIED,
                [COMMAND_WAITING] = COMMAND_WAITING,
                [COMMAND_BEGUN] = COMMAND_UNCERTAIN,
                [COMMAND_DENIED] = COMMAND_DENIED,
                [COMMAND_UNCERTAIN] = COMMAND_UNCERTAIN,
                [COMMAND_BEGUN_BEHIND] = COMMAND_UNCERTAIN_BEHIND,
                [COMMAND_UNCERTAIN_BEHIND] = COMMAND_UNCERTAIN_BEHIND,
                [COMMAND_QUEUED] = COMMAND_QUEUED,
                [COMMAND_SENT] = COMMAND_SENT,
                [COMMAND_REQUEUED] = COMMAND_REQUEUED,
                [COMMAND_FINISHED] = COMMAND_FINISHED,
        };

        (void)state;
        for (int i = 0; i < COMMAND_STATE_COUNT; i++) {
                struct command *command = a_command();
                struct command *again;

                command->state = (enum command_state)i;
                command->resume = COMMAND_DENIED;
                command->told = COMMAND_TOLD_WAITS;
                again = write_and_read(command);
                assert_int_equal(again->state, rows[i]);
                assert_int_equal(again->resume, COMMAND_DENIED);
                assert_int_equal(again->told, COMMAND_TOLD_WAITS);
                command_free(again);
                command_free(command);
        }
}

static void texts_and_numbers_outlive_a_restart(void **state)
{
        struct command *command = a_command();
        struct command *again = write_and_read(command);

        (void)state;
        assert_string_equal(again->identity, "m \"1\"");
        assert_string_equal(again->downlink.decoded, "{\"led\":1.50}");
        assert_string_equal(again->downlink.reference, command->downlink.reference);
        assert_int_equal(again->downlink.port, 223);
        assert_int_equal(again->attempt, 3);
        assert_int_equal(again->sequence, 7);
        assert_int_equal(again->received.wall_ms, command->received.wall_ms);
        assert_null(again->formatter);
        command_free(again);
        command_free(command);
}

/* A clock that went back must not make what is in doubt young again. */
static void what_was_begun_in_the_future_was_begun_long_ago(void **state)
{
        struct command *command = a_command();
        struct command *again;

        (void)state;
        command->state = COMMAND_WAITING;
        command_reach(command, COMMAND_BEGUN);
        command->reached_ms[COMMAND_BEGUN] += 3600 * 1000;
        again = write_and_read(command);
        assert_true(clock_steady_ms() - again->begun.steady_ms > INT64_C(365) * 24 * 3600 * 1000);
        command_free(again);
        command_free(command);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(law_a_command_ends_from_everywhere_and_starts_anew_only_then),
                cmocka_unit_test(law_what_the_network_has_never_goes_back),
                cmocka_unit_test(law_in_doubt_it_is_not_handed_over_without_being_begun),
                cmocka_unit_test(states_outlive_a_restart),
                cmocka_unit_test(texts_and_numbers_outlive_a_restart),
                cmocka_unit_test(what_was_begun_in_the_future_was_begun_long_ago),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
