// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "azure/dps/dps_machine.h"

#define NOW_MS      INT64_C(5000000)
#define DEADLINE_MS (NOW_MS + 300000)

#define ASSIGNING "{\"operationId\":\"5.op.1\",\"status\":\"assigning\"}"
#define ASSIGNED                                                                                   \
        "{\"operationId\":\"5.op.1\",\"status\":\"assigned\",\"registrationState\":{"              \
        "\"assignedHub\":\"myhub.azure-devices.net\",\"deviceId\":\"dev1\"}}"
#define ERROR(code, message)                                                                       \
        "{\"errorCode\":" #code ",\"trackingId\":\"t-1\",\"message\":\"" message "\"}"

/* What the service says: status, body, Retry-After in ms (-1 = none). */
struct said {
        int status;
        const char *body;
        int64_t retry_after_ms;
};

struct fixture {
        struct dps_machine machine;
        struct dps_next next;
        int64_t now_ms;
        uint32_t chance;
};

static struct fixture start(void)
{
        struct fixture fixture = {.now_ms = NOW_MS};

        dps_machine_init(&fixture.machine, DEADLINE_MS);
        return fixture;
}

static void stop(struct fixture *fixture)
{
        dps_machine_deinit(&fixture->machine);
}

static void take(struct fixture *fixture, struct said said)
{
        CLEANUP(buf_deinit) struct buf body = BUF_INIT;
        struct http_answer answer = {.status = said.status, .retry_after_ms = said.retry_after_ms};

        buf_add_text(&body, said.body);
        answer.body = body;
        dps_machine_take(&fixture->machine, &answer, fixture->now_ms, fixture->chance,
                         &fixture->next);
}

static void take_failure(struct fixture *fixture, enum http_failure failure)
{
        struct http_answer answer = {.failure = failure, .retry_after_ms = -1};

        reason_set(&answer.reason, "https://dps: connection refused");
        dps_machine_take(&fixture->machine, &answer, fixture->now_ms, fixture->chance,
                         &fixture->next);
}

static void assert_step(const struct fixture *fixture, enum dps_step step, int64_t delay_ms)
{
        assert_int_equal(fixture->next.step, step);
        assert_int_equal(fixture->next.delay_ms, delay_ms);
}

static void assert_done(const struct fixture *fixture, enum dps_status status, int code,
                        const char *explanation)
{
        const struct dps_result *result = &fixture->next.result;

        assert_int_equal(fixture->next.step, DPS_STEP_DONE);
        assert_int_equal(result->status, status);
        assert_int_equal(result->error_code, code);
        if (!strstr(result->reason.text, explanation))
                fail_msg("'%s' is not in '%s'", explanation, result->reason.text);
}

/* --- success ------------------------------------------------------------------------------- */

static void assigned_at_once(void **state)
{
        CLEANUP(stop) struct fixture fixture = start();

        (void)state;
        take(&fixture, (struct said){200, ASSIGNED, -1});
        assert_done(&fixture, DPS_ASSIGNED, 0, "");
        assert_string_equal(fixture.next.result.assigned_hub, "myhub.azure-devices.net");
        assert_string_equal(fixture.next.result.device_id, "dev1");
}

static void assigning_then_assigned(void **state)
{
        CLEANUP(stop) struct fixture fixture = start();

        (void)state;
        take(&fixture, (struct said){202, ASSIGNING, 3000});
        assert_step(&fixture, DPS_STEP_POLL, 3000);
        assert_string_equal(fixture.machine.operation_id, "5.op.1");
        assert_string_equal(fixture.next.trouble.text, "");
        take(&fixture, (struct said){202, ASSIGNING, 7000});
        assert_step(&fixture, DPS_STEP_POLL, 7000);
        take(&fixture, (struct said){200, ASSIGNED, -1});
        assert_done(&fixture, DPS_ASSIGNED, 0, "");
}

static void the_polls_wait_as_the_service_says(void **state)
{
        static const struct {
                int64_t retry_after_ms;
                int64_t delay_ms;
        } rows[] = {{-1, 2000}, {1000, 1000}, {2000, 2000}, {30000, 30000}, {0, 200}};

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                CLEANUP(stop) struct fixture fixture = start();

                take(&fixture, (struct said){202, ASSIGNING, rows[i].retry_after_ms});
                assert_step(&fixture, DPS_STEP_POLL, rows[i].delay_ms);
        }
}

static void a_poll_may_leave_the_operation_id_out_or_change_it(void **state)
{
        CLEANUP(stop) struct fixture fixture = start();

        (void)state;
        take(&fixture, (struct said){202, ASSIGNING, -1});
        take(&fixture, (struct said){202, "{\"status\":\"assigning\"}", -1});
        assert_step(&fixture, DPS_STEP_POLL, 2000);
        assert_string_equal(fixture.machine.operation_id, "5.op.1");
        take(&fixture, (struct said){202, "{\"status\":\"assigning\",\"operationId\":\"b\"}", -1});
        assert_string_equal(fixture.machine.operation_id, "b");
}

