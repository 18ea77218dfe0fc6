// SPDX-License-Identifier: MIT
/* The laws of gateway/command/command_confirm.h. */
#include "base/loop.h"
#include "command_world.h"
#include "gateway/command/command_network.h"

#include "gateway/command/command_confirm.h"
#include "networks/event.h"

static struct {
        struct settings settings;
        struct command_ledger *ledger;
        struct command_confirm *confirm;
        struct device device;
        size_t done;
} site;

enum command_state command_network_beginning(const struct command *command)
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
        site.confirm = command_confirm_new(NULL, site.ledger);
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

static void on_done(void *context, int result)
{
        (void)context;
        assert_int_equal(result, 0);
        site.done++;
}

/* What the event of a failure says. */
static struct {
        const char *name;
        int code;
} failure;

/* An event of a device that names our command. */
static void tell(enum event_kind kind, const char *network, const char *application,
                 const char *device, const struct command *command)
{
        CLEANUP(mem_cleanup)
        char *details = mem_format("{\"correlation_ids\":[\"isthmus:%s\"],"
                                   "\"error\":{\"name\":\"%s\",\"code\":%d}}",
                                   command->downlink.reference, failure.name, failure.code);
        CLEANUP(mem_cleanup) char *application_copy = mem_text(application);
        CLEANUP(mem_cleanup) char *device_copy = mem_text(device);
        struct event event = {
                .network = network,
                .kind = kind,
                .application = application_copy,
                .device = device_copy,
                .details = details,
        };
        size_t before = site.done;

        /* Events of Myriota tell nothing of downlinks, whatever is in them. */
        if (strcmp(network, "myriota") == 0) {
                assert_false(command_confirm_concerns(&event));
                return;
        }
        assert_true(command_confirm_concerns(&event));
        command_confirm_event(site.confirm, &event, on_done, NULL);
        run_posts();
        commit();
        assert_int_equal(site.done, before + 1);
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
                {"myriota", "app", "dev"},
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

int main(void)
{
        const struct CMUnitTest tests[] = {
#define CONFIRM_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
                CONFIRM_TEST(law_only_the_commands_own_device_settles_it),
                CONFIRM_TEST(a_failure_is_final_only_if_another_attempt_would_meet_it_too),
        };

        thread_enter(LOOP_THREAD);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
