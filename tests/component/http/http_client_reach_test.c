// SPDX-License-Identifier: MIT
/* Requests that may go to public addresses only, tried against a server on an inner one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "http/client/http_client.h"
#include "support/certificates.h"
#include "support/directory.h"
#include "support/http_server.h"
#include "support/inbox.h"

static char *directory;
static char *authority_file;
static struct test_ca *authority;

static int set_up(void **state)
{
        static const char *const proxies[] = {"http_proxy", "all_proxy", "ALL_PROXY", "no_proxy",
                                              "NO_PROXY"};

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(proxies); i++)
                unsetenv(proxies[i]);
        directory = test_directory_new();
        authority_file = test_directory_file(directory, "ca.pem");
        authority = test_ca_new(authority_file);
        setenv("SSL_CERT_FILE", authority_file, 1);
        return 0;
}

static int tear_down(void **state)
{
        (void)state;
        test_ca_free(authority);
        free(authority_file);
        test_directory_remove(directory);
        return 0;
}

/* Answers with the request's head. */
static enum test_http_then echo(void *context, const struct test_http_request *request,
                                struct buf *answer)
{
        (void)context;
        test_http_answer(answer, 200, "", buf_text(&request->headers));
        return TEST_HTTP_KEEP;
}

struct pair {
        struct test_http_server *server;
        struct http_client *client;
        uint16_t port;
};

static struct pair start_pair(void)
{
        struct reason reason = REASON_INIT;
        struct pair pair;

        pair.server = test_http_server_start(NULL, echo, NULL);
        pair.port = test_http_server_port(pair.server);
        assert_int_equal(http_client_new(&(struct http_client_options){0}, &pair.client, &reason),
                         0);
        return pair;
}

static void stop_pair(struct pair *pair)
{
        http_client_free(pair->client);
        test_http_server_stop(pair->server);
}

/* Asks for the server's port at one of its hosts. */
static struct test_inbox_item *ask(const struct pair *pair, const char *host, bool public_only)
{
        CLEANUP(mem_cleanup) char *url = mem_format("http://%s:%d/x", host, pair->port);
        struct http_request request = {.method = "GET", .url = url, .public_only = public_only};
        struct test_inbox inbox;
        struct test_inbox_item *item;

        test_inbox_init(&inbox);
        http_client_send(pair->client, &request, test_inbox_put, &inbox);
        item = test_inbox_take(&inbox);
        test_inbox_deinit(&inbox);
        return item;
}

static void an_inner_address_is_not_connected(void **state)
{
        static const char *const hosts[] = {"127.0.0.1", "localhost",          "[::1]",
                                            "0.0.0.0",   "[::ffff:127.0.0.1]", "2130706433"};
        CLEANUP(stop_pair) struct pair pair = start_pair();

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(hosts); i++) {
                CLEANUP(test_inbox_item_cleanup)
                struct test_inbox_item *item = ask(&pair, hosts[i], true);

                assert_int_equal(item->answer.failure, HTTP_E_CONNECT);
                assert_non_null(strstr(item->answer.reason.text, "is not public"));
        }
        assert_int_equal(test_http_server_connections(pair.server), 0);
}

static void a_kept_connection_is_no_way_around_that(void **state)
{
        CLEANUP(stop_pair) struct pair pair = start_pair();
        CLEANUP(test_inbox_item_cleanup) struct test_inbox_item *open = NULL;
        CLEANUP(test_inbox_item_cleanup) struct test_inbox_item *refused = NULL;

        (void)state;
        open = ask(&pair, "127.0.0.1", false);
        refused = ask(&pair, "127.0.0.1", true);
        assert_int_equal(open->answer.status, 200);
        assert_int_equal(refused->answer.failure, HTTP_E_CONNECT);
        assert_int_equal(test_http_server_connections(pair.server), 1);
}

static void the_environments_proxy_decides(void **state)
{
        CLEANUP(stop_pair) struct pair pair = start_pair();
        CLEANUP(mem_cleanup) char *proxy = mem_format("http://127.0.0.1:%d", pair.port);
        CLEANUP(test_inbox_item_cleanup) struct test_inbox_item *through = NULL;
        CLEANUP(test_inbox_item_cleanup) struct test_inbox_item *excepted = NULL;

        (void)state;
        setenv("http_proxy", proxy, 1);
        through = ask(&pair, "host.invalid", true);
        assert_int_equal(through->answer.status, 200);
        assert_non_null(strstr(buf_text(&through->answer.body), "GET http://host.invalid:"));
        setenv("no_proxy", "localhost", 1);
        excepted = ask(&pair, "localhost", true);
        unsetenv("http_proxy");
        unsetenv("no_proxy");
        assert_int_equal(excepted->answer.failure, HTTP_E_CONNECT);
        assert_int_equal(test_http_server_connections(pair.server), 1);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_inner_address_is_not_connected),
                cmocka_unit_test(a_kept_connection_is_no_way_around_that),
                cmocka_unit_test(the_environments_proxy_decides),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
