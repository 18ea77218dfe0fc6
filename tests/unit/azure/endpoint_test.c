// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "azure/endpoint.h"
#include "base/buf.h"

static void assert_endpoint(const char *text, const char *host, uint16_t port)
{
        struct endpoint endpoint;
        struct reason reason = REASON_INIT;

        assert_true(endpoint_parse(text, 5671, &endpoint, &reason));
        assert_string_equal(endpoint.host, host);
        assert_int_equal(endpoint.port, port);
}

static void assert_refused(const char *text, const char *explanation)
{
        struct endpoint endpoint;
        struct reason reason = REASON_INIT;

        assert_false(endpoint_parse(text, 5671, &endpoint, &reason));
        if (!strstr(reason.text, explanation))
                fail_msg("'%s' is not in '%s'", explanation, reason.text);
}

static void a_host_may_name_its_port(void **state)
{
        (void)state;
        assert_endpoint("myhub.azure-devices.net", "myhub.azure-devices.net", 5671);
        assert_endpoint("localhost:15671", "localhost", 15671);
        assert_endpoint("127.0.0.1:1", "127.0.0.1", 1);
        assert_endpoint("a_b:65535", "a_b", 65535);
}

static void an_ipv6_address_stands_in_brackets(void **state)
{
        (void)state;
        assert_endpoint("[::1]", "::1", 5671);
        assert_endpoint("[::1]:443", "::1", 443);
        assert_refused("[::1", "no IPv6 address");
        assert_refused("[]", "no IPv6 address");
        assert_refused("[nonsense]:1", "no IPv6 address");
        assert_refused("[::1]x", "no IPv6 address");
        assert_refused("[::1]:", "no port number");
        assert_refused("::1", "not a host name: at character 1");
}

static void a_bad_port_is_refused(void **state)
{
        (void)state;
        assert_refused("host:", "no port number");
        assert_refused("host:0", "no port number");
        assert_refused("host:65536", "no port number");
        assert_refused("host:+80", "no port number");
        assert_refused("host:80/path", "no port number");
}

static void what_is_no_host_is_refused(void **state)
{
        (void)state;
        assert_refused("", "empty");
        assert_refused(NULL, "empty");
        assert_refused("https://myhub.azure-devices.net", "without 'https://'");
        assert_refused("my hub", "at character 3");
        assert_refused("myhub/devices", "at character 6");
}

static void the_length_of_a_host_is_bounded(void **state)
{
        CLEANUP(buf_deinit) struct buf host = BUF_INIT;

        (void)state;
        for (int i = 0; i < 253; i++)
                buf_add_char(&host, 'a');
        assert_endpoint(buf_text(&host), buf_text(&host), 5671);
        buf_add_char(&host, 'a');
        assert_refused(buf_text(&host), "longer than 253");
        buf_clear(&host);
        buf_add_char(&host, '[');
        for (int i = 0; i < 1000; i++)
                buf_add_char(&host, '1');
        buf_add_char(&host, ']');
        assert_refused(buf_text(&host), "no IPv6 address");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_host_may_name_its_port),
                cmocka_unit_test(an_ipv6_address_stands_in_brackets),
                cmocka_unit_test(a_bad_port_is_refused),
                cmocka_unit_test(what_is_no_host_is_refused),
                cmocka_unit_test(the_length_of_a_host_is_bounded),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
