// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/error.h"
#include "http/client/http_queue.h"

#define A "https://a"
#define B "https://b:8443"

static void requests_of_one_server_keep_their_order(void **state)
{
        struct http_queue queue;
        struct http_queue_item items[3] = {0};

        (void)state;
        http_queue_init(&queue, 10);
        for (size_t i = 0; i < ARRAY_SIZE(items); i++)
                http_queue_push(&queue, &items[i], A);
        for (size_t i = 0; i < ARRAY_SIZE(items); i++) {
                assert_ptr_equal(http_queue_next(&queue), &items[i]);
                http_queue_finished(&queue, &items[i]);
        }
        assert_null(http_queue_next(&queue));
        assert_true(list_is_empty(&queue.origins));
        http_queue_deinit(&queue);
}

static void one_server_gets_three_quarters_and_the_others_the_rest(void **state)
{
        struct http_queue queue;
        struct http_queue_item a[8] = {0};
        struct http_queue_item b[8] = {0};

        (void)state;
        http_queue_init(&queue, 8);
        for (size_t i = 0; i < ARRAY_SIZE(a); i++)
                http_queue_push(&queue, &a[i], A);
        for (size_t i = 0; i < 6; i++)
                assert_ptr_equal(http_queue_next(&queue), &a[i]);
        assert_null(http_queue_next(&queue));
        for (size_t i = 0; i < ARRAY_SIZE(b); i++)
                http_queue_push(&queue, &b[i], B);
        assert_ptr_equal(http_queue_next(&queue), &b[0]);
        assert_ptr_equal(http_queue_next(&queue), &b[1]);
        assert_null(http_queue_next(&queue));
        /* What becomes free goes to whoever is below the share. */
        http_queue_finished(&queue, &b[0]);
        assert_ptr_equal(http_queue_next(&queue), &b[2]);
        http_queue_finished(&queue, &a[0]);
        assert_non_null(http_queue_next(&queue));
        assert_null(http_queue_next(&queue));
        http_queue_deinit(&queue);
}

static void servers_take_turns(void **state)
{
        struct http_queue queue;
        struct http_queue_item a[3] = {0};
        struct http_queue_item b[3] = {0};

        (void)state;
        http_queue_init(&queue, 100);
        for (size_t i = 0; i < 3; i++)
                http_queue_push(&queue, &a[i], A);
        for (size_t i = 0; i < 3; i++)
                http_queue_push(&queue, &b[i], B);
        for (size_t i = 0; i < 3; i++) {
                assert_ptr_equal(http_queue_next(&queue), &a[i]);
                assert_ptr_equal(http_queue_next(&queue), &b[i]);
        }
        http_queue_deinit(&queue);
}

static void a_single_connection_serves_everybody(void **state)
{
        struct http_queue queue;
        struct http_queue_item a = {0};
        struct http_queue_item b = {0};

        (void)state;
        http_queue_init(&queue, 0);
        http_queue_push(&queue, &a, A);
        http_queue_push(&queue, &b, B);
        assert_ptr_equal(http_queue_next(&queue), &a);
        assert_null(http_queue_next(&queue));
        http_queue_finished(&queue, &a);
        assert_ptr_equal(http_queue_next(&queue), &b);
        http_queue_deinit(&queue);
}

static void draining_takes_what_waits_and_nothing_else(void **state)
{
        struct http_queue queue;
        struct http_queue_item a[2] = {0};
        struct http_queue_item b = {0};

        (void)state;
        http_queue_init(&queue, 1);
        http_queue_push(&queue, &a[0], A);
        http_queue_push(&queue, &a[1], A);
        http_queue_push(&queue, &b, B);
        assert_ptr_equal(http_queue_next(&queue), &a[0]);
        assert_ptr_equal(http_queue_drain(&queue), &b);
        assert_ptr_equal(http_queue_drain(&queue), &a[1]);
        assert_null(http_queue_drain(&queue));
        http_queue_finished(&queue, &a[0]);
        assert_true(list_is_empty(&queue.origins));
        http_queue_deinit(&queue);
}

static void an_origin_is_what_stands_before_path_and_query(void **state)
{
        static const struct {
                const char *url;
                const char *origin;
        } rows[] = {
                {"https://host:8443/path?x#y", "https://host:8443"},
                {"http://host", "http://host"},
                {"http://host?x=/", "http://host"},
                {"http://host#y", "http://host"},
                {"host/path", "host"},
                {"", ""},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
                assert_int_equal(http_queue_origin_length(rows[i].url), strlen(rows[i].origin));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(requests_of_one_server_keep_their_order),
                cmocka_unit_test(one_server_gets_three_quarters_and_the_others_the_rest),
                cmocka_unit_test(servers_take_turns),
                cmocka_unit_test(a_single_connection_serves_everybody),
                cmocka_unit_test(draining_takes_what_waits_and_nothing_else),
                cmocka_unit_test(an_origin_is_what_stands_before_path_and_query),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
