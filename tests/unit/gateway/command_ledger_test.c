// SPDX-License-Identifier: MIT
/* The laws of gateway/command/command_ledger.h. */
#include "base/loop.h"
#include "command_world.h"
#include "gateway/command/command_begin.h"
#include "gateway/command/command_network.h"

struct ledger {
        struct settings settings;
        struct command_ledger *open;
        struct device device;
        struct command *handed[16]; /* to the network, in order */
        size_t handed_count;
        size_t maximum_remembered;
};

static struct ledger ledger;

/* Whether the network would take it at once. */
static enum command_state beginning;

enum command_state command_beginning(const struct command *command)
{
        assert_int_equal(command->state, COMMAND_WAITING);
        return beginning;
}

enum command_turn command_format_hand_over(struct command_format *format, struct command *command)
{
        (void)format;
        assert_true(ledger.handed_count < ARRAY_SIZE(ledger.handed));
        ledger.handed[ledger.handed_count++] = command;
        return COMMAND_TURN_GOES_ON;
}

static void open_ledger(void)
{
        ledger.open = command_ledger_new(&(struct command_ledger_options){
                .settings = &ledger.settings,
                .maximum_remembered = ledger.maximum_remembered,
        });
}

static int setup(void **state)
{
        (void)state;
        memset(&ledger, 0, sizeof(ledger));
        reports = 0;
        beginning = COMMAND_WAITING;
        ledger.settings.commands.outcome_report = SETTINGS_OUTCOME_TELEMETRY;
        post_count = 0;
        disk_clear();
        device_prepare(&ledger.device);
        open_ledger();
        return 0;
}

static int teardown(void **state)
{
        (void)state;
        commit();
        command_ledger_free(ledger.open);
        disk_clear();
        return 0;
}

int64_t device_table_since(const struct device_table *table, int shard)
{
        (void)table;
        (void)shard;
        return 0;
}

struct device *device_table_find(const struct device_table *table, const char *key)
{
        (void)table;
        assert_string_equal(key, device_key);
        return &ledger.device;
}

/* As kill -9 and a new start: what was not committed is lost. */
static void restart(void)
{
        disk.result = STORE_E_CLOSED;
        command_ledger_stop(ledger.open);
        commit();
        disk.result = 0;
        command_ledger_free(ledger.open);
        device_prepare(&ledger.device);
        ledger.handed_count = 0;
        open_ledger();
        command_ledger_start(ledger.open);
        assert_int_equal(load_records(NULL, COMMAND_KIND, command_ledger_take, ledger.open), 0);
        command_ledger_taken(ledger.open);
}

static struct command *find(const char *identity)
{
        return command_ledger_find(ledger.open, device_key, identity);
}

static struct command *add(const char *identity, struct delivered *delivered)
{
        struct command *command = make_command(&ledger.device, identity);

        command->delivery = delivered ? &delivered->command : NULL;
        command_ledger_add(ledger.open, command);
        return command;
}

/* The network has answered: the turn is over. */
static void release(void)
{
        command_ledger_release(ledger.open, ledger.device.handing_over);
}

static void take(struct command *command)
{
        assert_ptr_equal(ledger.device.handing_over, command);
        command_ledger_advance(ledger.open, command, COMMAND_QUEUED);
        release();
        commit();
}

static struct command *add_taken(const char *identity, struct delivered *delivered)
{
        struct command *command = add(identity, delivered);

        commit();
        take(command);
        return command;
}

static void check_settled(struct delivered *delivered, enum hub_settlement settlement,
                          const char *recorded)
{
        assert_true(delivered->is_settled);
        assert_int_equal(delivered->settlement, settlement);
        assert_non_null(delivered->record);
        assert_non_null(strstr(delivered->record, recorded));
        free(delivered->record);
        delivered->record = NULL;
}

/* --- the disk ------------------------------------------------------------------------------ */

