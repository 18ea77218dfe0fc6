// SPDX-License-Identifier: MIT
/* Commands of a device that is another gateway's, or may be: gateway/command/command_ledger.h,
 * command_network.h. */
#include "network_world.h"

static void law_nothing_goes_out_for_a_device_that_may_be_anothers(void **state)
{
        struct command *command;

        (void)state;
        disk.foreign = true;
        command = add("m");
        assert_int_equal(command->state, COMMAND_BEGUN);
        assert_int_equal(http.count, 0);
        try_again();
        assert_int_equal(http.count, 0);
        disk.foreign = false;
        try_again();
        check_last_request(1, "POST", "/down/push");
        answer(200, "{}");
        assert_int_equal(command->state, COMMAND_QUEUED);
}

static void law_an_answer_about_a_device_that_has_left_changes_nothing(void **state)
{
        struct store_shards shards = store_shards_all();
        struct delivered delivered = {.gone = true};
        struct command *command = make_command(&site.device, "m");
        CLEANUP(mem_cleanup) char *key = command_key(device_key, "m");

        (void)state;
        command->delivery = &delivered.command;
        command_ledger_add(site.ledger, command);
        commit();
        command_ledger_forget(site.ledger, &shards);
        assert_true(delivered.is_settled); /* which only frees it: the link is closed */
        assert_null(command_ledger_find(site.ledger, device_key, "m"));
        assert_null(site.device.handing_over);
        answer(200, "{}");
        assert_null(strstr(on_disk(key), "\"state\":\"queued\""));
        assert_int_equal(site.device.command_timer.position, 0);
        free(delivered.record);
}

/* A frozen gateway that wakes when another has its devices. */
static void law_in_doubt_it_goes_out_once_more_only_after_a_record(void **state)
{
        struct command *command = add("m");

        (void)state;
        answer_with(HTTP_E_TIMEOUT, 0, "");
        assert_int_equal(command->state, COMMAND_UNCERTAIN);
        disk.result = STORE_E_FENCED;
        try_again();
        assert_int_equal(http.count, 1);
        assert_true(command->is_fenced);
        assert_int_equal(command->outcome, COMMAND_NO_OUTCOME);
}

static void law_what_the_store_refuses_is_neither_told_nor_handed_over(void **state)
{
        struct delivered delivered = {.gone = false};
        struct command *command = make_command(&site.device, "m1");

        (void)state;
        command->delivery = &delivered.command;
        disk.result = STORE_E_FENCED;
        command_ledger_add(site.ledger, command);
        add("m2");
        assert_int_equal(http.count, 0);
        command_ledger_finish(site.ledger, command, COMMAND_FAILED, NULL);
        commit();
        assert_false(delivered.is_settled);
        command_ledger_redelivered(site.ledger, command_ledger_find(site.ledger, device_key, "m2"),
                                   NULL);
        commit();
        assert_int_equal(http.count, 0);
}

static void law_who_does_not_own_a_device_reports_nothing_of_it(void **state)
{
        struct command *command = add("m");

        (void)state;
        site.settings.commands.outcome_report = SETTINGS_OUTCOME_TELEMETRY;
        answer(200, "{}");
        command->told = COMMAND_TOLD_DONE;
        command->policy = SETTINGS_SETTLE_ON_QUEUED;
        disk.foreign = true;
        command_ledger_finish(site.ledger, command, COMMAND_DELIVERED, NULL);
        assert_int_equal(reports, 0);
}

/* One that is with the network, one that has ended, and one that waits for its turn. */
static void law_the_commands_of_a_device_leave_memory_and_come_back(void **state)
{
        struct store_shards shards = store_shards_all();
        struct store_shards others = store_shards_all();
        struct command *queued = add("queued");

        (void)state;
        answer(200, "{}");
        add("waiting");
        site.device.network_busy = true;
        command_ledger_advance(site.ledger, queued, COMMAND_SENT);
        store_shards_remove(&others, site.device.shard);
        command_ledger_forget(site.ledger, &others);
        assert_ptr_equal(command_ledger_find(site.ledger, device_key, "queued"), queued);
        command_ledger_forget(site.ledger, &shards);
        assert_null(command_ledger_find(site.ledger, device_key, "queued"));
        assert_null(command_ledger_find(site.ledger, device_key, "waiting"));
        assert_int_equal(command_ledger_count(&site.device), 0);
        assert_false(site.device.network_busy);
        commit();
        answer(200, "{}"); /* to the one that waited; nobody wants it */

        assert_int_equal(load_records(NULL, COMMAND_KIND, command_ledger_take, site.ledger), 0);
        command_ledger_taken(site.ledger);
        assert_int_equal(command_ledger_find(site.ledger, device_key, "queued")->outcome,
                         COMMAND_DELIVERED);
        check_last_request(3, "GET", "/devices/dev/down");
        answer_listed(command_ledger_find(site.ledger, device_key, "waiting"));
        assert_int_equal(command_ledger_find(site.ledger, device_key, "waiting")->state,
                         COMMAND_QUEUED);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
#define OWNER_TEST(name, set_up) cmocka_unit_test_setup_teardown(name, set_up, teardown)
                OWNER_TEST(law_nothing_goes_out_for_a_device_that_may_be_anothers, setup),
                OWNER_TEST(law_an_answer_about_a_device_that_has_left_changes_nothing, setup),
                OWNER_TEST(law_what_the_store_refuses_is_neither_told_nor_handed_over, setup),
                OWNER_TEST(law_who_does_not_own_a_device_reports_nothing_of_it, setup),
                OWNER_TEST(law_the_commands_of_a_device_leave_memory_and_come_back, setup),
                OWNER_TEST(law_in_doubt_it_goes_out_once_more_only_after_a_record, setup_myriota),
        };

        thread_enter(LOOP_THREAD);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
