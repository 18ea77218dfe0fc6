// SPDX-License-Identifier: MIT
/* The hub's small parts: ordered list, link addresses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "localhub/amqp/link_address.h"
#include "localhub/registry/ordered.h"

#define MANY 5000

struct thing {
        char key[16];
};

static struct thing things[MANY];

/* --- ordered --------------------------------------------------------------------------------- */

static void an_ordered_list_is_read_in_pages_while_it_changes(void **state)
{
        struct ordered list = ORDERED_INIT;
        uint64_t serials[MANY];
        uint64_t cursor = 0;
        int expected = 1;

        (void)state;
        assert_null(ordered_next(&list, &cursor));
        for (int i = 0; i < MANY; i++)
                serials[i] = ordered_add(&list, &things[i]);
        for (int i = 0; i < MANY; i += 2)
                ordered_remove(&list, serials[i]);
        for (struct thing *thing; (thing = ordered_next(&list, &cursor)) != NULL; expected += 2) {
                assert_ptr_equal(thing, &things[expected]);
                ordered_remove(&list, serials[expected]);
        }
        assert_int_equal(expected, MANY + 1);
        assert_int_equal(list.count, 0);
        /* Serial numbers never return. */
        assert_true(ordered_add(&list, &things[0]) > cursor);
        assert_ptr_equal(ordered_next(&list, &cursor), &things[0]);
        ordered_deinit(&list);
}

/* --- link addresses -------------------------------------------------------------------------- */

static void addresses_of_all_sdks_are_understood(void **state)
{
        static const struct {
                const char *text;
                enum link_function function;
                const char *device_id;
        } good[] = {
                {"$cbs", LINK_CBS, ""},
                {"/devices/dev1/messages/events", LINK_TELEMETRY, "dev1"},
                {"/devices/dev1/messages/devicebound", LINK_COMMANDS, "dev1"},
                {"/devices/dev1/methods/devicebound", LINK_METHODS, "dev1"},
                {"/devices/dev1/twin", LINK_TWIN, "dev1"},
                {"amqps://my.hub/devices/dev1/messages/events", LINK_TELEMETRY, "dev1"},
                {"amqps://my.hub:5671/devices/dev1/methods/deviceBound", LINK_METHODS, "dev1"},
                {"amqps://my.hub/devices/a%23b/messages/deviceBound", LINK_COMMANDS, "a#b"},
                {"AMQP://my.hub/Devices/dev1/Twin", LINK_TWIN, "dev1"},
                {"/devices/dev1/modules/m%231/twin", LINK_TWIN, "dev1/m#1"},
                {"/devices/dev1/modules/m1/messages/events", LINK_TELEMETRY, "dev1/m1"},
                {"/messages/devicebound", LINK_SERVICE, ""},
                {"/messages/serviceBound/filenotifications", LINK_UPLOADS, ""},
                {"/messages/serviceBound/feedback", LINK_FEEDBACK, ""},
                {"/messages/servicebound/feedback", LINK_FEEDBACK, ""},
                {"hub1/ConsumerGroups/$Default/Partitions/3", LINK_EVENTS, ""},
                {"amqps://h/hub1/consumergroups/g/partitions/0", LINK_EVENTS, ""},
                {"$management", LINK_MANAGEMENT, ""},
                {"hub1/$management", LINK_MANAGEMENT, ""},
                {"messages/events", LINK_REDIRECT, ""},
                {"0ne00123ABC/registrations/Dev-1", LINK_REGISTRATION, ""},
                {"amqps://h/0ne00123ABC/registrations/a%3Ab", LINK_REGISTRATION, ""},
                {"amqps://h:5671/messages/events/$management", LINK_REDIRECT, ""},
        };
        struct link_address address;

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
                assert_true(link_address_parse(good[i].text, &address));
                assert_int_equal(address.function, good[i].function);
                assert_string_equal(address.device_id, good[i].device_id);
        }
}

static void other_addresses_are_none(void **state)
{
        static const char *const bad[] = {
                "",
                "/",
                "events",
                "/devices/dev1",
                "/devices/dev1/",
                "/devices//messages/events",
                "/devices/dev1/messages/eventsx",
                "/devices/dev1/messages/events/",
                "/devices/dev1/modules//twin",
                "/devices/dev1/modules/m1",
                "/devices/dev1/modules/m1/modules/m2/twin",
                "/devices/a%00b/twin",
                "/devices/a%2Fb/twin",
                "/devices/a b/twin",
                "devices/dev1/twin",
                "amqps://my.hub",
                "amqps://",
                "http://my.hub/devices/dev1/twin",
                "hub1/ConsumerGroups//Partitions/0",
                "hub1/ConsumerGroups/$Default/Partitions/",
                "hub1/ConsumerGroups/$Default/Partitions/-1",
                "hub1/ConsumerGroups/$Default/Partitions/0/1",
                "/ConsumerGroups/$Default/Partitions/0",
                "messages/eventsx",
                "0ne00123ABC/registrations/",
                "0ne00123ABC/registrations/a b",
                "0ne00123ABC/registrations/a%00b",
                "/registrations/a",
        };
        struct link_address address;

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                assert_false(link_address_parse(bad[i], &address));
        assert_false(link_address_parse(NULL, &address));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_ordered_list_is_read_in_pages_while_it_changes),
                cmocka_unit_test(addresses_of_all_sdks_are_understood),
                cmocka_unit_test(other_addresses_are_none),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