static void law_a_command_is_on_disk_before_the_network_has_it(void **state)
{
        struct delivered delivered = {.gone = false};

        (void)state;
        add("m1", &delivered);
        assert_int_equal(ledger.handed_count, 0);
        commit();
        assert_int_equal(ledger.handed_count, 1);
        assert_false(delivered.is_settled);
}

static void a_command_whose_turn_comes_at_once_is_begun_with_its_first_record(void **state)
{
        struct command *first;
        struct command *second;

        (void)state;
        beginning = COMMAND_BEGUN;
        first = add("m1", NULL);
        second = add("m2", NULL);
        assert_int_equal(disk.write_count, 2);
        assert_int_equal(ledger.handed_count, 0);
        commit();
        assert_int_equal(ledger.handed_count, 1);
        assert_ptr_equal(ledger.handed[0], first);
        assert_non_null(strstr(on_disk(first->key), "\"state\":\"begun\""));
        assert_int_equal(second->state, COMMAND_WAITING);
        /* The request may have gone out before a crash. */
        restart();
        assert_int_equal(find("m1")->state, COMMAND_UNCERTAIN);
        assert_int_equal(find("m2")->state, COMMAND_WAITING);
}

static void what_could_not_be_recorded_starts_anew_when_it_is_delivered_again(void **state)
{
        struct delivered delivered = {.gone = false};
        struct delivered again = {.gone = false};
        struct command *command = add("m1", &delivered);

        (void)state;
        disk.result = STORE_E_FULL;
        commit();
        assert_int_equal(delivered.settlement, HUB_ABANDON);
        free(delivered.record);
        disk.result = 0;
        command_ledger_redelivered(ledger.open, command, &again.command);
        run_timer(&command->timer);
        assert_int_equal(command->state, COMMAND_WAITING);
        commit();
        assert_int_equal(ledger.handed_count, 1);
}

static void law_an_outcome_is_on_disk_before_the_hub_is_told(void **state)
{
        static const struct {
                enum command_outcome outcome;
                enum hub_settlement settlement;
                const char *recorded;
        } rows[] = {
                {COMMAND_DELIVERED, HUB_COMPLETE, "\"outcome\":\"delivered\""},
                {COMMAND_REFUSED, HUB_REJECT, "\"outcome\":\"refused\""},
                {COMMAND_FAILED, HUB_ABANDON, "\"outcome\":\"failed\""},
                {COMMAND_SUPERSEDED, HUB_REJECT, "\"outcome\":\"superseded\""},
                {COMMAND_EXPIRED, HUB_REJECT, "\"outcome\":\"expired\""},
                {COMMAND_CANCELLED, HUB_REJECT, "\"outcome\":\"cancelled\""},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                CLEANUP(mem_cleanup) char *identity = mem_format("m%zu", i);
                struct delivered delivered = {.gone = false};
                struct command *command = add_taken(identity, &delivered);

                command_ledger_finish(ledger.open, command, rows[i].outcome, "because");
                assert_false(delivered.is_settled);
                commit();
                check_settled(&delivered, rows[i].settlement, rows[i].recorded);
        }
        assert_int_equal(reports, 0);
}

static void law_completing_early_follows_the_record_and_the_outcome_is_reported(void **state)
{
        struct delivered delivered = {.gone = false};
        struct command *command = make_command(&ledger.device, "m1");

        (void)state;
        command->policy = SETTINGS_SETTLE_ON_QUEUED;
        command->delivery = &delivered.command;
        command_ledger_add(ledger.open, command);
        commit();
        command_ledger_advance(ledger.open, command, COMMAND_QUEUED);
        assert_false(delivered.is_settled);
        commit();
        check_settled(&delivered, HUB_COMPLETE, "\"state\":\"queued\"");
        command_ledger_finish(ledger.open, command, COMMAND_REFUSED, "too long");
        assert_int_equal(reports, 1);
        release();
}

