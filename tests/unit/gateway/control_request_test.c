// SPDX-License-Identifier: MIT
/* What is asked at the control socket, and how a command is chosen and shown. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json/json.h"
#include "base/mem.h"
#include "gateway/command/command_view.h"
#include "gateway/control/control_request.h"

/* One argument of the query, and its value. */
struct query {
        const char *name;
        const char *value;
};

static const char *argument(void *context, const char *name)
{
        const struct query *query = context;

        return query->name && strcmp(query->name, name) == 0 ? query->value : NULL;
}

static int parse(const char *method, const char *path, struct query query,
                 struct control_request *request)
{
        struct control_source source = {
                .method = method, .path = path, .argument = argument, .context = &query};
        struct reason reason = REASON_INIT;
        int status = control_request_parse(&source, request, &reason);

        assert_int_equal(status != 0, reason.text[0] != '\0');
        return status;
}

static void each_call_has_its_path(void **state)
{
        struct control_request request;

        (void)state;
        assert_int_equal(parse("GET", "/status", (struct query){NULL, NULL}, &request), 0);
        assert_int_equal(request.call, CONTROL_STATUS);
        assert_int_equal(parse("GET", "/devices", (struct query){"state", "held"}, &request), 0);
        assert_int_equal(request.call, CONTROL_DEVICES);
        assert_true(request.has_phase && request.phase == DEVICE_HELD);
        assert_int_equal(request.limit, CONTROL_LIMIT_DEFAULT);
        assert_int_equal(parse("GET", "/commands", (struct query){"limit", "10000"}, &request), 0);
        assert_int_equal(request.call, CONTROL_COMMANDS);
        assert_int_equal(request.filter.choice, COMMAND_CHOOSE_PENDING);
        assert_int_equal(request.limit, CONTROL_LIMIT_MAX);
        assert_int_equal(parse("GET", "/commands/12345678", (struct query){NULL, NULL}, &request),
                         0);
        assert_int_equal(request.call, CONTROL_COMMAND);
        assert_string_equal(request.reference, "12345678");
        assert_int_equal(
                parse("DELETE", "/commands/12345678", (struct query){"force", "true"}, &request),
                0);
        assert_true(request.call == CONTROL_CANCEL && request.force);
        assert_int_equal(parse("GET", "/devices/d1", (struct query){NULL, NULL}, &request), 0);
        assert_int_equal(request.call, CONTROL_DEVICE);
        assert_string_equal(request.filter.device, "d1");
        assert_int_equal(parse("DELETE", "/devices/things-stack/herd/d1",
                               (struct query){"force", "true"}, &request),
                         0);
        assert_true(request.call == CONTROL_RELEASE && request.force);
        assert_string_equal(request.filter.device, "things-stack/herd/d1");
}

static void what_is_in_the_store_is_asked_for_page_by_page(void **state)
{
        struct control_request request;

        (void)state;
        assert_int_equal(parse("GET", "/queue", (struct query){NULL, NULL}, &request), 0);
        assert_int_equal(request.call, CONTROL_QUEUE);
        assert_int_equal(parse("GET", "/queue/17", (struct query){NULL, NULL}, &request), 0);
        assert_true(request.call == CONTROL_STORED && request.id == 17);
        assert_int_equal(parse("GET", "/letters", (struct query){"after", "9"}, &request), 0);
        assert_true(request.call == CONTROL_LETTERS && request.after == 9);
        assert_int_equal(request.limit, CONTROL_LIMIT_DEFAULT);
        assert_int_equal(parse("GET", "/events", (struct query){"device", "n/a/d"}, &request), 0);
        assert_int_equal(request.call, CONTROL_EVENTS);
        assert_string_equal(request.filter.device, "n/a/d");
}

static void devices_are_provisioned_with_a_limit_or_without(void **state)
{
        struct control_request request;

        (void)state;
        assert_int_equal(parse("POST", "/provision", (struct query){"lists", "true"}, &request), 0);
        assert_true(request.call == CONTROL_PROVISION && request.lists && !request.again);
        assert_int_equal(request.limit, 0);
        assert_int_equal(parse("POST", "/provision", (struct query){"limit", "20000"}, &request),
                         0);
        assert_int_equal(request.limit, 20000);
        assert_int_equal(parse("POST", "/provision", (struct query){"application", "a"}, &request),
                         0);
        assert_string_equal(request.application, "a");
        assert_int_equal(parse("POST", "/provision", (struct query){"dryRun", "yes"}, &request),
                         400);
        assert_int_equal(
                parse("POST", "/provision/devices", (struct query){"more", "true"}, &request), 0);
        assert_true(request.call == CONTROL_NAME && request.more);
        assert_int_equal(parse("GET", "/provision", (struct query){"after", "7"}, &request), 0);
        assert_true(request.call == CONTROL_PROVISIONED && request.after == 7);
        assert_int_equal(parse("GET", "/provision", (struct query){"after", "-1"}, &request), 400);
        assert_int_equal(parse("DELETE", "/provision", (struct query){NULL, NULL}, &request), 0);
        assert_int_equal(request.call, CONTROL_UNPROVISION);
}

