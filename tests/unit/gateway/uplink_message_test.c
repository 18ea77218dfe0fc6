// SPDX-License-Identifier: MIT
/* The shape of an outcome in the twin. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/json/json.h"
#include "base/mem.h"
#include "gateway/uplink/uplink_message.h"

#define TIME_NS INT64_C(1714979289204000000)

static void check(char *details, const char *wanted)
{
        CLEANUP(buf_deinit) struct buf patch = BUF_INIT;
        struct event event = {
                .kind = EVENT_COMMAND_OUTCOME, .time_ns = TIME_NS, .details = details};

        uplink_message_patch(&event, &patch);
        assert_string_equal(buf_text(&patch), wanted);
}

static void each_command_has_one_entry_and_old_values_are_removed(void **state)
{
        char refused[] = "{\"message_id\":\"m1\",\"reference\":\"r1\",\"outcome\":\"refused\","
                         "\"command\":\"led\",\"reason\":\"too long\"}";
        char delivered[] = "{\"message_id\":\"\",\"reference\":\"r1\",\"outcome\":\"delivered\"}";

        (void)state;
        check(refused, "{\"commandOutcomes\":{\"led\":{\"outcome\":\"refused\",\"reason\":\"too "
                       "long\",\"messageId\":\"m1\",\"reference\":\"r1\",\"time\":"
                       "\"2024-05-06T07:08:09.204Z\"}}}");
        check(delivered, "{\"commandOutcomes\":{\"message\":{\"outcome\":\"delivered\",\"reason\":"
                         "null,\"messageId\":null,\"reference\":\"r1\",\"time\":"
                         "\"2024-05-06T07:08:09.204Z\"}}}");
}

static void names_and_values_are_such_that_a_twin_takes_them(void **state)
{
        CLEANUP(mem_cleanup) char *details = NULL;
        CLEANUP(mem_cleanup) char *reason = mem_new(1, 2000);
        CLEANUP(buf_deinit) struct buf patch = BUF_INIT;
        struct event event = {.kind = EVENT_COMMAND_OUTCOME, .time_ns = TIME_NS};
        struct json_object *entry;
        struct json_object *parsed;

        (void)state;
        memset(reason, 'x', 1023);
        strcpy(reason + 1023, "\xc3\xa9\xc3\xa9");
        details = mem_format("{\"command\":\"a.b$c#d e\",\"reason\":\"%s\"}", reason);
        event.details = details;
        uplink_message_patch(&event, &patch);
        parsed = json_parse(patch.data, patch.size, 8, JSON_STRICT, NULL);
        assert_non_null(parsed);
        entry = json_object_member(json_object_member(parsed, "commandOutcomes"), "a_b_c_d_e");
        assert_non_null(entry);
        assert_int_equal(strlen(json_text_member(entry, "reason")), 1023);
        json_object_put(parsed);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(each_command_has_one_entry_and_old_values_are_removed),
                cmocka_unit_test(names_and_values_are_such_that_a_twin_takes_them),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