static void what_can_not_be_recorded_is_not_told_until_it_can(void **state)
{
        struct delivered first = {.gone = false};
        struct delivered second = {.gone = false};
        struct command *command = add_taken("m1", &first);

        (void)state;
        disk.result = STORE_E_FULL;
        command_ledger_finish(ledger.open, command, COMMAND_REFUSED, "no");
        commit();
        assert_false(first.is_settled);
        disk.result = 0;
        command_ledger_redelivered(ledger.open, command, &second.command);
        free(first.record);
        assert_false(second.is_settled);
        commit();
        check_settled(&second, HUB_REJECT, "\"outcome\":\"refused\"");
}

static void what_can_not_be_recorded_at_first_is_abandoned_and_not_handed_over(void **state)
{
        struct delivered delivered = {.gone = false};

        (void)state;
        disk.result = STORE_E_FULL;
        add("m1", &delivered);
        commit();
        assert_int_equal(ledger.handed_count, 0);
        assert_true(delivered.is_settled);
        assert_int_equal(delivered.settlement, HUB_ABANDON);
        free(delivered.record);
        disk.result = 0;
}

static void note_result(void *context, int result)
{
        int *results = context;

        assert_true(results[0] < 2);
        results[++results[0]] = result;
}

static void who_waits_for_a_record_is_told_with_it_and_costs_no_other(void **state)
{
        int results[3] = {0, -1, -1};
        struct command *command = add("m1", NULL);

        (void)state;
        assert_int_equal(disk.write_count, 1);
        command_ledger_when_recorded(ledger.open, command, note_result, results);
        command_ledger_when_recorded(ledger.open, command, note_result, results);
        assert_int_equal(disk.write_count, 1);
        assert_int_equal(results[0], 0);
        commit();
        assert_int_equal(results[0], 2);
        assert_true(results[1] == 0 && results[2] == 0);
        /* And when all is on disk, at once. */
        results[0] = 0;
        command_ledger_when_recorded(ledger.open, command, note_result, results);
        assert_int_equal(results[0], 1);
        assert_int_equal(disk.write_count, 0);
}

/* The answer is there, but the thread "loop" has not been told yet. */
static void who_waits_for_a_record_that_was_answered_is_told_at_once(void **state)
{
        int results[3] = {0, -1, -1};
        struct command *command = add("m1", NULL);
        struct store_write *write = disk.writes[0];

        (void)state;
        disk.write_count = 0;
        write->done(write, STORE_E_FULL);
        command_ledger_when_recorded(ledger.open, command, note_result, results);
        assert_int_equal(results[0], 1);
        assert_int_equal(results[1], STORE_E_FULL);
        run_posts();
}

static void who_waits_for_a_record_that_failed_has_it_written_again(void **state)
{
        int results[3] = {0, -1, -1};
        struct delivered delivered = {.gone = false};
        struct command *command = add_taken("m1", &delivered);

        (void)state;
        disk.result = STORE_E_FULL;
        command_ledger_finish(ledger.open, command, COMMAND_REFUSED, "no");
        command_ledger_when_recorded(ledger.open, command, note_result, results);
        commit();
        assert_int_equal(results[1], STORE_E_FULL);
        disk.result = 0;
        command_ledger_when_recorded(ledger.open, command, note_result, results);
        assert_int_equal(disk.write_count, 1);
        commit();
        assert_int_equal(results[0], 2);
        assert_int_equal(results[2], 0);
        free(delivered.record);
}

/* --- restart ------------------------------------------------------------------------------- */

static void law_the_order_of_arrival_outlives_a_restart(void **state)
{
        static const char *const names[] = {"zebra", "ant", "mouse", "bee"};

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                add(names[i], NULL);
        commit();
        restart();
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                assert_string_equal(ledger.handed[i]->identity, names[i]);
                assert_int_equal(ledger.handed[i]->state, COMMAND_WAITING);
                take(ledger.handed[i]);
        }
        assert_true(add("last", NULL)->arrival > find("bee")->arrival);
}

