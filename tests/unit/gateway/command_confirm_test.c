// SPDX-License-Identifier: MIT
/* The laws of gateway/command/command_confirm.h. */
#include "base/loop.h"
#include "command_world.h"
#include "gateway/command/command_begin.h"
#include "gateway/command/command_network.h"

#include "gateway/command/command_confirm.h"
#include "networks/event.h"

static struct {
        struct settings settings;
        struct command_ledger *ledger;
        struct command_confirm *confirm;
        struct device device;
        int64_t events; /* the id of the last one */
} site;

enum command_state command_beginning(const struct command *command)
{
        (void)command;
        return COMMAND_WAITING;
}

enum command_turn command_format_hand_over(struct command_format *format, struct command *command)
{
        (void)format;
        (void)command;
        return COMMAND_TURN_GOES_ON;
}

static int setup(void **state)
{
        (void)state;
        memset(&site, 0, sizeof(site));
        disk_clear();
        post_count = 0;
        device_prepare(&site.device);
        site.ledger =
                command_ledger_new(&(struct command_ledger_options){.settings = &site.settings});
        site.confirm =
                command_confirm_new(&(struct command_confirm_options){.ledger = site.ledger});
        return 0;
}

static int teardown(void **state)
{
        (void)state;
        commit();
        command_confirm_free(site.confirm);
        command_ledger_free(site.ledger);
        disk_clear();
        return 0;
}

static struct command *add_confirmed(void)
{
        struct command *command = make_command(&site.device, "m");

        command->downlink.confirmed = true;
        command_ledger_add(site.ledger, command);
        commit();
        return command;
}

/* What the event of a failure says. */
static struct {
        const char *name;
        int code;
} failure;

static bool is_forgotten(int64_t id)
{
        for (size_t i = 0; i < disk.done_count; i++) {
                if (disk.done[i] == id)
                        return true;
        }
        return false;
}

/* A stored event of a device that names a downlink arrives. */
static int64_t arrive(enum event_kind kind, const struct device *device, const char *reference,
                      enum store_purpose purpose)
{
        CLEANUP(mem_cleanup)
        char *details = mem_format("{\"correlation_ids\":[\"isthmus:%s\"],"
                                   "\"error\":{\"name\":\"%s\",\"code\":%d}}",
                                   reference, failure.name, failure.code);
        CLEANUP(buf_deinit) struct buf key = BUF_INIT;
        struct uplink_event event = {
                .id = ++site.events,
                .purpose = purpose,
                .event = {.network = device->network,
                          .kind = kind,
                          .application = device->application,
                          .device = device->name,
                          .details = details},
        };

        assert_true(command_confirm_concerns(&event.event));
        event_device_key(&event.event, &key);
        event.device_key = key.data;
        command_confirm_event(site.confirm, &event);
        return event.id;
}

/* An event of a device that names our command, and no more than that; it is forgotten. */
static void tell(enum event_kind kind, const char *network, const char *application,
                 const char *device, const struct command *command)
{
        CLEANUP(mem_cleanup) char *application_copy = mem_text(application);
        CLEANUP(mem_cleanup) char *device_copy = mem_text(device);
        struct device from = {.network = (char *)(uintptr_t)network,
                              .application = application_copy,
                              .name = device_copy};
        int64_t id = arrive(kind, &from, command->downlink.reference, STORE_DOWNLINK_NEWS);

        commit();
        assert_true(is_forgotten(id));
}

static void law_only_the_commands_own_device_settles_it(void **state)
{
        static const struct {
                const char *network;
                const char *application;
                const char *device;
        } strangers[] = {
                {"things-stack", "app", "another"},
                {"things-stack", "another", "dev"},
        };
        struct command *command = add_confirmed();

        (void)state;
        failure.name = "payload_too_long";
        failure.code = 3;
        for (size_t i = 0; i < ARRAY_SIZE(strangers); i++) {
                for (int kind = EVENT_DOWNLINK_QUEUED; kind <= EVENT_DOWNLINK_FAILED; kind++)
                        tell((enum event_kind)kind, strangers[i].network, strangers[i].application,
                             strangers[i].device, command);
                assert_int_equal(command->state, COMMAND_WAITING);
        }
        tell(EVENT_DOWNLINK_SENT, "things-stack", "app", "dev", command);
        assert_int_equal(command->state, COMMAND_SENT);
        tell(EVENT_DOWNLINK_ACK, "things-stack", "app", "another", command);
        assert_int_equal(command->state, COMMAND_SENT);
        tell(EVENT_DOWNLINK_ACK, "things-stack", "app", "dev", command);
        assert_int_equal(command->outcome, COMMAND_DELIVERED);
}

static void a_failure_is_final_only_if_another_attempt_would_meet_it_too(void **state)
{
        static const struct {
                const char *name;
                int code;
                enum command_outcome outcome;
        } rows[] = {
                {"payload_too_long", 3, COMMAND_REFUSED},
                {"device_not_found", 5, COMMAND_REFUSED},
                {"max_retries_reached", 9, COMMAND_REFUSED},
                {"no_device_session", 9, COMMAND_FAILED},
                {"no_application_rights", 7, COMMAND_FAILED},
                {"gateway_not_connected", 14, COMMAND_FAILED},
                {"something_new", 0, COMMAND_FAILED},
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                struct command *command = add_confirmed();

                failure.name = rows[i].name;
                failure.code = rows[i].code;
                tell(EVENT_DOWNLINK_FAILED, "things-stack", "app", "dev", command);
                assert_int_equal(command->outcome, rows[i].outcome);
                assert_non_null(strstr(command->reason, rows[i].name));
                teardown(state);
                setup(state);
        }
}