static void letters_are_chosen_by_their_ids_or_all(void **state)
{
        struct control_request request;
        CLEANUP(mem_cleanup) char *many = mem_new(1, CONTROL_IDS_MAX * 2 + 2);

        (void)state;
        assert_int_equal(
                parse("POST", "/letters/replay", (struct query){"ids", "9,7,12"}, &request), 0);
        assert_int_equal(request.call, CONTROL_REPLAY);
        assert_int_equal(request.id_count, 3);
        assert_true(request.ids[0] == 7 && request.ids[1] == 9 && request.ids[2] == 12);
        assert_int_equal(request.limit, CONTROL_LIMIT_DEFAULT);
        assert_int_equal(parse("POST", "/letters/drop", (struct query){"all", "true"}, &request),
                         0);
        assert_int_equal(request.call, CONTROL_DROP);
        assert_int_equal(request.id_count, 0);
        for (int i = 0; i < CONTROL_IDS_MAX; i++)
                memcpy(many + 2 * i, i > 0 ? ",1" : "11", 2);
        assert_int_equal(parse("POST", "/letters/drop", (struct query){"ids", many}, &request), 0);
        assert_int_equal(request.id_count, CONTROL_IDS_MAX);
        memcpy(many + 2 * CONTROL_IDS_MAX, ",1", 2);
        many[2 * CONTROL_IDS_MAX + 1] = '\0';
        many[1] = ',';
        assert_int_equal(parse("POST", "/letters/drop", (struct query){"ids", many}, &request),
                         400);
}

static void what_is_wrong_has_its_status(void **state)
{
        static const struct {
                const char *method;
                const char *path;
                struct query query;
                int status;
        } cases[] = {
                {"GET", "", {NULL, NULL}, 404},
                {"GET", "/status/", {NULL, NULL}, 404},
                {"GET", "/commands/", {NULL, NULL}, 404},
                {"GET", "/commands/1/2", {NULL, NULL}, 404},
                {"DELETE", "/commands", {NULL, NULL}, 405},
                {"get", "/status", {NULL, NULL}, 405},
                {"GET", "/commands/1234567", {NULL, NULL}, 400},
                {"DELETE", "/commands/1234567", {NULL, NULL}, 400},
                {"DELETE", "/commands/12345678", {"force", "yes"}, 400},
                {"GET", "/devices/", {NULL, NULL}, 404},
                {"GET", "/queue/d1", {NULL, NULL}, 400},
                {"GET", "/queue/0", {NULL, NULL}, 400},
                {"GET", "/letters", {"after", "-1"}, 400},
                {"GET", "/events", {"limit", "0"}, 400},
                {"POST", "/letters", {NULL, NULL}, 405},
                {"DELETE", "/devices", {NULL, NULL}, 405},
                {"DELETE", "/devices/d1", {"force", "1"}, 400},
                {"GET", "/commands", {"state", ""}, 400},
                {"GET", "/commands", {"state", "ready"}, 400},
                {"GET", "/devices", {"state", "sent"}, 400},
                {"GET", "/devices", {"limit", "10001"}, 400},
                {"GET", "/commands", {"limit", "-1"}, 400},
                {"GET", "/letters/replay", {"all", "true"}, 405},
                {"POST", "/letters/replay", {NULL, NULL}, 400},
                {"POST", "/letters/replay", {"all", "yes"}, 400},
                {"POST", "/letters/drop", {"all", "false"}, 400},
                {"POST", "/letters/drop", {"ids", ""}, 400},
                {"POST", "/letters/drop", {"ids", "1,,2"}, 400},
                {"POST", "/letters/drop", {"ids", "0"}, 400},
                {"POST", "/letters/drop", {"ids", "99999999999999999999999999"}, 400},
        };
        struct control_request request;

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
                assert_int_equal(parse(cases[i].method, cases[i].path, cases[i].query, &request),
                                 cases[i].status);
}

/* --- choosing and showing ------------------------------------------------------------------ */

static struct command *make_command(void)
{
        struct command *command = mem_new(1, sizeof(*command));