static void a_restart_between_record_and_settlement_settles_the_next_delivery(void **state)
{
        struct delivered again = {.gone = false};
        struct command *command = add_taken("m1", NULL);

        (void)state;
        command_ledger_finish(ledger.open, command, COMMAND_REFUSED, "no");
        commit();
        restart();
        assert_int_equal(ledger.handed_count, 0);
        command_ledger_redelivered(ledger.open, find("m1"), &again.command);
        check_settled(&again, HUB_REJECT, "\"outcome\":\"refused\"");
}

/* --- events and deliveries ----------------------------------------------------------------- */

/* It is begun, and its answer is lost. */
static void lose(struct command *command)
{
        command_ledger_begin(ledger.open, command, COMMAND_BEGUN);
        commit();
        command_ledger_doubt(ledger.open, command, COMMAND_UNCERTAIN);
        commit();
        assert_int_equal(command->state, COMMAND_UNCERTAIN);
}

static void rule_E2_a_finished_command_never_changes(void **state)
{
        struct delivered delivered = {.gone = false};
        struct command *command = add_taken("m1", &delivered);

        (void)state;
        command_ledger_finish(ledger.open, command, COMMAND_DELIVERED, NULL);
        command_ledger_advance(ledger.open, command, COMMAND_SENT);
        command_ledger_advance(ledger.open, command, COMMAND_REQUEUED);
        command_ledger_finish(ledger.open, command, COMMAND_REFUSED, "late");
        command_ledger_doubt(ledger.open, command, COMMAND_UNCERTAIN);
        commit();
        check_settled(&delivered, HUB_COMPLETE, "\"outcome\":\"delivered\"");
        assert_int_equal(command->outcome, COMMAND_DELIVERED);
}

static void rule_E2_an_event_decides_what_is_in_doubt_without_the_pause(void **state)
{
        struct command *command = add("m1", NULL);

        (void)state;
        commit();
        add("m2", NULL);
        commit();
        lose(command);
        loop_timer_start(NULL, &ledger.device.command_timer, 30000);
        command_ledger_advance(ledger.open, command, COMMAND_QUEUED);
        assert_int_equal(ledger.device.command_timer.position, 0);
        assert_int_equal(ledger.handed_count, 2);
        assert_string_equal(ledger.handed[1]->identity, "m2");
        release();
}

static void rule_E5_a_rejection_that_came_too_late_for_its_lock_is_repeated(void **state)
{
        struct delivered first = {.gone = false};
        struct delivered second = {.gone = false};
        struct command *command = add_taken("m1", &first);

        (void)state;
        command_ledger_finish(ledger.open, command, COMMAND_REFUSED, "no");
        commit();
        check_settled(&first, HUB_REJECT, "refused");
        command_ledger_redelivered(ledger.open, command, &second.command);
        check_settled(&second, HUB_REJECT, "refused");
}

static void rule_E5_the_newest_delivery_is_settled(void **state)
{
        struct delivered first = {.gone = false};
        struct delivered second = {.gone = false};
        struct delivered third = {.gone = false};
        struct command *command = add_taken("m1", &first);

        (void)state;
        command_ledger_redelivered(ledger.open, command, &second.command);
        assert_int_equal(first.settlement, HUB_ABANDON);
        command_ledger_lost(ledger.open, &second.command);
        assert_null(command->delivery);
        command_ledger_redelivered(ledger.open, command, &third.command);
        command_ledger_advance(ledger.open, command, COMMAND_SENT);
        commit();
        check_settled(&third, HUB_COMPLETE, "delivered");
        assert_int_equal(ledger.handed_count, 1);
        free(first.record);
        free(second.record);
}

