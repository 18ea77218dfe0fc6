// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "azure/hub/hub_condition.h"

/* Every condition that a hub, or proton for it, is known to say. */
static void each_condition_has_its_meaning_for_device_and_message(void **state)
{
        static const struct {
                const char *name;
                enum hub_fault fault;
                enum hub_fate fate;
        } cases[] = {
                {"amqp:internal-error", HUB_FAULT_AGAIN, HUB_FATE_TRY},
                {"amqp:not-found", HUB_FAULT_NOT_FOUND, HUB_FATE_NOT_ASKED},
                {"amqp:unauthorized-access", HUB_FAULT_UNAUTHORIZED, HUB_FATE_NOT_ASKED},
                {"amqp:not-allowed", HUB_FAULT_REFUSED, HUB_FATE_TRY},
                {"amqp:not-implemented", HUB_FAULT_REFUSED, HUB_FATE_TRY},
                {"amqp:resource-limit-exceeded", HUB_FAULT_THROTTLED, HUB_FATE_LATER},
                {"amqp:link:message-size-exceeded", HUB_FAULT_TOO_LARGE, HUB_FATE_NEVER},
                {"amqp:link:detach-forced", HUB_FAULT_AGAIN, HUB_FATE_TRY},
                {"amqp:link:stolen", HUB_FAULT_STOLEN, HUB_FATE_NOT_ASKED},
                {"amqp:link:redirect", HUB_FAULT_AGAIN, HUB_FATE_TRY},
                {"amqp:connection:forced", HUB_FAULT_AGAIN, HUB_FATE_TRY},
                {"amqp:connection:framing-error", HUB_FAULT_AGAIN, HUB_FATE_TRY},
                {"amqp:connection:redirect", HUB_FAULT_AGAIN, HUB_FATE_TRY},
                {"amqp:link:transfer-limit-exceeded", HUB_FAULT_AGAIN, HUB_FATE_TRY},
                {"amqp:session:window-violation", HUB_FAULT_AGAIN, HUB_FATE_TRY},
                {"amqp:session:errant-link", HUB_FAULT_AGAIN, HUB_FATE_TRY},
                {"amqp:session:handle-in-use", HUB_FAULT_AGAIN, HUB_FATE_TRY},
                {"amqp:session:unattached-handle", HUB_FAULT_AGAIN, HUB_FATE_TRY},
                {"amqp:resource-locked", HUB_FAULT_AGAIN, HUB_FATE_TRY},
                {"proton:io", HUB_FAULT_AGAIN, HUB_FATE_TRY},
                {"amqp:decode-error", HUB_FAULT_ARGUMENT, HUB_FATE_NEVER},
                {"amqp:frame-size-too-small", HUB_FAULT_AGAIN, HUB_FATE_TRY},
                {"amqp:illegal-state", HUB_FAULT_AGAIN, HUB_FATE_TRY},
                {"amqp:invalid-field", HUB_FAULT_ARGUMENT, HUB_FATE_NEVER},
                {"amqp:precondition-failed", HUB_FAULT_AGAIN, HUB_FATE_TRY},
                {"amqp:resource-deleted", HUB_FAULT_REFUSED, HUB_FATE_TRY},
                {"com.microsoft:argument-error", HUB_FAULT_ARGUMENT, HUB_FATE_NEVER},
                {"com.microsoft:argument-out-of-range", HUB_FAULT_ARGUMENT, HUB_FATE_NEVER},
                {"com.microsoft:device-already-exists", HUB_FAULT_REFUSED, HUB_FATE_TRY},
                {"com.microsoft:device-container-throttled", HUB_FAULT_THROTTLED, HUB_FATE_LATER},
                {"com.microsoft:iot-hub-suspended", HUB_FAULT_THROTTLED, HUB_FATE_LATER},
                {"com.microsoft:iot-hub-not-found-error", HUB_FAULT_HUB, HUB_FATE_NOT_ASKED},
                {"com.microsoft:message-lock-lost", HUB_FAULT_AGAIN, HUB_FATE_TRY},
                {"com.microsoft:precondition-failed", HUB_FAULT_REFUSED, HUB_FATE_TRY},
                {"com.microsoft:quota-exceeded", HUB_FAULT_THROTTLED, HUB_FATE_LATER},
                {"com.microsoft:timeout", HUB_FAULT_AGAIN, HUB_FATE_TRY},
                {"com.microsoft:link-creation-conflict", HUB_FAULT_STOLEN, HUB_FATE_NOT_ASKED},
                {"never:heard", HUB_FAULT_AGAIN, HUB_FATE_TRY},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                assert_int_equal(hub_condition_fault(cases[i].name, NULL), cases[i].fault);
                assert_int_equal(hub_fault_fate(cases[i].fault), cases[i].fate);
        }
}