/* --- final refusals ------------------------------------------------------------------------ */

static void refusals_are_final_and_explained(void **state)
{
        static const struct {
                struct said said;
                enum dps_status status;
                int code;
                const char *explanation;
        } rows[] = {
                {{401, ERROR(401002, "Unauthorized"), -1},
                 DPS_UNAUTHORIZED,
                 401002,
                 "refuses the device's key: check the ID scope"},
                {{401, ERROR(401002, "Unauthorized"), -1},
                 DPS_UNAUTHORIZED,
                 401002,
                 "(HTTP 401, error 401002, \"Unauthorized\", tracking id t-1)"},
                {{401, ERROR(400209, "Blocked"), -1},
                 DPS_UNAUTHORIZED,
                 400209,
                 "in IoT Central it is blocked or waits for approval"},
                {{403, "", -1}, DPS_UNAUTHORIZED, 0, "(HTTP 403)"},
                {{404, ERROR(404201, "Not found"), -1},
                 DPS_NOT_FOUND,
                 404201,
                 "does not know the ID scope or the enrolment"},
                {{400, ERROR(400004, "Bad"), -1}, DPS_FAILED, 400004, "finds the request invalid"},
                {{405, "", -1}, DPS_FAILED, 0, "refuses the request (HTTP 405)"},
                {{409, "", -1}, DPS_FAILED, 0, "refuses the request (HTTP 409)"},
                {{415, "<html>", -1}, DPS_FAILED, 0, "refuses the request (HTTP 415)"},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                CLEANUP(stop) struct fixture fixture = start();

                take(&fixture, rows[i].said);
                assert_done(&fixture, rows[i].status, rows[i].code, rows[i].explanation);
                assert_int_equal(fixture.next.result.retry_after_ms, -1);
        }
}

static void failed_and_disabled_registrations(void **state)
{
        static const struct {
                const char *body;
                enum dps_status status;
                int code;
                const char *explanation;
        } rows[] = {
                {"{\"status\":\"failed\",\"registrationState\":{\"errorCode\":400208,"
                 "\"errorMessage\":\"No hub\"}}",
                 DPS_FAILED, 400208, "has no IoT hub for this device: link a hub"},
                {"{\"status\":\"failed\",\"registrationState\":{\"errorCode\":400209}}",
                 DPS_UNAUTHORIZED, 400209, "waits for approval"},
                {"{\"status\":\"failed\",\"registrationState\":{\"errorCode\":400207,"
                 "\"errorMessage\":\"Custom allocation failed\"}}",
                 DPS_FAILED, 400207,
                 "could not assign the device (HTTP 200, error 400207, "
                 "\"Custom allocation failed\")"},
                {"{\"status\":\"disabled\"}", DPS_DISABLED, 0, "enrolment is disabled"},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                CLEANUP(stop) struct fixture at_once = start();
                CLEANUP(stop) struct fixture by_poll = start();

                take(&at_once, (struct said){200, rows[i].body, -1});
                assert_done(&at_once, rows[i].status, rows[i].code, rows[i].explanation);
                take(&by_poll, (struct said){202, ASSIGNING, -1});
                take(&by_poll, (struct said){200, rows[i].body, -1});
                assert_done(&by_poll, rows[i].status, rows[i].code, rows[i].explanation);
        }
}

static void a_forgotten_operation_is_registered_anew_once(void **state)
{
        CLEANUP(stop) struct fixture fixture = start();

        (void)state;
        take(&fixture, (struct said){202, ASSIGNING, -1});
        take(&fixture, (struct said){404, ERROR(404201, "Operation not found"), -1});
        assert_int_equal(fixture.next.step, DPS_STEP_REGISTER);
        take(&fixture, (struct said){202, ASSIGNING, -1});
        assert_int_equal(fixture.next.step, DPS_STEP_POLL);
        take(&fixture, (struct said){404, ERROR(404201, "Operation not found"), -1});
        assert_done(&fixture, DPS_NOT_FOUND, 404201, "does not know");
}

/* --- later --------------------------------------------------------------------------------- */

static void a_429_waits_at_least_retry_after_in_the_same_state(void **state)
{
        CLEANUP(stop) struct fixture fixture = start();

        (void)state;
        take(&fixture, (struct said){429, ERROR(429001, "Too many"), 20000});
        assert_step(&fixture, DPS_STEP_REGISTER, 20000);
        assert_true(fixture.next.throttled);
        fixture.chance = UINT32_MAX;
        take(&fixture, (struct said){429, "", 20000});
        assert_step(&fixture, DPS_STEP_REGISTER, 26000);
        take(&fixture, (struct said){202, ASSIGNING, -1});
        take(&fixture, (struct said){429, "", 8000});
        assert_step(&fixture, DPS_STEP_POLL, 11000);
        assert_true(fixture.next.throttled);
}

