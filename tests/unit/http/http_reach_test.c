// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http/client/http_reach.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "base/error.h"
#include "base/text.h"

struct row {
        const char *address;
        bool is_public;
};

static bool judge(const char *text)
{
        struct sockaddr_storage storage = {.ss_family = AF_INET};
        struct sockaddr_in *v4 = (void *)&storage;
        struct sockaddr_in6 *v6 = (void *)&storage;

        if (inet_pton(AF_INET, text, &v4->sin_addr) != 1) {
                storage.ss_family = AF_INET6;
                assert_int_equal(inet_pton(AF_INET6, text, &v6->sin6_addr), 1);
        }
        return http_reach_is_public((const struct sockaddr *)&storage);
}

static void only_public_addresses_are_public(void **state)
{
        static const struct row rows[] = {
                {"0.0.0.0", false},
                {"0.255.255.255", false},
                {"1.0.0.0", true},
                {"9.255.255.255", true},
                {"10.0.0.0", false},
                {"10.255.255.255", false},
                {"11.0.0.0", true},
                {"100.63.255.255", true},
                {"100.64.0.0", false},
                {"100.127.255.255", false},
                {"100.128.0.0", true},
                {"127.0.0.1", false},
                {"127.255.255.255", false},
                {"128.0.0.0", true},
                {"169.253.255.255", true},
                {"169.254.169.254", false},
                {"169.255.0.0", true},
                {"172.15.255.255", true},
                {"172.16.0.0", false},
                {"172.31.255.255", false},
                {"172.32.0.0", true},
                {"192.0.0.8", false},
                {"192.0.1.0", true},
                {"192.0.2.1", false},
                {"192.88.99.1", false},
                {"192.167.255.255", true},
                {"192.168.0.1", false},
                {"192.169.0.0", true},
                {"198.17.255.255", true},
                {"198.18.0.0", false},
                {"198.19.255.255", false},
                {"198.20.0.0", true},
                {"198.51.100.7", false},
                {"203.0.113.7", false},
                {"223.255.255.255", true},
                {"224.0.0.1", false},
                {"239.255.255.255", false},
                {"240.0.0.1", false},
                {"255.255.255.255", false},
                {"::", false},
                {"::1", false},
                {"::7f00:1", false},
                {"::ffff:127.0.0.1", false},
                {"::ffff:10.0.0.1", false},
                {"::ffff:8.8.8.8", false},
                {"64:ff9b::8.8.8.8", true},
                {"64:ff9b::10.0.0.1", false},
                {"64:ff9b::127.0.0.1", false},
                {"64:ff9b:1::8.8.8.8", false},
                {"100::1", false},
                {"1fff:ffff::1", false},
                {"2000::1", true},
                {"2001::1", false},
                {"2001:1ff:ffff::1", false},
                {"2001:200::1", true},
                {"2001:db7:ffff::1", true},
                {"2001:db8::1", false},
                {"2001:db9::1", true},
                {"2002:7f00:1::", false},
                {"2003::1", true},
                {"2a00:1450:4001:82f::200e", true},
                {"3ffe:ffff::1", true},
                {"3fff::1", false},
                {"3fff:fff:ffff::1", false},
                {"3fff:1000::1", true},
                {"4000::1", false},
                {"fc00::1", false},
                {"fdff::1", false},
                {"fe80::1", false},
                {"fec0::1", false},
                {"ff02::1", false},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                if (judge(rows[i].address) != rows[i].is_public)
                        fail_msg("%s is %s public", rows[i].address,
                                 rows[i].is_public ? "not" : "said to be");
        }
}

static void what_is_no_address_of_the_internet_is_not_public(void **state)
{
        struct sockaddr_un local = {.sun_family = AF_UNIX};

        (void)state;
        assert_false(http_reach_is_public((const struct sockaddr *)&local));
}

/* --- the proxy ----------------------------------------------------------------------------- */

static const char *const variables[] = {"http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY",
                                        "all_proxy",  "ALL_PROXY",  "no_proxy",    "NO_PROXY"};

static int clear_environment(void **state)
{
        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(variables); i++)
                unsetenv(variables[i]);
        return 0;
}

static void assert_proxy(const char *url, const char *expected)
{
        const char *proxy = http_reach_proxy(url);

        if (!text_equal(proxy, expected))
                fail_msg("%s: %s", url, proxy ? proxy : "none");
}

static void without_variables_there_is_no_proxy(void **state)
{
        (void)state;
        assert_proxy("https://example.net/x", NULL);
        setenv("https_proxy", "", 1);
        assert_proxy("https://example.net/x", NULL);
}

static void the_variable_of_the_scheme_counts_before_that_for_all(void **state)
{
        (void)state;
        setenv("ALL_PROXY", "http://all:1", 1);
        assert_proxy("https://example.net/x", "http://all:1");
        assert_proxy("http://example.net/x", "http://all:1");
        setenv("HTTPS_PROXY", "http://upper:1", 1);
        setenv("HTTP_PROXY", "http://never:1", 1);
        assert_proxy("HTTPS://example.net/x", "http://upper:1");
        assert_proxy("http://example.net/x", "http://all:1");
        setenv("https_proxy", "http://lower:1", 1);
        setenv("http_proxy", "http://plain:1", 1);
        assert_proxy("https://example.net/x", "http://lower:1");
        assert_proxy("http://example.net/x", "http://plain:1");
}

static void hosts_can_be_excepted(void **state)
{
        static const struct {
                const char *list;
                const char *url;
                bool excepted;
        } rows[] = {
                {"example.net", "https://example.net/x", true},
                {"example.net", "https://Example.NET:8443?x", true},
                {"example.net", "https://a.example.net/x", true},
                {"example.net", "https://aexample.net/x", false},
                {"example.net", "https://example.net.example.org/x", false},
                {".example.net", "https://a.example.net/x", true},
                {".example.net", "https://example.net/x", true},
                {"example.org, example.net", "https://example.net", true},
                {"example.org example.net", "https://example.net#x", true},
                {",, ,", "https://example.net/x", false},
                {".", "https://example.net/x", false},
                {"*", "https://example.net/x", true},
                {"::1", "https://[::1]:8443/x", true},
                {"127.0.0.1", "https://127.0.0.1:8443/x", true},
                {"example.net", "https://me:pw@example.net:8443/x", true},
        };

        (void)state;
        setenv("https_proxy", "http://proxy:1", 1);
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                setenv("no_proxy", rows[i].list, 1);
                assert_proxy(rows[i].url, rows[i].excepted ? NULL : "http://proxy:1");
        }
        unsetenv("no_proxy");
        setenv("NO_PROXY", "example.net", 1);
        assert_proxy("https://example.net/x", NULL);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(only_public_addresses_are_public),
                cmocka_unit_test(what_is_no_address_of_the_internet_is_not_public),
                cmocka_unit_test_setup(without_variables_there_is_no_proxy, clear_environment),
                cmocka_unit_test_setup(the_variable_of_the_scheme_counts_before_that_for_all,
                                       clear_environment),
                cmocka_unit_test_setup(hosts_can_be_excepted, clear_environment),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