        command->device_key = mem_text("things-stack/app/dev");
        command->downlink.application = mem_text("app");
        command->downlink.device = mem_text("dev");
        command->downlink.decoded = mem_text("{\"led\":1.50}");
        command->identity = mem_text("m1");
        command->message_id = mem_text("m1");
        command->state = COMMAND_WAITING;
        command->policy = SETTINGS_SETTLE_BY_RULES;
        command->attempt = 2;
        command->received.wall_ms = 1714979289204;
        command_make_reference(command);
        return command;
}

static bool chosen(const char *state, const char *device, const struct command *command)
{
        struct command_filter filter = {.device = device};

        assert_true(command_filter_choose(&filter, state, NULL));
        return command_filter_matches(&filter, command);
}

static void filters_choose_by_device_state_and_outcome(void **state)
{
        struct command *command = make_command();

        (void)state;
        assert_true(chosen(NULL, NULL, command));
        assert_true(chosen("waiting", "dev", command));
        assert_true(chosen("all", "things-stack/app/dev", command));
        assert_false(chosen("all", "app", command));
        assert_false(chosen("queued", NULL, command));
        command_reach(command, COMMAND_FINISHED);
        command->outcome = COMMAND_CANCELLED;
        assert_false(chosen("pending", NULL, command));
        assert_true(chosen("finished", NULL, command));
        assert_true(chosen("cancelled", NULL, command));
        assert_false(chosen("expired", NULL, command));
        command_free(command);
}

static void a_reference_is_known_by_its_beginning(void **state)
{
        struct command *command = make_command();
        char beginning[COMMAND_REFERENCE_MIN + 1] = {0};

        (void)state;
        memcpy(beginning, command->downlink.reference, COMMAND_REFERENCE_MIN);
        assert_true(command_has_reference(command, beginning));
        assert_true(command_has_reference(command, command->downlink.reference));
        beginning[COMMAND_REFERENCE_MIN - 1] = '\0';
        assert_false(command_has_reference(command, beginning));
        assert_false(command_has_reference(command, "no such reference"));
        command_free(command);
}

static void times_of_states_are_kept_in_the_record(void **state)
{
        struct command *command = make_command();
        CLEANUP(buf_deinit) struct buf record = BUF_INIT;
        struct reason reason = REASON_INIT;
        struct command *again;

        (void)state;
        command_reach(command, COMMAND_BEGUN);
        command_reach(command, COMMAND_WAITING);
        assert_int_equal(command->reached_ms[COMMAND_BEGUN], 0);
        command_reach(command, COMMAND_BEGUN);
        command_reach(command, COMMAND_QUEUED);
        command_reach(command, COMMAND_SENT);
        command_encode(command, &record);
        again = command_decode(record.data, record.size, &reason);
        assert_non_null(again);
        assert_memory_equal(again->reached_ms, command->reached_ms, sizeof(again->reached_ms));
        assert_true(again->reached_ms[COMMAND_QUEUED] > 0);
        command_free(again);
        command_free(command);
}

static void the_view_has_what_is_known(void **state)
{
        struct command *command = make_command();
        CLEANUP(json_cleanup) struct json_object *view = command_view(command);
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;
        CLEANUP(mem_cleanup)
        char *wanted = mem_format(
                "{\"reference\":\"%s\",\"state\":\"waiting\",\"device\":\"things-stack/app/dev\","
                "\"application\":\"app\",\"deviceId\":\"dev\",\"kind\":\"message\","
                "\"messageId\":\"m1\",\"identity\":\"m1\","
                "\"received\":\"2024-05-06T07:08:09.204Z\",\"attempt\":2,\"policy\":\"ByRules\","
                "\"port\":0,\"confirmed\":false,\"priority\":\"Lowest\","
                "\"queue\":\"Push\",\"decoded\":{\"led\":1.50}}",
                command->downlink.reference);

        (void)state;
        json_write(&text, view);
        assert_string_equal(buf_text(&text), wanted);
        command_free(command);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(each_call_has_its_path),
                cmocka_unit_test(what_is_in_the_store_is_asked_for_page_by_page),
                cmocka_unit_test(devices_are_provisioned_with_a_limit_or_without),
                cmocka_unit_test(letters_are_chosen_by_their_ids_or_all),
                cmocka_unit_test(what_is_wrong_has_its_status),
                cmocka_unit_test(filters_choose_by_device_state_and_outcome),
                cmocka_unit_test(a_reference_is_known_by_its_beginning),
                cmocka_unit_test(times_of_states_are_kept_in_the_record),
                cmocka_unit_test(the_view_has_what_is_known),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