static void a_failed_command_is_a_new_attempt_after_a_pause(void **state)
{
        struct delivered first = {.gone = false};
        struct delivered second = {.gone = false};
        struct command *command = add_taken("m1", &first);
        char reference[CRYPTO_UUID_SIZE];

        (void)state;
        strcpy(reference, command->downlink.reference);
        command_ledger_finish(ledger.open, command, COMMAND_FAILED, "busy");
        commit();
        check_settled(&first, HUB_ABANDON, "failed");
        command_ledger_redelivered(ledger.open, command, &second.command);
        commit();
        assert_int_equal(ledger.handed_count, 1);
        add_taken("m2", NULL);
        run_timer(&command->timer);
        assert_int_equal(ledger.handed_count, 3);
        assert_ptr_equal(ledger.handed[2], command);
        assert_string_not_equal(command->downlink.reference, reference);
        assert_int_equal(command->attempt, 2);
        take(command);
        assert_false(second.is_settled);
}

/* --- replace ------------------------------------------------------------------------------- */

static struct command *add_replace(const char *identity)
{
        struct command *command = make_command(&ledger.device, identity);

        command->downlink.replace = true;
        command_ledger_add(ledger.open, command);
        commit();
        return command;
}

static void a_replace_supersedes_what_waits_at_the_network(void **state)
{
        struct command *queued = add_taken("queued", NULL);
        struct command *sent = add_taken("sent", NULL);
        struct command *nacked = add_taken("nacked", NULL);
        struct command *sent_again = add_taken("sent again", NULL);

        (void)state;
        sent->downlink.confirmed = nacked->downlink.confirmed = true;
        sent_again->downlink.confirmed = true;
        command_ledger_advance(ledger.open, sent, COMMAND_SENT);
        command_ledger_advance(ledger.open, nacked, COMMAND_REQUEUED);
        command_ledger_advance(ledger.open, sent_again, COMMAND_REQUEUED);
        command_ledger_advance(ledger.open, sent_again, COMMAND_SENT);
        commit();
        take(add_replace("replace"));
        assert_int_equal(queued->outcome, COMMAND_SUPERSEDED);
        assert_int_equal(sent->state, COMMAND_SENT);
        assert_int_equal(nacked->outcome, COMMAND_SUPERSEDED);
        assert_int_equal(sent_again->state, COMMAND_SENT);
}

static void give_up(struct command *command)
{
        command_ledger_give_up(ledger.open, command, "no answer");
        release();
        commit();
        assert_int_equal(command->outcome, COMMAND_FAILED);
}

static void a_doubtful_replace_gives_way_to_a_later_one(void **state)
{
        struct delivered second = {.gone = false};
        struct command *first = add_replace("first");

        (void)state;
        lose(first);
        give_up(first);
        take(add_replace("later"));
        command_ledger_redelivered(ledger.open, first, &second.command);
        commit();
        check_settled(&second, HUB_REJECT, "superseded");
        assert_int_equal(ledger.handed_count, 2);
}

static void a_doubtful_replace_that_rests_gives_way_to_a_later_one(void **state)
{
        struct delivered second = {.gone = false};
        struct command *first = add_replace("first");

        (void)state;
        lose(first);
        give_up(first);
        command_ledger_redelivered(ledger.open, first, &second.command);
        commit();
        assert_int_equal(first->state, COMMAND_RESTING);
        take(add_replace("later"));
        check_settled(&second, HUB_REJECT, "superseded");
        assert_int_equal(first->timer.position, 0);
}

/* --- time and room ------------------------------------------------------------------------- */

static void law_one_whose_time_is_over_is_not_handed_over(void **state)
{
        struct delivered delivered = {.gone = false};
        struct command *command;

        (void)state;
        add("first", NULL);
        commit();
        command = add("late", &delivered);
        command->downlink.expires_ms = 1;
        add("next", NULL);
        commit();
        take(ledger.handed[0]);
        assert_int_equal(ledger.handed_count, 2);
        assert_string_equal(ledger.handed[1]->identity, "next");
        check_settled(&delivered, HUB_REJECT, "expired");
}

