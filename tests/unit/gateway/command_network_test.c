// SPDX-License-Identifier: MIT
/* The laws of gateway/command/command_network.h, with a network that the test plays. */
#include "network_world.h"

/* --- methods whose caller is gone ----------------------------------------------------------- */

static void a_method_is_never_pushed_after_a_restart(void **state)
{
        struct called call = {.lost = false};
        struct command *command;

        (void)state;
        add_method(&call);
        check_last_request(1, "POST", "/devices/dev/down/push");
        restart();
        command = command_ledger_find(site.ledger, device_key, "method:1");
        check_last_request(2, "GET", "/devices/dev/down");
        answer(200, "{\"downlinks\":[]}");
        assert_int_equal(http.count, 2);
        assert_int_equal(command->outcome, COMMAND_EXPIRED);
        assert_string_equal(command->reason, "its caller is gone");
}

static void a_method_that_the_network_has_is_tracked_after_a_restart(void **state)
{
        struct called call = {.lost = false};
        struct command *command;

        (void)state;
        add_method(&call);
        restart();
        command = command_ledger_find(site.ledger, device_key, "method:1");
        answer_listed(command);
        assert_int_equal(command->state, COMMAND_QUEUED);
        command_ledger_advance(site.ledger, command, COMMAND_SENT);
        assert_int_equal(command->outcome, COMMAND_DELIVERED);
}

static void a_method_is_not_pushed_when_its_link_has_ended(void **state)
{
        struct called first = {.lost = false};
        struct command *command;

        (void)state;
        add("before");
        command = add_method(&first);
        first.lost = true;
        answer(200, "");
        assert_int_equal(command->outcome, COMMAND_EXPIRED);
        assert_int_equal(http.count, 1);
        commit();
        free(first.body);
}

/* --- answers -------------------------------------------------------------------------------- */

static void rule_D1_answers_of_the_network_decide(void **state)
{
        static const struct {
                enum http_failure failure;
                int status;
                enum command_state state;
                enum command_outcome outcome;
        } rows[] = {
                {HTTP_OK, 200, COMMAND_QUEUED, COMMAND_NO_OUTCOME},
                {HTTP_OK, 400, COMMAND_FINISHED, COMMAND_REFUSED},
                {HTTP_OK, 401, COMMAND_WAITING, COMMAND_NO_OUTCOME},
                {HTTP_OK, 403, COMMAND_WAITING, COMMAND_NO_OUTCOME},
                {HTTP_OK, 404, COMMAND_FINISHED, COMMAND_REFUSED},
                {HTTP_OK, 409, COMMAND_WAITING, COMMAND_NO_OUTCOME},
                {HTTP_OK, 429, COMMAND_WAITING, COMMAND_NO_OUTCOME},
                {HTTP_OK, 500, COMMAND_DENIED, COMMAND_NO_OUTCOME},
                {HTTP_OK, 502, COMMAND_UNCERTAIN, COMMAND_NO_OUTCOME},
                {HTTP_OK, 503, COMMAND_DENIED, COMMAND_NO_OUTCOME},
                {HTTP_OK, 504, COMMAND_UNCERTAIN, COMMAND_NO_OUTCOME},
                {HTTP_E_CONNECT, 0, COMMAND_WAITING, COMMAND_NO_OUTCOME},
                {HTTP_E_TLS, 0, COMMAND_WAITING, COMMAND_NO_OUTCOME},
                {HTTP_E_TIMEOUT, 0, COMMAND_UNCERTAIN, COMMAND_NO_OUTCOME},
                {HTTP_E_BROKEN, 0, COMMAND_UNCERTAIN, COMMAND_NO_OUTCOME},
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                struct command *command = add("m");

                answer_with(rows[i].failure, rows[i].status, "{}");
                assert_int_equal(command->state, rows[i].state);
                assert_int_equal(command->outcome, rows[i].outcome);
                teardown(state);
                setup(state);
        }
}

static void a_way_that_is_not_known_yet_is_waited_for(void **state)
{
        char *key = site.settings.networks[THINGS_STACK].api_key;
        struct command *command;

        (void)state;
        site.settings.networks[THINGS_STACK].api_key = NULL;
        command = add("m");
        assert_int_equal(command->state, COMMAND_WAITING);
        assert_int_equal(http.count, 0);
        site.settings.networks[THINGS_STACK].api_key = key;
        try_again();
        commit();
        check_last_request(1, "POST", "/down/push");
        answer(200, "{}");
        assert_int_equal(command->state, COMMAND_QUEUED);
}

