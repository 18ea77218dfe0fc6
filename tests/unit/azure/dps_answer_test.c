// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "azure/dps/dps_answer.h"
#include "base/buf.h"

static void parse(struct dps_answer *answer, const char *body)
{
        struct reason reason = REASON_INIT;

        if (!dps_answer_parse(answer, body, strlen(body), &reason))
                fail_msg("refused: %s", reason.text);
}

static void assert_refused(const char *body, const char *explanation)
{
        CLEANUP(dps_answer_deinit) struct dps_answer answer = DPS_ANSWER_INIT;
        struct reason reason = REASON_INIT;

        assert_false(dps_answer_parse(&answer, body, strlen(body), &reason));
        if (!strstr(reason.text, explanation))
                fail_msg("'%s' is not in '%s'", explanation, reason.text);
}

static void assigning(void **state)
{
        CLEANUP(dps_answer_deinit) struct dps_answer answer = DPS_ANSWER_INIT;

        (void)state;
        parse(&answer, "{\"operationId\":\"5.316aac5bdc130deb.b1e02da8-c3a0-4ff2-a121-"
                       "7ea7a6b7f550\",\"status\":\"assigning\"}");
        assert_int_equal(answer.status, DPS_ANSWER_ASSIGNING);
        assert_string_equal(answer.operation_id,
                            "5.316aac5bdc130deb.b1e02da8-c3a0-4ff2-a121-7ea7a6b7f550");
        assert_null(answer.assigned_hub);
}

static void unassigned_is_assigning(void **state)
{
        CLEANUP(dps_answer_deinit) struct dps_answer answer = DPS_ANSWER_INIT;

        (void)state;
        parse(&answer, "{\"operationId\":\"o\",\"status\":\"unassigned\"}");
        assert_int_equal(answer.status, DPS_ANSWER_ASSIGNING);
}

/* The example of Microsoft's documentation. */
static void assigned(void **state)
{
        CLEANUP(dps_answer_deinit) struct dps_answer answer = DPS_ANSWER_INIT;

        (void)state;
        parse(&answer,
              "{\"operationId\":\"5.316aac5bdc130deb.b1e02da8\",\"status\":\"assigned\","
              "\"registrationState\":{\"registrationId\":\"dev0001\",\"createdDateTimeUtc\":"
              "\"2022-08-31T22:02:50.5163352Z\",\"assignedHub\":\"myhub.azure-devices.net\","
              "\"deviceId\":\"Dev:0001\",\"status\":\"assigned\",\"substatus\":"
              "\"initialAssignment\",\"lastUpdatedDateTimeUtc\":\"2022-08-31T22:02:50.7370676Z\","
              "\"etag\":\"IjY5\",\"symmetricKey\":{\"enrollmentGroupId\":\"g\"},\"payload\":{}}}");
        assert_int_equal(answer.status, DPS_ANSWER_ASSIGNED);
        assert_string_equal(answer.assigned_hub, "myhub.azure-devices.net");
        assert_string_equal(answer.device_id, "Dev:0001");
        assert_int_equal(answer.error_code, 0);
}

static void failed_with_the_error_in_the_state(void **state)
{
        CLEANUP(dps_answer_deinit) struct dps_answer answer = DPS_ANSWER_INIT;

        (void)state;
        parse(&answer, "{\"operationId\":\"o\",\"status\":\"failed\",\"registrationState\":{"
                       "\"status\":\"failed\",\"errorCode\":400208,\"errorMessage\":\"No hub\"}}");
        assert_int_equal(answer.status, DPS_ANSWER_FAILED);
        assert_int_equal(answer.error_code, 400208);
        assert_string_equal(answer.message, "No hub");
}

static void disabled(void **state)
{
        CLEANUP(dps_answer_deinit) struct dps_answer answer = DPS_ANSWER_INIT;

        (void)state;
        parse(&answer, "{\"registrationState\":{\"status\":\"disabled\"}}");
        assert_int_equal(answer.status, DPS_ANSWER_DISABLED);
}

static void an_error_document(void **state)
{
        CLEANUP(dps_answer_deinit) struct dps_answer answer = DPS_ANSWER_INIT;

        (void)state;
        parse(&answer, "{\"errorCode\":401002,\"trackingId\":\"8ad0463c\",\"message\":"
                       "\"Unauthorized\",\"timestampUtc\":\"2020-05-06T07:08:09Z\",\"info\":{}}");
        assert_int_equal(answer.status, DPS_ANSWER_NONE);
        assert_int_equal(answer.error_code, 401002);
        assert_string_equal(answer.message, "Unauthorized");
        assert_string_equal(answer.tracking_id, "8ad0463c");
        dps_answer_deinit(&answer);
        parse(&answer, "{\"errorCode\":401002,\"trackingId\":\"\\u001b[2J\"}");
        assert_null(answer.tracking_id);
}

