// SPDX-License-Identifier: MIT
/* What becomes of connections when nobody asks for anything: http/client/http_client.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "http/client/http_client.h"
#include "support/http_server.h"
#include "support/inbox.h"

#define CROWD       40 /* more than http_client.c calls so */
#define DEADLINE_MS 30000

struct pair {
        struct test_http_server *server;
        struct http_client *client;
        struct test_inbox inbox;
        char *url;
};

static enum test_http_then answer_request(void *context, const struct test_http_request *request,
                                          struct buf *answer)
{
        (void)context;
        (void)request;
        test_http_answer(answer, 200, "", "");
        return TEST_HTTP_KEEP;
}

static void start(struct pair *pair, long rest_ms)
{
        struct reason reason = REASON_INIT;

        pair->server = test_http_server_start(NULL, answer_request, NULL);
        pair->url = mem_format("http://127.0.0.1:%u/", test_http_server_port(pair->server));
        test_inbox_init(&pair->inbox);
        assert_int_equal(http_client_new(&(struct http_client_options){.rest_ms = rest_ms},
                                         &pair->client, &reason),
                         0);
}

static void stop(struct pair *pair)
{
        http_client_free(pair->client);
        test_http_server_stop(pair->server);
        test_inbox_deinit(&pair->inbox);
        free(pair->url);
}

static void send(struct pair *pair)
{
        http_client_send(pair->client, &(struct http_request){.method = "GET", .url = pair->url},
                         test_inbox_put, &pair->inbox);
}

static void take(struct pair *pair)
{
        CLEANUP(test_inbox_item_cleanup)
        struct test_inbox_item *item = test_inbox_take(&pair->inbox);

        assert_int_equal(item->answer.status, 200);
}

/* Asks now and then until a connection is used that was not there before. */
static void when_a_crowd_has_gone_its_connections_are_closed(void **state)
{
        struct pair pair;
        int64_t deadline_ms = clock_steady_ms() + DEADLINE_MS;
        useconds_t pause_us = 1000;

        (void)state;
        start(&pair, 5);
        for (int i = 0; i < CROWD; i++) {
                send(&pair);
                take(&pair);
        }
        while (test_http_server_connections(pair.server) == 1) {
                assert_true(clock_steady_ms() < deadline_ms);
                usleep(pause_us);
                pause_us *= 2;
                send(&pair);
                take(&pair);
        }
        stop(&pair);
}

/* Each request may come while the connections are being closed. */
static void no_request_is_overlooked_meanwhile(void **state)
{
        struct pair pair;
        int64_t deadline_ms = clock_steady_ms() + DEADLINE_MS;

        (void)state;
        start(&pair, 1);
        for (int crowds = 0; crowds < 20; crowds++) {
                assert_true(clock_steady_ms() < deadline_ms);
                for (int i = 0; i < CROWD; i++)
                        send(&pair);
                for (int i = 0; i < CROWD; i++)
                        take(&pair);
                usleep(1000);
        }
        stop(&pair);
}

static void a_client_may_end_before_its_connections_are_closed(void **state)
{
        struct pair pair;

        (void)state;
        start(&pair, 3600000);
        for (int i = 0; i < CROWD; i++)
                send(&pair);
        for (int i = 0; i < CROWD; i++)
                take(&pair);
        stop(&pair);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(when_a_crowd_has_gone_its_connections_are_closed),
                cmocka_unit_test(no_request_is_overlooked_meanwhile),
                cmocka_unit_test(a_client_may_end_before_its_connections_are_closed),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