static void what_the_network_denies_is_asked_for_before_it_is_pushed_again(void **state)
{
        struct command *command = add("m");

        (void)state;
        answer(500, "{}");
        assert_int_equal(command->state, COMMAND_DENIED);
        try_again();
        check_last_request(2, "GET", "/down");
        answer(503, "{}");
        try_again();
        check_last_request(3, "GET", "/down");
        answer(200, "{}");
        check_last_request(4, "POST", "/down/push");
        answer(200, "");
        assert_int_equal(command->state, COMMAND_QUEUED);
}

static void the_list_shows_what_the_network_denied(void **state)
{
        struct command *command;

        (void)state;
        add("before");
        answer(200, "");
        command = add("m");
        answer(500, "{}");
        try_again();
        answer_listed(command);
        assert_int_equal(command->state, COMMAND_QUEUED);
        assert_int_equal(http.count, 3);
}

/* As if the gateway had listened long enough for events. */
static void stop_listening(struct command *command)
{
        assert_true(command->listen_until_ms > clock_steady_ms());
        command->listen_until_ms = clock_steady_ms() - 1;
        try_again();
}

/* The answer is lost, and the network's list is empty. */
static struct command *lose(void)
{
        struct command *command = add("m");

        answer_with(HTTP_E_TIMEOUT, 0, "");
        assert_int_equal(command->state, COMMAND_UNCERTAIN);
        try_again();
        check_last_request(2, "GET", "/down");
        answer(200, "{\"downlinks\":[]}");
        assert_int_equal(command->state, COMMAND_UNCERTAIN);
        assert_int_equal(http.count, 2);
        return command;
}

static void law_an_empty_list_is_no_proof_that_it_was_not_sent(void **state)
{
        static const enum device_class classes[] = {DEVICE_CLASS_NOT_KNOWN, DEVICE_CLASS_B,
                                                    DEVICE_CLASS_C};

        for (size_t i = 0; i < ARRAY_SIZE(classes); i++) {
                struct command *command;

                site.settings.networks[THINGS_STACK].device_class = classes[i];
                command = lose();
                stop_listening(command);
                check_last_request(3, "GET", "/down");
                answer(200, "{\"downlinks\":[]}");
                assert_int_equal(command->outcome, COMMAND_REFUSED);
                assert_non_null(strstr(command->reason, "not known"));
                assert_int_equal(http.count, 3);
                teardown(state);
                setup(state);
        }
}

static void law_events_are_waited_for_and_decide(void **state)
{
        struct command *command = lose();

        (void)state;
        command_ledger_advance(site.ledger, command, COMMAND_SENT);
        assert_int_equal(command->outcome, COMMAND_DELIVERED);
        assert_int_equal(http.count, 2);
        commit();
        add("next");
        check_last_request(3, "POST", "/down/push");
        answer(200, "");
}

/* As if the gateway ran for a day before the command was begun. */
static void run_for_long(struct command *command)
{
        command->begun.steady_ms += INT64_C(24) * 3600 * 1000;
}

static void a_sleeping_device_of_class_A_can_not_have_got_it(void **state)
{
        struct command *command;

        (void)state;
        site.device.attributes.device_class = DEVICE_CLASS_A;
        command = lose();
        run_for_long(command);
        stop_listening(command);
        answer(200, "{\"downlinks\":[]}");
        check_last_request(4, "POST", "/down/push");
        answer(200, "");
        assert_int_equal(command->state, COMMAND_QUEUED);
}

static void a_device_of_class_A_that_was_heard_of_may_have_got_it(void **state)
{
        struct command *command;

        (void)state;
        site.device.attributes.device_class = DEVICE_CLASS_A;
        command = lose();
        run_for_long(command);
        site.device.contact_ms = command->begun.steady_ms - 15 * 1000;
        stop_listening(command);
        answer(200, "{\"downlinks\":[]}");
        assert_int_equal(command->outcome, COMMAND_REFUSED);
        assert_int_equal(http.count, 3);
}