/* As if the wall clock had stepped by so much since the command came, or ended. */
static void step_clock(struct command *command, int64_t step_ms)
{
        command->received.wall_ms -= step_ms;
        command->downlink.expires_ms -= step_ms;
        command->finished.wall_ms -= step_ms;
}

#define DAY_MS (INT64_C(24) * 3600 * 1000)

static void take_care(void)
{
        command_ledger_start(ledger.open);
        run_timer(last_timer);
        commit();
}

static void law_a_step_of_the_wall_clock_ends_no_command(void **state)
{
        struct command *first = add_taken("first", NULL);
        struct command *second;

        (void)state;
        for (int64_t step_ms = -DAY_MS; step_ms <= DAY_MS; step_ms += 2 * DAY_MS) {
                step_clock(first, step_ms);
                take_care();
                assert_int_equal(first->state, COMMAND_QUEUED);
                second = make_command(&ledger.device, step_ms < 0 ? "back" : "forward");
                step_clock(second, step_ms);
                command_ledger_add(ledger.open, second);
                commit();
                assert_ptr_equal(ledger.device.handing_over, second);
                take(second);
        }
}

static void law_a_step_of_the_wall_clock_forgets_no_finished_command(void **state)
{
        struct command *command = add_taken("m", NULL);

        (void)state;
        command_ledger_advance(ledger.open, command, COMMAND_SENT);
        commit();
        for (int64_t step_ms = -3 * DAY_MS; step_ms <= 3 * DAY_MS; step_ms += 3 * DAY_MS) {
                step_clock(command, step_ms);
                take_care();
                assert_ptr_equal(find("m"), command);
        }
}

static void law_a_clock_that_is_ahead_at_a_start_forgets_no_finished_command(void **state)
{
        struct command *command = add_taken("m", NULL);

        (void)state;
        command_ledger_finish(ledger.open, command, COMMAND_DELIVERED, NULL);
        step_clock(command, 3 * DAY_MS);
        command_ledger_record(ledger.open, command);
        commit();
        restart();
        take_care();
        assert_non_null(find("m"));
}

static void what_is_over_by_both_clocks_ends(void **state)
{
        struct command *command = add_taken("m", NULL);

        (void)state;
        command->received.wall_ms -= DAY_MS;
        command->received.steady_ms -= DAY_MS;
        command->downlink.expires_ms -= DAY_MS;
        take_care();
        assert_int_equal(command->outcome, COMMAND_EXPIRED);
}

static void law_one_too_many_is_held_and_taken_in_order(void **state)
{
        struct delivered deliveries[4] = {{.gone = false}};
        struct command *commands[4];
        static const char *const names[] = {"m0", "m1", "m2", "m3"};

        (void)state;
        ledger.settings.commands.maximum_per_device = 2;
        for (size_t i = 0; i < 4; i++)
                commands[i] = add(names[i], &deliveries[i]);
        commit();
        assert_false(command_ledger_has_room(ledger.open, &ledger.device));
        assert_int_equal(command_ledger_count(&ledger.device), 2);
        assert_int_equal(commands[2]->state, COMMAND_HELD);
        assert_int_equal(commands[3]->state, COMMAND_HELD);
        for (size_t i = 0; i < 4; i++) {
                assert_false(deliveries[i].is_settled);
                take(commands[i]);
                command_ledger_finish(ledger.open, commands[i], COMMAND_DELIVERED, NULL);
                commit();
                check_settled(&deliveries[i], HUB_COMPLETE, "delivered");
        }
        assert_int_equal(ledger.handed_count, 4);
}