static void an_error_number_is_believed_before_the_condition(void **state)
{
        static const struct {
                const char *name;
                const char *description;
                enum hub_fault fault;
        } cases[] = {
                {"amqp:not-found", "{\"errorCode\":404001}", HUB_FAULT_NOT_FOUND},
                {"amqp:not-found", "{\"errorCode\":404006}", HUB_FAULT_REFUSED},
                {"amqp:not-found", "{\"errorCode\": 404012, \"trackingId\":\"a\"}",
                 HUB_FAULT_THROTTLED},
                {"amqp:not-found", "Message:{\\\"errorCode\\\":404012}", HUB_FAULT_THROTTLED},
                {"amqp:unauthorized-access", "{\"errorCode\":401001}", HUB_FAULT_HUB},
                {"amqp:unauthorized-access", "{\"errorCode\":401003}", HUB_FAULT_UNAUTHORIZED},
                {"amqp:not-allowed", "{\"errorCode\":403001}", HUB_FAULT_THROTTLED},
                {"amqp:not-allowed", "{\"errorCode\":403002}", HUB_FAULT_THROTTLED},
                {"amqp:not-found", "{\"trackingId\":\"404006\"}", HUB_FAULT_NOT_FOUND},
                {"amqp:not-found", "{\"errorCode", HUB_FAULT_NOT_FOUND},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
                assert_int_equal(hub_condition_fault(cases[i].name, cases[i].description),
                                 cases[i].fault);
}

static void the_reason_says_name_and_description(void **state)
{
        pn_condition_t *condition = pn_condition();
        struct hub_condition copy;

        (void)state;
        hub_condition_read(&copy, NULL, "nothing was said");
        assert_string_equal(copy.reason.text, "nothing was said");
        assert_int_equal(copy.fault, HUB_FAULT_AGAIN);
        hub_condition_read(&copy, condition, "nothing was said");
        assert_string_equal(copy.reason.text, "nothing was said");
        pn_condition_set_name(condition, "amqp:not-found");
        hub_condition_read(&copy, condition, "nothing was said");
        assert_string_equal(copy.reason.text, "amqp:not-found");
        pn_condition_set_description(condition, "no such device");
        hub_condition_read(&copy, condition, "nothing was said");
        assert_string_equal(copy.reason.text, "amqp:not-found: no such device");
        assert_int_equal(copy.fault, HUB_FAULT_NOT_FOUND);
        pn_condition_free(condition);
}

static void a_reason_s_condition_is_found(void **state)
{
        static const struct {
                const char *reason;
                const char *condition;
        } cases[] = {
                {"amqp:not-found: no such device: here", "amqp:not-found"},
                {"amqp:link:message-size-exceeded", "amqp:link:message-size-exceeded"},
                {"given up after 5 tries: com.microsoft:timeout: too slow",
                 "com.microsoft:timeout"},
                {"the hub released the message", ""},
                {"it said amqp:not-found", ""},
                {"", ""},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                char condition[HUB_CONDITION_SIZE];
                struct reason reason = REASON_INIT;

                reason_set(&reason, "%s", cases[i].reason);
                hub_reason_condition(&reason, condition);
                assert_string_equal(condition, cases[i].condition);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(each_condition_has_its_meaning_for_device_and_message),
                cmocka_unit_test(an_error_number_is_believed_before_the_condition),
                cmocka_unit_test(the_reason_says_name_and_description),
                cmocka_unit_test(a_reason_s_condition_is_found),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
