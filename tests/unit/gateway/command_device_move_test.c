// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/command/command_device_move.h"

static void the_scope_is_a_json_text_or_bare(void **state)
{
        static const struct {
                const char *payload;
                const char *scope; /* NULL = none */
        } rows[] = {
                {"\"0ne00123ABC\"", "0ne00123ABC"},
                {" 0ne00123ABC\r\n", "0ne00123ABC"},
                {"", NULL},
                {"\"\"", NULL},
                {"{\"idScope\":\"0ne\"}", NULL},
                {"0ne/../x", NULL},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                char scope[COMMAND_DEVICE_MOVE_SIZE];
                bool found =
                        command_device_move_scope(rows[i].payload, strlen(rows[i].payload), scope);

                assert_int_equal(found, rows[i].scope != NULL);
                if (found)
                        assert_string_equal(scope, rows[i].scope);
        }
}

static void too_long_a_scope_is_none(void **state)
{
        char scope[COMMAND_DEVICE_MOVE_SIZE];
        char payload[COMMAND_DEVICE_MOVE_SIZE];

        (void)state;
        memset(payload, 'a', sizeof(payload));
        assert_true(command_device_move_scope(payload, sizeof(payload) - 1, scope));
        assert_false(command_device_move_scope(payload, sizeof(payload), scope));
}

static void it_may_be_a_component_s_but_not_a_method_of_the_settings(void **state)
{
        char name[] = "devicemove";
        struct settings_method method = {.name = name};
        struct settings settings = {0};

        (void)state;
        assert_true(command_device_move_is(&settings, "app", "DeviceMove"));
        assert_true(command_device_move_is(&settings, "app", "migration*DeviceMove"));
        assert_false(command_device_move_is(&settings, "app", "Move"));
        assert_false(command_device_move_is(&settings, "app", NULL));
        settings.azure.methods = &method;
        settings.azure.method_count = 1;
        assert_false(command_device_move_is(&settings, "app", "DeviceMove"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_scope_is_a_json_text_or_bare),
                cmocka_unit_test(too_long_a_scope_is_none),
                cmocka_unit_test(it_may_be_a_component_s_but_not_a_method_of_the_settings),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