static void a_held_command_follows_its_lock(void **state)
{
        struct delivered first = {.gone = false};
        struct delivered second = {.gone = false};
        struct command *held;

        (void)state;
        ledger.settings.commands.maximum_per_device = 1;
        add_taken("m1", NULL);
        held = add("m2", &first);
        command_ledger_redelivered(ledger.open, held, &second.command);
        assert_int_equal(first.settlement, HUB_ABANDON);
        assert_ptr_equal(held->delivery, &second);
        command_ledger_lost(ledger.open, &second.command);
        assert_null(find("m2"));
        assert_true(list_is_empty(&ledger.device.held_commands));
        free(first.record);
        free(second.record);
}

static void law_the_oldest_finished_commands_are_forgotten_first(void **state)
{
        struct delivered delivered = {.gone = false};
        static const char *const names[] = {"m0", "m1", "m2", "m3", "m4"};

        (void)state;
        command_ledger_free(ledger.open);
        ledger.maximum_remembered = 3;
        open_ledger();
        for (size_t i = 0; i < 5; i++) {
                struct command *command = add_taken(names[i], NULL);

                command_ledger_finish(ledger.open, command, COMMAND_DELIVERED, NULL);
                commit();
        }
        assert_null(find("m0"));
        assert_null(find("m1"));
        assert_int_equal(disk.deleted, 2);
        assert_int_equal(disk.count, 3);
        command_ledger_redelivered(ledger.open, find("m2"), &delivered.command);
        check_settled(&delivered, HUB_COMPLETE, "delivered");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
#define LEDGER_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
                LEDGER_TEST(law_a_command_is_on_disk_before_the_network_has_it),
                LEDGER_TEST(a_command_whose_turn_comes_at_once_is_begun_with_its_first_record),
                LEDGER_TEST(what_could_not_be_recorded_starts_anew_when_it_is_delivered_again),
                LEDGER_TEST(law_an_outcome_is_on_disk_before_the_hub_is_told),
                LEDGER_TEST(law_completing_early_follows_the_record_and_the_outcome_is_reported),
                LEDGER_TEST(what_can_not_be_recorded_is_not_told_until_it_can),
                LEDGER_TEST(who_waits_for_a_record_is_told_with_it_and_costs_no_other),
                LEDGER_TEST(who_waits_for_a_record_that_was_answered_is_told_at_once),
                LEDGER_TEST(who_waits_for_a_record_that_failed_has_it_written_again),
                LEDGER_TEST(what_can_not_be_recorded_at_first_is_abandoned_and_not_handed_over),
                LEDGER_TEST(law_the_order_of_arrival_outlives_a_restart),
                LEDGER_TEST(a_restart_between_record_and_settlement_settles_the_next_delivery),
                LEDGER_TEST(rule_E2_a_finished_command_never_changes),
                LEDGER_TEST(rule_E2_an_event_decides_what_is_in_doubt_without_the_pause),
                LEDGER_TEST(rule_E5_a_rejection_that_came_too_late_for_its_lock_is_repeated),
                LEDGER_TEST(rule_E5_the_newest_delivery_is_settled),
                LEDGER_TEST(a_failed_command_is_a_new_attempt_after_a_pause),
                LEDGER_TEST(a_replace_supersedes_what_waits_at_the_network),
                LEDGER_TEST(a_doubtful_replace_gives_way_to_a_later_one),
                LEDGER_TEST(a_doubtful_replace_that_rests_gives_way_to_a_later_one),
                LEDGER_TEST(law_one_whose_time_is_over_is_not_handed_over),
                LEDGER_TEST(law_a_step_of_the_wall_clock_ends_no_command),
                LEDGER_TEST(law_a_step_of_the_wall_clock_forgets_no_finished_command),
                LEDGER_TEST(law_a_clock_that_is_ahead_at_a_start_forgets_no_finished_command),
                LEDGER_TEST(what_is_over_by_both_clocks_ends),
                LEDGER_TEST(law_one_too_many_is_held_and_taken_in_order),
                LEDGER_TEST(a_held_command_follows_its_lock),
                LEDGER_TEST(law_the_oldest_finished_commands_are_forgotten_first),
        };

        thread_enter(LOOP_THREAD);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