static void an_error_code_may_be_a_text_but_not_nonsense(void **state)
{
        static const struct {
                const char *body;
                int code;
        } rows[] = {
                {"{\"errorCode\":\"401002\"}", 401002},
                {"{\"errorCode\":-1}", 0},
                {"{\"errorCode\":99999999999}", 0},
                {"{\"errorCode\":{}}", 0},
                {"{\"errorCode\":null}", 0},
                {"{}", 0},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                CLEANUP(dps_answer_deinit) struct dps_answer answer = DPS_ANSWER_INIT;

                parse(&answer, rows[i].body);
                assert_int_equal(answer.error_code, rows[i].code);
        }
}

static void a_message_is_one_bounded_printable_line(void **state)
{
        CLEANUP(dps_answer_deinit) struct dps_answer answer = DPS_ANSWER_INIT;
        CLEANUP(buf_deinit) struct buf body = BUF_INIT;

        (void)state;
        parse(&answer, "{\"message\":\"a\\r\\nb\\u001b[31m\\u007f\\u00e9\"}");
        assert_string_equal(answer.message, "a  b [31m \xc3\xa9");
        dps_answer_deinit(&answer);
        buf_add_text(&body, "{\"message\":\"");
        for (int i = 0; i < 100000; i++)
                buf_add_text(&body, "\xc3\xa9");
        buf_add_text(&body, "\"}");
        parse(&answer, buf_text(&body));
        assert_in_range(strlen(answer.message), 290, 302);
}

static void what_is_no_answer_is_refused(void **state)
{
        (void)state;
        assert_refused("", "the answer");
        assert_refused("<html>", "the answer: not valid JSON");
        assert_refused("[]", "no JSON object");
        assert_refused("\"assigned\"", "no JSON object");
        assert_refused("{\"status\":\"perhaps\"}", "a status that is not known");
        assert_refused("{\"status\":\"\"}", "a status that is not known");
}

static void assigned_without_a_usable_hub_or_id_is_refused(void **state)
{
        (void)state;
        assert_refused("{\"status\":\"assigned\"}", "without a usable");
        assert_refused("{\"status\":\"assigned\",\"registrationState\":7}", "without a usable");
        assert_refused("{\"status\":\"assigned\",\"registrationState\":{\"deviceId\":\"d\"}}",
                       "without a usable");
        assert_refused("{\"status\":\"assigned\",\"registrationState\":{\"assignedHub\":\"h\"}}",
                       "without a usable");
        assert_refused("{\"status\":\"assigned\",\"registrationState\":{\"assignedHub\":"
                       "\"http://h/\",\"deviceId\":\"d\"}}",
                       "without a usable");
        assert_refused("{\"status\":\"assigned\",\"registrationState\":{\"assignedHub\":\"h\","
                       "\"deviceId\":\"d/../e\"}}",
                       "without a usable");
        assert_refused("{\"status\":\"assigned\",\"registrationState\":{\"assignedHub\":[\"h\"],"
                       "\"deviceId\":\"d\"}}",
                       "without a usable");
}

static void an_operation_id_that_is_none_is_refused(void **state)
{
        CLEANUP(buf_deinit) struct buf body = BUF_INIT;

        (void)state;
        assert_refused("{\"status\":\"assigning\",\"operationId\":\"\"}", "operationId");
        assert_refused("{\"status\":\"assigning\",\"operationId\":7}", "operationId");
        buf_add_text(&body, "{\"status\":\"assigning\",\"operationId\":\"");
        for (int i = 0; i < 513; i++)
                buf_add_char(&body, 'o');
        buf_add_text(&body, "\"}");
        assert_refused(buf_text(&body), "operationId");
}

static void a_deep_answer_is_refused(void **state)
{
        CLEANUP(buf_deinit) struct buf body = BUF_INIT;

        (void)state;
        buf_add_text(&body, "{\"status\":\"assigning\",\"payload\":");
        for (int i = 0; i < 100000; i++)
                buf_add_char(&body, '[');
        assert_refused(buf_text(&body), "the answer");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(assigning),
                cmocka_unit_test(unassigned_is_assigning),
                cmocka_unit_test(assigned),
                cmocka_unit_test(failed_with_the_error_in_the_state),
                cmocka_unit_test(disabled),
                cmocka_unit_test(an_error_document),
                cmocka_unit_test(an_error_code_may_be_a_text_but_not_nonsense),
                cmocka_unit_test(a_message_is_one_bounded_printable_line),
                cmocka_unit_test(what_is_no_answer_is_refused),
                cmocka_unit_test(assigned_without_a_usable_hub_or_id_is_refused),
                cmocka_unit_test(an_operation_id_that_is_none_is_refused),
                cmocka_unit_test(a_deep_answer_is_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
