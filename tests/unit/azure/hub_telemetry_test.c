// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unit/azure/hub_pair.h"

static void token_then_link_then_message(void **state)
{
        struct bench *bench = *state;
        struct world *world = &bench->world;

        bench->owner.to_send = 1;
        owner_open(&bench->owner, world, "dev 1/ä");
        assert_string_equal(bench->owner.log, "");
        world_run(world);
        assert_string_equal(bench->owner.log, "R R 1+");
        assert_string_equal(world->seen.hostname, TEST_HUB);
        assert_int_equal(strlen(world->seen.container), 36);
        assert_string_equal(world->seen.token_name,
                            "myhub.azure-devices.net%2Fdevices%2Fdev%201%2F%C3%A4");
        assert_memory_equal(world->seen.token_text,
                            "SharedAccessSignature sr=myhub.azure-devices.net", 48);
        assert_string_equal(world->seen.address, "/devices/dev%201%2F%C3%A4/messages/events");
        assert_string_equal(world->seen.model_id, "dtmi:com:example:Thermostat;1");
        assert_int_equal(world->seen.tokens, 1);
        assert_int_equal(world->seen.attaches, 1);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(token_then_link_then_message, bench_setup,
                                                bench_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