/* Uplinks of the time before the start are not known. */
static void law_killed_in_doubt_it_is_never_pushed_again(void **state)
{
        struct command *command;

        (void)state;
        site.device.attributes.device_class = DEVICE_CLASS_A;
        add("m");
        check_last_request(1, "POST", "/down/push");
        restart();
        command = command_ledger_find(site.ledger, device_key, "m");
        check_last_request(2, "GET", "/down");
        answer(200, "{\"downlinks\":[]}");
        stop_listening(command);
        answer(200, "{\"downlinks\":[]}");
        assert_int_equal(command->outcome, COMMAND_REFUSED);
        assert_int_equal(http.count, 3);
}

static void what_was_not_begun_is_pushed_after_a_restart(void **state)
{
        (void)state;
        site.settings.commands.per_device_per_minute = 1;
        add("m");
        add("next");
        answer(200, "");
        assert_int_equal(http.count, 1);
        restart();
        check_last_request(2, "POST", "/down/push");
        answer(200, "");
        assert_int_equal(http.count, 2);
}

static void what_is_in_doubt_and_over_is_not_pushed_again(void **state)
{
        struct command *command = add("m");

        (void)state;
        answer_with(HTTP_E_TIMEOUT, 0, "");
        command->downlink.expires_ms = 1;
        try_again();
        check_last_request(2, "GET", "/down");
        answer(200, "{}");
        assert_int_equal(command->outcome, COMMAND_EXPIRED);
        assert_int_equal(http.count, 2);
}

static void rule_E2_an_event_between_request_and_answer_decides(void **state)
{
        struct command *command = add("m");

        (void)state;
        command->downlink.confirmed = true;
        command_ledger_advance(site.ledger, command, COMMAND_SENT);
        answer_with(HTTP_E_TIMEOUT, 0, "");
        assert_int_equal(command->state, COMMAND_SENT);
        assert_null(site.device.handing_over);
        add("next");
        check_last_request(2, "POST", "/down/push");
        answer(200, "");
}

static void rule_D1_too_many_failures_abandon_and_doubt_is_kept(void **state)
{
        struct delivered again = {.gone = false};
        struct command *command = add("m");

        (void)state;
        answer_with(HTTP_E_BROKEN, 0, "");
        while (command->state != COMMAND_FINISHED) {
                try_again();
                answer(503, "{}");
        }
        assert_int_equal(command->outcome, COMMAND_FAILED);
        assert_int_equal(command->resume, COMMAND_UNCERTAIN);
        command_ledger_redelivered(site.ledger, command, &again.command);
        commit();
        run_timer(&command->timer);
        check_last_request(http.count, "GET", "/down");
        answer_listed(command);
        assert_int_equal(command->state, COMMAND_QUEUED);
        assert_false(again.is_settled);
}

/* --- Myriota: one downlink at a time, and nobody to ask (rule D4) --------------------------- */

#define PENDING "{\"message\":\"a message is already pending for this module\"}"

static bool is_recorded_as(const char *identity, const char *state)
{
        CLEANUP(mem_cleanup) char *key = mem_format("%s\n%s", device_key, identity);
        CLEANUP(mem_cleanup) char *member = mem_format("\"state\":\"%s\"", state);
        const char *record = on_disk(key);

        return record && strstr(record, member) != NULL;
}

static void law_doubt_is_on_disk_before_the_request_goes_out(void **state)
{
        (void)state;
        add("m");
        check_last_request(1, "POST", "/v1/control-messages");
        assert_true(is_recorded_as("m", "begun"));
        answer(429, "{}");
        assert_true(is_recorded_as("m", "waiting"));
        try_again();
        commit();
        assert_true(is_recorded_as("m", "begun"));
        answer(200, "{}");
        assert_true(is_recorded_as("m", "finished"));
        assert_int_equal(http.count, 2);
}

static void law_without_a_record_there_is_no_request(void **state)
{
        struct command *command = make_command(&site.device, "m");

        (void)state;
        site.settings.commands.per_device_per_minute = 60;
        site.device.next_command_ms = clock_steady_ms() + 60 * 1000;
        command_ledger_add(site.ledger, command);
        commit();
        site.device.next_command_ms = 0;
        disk.result = -5;
        try_again();
        commit();
        assert_int_equal(http.count, 0);
        assert_int_equal(command->outcome, COMMAND_FAILED);
        disk.result = 0;
}

