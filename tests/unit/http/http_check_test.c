// SPDX-License-Identifier: MIT
/* Ambiguous requests are refused, and web pages are told from programs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/error.h"
#include "http/http_check.h"

/* The fault of a request with these headers ("Name: value" each; NULL ends). */
static const char *fault_of(const char *version, const char *const *headers)
{
        struct http_check check = {0};

        for (; *headers; headers++) {
                char name[64] = {0};
                const char *colon = strchr(*headers, ':');
                const char *value = colon + 2;

                memcpy(name, *headers, (size_t)(colon - *headers));
                http_check_header(&check, name, strlen(name), value, strlen(value));
        }
        return http_check_end(&check, version);
}

static void check_refused(const char *const *headers, const char *reason)
{
        const char *fault = fault_of("HTTP/1.1", headers);

        if (!fault || !strstr(fault, reason))
                fail_msg("%s: expected '%s', got '%s'", headers[0], reason, fault ? fault : "-");
}

static void ordinary_requests_are_let_through(void **state)
{
        static const char *const plain[] = {"Host: a", "Content-Length: 3", "X-Api-Key: k\t!",
                                            NULL};
        static const char *const chunked[] = {"host: a", "transfer-encoding: Chunked ", NULL};
        static const char *const none[] = {"Accept: */*", NULL};

        (void)state;
        assert_null(fault_of("HTTP/1.1", plain));
        assert_null(fault_of("HTTP/1.1", chunked));
        assert_null(fault_of("HTTP/1.0", none));
}

static void a_length_that_is_not_the_only_one_is_refused(void **state)
{
        static const char *const two[] = {"Host: a", "Content-Length: 3", "content-length: 4",
                                          NULL};
        static const char *const same[] = {"Host: a", "Content-Length: 3", "Content-Length: 3",
                                           NULL};
        static const char *const both[] = {"Host: a", "Content-Length: 3",
                                           "Transfer-Encoding: chunked", NULL};
        static const char *const sign[] = {"Host: a", "Content-Length: +3", NULL};
        static const char *const list[] = {"Host: a", "Content-Length: 3, 3", NULL};

        (void)state;
        check_refused(two, "more than one Content-Length");
        check_refused(same, "more than one Content-Length");
        check_refused(both, "both a Content-Length and a Transfer-Encoding");
        check_refused(sign, "no number");
        check_refused(list, "no number");
}

static void codings_other_than_chunked_are_refused(void **state)
{
        static const char *const two[] = {"Host: a", "Transfer-Encoding: chunked",
                                          "Transfer-Encoding: chunked", NULL};
        static const char *const other[] = {"Host: a", "Transfer-Encoding: gzip, chunked", NULL};
        static const char *const odd[] = {"Host: a", "Transfer-Encoding: xchunked", NULL};
        static const char *const old[] = {"Transfer-Encoding: chunked", NULL};

        (void)state;
        check_refused(two, "more than one Transfer-Encoding");
        check_refused(other, "the only Transfer-Encoding");
        check_refused(odd, "the only Transfer-Encoding");
        assert_non_null(fault_of("HTTP/1.0", old));
}

static void exactly_one_host_is_wanted(void **state)
{
        static const char *const none[] = {"Accept: */*", NULL};
        static const char *const two[] = {"Host: a", "Host: a", NULL};

        (void)state;
        check_refused(none, "no Host");
        check_refused(two, "more than one Host");
}

static void names_and_values_have_no_odd_characters(void **state)
{
        static const char *const blank[] = {"Host: a", "X-Api-Key : k", NULL};
        static const char *const tab[] = {"Host: a", "X-Api-Key\t: k", NULL};
        static const char *const byte[] = {"Host: a", "X-\x80: k", NULL};
        static const char *const control[] = {"Host: a", "X-Api-Key: k\rb", NULL};

        (void)state;
        check_refused(blank, "character that names don't have");
        check_refused(tab, "character that names don't have");
        check_refused(byte, "character that names don't have");
        check_refused(control, "control character");
}

static void arguments_have_no_zero_byte(void **state)
{
        struct http_check check = {.hosts = 1};

        (void)state;
        http_check_argument(&check, NULL, 0);
        http_check_argument(&check, "key", 3);
        assert_null(http_check_end(&check, "HTTP/1.1"));
        http_check_argument(&check, "key\0x", 5);
        assert_non_null(http_check_end(&check, "HTTP/1.1"));
}

static void programs_on_this_machine_are_no_pages(void **state)
{
        static const char *const hosts[] = {"localhost", "LOCALHOST:80", "127.0.0.1:8080", "[::1]",
                                            "[::1]:8080"};

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(hosts); i++) {
                assert_false(http_check_is_from_a_page(NULL, NULL, hosts[i]));
                assert_false(http_check_is_from_a_page(NULL, "none", hosts[i]));
                assert_false(http_check_is_from_a_page(NULL, "same-origin", hosts[i]));
        }
}

static void pages_give_themselves_away(void **state)
{
        static const char *const hosts[] = {"evil.example",
                                            "evil.example:8080",
                                            "localhost.evil.example",
                                            "localhost:80@evil.example",
                                            "127.0.0.1.evil.example",
                                            "localhost:",
                                            "::1",
                                            ""};

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(hosts); i++)
                assert_true(http_check_is_from_a_page(NULL, NULL, hosts[i]));
        assert_true(http_check_is_from_a_page(NULL, NULL, NULL));
        assert_true(http_check_is_from_a_page("http://localhost", NULL, "localhost"));
        assert_true(http_check_is_from_a_page("null", NULL, "localhost"));
        assert_true(http_check_is_from_a_page(NULL, "cross-site", "localhost"));
        assert_true(http_check_is_from_a_page(NULL, "same-site", "localhost"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(ordinary_requests_are_let_through),
                cmocka_unit_test(a_length_that_is_not_the_only_one_is_refused),
                cmocka_unit_test(codings_other_than_chunked_are_refused),
                cmocka_unit_test(exactly_one_host_is_wanted),
                cmocka_unit_test(names_and_values_have_no_odd_characters),
                cmocka_unit_test(arguments_have_no_zero_byte),
                cmocka_unit_test(programs_on_this_machine_are_no_pages),
                cmocka_unit_test(pages_give_themselves_away),
        };

        return cmocka_run_group_tests_name("http_check", tests, NULL, NULL);
}
