// SPDX-License-Identifier: MIT
/* A network that tells once what becomes of a downlink is asked what it still has (ChirpStack). */
#include "network_world.h"

#include "networks/things_stack/things_stack.h"

/* The Things Stack's downlinks and lists, but as if it repeated nothing and its lists were whole.
 */
static struct downlink_driver once_downlink;
static struct network once = {.name = "things-stack", .downlink = &once_downlink};

/* In place of src/networks/table/networks.c. */
const struct network *const networks[] = {&once, NULL};

static int setup_once(void **state)
{
        once_downlink = things_stack_downlink;
        once_downlink.lists_are_complete = true;
        once.settings = things_stack.settings;
        return setup(state);
}

#define HOUR_MS (INT64_C(3600) * 1000)

static struct timer *look_timer;

/* One that the network has taken, of a gateway that is at work. */
static struct command *queue_one(bool confirmed)
{
        struct command *command = add("one");

        command->downlink.confirmed = confirmed;
        answer(200, "");
        assert_int_equal(command->state, COMMAND_QUEUED);
        command_network_taken(site.network);
        look_timer = last_timer;
        run_timer(look_timer);
        assert_int_equal(http.count, 1);
        return command;
}

/* So much later. */
static void look_after(struct command *command, int64_t ms)
{
        assert_true(command->look_ms > clock_steady_ms() + ms - HOUR_MS / 60);
        assert_true(command->look_ms <= clock_steady_ms() + ms);
        command->look_ms = clock_steady_ms();
        run_timer(look_timer);
}

static void it_is_asked_after_an_hour_then_after_four_then_daily(void **state)
{
        static const int64_t hours[] = {1, 4, 24, 24};
        struct command *command = queue_one(false);

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(hours); i++) {
                run_timer(look_timer);
                assert_int_equal(http.count, 1 + i);
                look_after(command, hours[i] * HOUR_MS);
                check_last_request(2 + i, "GET", "/down");
                answer_listed(command);
                assert_int_equal(command->state, COMMAND_QUEUED);
        }
        /* What has come further begins anew. */
        command->downlink.confirmed = true;
        command_ledger_advance(site.ledger, command, COMMAND_SENT);
        run_timer(look_timer);
        look_after(command, HOUR_MS);
        answer_listed(command);
        assert_int_equal(command->state, COMMAND_SENT);
}

static void what_is_missing_twice_was_sent_or_is_lost(void **state)
{
        static const enum command_outcome outcomes[] = {COMMAND_DELIVERED, COMMAND_REFUSED};

        for (int confirmed = 0; confirmed < 2; confirmed++) {
                struct command *command;

                if (confirmed) {
                        teardown(state);
                        setup_once(state);
                }
                command = queue_one(confirmed);
                look_after(command, HOUR_MS);
                answer(200, "{\"downlinks\":[]}");
                assert_int_equal(command->state, COMMAND_QUEUED);
                look_after(command, HOUR_MS / 60);
                answer(200, "{\"downlinks\":[]}");
                assert_int_equal(command->outcome, outcomes[confirmed]);
        }
}

static void what_was_missing_once_or_was_not_told_stays(void **state)
{
        struct command *command = queue_one(true);

        (void)state;
        look_after(command, HOUR_MS);
        answer(200, "{}");
        look_after(command, HOUR_MS / 60);
        answer(500, "");
        assert_int_equal(command->state, COMMAND_QUEUED);
        look_after(command, 24 * HOUR_MS);
        answer_listed(command);
        look_after(command, 24 * HOUR_MS);
        answer(200, "{}");
        assert_int_equal(command->state, COMMAND_QUEUED);
        command_ledger_finish(site.ledger, command, COMMAND_DELIVERED, NULL);
        command->look_ms = clock_steady_ms();
        run_timer(look_timer);
        assert_null(http.done);
}

static enum downlink_listed is_listed_as_sent(const struct downlink *downlink, const char *body,
                                              size_t size, char own_id[CRYPTO_UUID_SIZE])
{
        (void)downlink;
        (void)body;
        (void)size;
        (void)own_id;
        return DOWNLINK_LISTED_SENT;
}

/* What told so may be lost as well. */
static void what_the_list_says_was_sent_was_sent(void **state)
{
        struct command *command = queue_one(true);

        (void)state;
        once_downlink.is_listed = is_listed_as_sent;
        look_after(command, HOUR_MS);
        answer(200, "{}");
        assert_int_equal(command->state, COMMAND_SENT);
        run_timer(look_timer);
        look_after(command, HOUR_MS);
        answer(200, "{}");
        assert_int_equal(command->state, COMMAND_SENT);
        teardown(state);
        setup_once(state);
        command = queue_one(false);
        once_downlink.is_listed = is_listed_as_sent;
        look_after(command, HOUR_MS);
        answer(200, "{}");
        assert_int_equal(command->outcome, COMMAND_DELIVERED);
}

static void after_a_join_it_is_asked_whether_its_queue_was_emptied(void **state)
{
        struct command *command = queue_one(false);

        (void)state;
        site.device.joined_ms = command->had_ms + 1;
        run_timer(look_timer);
        check_last_request(2, "GET", "/down");
        command->had_ms--; /* before it is listed now */
        answer_listed(command);
        site.device.joined_ms = command->had_ms;
        run_timer(look_timer);
        assert_int_equal(http.count, 2);
        site.device.joined_ms = command->had_ms + 1;
        run_timer(look_timer);
        answer(200, "{}");
        run_timer(look_timer);
        assert_int_equal(http.count, 3);
        look_after(command, HOUR_MS / 60);
        answer(200, "{}");
        assert_int_equal(command->outcome, COMMAND_REFUSED);
        assert_non_null(strstr(command->reason, "has joined anew"));
}

static void after_a_start_it_is_asked_at_once_and_believed(void **state)
{
        struct command *command = queue_one(true);

        (void)state;
        restart();
        command = command_ledger_find(site.ledger, device_key, "one");
        command_network_taken(site.network);
        look_timer = last_timer;
        run_timer(look_timer);
        check_last_request(2, "GET", "/down");
        answer(200, "{}");
        assert_int_equal(command->outcome, COMMAND_REFUSED);
}

#define LOOK_TEST(name) cmocka_unit_test_setup_teardown(name, setup_once, teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                LOOK_TEST(it_is_asked_after_an_hour_then_after_four_then_daily),
                LOOK_TEST(what_is_missing_twice_was_sent_or_is_lost),
                LOOK_TEST(what_was_missing_once_or_was_not_told_stays),
                LOOK_TEST(what_the_list_says_was_sent_was_sent),
                LOOK_TEST(after_a_join_it_is_asked_whether_its_queue_was_emptied),
                LOOK_TEST(after_a_start_it_is_asked_at_once_and_believed),
        };

        thread_enter(LOOP_THREAD);
        return cmocka_run_group_tests_name("gateway.command_look", tests, NULL, NULL);
}
