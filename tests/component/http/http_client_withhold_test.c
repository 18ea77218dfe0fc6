// SPDX-License-Identifier: MIT
/* Requests that are asked about once more before they go: `may_go` of http/client/http_client.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "http/client/http_client.h"
#include "support/http_server.h"
#include "support/inbox.h"

/* What a handler of requests that may be withheld has seen. */
struct counted {
        atomic_int requests;
        atomic_int asked;
        bool may_go;
        struct test_inbox inbox;
};

static enum test_http_then count_request(void *context, const struct test_http_request *request,
                                         struct buf *answer)
{
        struct counted *counted = context;

        assert_string_equal(buf_text(&request->body), "body");
        atomic_fetch_add(&counted->requests, 1);
        test_http_answer(answer, 200, "", "");
        return TEST_HTTP_KEEP;
}

static bool may_go(void *context)
{
        struct counted *counted = context;

        atomic_fetch_add(&counted->asked, 1);
        return counted->may_go;
}

static void note_counted(void *context, const struct http_answer *answer)
{
        struct counted *counted = context;

        test_inbox_put(&counted->inbox, answer);
}

static void what_may_not_go_any_more_stays_here(void **state)
{
        static const struct {
                bool may_go;
                enum http_failure failure;
                int requests;
        } rows[] = {{false, HTTP_E_CONNECT, 0}, {true, HTTP_OK, 1}};

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                struct counted counted = {.may_go = rows[i].may_go};
                struct test_http_server *server =
                        test_http_server_start(NULL, count_request, &counted);
                struct http_client *client;
                struct reason reason = REASON_INIT;
                CLEANUP(mem_cleanup)
                char *url = mem_format("http://127.0.0.1:%u/", test_http_server_port(server));

                assert_int_equal(
                        http_client_new(&(struct http_client_options){0}, &client, &reason), 0);
                test_inbox_init(&counted.inbox);
                http_client_send(client,
                                 &(struct http_request){.method = "POST",
                                                        .url = url,
                                                        .body = "body",
                                                        .body_size = 4,
                                                        .once = true,
                                                        .may_go = may_go},
                                 note_counted, &counted);
                {
                        CLEANUP(test_inbox_item_cleanup)
                        struct test_inbox_item *item = test_inbox_take(&counted.inbox);

                        assert_int_equal(item->answer.failure, rows[i].failure);
                }
                assert_int_equal(atomic_load(&counted.asked), 1);
                http_client_free(client);
                test_http_server_stop(server);
                assert_int_equal(atomic_load(&counted.requests), rows[i].requests);
                test_inbox_deinit(&counted.inbox);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_may_not_go_any_more_stays_here),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
