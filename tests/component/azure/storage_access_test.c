// SPDX-License-Identifier: MIT
/* A storage account that is opened by the identity of a machine, both played by one server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "azure/identity/identity.h"
#include "azure/storage/storage_access.h"
#include "base/mem.h"
#include "support/certificates.h"
#include "support/http_server.h"
#include "support/inbox.h"

struct world {
        struct test_http_server *server;
        struct http_client *http;
        struct identity *identity;
        struct storage_access access;
        struct test_inbox inbox;
        pthread_mutex_t lock;  /* for the next three */
        struct buf seen;       /* "token N" and "NAME STATUS" of what was asked, in its order */
        int tokens;            /* given so far */
        const char *good;      /* what the account takes; NULL = nothing */
        char *metadata_server; /* the environment's word for it */
};

static void answer_token(struct world *world, struct buf *out)
{
        CLEANUP(mem_cleanup)
        char *body = mem_format("{\"access_token\":\"TOKEN-%d\",\"expires_in\":\"3600\"}",
                                ++world->tokens);

        buf_add_format(&world->seen, "token %d\n", world->tokens);
        test_http_answer(out, 200, "", body);
}

static void answer_storage(struct world *world, const struct test_http_request *request,
                           struct buf *out)
{
        CLEANUP(buf_deinit) struct buf shown = BUF_INIT;
        int status = 401;

        test_http_header(request, "Authorization", &shown);
        if (world->good && strcmp(buf_text(&shown), world->good) == 0)
                status = 200;
        buf_add_format(&world->seen, "%s %d\n", buf_text(&shown), status);
        test_http_answer(out, status, "", "");
}

static enum test_http_then answer(void *context, const struct test_http_request *request,
                                  struct buf *out)
{
        struct world *world = context;

        pthread_mutex_lock(&world->lock);
        if (strncmp(request->target, "/metadata/", 10) == 0)
                answer_token(world, out);
        else
                answer_storage(world, request, out);
        pthread_mutex_unlock(&world->lock);
        return TEST_HTTP_KEEP;
}

static int set_up(void **state)
{
        static struct world world;
        struct reason reason = REASON_INIT;
        CLEANUP(mem_cleanup) char *url = NULL;
        char *environment[2] = {NULL};

        test_without_proxies();
        world = (struct world){.access = {.service = STORAGE_QUEUE}};
        pthread_mutex_init(&world.lock, NULL);
        test_inbox_init(&world.inbox);
        world.server = test_http_server_start(NULL, answer, &world);
        url = mem_format("http://127.0.0.1:%d", test_http_server_port(world.server));
        world.metadata_server = mem_format("AZURE_POD_IDENTITY_AUTHORITY_HOST=%s", url);
        environment[0] = world.metadata_server;
        assert_int_equal(http_client_new(&(struct http_client_options){.user_agent = "test"},
                                         &world.http, &reason),
                         0);
        world.identity = identity_new(&(struct identity_options){
                .http = world.http,
                .environment = environment,
                .arc_agent = "/nonexistent/agent",
        });
        assert_true(
                storage_account_by_identity(STORAGE_QUEUE, url, &world.access.account, &reason));
        world.access.http = world.http;
        world.access.identity = world.identity;
        *state = &world;
        return 0;
}

static int tear_down(void **state)
{
        struct world *world = *state;

        http_client_free(world->http);
        identity_free(world->identity);
        storage_account_deinit(&world->access.account);
        test_http_server_stop(world->server);
        test_inbox_deinit(&world->inbox);
        buf_deinit(&world->seen);
        free(world->metadata_server);
        pthread_mutex_destroy(&world->lock);
        return 0;
}

/* Asks for something, and waits for its one answer's status. */
static int ask(struct world *world)
{
        struct test_inbox_item *item;
        int status;

        storage_access_send(&world->access,
                            &(struct storage_request){.service = STORAGE_QUEUE,
                                                      .method = "GET",
                                                      .path = "/uplink",
                                                      .query = "comp=metadata"},
                            test_inbox_put, &world->inbox);
        item = test_inbox_take(&world->inbox);
        status = item->answer.status;
        test_inbox_item_cleanup(&item);
        return status;
}

static void a_refused_token_is_replaced_and_the_request_sent_again(void **state)
{
        struct world *world = *state;

        world->good = "Bearer TOKEN-2";
        assert_int_equal(ask(world), 200);
        assert_string_equal(buf_text(&world->seen),
                            "token 1\nBearer TOKEN-1 401\ntoken 2\nBearer TOKEN-2 200\n");
        /* The new one is kept. */
        buf_clear(&world->seen);
        assert_int_equal(ask(world), 200);
        assert_string_equal(buf_text(&world->seen), "Bearer TOKEN-2 200\n");
}

static void a_refusal_of_the_new_one_is_the_answer(void **state)
{
        struct world *world = *state;

        assert_int_equal(ask(world), 401);
        assert_string_equal(buf_text(&world->seen),
                            "token 1\nBearer TOKEN-1 401\ntoken 2\nBearer TOKEN-2 401\n");
        /* Nor is another asked for at each refusal. */
        buf_clear(&world->seen);
        assert_int_equal(ask(world), 401);
        assert_int_equal(ask(world), 401);
        assert_string_equal(buf_text(&world->seen), "Bearer TOKEN-2 401\nBearer TOKEN-2 401\n");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(
                        a_refused_token_is_replaced_and_the_request_sent_again, set_up, tear_down),
                cmocka_unit_test_setup_teardown(a_refusal_of_the_new_one_is_the_answer, set_up,
                                                tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
