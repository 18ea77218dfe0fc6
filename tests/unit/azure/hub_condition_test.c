// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "azure/hub/hub_condition.h"

static void conditions_have_the_meaning_of_the_reference(void **state)
{
        static const struct {
                const char *name;
                enum hub_fault fault;
        } cases[] = {
                {"amqp:internal-error", HUB_FAULT_AGAIN},
                {"amqp:link:detach-forced", HUB_FAULT_AGAIN},
                {"amqp:connection:forced", HUB_FAULT_AGAIN},
                {"amqp:resource-locked", HUB_FAULT_AGAIN},
                {"com.microsoft:timeout", HUB_FAULT_AGAIN},
                {"com.microsoft:device-container-throttled", HUB_FAULT_THROTTLED},
                {"com.microsoft:quota-exceeded", HUB_FAULT_THROTTLED},
                {"com.microsoft:iot-hub-suspended", HUB_FAULT_THROTTLED},
                {"amqp:resource-limit-exceeded", HUB_FAULT_THROTTLED},
                {"amqp:link:message-size-exceeded", HUB_FAULT_TOO_LARGE},
                {"com.microsoft:argument-error", HUB_FAULT_ARGUMENT},
                {"com.microsoft:argument-out-of-range", HUB_FAULT_ARGUMENT},
                {"amqp:unauthorized-access", HUB_FAULT_UNAUTHORIZED},
                {"amqp:not-found", HUB_FAULT_NOT_FOUND},
                {"amqp:link:stolen", HUB_FAULT_STOLEN},
                {"com.microsoft:link-creation-conflict", HUB_FAULT_STOLEN},
                {"amqp:not-allowed", HUB_FAULT_REFUSED},
                {"amqp:not-implemented", HUB_FAULT_REFUSED},
                {"com.microsoft:iot-hub-not-found-error", HUB_FAULT_REFUSED},
                {"never:heard", HUB_FAULT_AGAIN},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
                assert_int_equal(hub_condition_fault(cases[i].name, NULL), cases[i].fault);
}

static void a_wrong_address_is_not_a_missing_device(void **state)
{
        (void)state;
        assert_int_equal(hub_condition_fault("amqp:not-found", "{\"errorCode\":404001}"),
                         HUB_FAULT_NOT_FOUND);
        assert_int_equal(hub_condition_fault("amqp:not-found", "{\"errorCode\":404006}"),
                         HUB_FAULT_REFUSED);
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

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(conditions_have_the_meaning_of_the_reference),
                cmocka_unit_test(a_wrong_address_is_not_a_missing_device),
                cmocka_unit_test(the_reason_says_name_and_description),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