/* Events of Myriota tell nothing of downlinks, whatever is in them. */
static void a_network_without_fates_tells_nothing(void **state)
{
        struct event event = {.network = "myriota", .kind = EVENT_DOWNLINK_SENT};
        CLEANUP(mem_cleanup) char *details = mem_text("{\"correlation_ids\":[\"isthmus:x\"]}");

        (void)state;
        event.details = details;
        assert_false(command_confirm_concerns(&event));
}

static void law_news_stay_in_the_store_until_their_record_is_on_disk(void **state)
{
        struct command *command = add_confirmed();
        const char *reference = command->downlink.reference;
        int64_t queued =
                arrive(EVENT_DOWNLINK_QUEUED, &site.device, reference, STORE_DOWNLINK_NEWS);
        int64_t sent = arrive(EVENT_DOWNLINK_SENT, &site.device, reference, STORE_DOWNLINK_NEWS);

        (void)state;
        assert_int_equal(command->state, COMMAND_SENT); /* at once */
        assert_false(is_forgotten(queued));
        assert_false(is_forgotten(sent));
        commit();
        assert_true(is_forgotten(queued));
        assert_true(is_forgotten(sent));
        assert_non_null(strstr(on_disk(command->key), "\"sent\""));
}

static void news_that_are_telemetry_too_are_left_to_the_queue(void **state)
{
        struct command *command = add_confirmed();

        (void)state;
        arrive(EVENT_DOWNLINK_SENT, &site.device, command->downlink.reference, STORE_BOTH);
        commit();
        assert_int_equal(command->state, COMMAND_SENT);
        assert_int_equal(disk.done_count, 0);
}

/* Each order of three events, each of them doubled; a crash makes all of them come once more. */
static void rule_E2_news_in_any_order_and_doubled_come_to_the_same_end(void **state)
{
        static const enum event_kind kinds[] = {EVENT_DOWNLINK_QUEUED, EVENT_DOWNLINK_SENT,
                                                EVENT_DOWNLINK_ACK};

        for (int order = 0; order < 27; order++) {
                const int places[] = {order % 3, order / 3 % 3, order / 9};
                struct command *command;

                if (places[0] == places[1] || places[1] == places[2] || places[0] == places[2])
                        continue;
                command = add_confirmed();
                for (int i = 0; i < 12; i++) {
                        int64_t id = arrive(kinds[places[i / 2 % 3]], &site.device,
                                            command->downlink.reference, STORE_DOWNLINK_NEWS);

                        commit();
                        assert_true(is_forgotten(id));
                }
                assert_int_equal(command->state, COMMAND_FINISHED);
                assert_int_equal(command->outcome, COMMAND_DELIVERED);
                teardown(state);
                setup(state);
        }
}

static void news_whose_record_can_not_be_written_wait_for_it(void **state)
{
        struct command *command = add_confirmed();
        int64_t id;

        (void)state;
        disk.result = STORE_E_FULL;
        id = arrive(EVENT_DOWNLINK_SENT, &site.device, command->downlink.reference,
                    STORE_DOWNLINK_NEWS);
        commit();
        run_posts();
        assert_false(is_forgotten(id));
        disk.result = 0;
        run_timer(last_timer);
        commit();
        assert_true(is_forgotten(id));
        assert_non_null(strstr(on_disk(command->key), "\"sent\""));
}

static void law_news_of_a_device_that_is_anothers_stay_in_the_store(void **state)
{
        struct command *command = add_confirmed();
        int64_t id;

        (void)state;
        disk.result = STORE_E_FENCED;
        id = arrive(EVENT_DOWNLINK_ACK, &site.device, command->downlink.reference,
                    STORE_DOWNLINK_NEWS);
        commit();
        run_posts();
        assert_false(is_forgotten(id));
        assert_null(strstr(on_disk(command->key), "\"state\":\"finished\""));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
#define CONFIRM_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
                CONFIRM_TEST(law_only_the_commands_own_device_settles_it),
                CONFIRM_TEST(a_failure_is_final_only_if_another_attempt_would_meet_it_too),
                CONFIRM_TEST(a_network_without_fates_tells_nothing),
                CONFIRM_TEST(law_news_stay_in_the_store_until_their_record_is_on_disk),
                CONFIRM_TEST(news_that_are_telemetry_too_are_left_to_the_queue),
                CONFIRM_TEST(rule_E2_news_in_any_order_and_doubled_come_to_the_same_end),
                CONFIRM_TEST(news_whose_record_can_not_be_written_wait_for_it),
                CONFIRM_TEST(law_news_of_a_device_that_is_anothers_stay_in_the_store),
        };

        thread_enter(LOOP_THREAD);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