static void what_waits_outlives_a_disk_that_fails(void **state)
{
        struct command *command;

        (void)state;
        add("first");
        command = add("m");
        answer(200, "{}");
        answer(400, PENDING);
        assert_int_equal(command->told, COMMAND_TOLD_WAITS);
        disk.result = -5;
        try_again();
        commit();
        assert_int_equal(http.count, 2);
        assert_int_equal(command->state, COMMAND_WAITING);
        disk.result = 0;
        try_again();
        commit();
        answer(200, "{}");
        assert_int_equal(command->outcome, COMMAND_DELIVERED);
}

static void rule_D4_further_ones_wait_and_are_told_so(void **state)
{
        struct delivered messages[3] = {{.gone = false}};
        struct called call = {.lost = false};
        struct command *commands[4];

        (void)state;
        for (size_t i = 0; i < 3; i++) {
                commands[i] = make_command(&site.device, (char[]){(char)('a' + i), '\0'});
                commands[i]->delivery = &messages[i].command;
                command_ledger_add(site.ledger, commands[i]);
        }
        commit();
        answer(200, "{}");
        assert_int_equal(commands[0]->outcome, COMMAND_DELIVERED);
        answer(400, PENDING);
        commands[3] = add_method(&call);
        for (size_t i = 0; i < 3; i++)
                assert_int_equal(messages[i].settlement, HUB_COMPLETE);
        assert_int_equal(call.status, 202);
        assert_int_equal(commands[1]->failures, 0);

        /* A module that is heard of is tried at once; the order stays. */
        command_network_contact(site.network, &site.device);
        assert_int_equal(site.device.command_timer.due_ms, 0);
        for (size_t i = 1; i < 4; i++) {
                if (site.device.command_timer.position != 0)
                        try_again();
                commit();
                answer(200, "{}");
                assert_int_equal(commands[i]->outcome, COMMAND_DELIVERED);
        }
        free(call.body);
        for (size_t i = 0; i < 3; i++)
                free(messages[i].record);
}

static void what_is_cancelled_while_it_waits_makes_room_for_the_next(void **state)
{
        struct command *cancelled;
        struct command *next;

        (void)state;
        add("first");
        cancelled = add("cancelled");
        next = add("next");
        answer(200, "{}");
        answer(400, PENDING);
        command_ledger_finish(site.ledger, cancelled, COMMAND_CANCELLED, "by the operator");
        commit();
        answer(400, PENDING);
        assert_int_equal(next->told, COMMAND_TOLD_WAITS);
        try_again();
        commit();
        answer(200, "{}");
        assert_int_equal(next->outcome, COMMAND_DELIVERED);
        assert_int_equal(http.count, 4);
}

static void rule_D4_what_waits_outlives_a_restart_and_its_caller(void **state)
{
        struct called call = {.lost = false};
        struct command *command;

        (void)state;
        add("first");
        add_method(&call);
        answer(200, "{}");
        answer(400, PENDING);
        assert_int_equal(call.status, 202);
        restart();
        answer(400, PENDING);
        command = command_ledger_find(site.ledger, device_key, "method:1");
        assert_int_equal(command->state, COMMAND_WAITING);
        try_again();
        commit();
        answer(200, "{}");
        assert_int_equal(command->outcome, COMMAND_DELIVERED);
        free(call.body);
}

static void in_doubt_a_used_place_tells_that_it_arrived(void **state)
{
        struct command *command = add("m");

        (void)state;
        answer_with(HTTP_E_TIMEOUT, 0, "");
        assert_int_equal(command->state, COMMAND_UNCERTAIN);
        try_again();
        check_last_request(2, "POST", "/v1/control-messages");
        answer(400, PENDING);
        assert_int_equal(command->outcome, COMMAND_DELIVERED);
        assert_int_equal(http.count, 2);
}

static void killed_before_the_answer_a_used_place_tells_that_it_arrived(void **state)
{
        (void)state;
        add("m");
        restart();
        check_last_request(2, "POST", "/v1/control-messages");
        answer(400, PENDING);
        assert_true(is_recorded_as("m", "finished"));
        assert_int_equal(command_ledger_find(site.ledger, device_key, "m")->outcome,
                         COMMAND_DELIVERED);
}