static void a_service_in_trouble_is_asked_again_with_doubling_pauses(void **state)
{
        static const int64_t pauses[] = {5000, 10000, 20000, 40000, 60000, 60000};
        static const int statuses[] = {500, 502, 503, 504, 408, 500};
        CLEANUP(stop) struct fixture fixture = start();

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(pauses); i++) {
                fixture.chance = 0;
                if (i % 2 == 0)
                        fixture.chance = UINT32_MAX;
                take(&fixture, (struct said){statuses[i], "<html>oops</html>", -1});
                assert_step(&fixture, DPS_STEP_REGISTER,
                            fixture.chance ? pauses[i] : pauses[i] / 2);
                assert_false(fixture.next.throttled);
                assert_non_null(strstr(fixture.next.trouble.text, i == 4 ? "408" : "in trouble"));
        }
        take(&fixture, (struct said){503, "", 3000});
        assert_in_range(fixture.next.delay_ms, 3000, 5000);
}

static void a_lost_connection_is_tried_again_soon(void **state)
{
        static const enum http_failure failures[] = {HTTP_E_CONNECT, HTTP_E_TLS, HTTP_E_TIMEOUT,
                                                     HTTP_E_BROKEN, HTTP_E_TOO_LARGE};
        static const int64_t pauses[] = {1000, 2000, 4000, 8000, 16000};
        CLEANUP(stop) struct fixture fixture = start();

        (void)state;
        fixture.chance = UINT32_MAX;
        for (size_t i = 0; i < ARRAY_SIZE(failures); i++) {
                take_failure(&fixture, failures[i]);
                assert_step(&fixture, DPS_STEP_REGISTER, pauses[i]);
                assert_string_equal(fixture.next.trouble.text, "https://dps: connection refused");
        }
        take(&fixture, (struct said){202, ASSIGNING, -1});
        /* An answer that makes sense ends the row of failures. */
        take_failure(&fixture, HTTP_E_BROKEN);
        assert_step(&fixture, DPS_STEP_POLL, 1000);
        assert_string_equal(fixture.machine.operation_id, "5.op.1");
}

static void what_makes_no_sense_is_asked_again(void **state)
{
        static const struct said rows[] = {
                {200, "", -1},
                {200, "garbage", -1},
                {200, "[]", -1},
                {200, "{}", -1},
                {200, "{\"status\":\"perhaps\"}", -1},
                {202, "{\"status\":\"assigning\"}", -1},
                {200, "{\"status\":\"assigned\"}", -1},
                {204, "", -1},
                {302, "", -1},
                {302, ASSIGNED, -1},
                {101, ASSIGNING, -1},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                CLEANUP(stop) struct fixture fixture = start();

                take(&fixture, rows[i]);
                assert_step(&fixture, DPS_STEP_REGISTER, 500);
                assert_string_not_equal(fixture.next.trouble.text, "");
        }
}

/* --- the deadline -------------------------------------------------------------------------- */

static void nothing_is_waited_for_beyond_the_deadline(void **state)
{
        CLEANUP(stop) struct fixture throttled = start();
        CLEANUP(stop) struct fixture lost = start();
        CLEANUP(stop) struct fixture slow = start();

        (void)state;
        take(&throttled, (struct said){429, ERROR(429001, "Too many"), 300000});
        assert_done(&throttled, DPS_UNAVAILABLE, 429001, "given up for now: ");
        assert_int_equal(throttled.next.result.retry_after_ms, 300000);
        assert_true(throttled.next.throttled);
        lost.now_ms = DEADLINE_MS - 500;
        take_failure(&lost, HTTP_E_CONNECT);
        assert_done(&lost, DPS_UNAVAILABLE, 0, "given up for now: https://dps: connection refused");
        slow.now_ms = DEADLINE_MS - 2000;
        take(&slow, (struct said){202, ASSIGNING, -1});
        assert_done(&slow, DPS_UNAVAILABLE, 0, "still assigning");
}

static void what_fits_before_the_deadline_is_waited_for(void **state)
{
        CLEANUP(stop) struct fixture fixture = start();

        (void)state;
        fixture.now_ms = DEADLINE_MS - 2001;
        take(&fixture, (struct said){202, ASSIGNING, -1});
        assert_step(&fixture, DPS_STEP_POLL, 2000);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(assigned_at_once),
                cmocka_unit_test(assigning_then_assigned),
                cmocka_unit_test(the_polls_wait_as_the_service_says),
                cmocka_unit_test(a_poll_may_leave_the_operation_id_out_or_change_it),
                cmocka_unit_test(refusals_are_final_and_explained),
                cmocka_unit_test(failed_and_disabled_registrations),
                cmocka_unit_test(a_forgotten_operation_is_registered_anew_once),
                cmocka_unit_test(a_429_waits_at_least_retry_after_in_the_same_state),
                cmocka_unit_test(a_service_in_trouble_is_asked_again_with_doubling_pauses),
                cmocka_unit_test(a_lost_connection_is_tried_again_soon),
                cmocka_unit_test(what_makes_no_sense_is_asked_again),
                cmocka_unit_test(nothing_is_waited_for_beyond_the_deadline),
                cmocka_unit_test(what_fits_before_the_deadline_is_waited_for),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