static void in_doubt_behind_another_it_is_not_sent_again(void **state)
{
        struct command *command;

        (void)state;
        add("first");
        answer(200, "{}");
        command = add("m");
        answer_with(HTTP_E_BROKEN, 0, "");
        try_again();
        answer(400, PENDING);
        assert_int_equal(command->outcome, COMMAND_REFUSED);
        assert_non_null(strstr(command->reason, "not known"));
        assert_int_equal(http.count, 3);
}

static void an_error_behind_another_is_no_doubt(void **state)
{
        struct command *command;

        (void)state;
        add("first");
        answer(200, "{}");
        command = add("m");
        answer(500, "{}");
        assert_int_equal(command->state, COMMAND_WAITING);
        try_again();
        commit();
        answer(400, PENDING);
        assert_int_equal(command->state, COMMAND_WAITING);
        assert_int_equal(command->told, COMMAND_TOLD_WAITS);
}

static void in_doubt_too_long_it_is_not_sent_again(void **state)
{
        struct command *command = add("m");

        (void)state;
        answer_with(HTTP_E_TIMEOUT, 0, "");
        command->begun.steady_ms -= 6 * 60 * 1000;
        try_again();
        commit();
        assert_int_equal(http.count, 1);
        assert_int_equal(command->outcome, COMMAND_REFUSED);
}

static void switched_off_while_it_waits_it_is_refused(void **state)
{
        struct command *command = add("m");

        (void)state;
        answer(429, "{}");
        site.settings.networks[MYRIOTA].downlink_enabled = false;
        try_again();
        commit();
        assert_int_equal(command->outcome, COMMAND_REFUSED);
        assert_non_null(strstr(command->reason, "DownlinkEnabled"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
#define NETWORK_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
                NETWORK_TEST(a_method_is_never_pushed_after_a_restart),
                NETWORK_TEST(a_method_that_the_network_has_is_tracked_after_a_restart),
                NETWORK_TEST(a_method_is_not_pushed_when_its_link_has_ended),
                NETWORK_TEST(rule_D1_answers_of_the_network_decide),
                NETWORK_TEST(a_way_that_is_not_known_yet_is_waited_for),
                NETWORK_TEST(what_the_network_denies_is_asked_for_before_it_is_pushed_again),
                NETWORK_TEST(the_list_shows_what_the_network_denied),
                NETWORK_TEST(law_an_empty_list_is_no_proof_that_it_was_not_sent),
                NETWORK_TEST(law_events_are_waited_for_and_decide),
                NETWORK_TEST(a_sleeping_device_of_class_A_can_not_have_got_it),
                NETWORK_TEST(a_device_of_class_A_that_was_heard_of_may_have_got_it),
                NETWORK_TEST(law_killed_in_doubt_it_is_never_pushed_again),
                NETWORK_TEST(what_was_not_begun_is_pushed_after_a_restart),
                NETWORK_TEST(what_is_in_doubt_and_over_is_not_pushed_again),
                NETWORK_TEST(rule_E2_an_event_between_request_and_answer_decides),
                NETWORK_TEST(rule_D1_too_many_failures_abandon_and_doubt_is_kept),
#define MYRIOTA_TEST(name) cmocka_unit_test_setup_teardown(name, setup_myriota, teardown)
                MYRIOTA_TEST(law_doubt_is_on_disk_before_the_request_goes_out),
                MYRIOTA_TEST(law_without_a_record_there_is_no_request),
                MYRIOTA_TEST(what_waits_outlives_a_disk_that_fails),
                MYRIOTA_TEST(rule_D4_further_ones_wait_and_are_told_so),
                MYRIOTA_TEST(what_is_cancelled_while_it_waits_makes_room_for_the_next),
                MYRIOTA_TEST(rule_D4_what_waits_outlives_a_restart_and_its_caller),
                MYRIOTA_TEST(in_doubt_a_used_place_tells_that_it_arrived),
                MYRIOTA_TEST(killed_before_the_answer_a_used_place_tells_that_it_arrived),
                MYRIOTA_TEST(in_doubt_behind_another_it_is_not_sent_again),
                MYRIOTA_TEST(an_error_behind_another_is_no_doubt),
                MYRIOTA_TEST(in_doubt_too_long_it_is_not_sent_again),
                MYRIOTA_TEST(switched_off_while_it_waits_it_is_refused),
        };

        thread_enter(LOOP_THREAD);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
