// SPDX-License-Identifier: MIT
/* The HTTP server over real sockets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/clock.h"
#include "base/thread.h"
#include "component/localhub/web_client.h"
#include "http/http_server.h"

#define CONNECTION_MEMORY 4096
#define BODY_LIMIT        1000

/* What the handler under test shares with the test. */
struct scene {
        struct http_server *http;
        struct web_server server;
        pthread_t answerer;
        struct http_exchange *held;
        atomic_bool has_held;
        atomic_int stream_ends;
        atomic_int lines; /* that the stream may still say; -1 = the end */
};

static bool stream_read(void *context, struct buf *out)
{
        struct scene *scene = context;
        int lines = atomic_load(&scene->lines);

        for (int i = 0; i < lines; i++)
                buf_add_text(out, "line\n");
        if (lines > 0)
                atomic_store(&scene->lines, 0);
        return lines >= 0;
}

static void stream_end(void *context)
{
        struct scene *scene = context;

        atomic_fetch_add(&scene->stream_ends, 1);
}

static void describe(struct http_exchange *exchange)
{
        struct json_object *answer = json_object_new_object();
        struct json_object *segments = json_object_new_array();
        size_t count = http_exchange_segment_count(exchange);
        const char *query = http_exchange_argument(exchange, "q");
        const char *header = http_exchange_header(exchange, "X-Test");

        for (size_t i = 0; i < count && i < HTTP_SEGMENTS_MAX; i++)
                json_object_array_add(segments,
                                      json_object_new_string(http_exchange_segment(exchange, i)));
        json_object_object_add(answer, "method",
                               json_object_new_string(http_exchange_method(exchange)));
        json_object_object_add(answer, "path",
                               json_object_new_string(http_exchange_path(exchange)));
        json_object_object_add(answer, "segments", segments);
        json_object_object_add(answer, "count", json_object_new_int64((int64_t)count));
        json_object_object_add(answer, "query", json_object_new_string(query ? query : ""));
        json_object_object_add(answer, "header", json_object_new_string(header ? header : ""));
        json_object_object_add(answer, "body",
                               json_object_new_string(buf_text(http_exchange_body(exchange))));
        http_exchange_add_header(exchange, "X-Answer", "yes");
        http_exchange_answer_json(exchange, 201, answer);
}

static void *answer_held(void *context)
{
        struct scene *scene = context;

        thread_enter("answerer");
        http_exchange_answer(scene->held, 202, NULL, NULL);
        return NULL;
}

static void handle(void *context, struct http_exchange *exchange)
{
        struct scene *scene = context;
        const struct http_stream stream = {
                .type = "text/plain",
                .read = stream_read,
                .end = stream_end,
                .context = scene,
        };
        const char *path = http_exchange_path(exchange);

        if (strcmp(path, "/later") == 0) {
                scene->held = exchange;
                thread_start(&scene->answerer, answer_held, scene);
        } else if (strcmp(path, "/hold") == 0) {
                scene->held = exchange;
                atomic_store(&scene->has_held, true);
        } else if (strcmp(path, "/stream") == 0) {
                scene->held = exchange;
                http_exchange_stream(exchange, &stream);
                atomic_store(&scene->has_held, true);
        } else {
                describe(exchange);
        }
}

static int start(void **state)
{
        struct scene *scene = mem_new(1, sizeof(*scene));
        const struct http_server_options options = {
                .thread = "test-http",
                .host = "127.0.0.1",
                .maximum_connections = 20,
                .maximum_body = BODY_LIMIT,
                .connection_memory = CONNECTION_MEMORY,
                .idle_ms = 200,
                .handle = handle,
                .context = scene,
        };
        struct reason reason = REASON_INIT;

        if (http_server_start(&options, &scene->http, &reason) != 0)
                return -1;
        scene->server.port = http_server_port(scene->http);
        *state = scene;
        return 0;
}

static int stop(void **state)
{
        struct scene *scene = *state;

        http_server_free(scene->http);
        free(scene);
        return 0;
}

static void wait_until_held(struct scene *scene)
{
        int64_t deadline_ms = clock_steady_ms() + 20000;

        while (!atomic_load(&scene->has_held) && clock_steady_ms() < deadline_ms)
                usleep(1000);
        assert_true(atomic_load(&scene->has_held));
}

static void a_request_is_read_whole_and_answered(void **state)
{
        struct scene *scene = *state;
        struct web_answer answer = web_request(
                &scene->server, "POST", "/a%2Fb//c%20d/?q=x%26y&z=1#f", "X-Test: 7\r\n", "hello");
        char *extra = web_header(&answer, "X-Answer");

        assert_int_equal(answer.status, 201);
        assert_string_equal(answer.body,
                            "{\"method\":\"POST\",\"path\":\"/a/b//c d/\","
                            "\"segments\":[\"a/b\",\"c d\"],\"count\":2,\"query\":\"x&y\","
                            "\"header\":\"7\",\"body\":\"hello\"}");
        assert_string_equal(extra, "yes");
        free(extra);
        web_answer_deinit(&answer);
}

static void a_get_may_have_a_body(void **state)
{
        struct scene *scene = *state;
        struct web_answer answer = web_request(&scene->server, "GET", "/", NULL, "{}");

        assert_int_equal(answer.status, 201);
        assert_string_equal(json_text_member(answer.json, "body"), "{}");
        web_answer_deinit(&answer);
}

static void a_long_path_counts_one_more_than_fits(void **state)
{
        struct scene *scene = *state;
        struct web_answer answer =
                web_request(&scene->server, "GET", "/1/2/3/4/5/6/7/8/9/10", NULL, NULL);
        int64_t count = 0;

        assert_true(json_int_member(answer.json, "count", &count));
        assert_int_equal(count, HTTP_SEGMENTS_MAX + 1);
        web_answer_deinit(&answer);
}

static void headers_have_the_memory_of_their_connection(void **state)
{
        static const struct {
                size_t size;
                int status;
        } rows[] = {{CONNECTION_MEMORY / 2, 201}, {CONNECTION_MEMORY + 1, 431}};
        struct scene *scene = *state;

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                CLEANUP(buf_deinit) struct buf headers = BUF_INIT;
                struct web_answer answer;

                buf_add_text(&headers, "X-Long: ");
                for (size_t byte = 0; byte < rows[i].size; byte++)
                        buf_add_char(&headers, 'x');
                buf_add_text(&headers, "\r\n");
                answer = web_request(&scene->server, "POST", "/", buf_text(&headers), "hello");
                assert_int_equal(answer.status, rows[i].status);
                web_answer_deinit(&answer);
        }
}

static void a_body_that_is_too_large_is_refused(void **state)
{
        struct scene *scene = *state;
        char body[BODY_LIMIT + 2];
        struct web_answer answer;

        memset(body, 'x', sizeof(body) - 1);
        body[BODY_LIMIT + 1] = '\0';
        answer = web_request(&scene->server, "PUT", "/", NULL, body);
        assert_int_equal(answer.status, 413);
        web_answer_deinit(&answer);
        body[BODY_LIMIT] = '\0';
        answer = web_request(&scene->server, "PUT", "/", NULL, body);
        assert_int_equal(answer.status, 201);
        web_answer_deinit(&answer);
}

static void a_chunked_body_that_is_too_large_is_refused(void **state)
{
        struct scene *scene = *state;
        CLEANUP(buf_deinit) struct buf request = BUF_INIT;
        struct web_answer answer;

        buf_add_text(&request, "PUT / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                               "Transfer-Encoding: chunked\r\n\r\n");
        for (int i = 0; i < BODY_LIMIT; i++)
                buf_add_text(&request, "2\r\nxx\r\n");
        buf_add_text(&request, "0\r\n\r\n");
        answer = web_exchange(&scene->server, &request);
        assert_int_equal(answer.status, 413);
        web_answer_deinit(&answer);
}

static void another_thread_may_answer(void **state)
{
        struct scene *scene = *state;
        struct web_answer answer = web_request(&scene->server, "GET", "/later", NULL, NULL);

        pthread_join(scene->answerer, NULL);
        assert_int_equal(answer.status, 202);
        web_answer_deinit(&answer);
}

static void a_stream_says_what_it_has_when_woken(void **state)
{
        struct scene *scene = *state;
        static const char head[] = "GET /stream HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        CLEANUP(buf_deinit) struct buf received = BUF_INIT;
        struct web_answer answer;
        char chunk[1000];
        ssize_t got;
        int fd = web_connect(scene->server.port);

        web_send(fd, head, sizeof(head) - 1);
        wait_until_held(scene);
        atomic_store(&scene->lines, 2);
        http_exchange_wake(scene->held);
        while (!strstr(buf_text(&received), "line\nline\n")) {
                got = recv(fd, chunk, sizeof(chunk), 0);
                assert_true(got > 0);
                buf_add(&received, chunk, (size_t)got);
        }
        atomic_store(&scene->lines, -1);
        http_exchange_wake(scene->held);
        while ((got = recv(fd, chunk, sizeof(chunk), 0)) > 0)
                buf_add(&received, chunk, (size_t)got);
        close(fd);
        answer = web_answer_of(&received);
        assert_int_equal(answer.status, 200);
        assert_string_equal(answer.body, "line\nline\n");
        web_answer_deinit(&answer);
        http_server_stop(scene->http);
        assert_int_equal(atomic_load(&scene->stream_ends), 1);
}

static void stopping_ends_streams_and_frees_what_waits(void **state)
{
        struct scene *scene = *state;
        static const char stream[] = "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n";
        static const char hold[] = "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n";
        char byte[1000];
        int fd = web_connect(scene->server.port);
        int other;

        web_send(fd, stream, sizeof(stream) - 1);
        wait_until_held(scene);
        atomic_store(&scene->has_held, false);
        other = web_connect(scene->server.port);
        web_send(other, hold, sizeof(hold) - 1);
        wait_until_held(scene);
        http_server_stop(scene->http);
        assert_int_equal(atomic_load(&scene->stream_ends), 1);
        while (recv(fd, byte, sizeof(byte), 0) > 0)
                continue;
        assert_int_equal(recv(other, byte, sizeof(byte), 0), 0);
        assert_int_equal(web_connect(scene->server.port), -1);
        http_exchange_answer(scene->held, 200, NULL, NULL);
        close(fd);
        close(other);
}

static void a_further_request_that_trickles_is_cut_off(void **state)
{
        static const char first[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        struct scene *scene = *state;
        int64_t deadline_ms = clock_steady_ms() + 60000;
        int fd = web_connect(scene->server.port);
        char answer[4096];
        ssize_t got;

        web_send(fd, first, strlen(first));
        assert_true(recv(fd, answer, sizeof(answer), 0) > 0);
        assert_memory_equal(answer, "HTTP/1.1 201", 12);
        /* Never still for long, and never a whole line. */
        do {
                web_send(fd, "A", 1);
                usleep(10000);
                got = recv(fd, answer, sizeof(answer), MSG_DONTWAIT);
        } while ((got > 0 || (got < 0 && errno == EAGAIN)) && clock_steady_ms() < deadline_ms);
        assert_true(got == 0 || errno == ECONNRESET);
        close(fd);
}

static void a_port_in_use_is_an_error_that_says_so(void **state)
{
        struct scene *scene = *state;
        const struct http_server_options options = {
                .thread = "second",
                .host = "127.0.0.1",
                .port = scene->server.port,
                .maximum_connections = 1,
                .handle = handle,
        };
        struct http_server *second = NULL;
        struct reason reason = REASON_INIT;

        assert_int_equal(http_server_start(&options, &second, &reason), -EADDRINUSE);
        assert_non_null(strstr(reason.text, "can't listen on 127.0.0.1 port"));
        assert_null(second);
}

int main(void)
{
#define SCENE(test) cmocka_unit_test_setup_teardown(test, start, stop)
        const struct CMUnitTest tests[] = {
                SCENE(a_request_is_read_whole_and_answered),
                SCENE(a_get_may_have_a_body),
                SCENE(a_long_path_counts_one_more_than_fits),
                SCENE(headers_have_the_memory_of_their_connection),
                SCENE(a_body_that_is_too_large_is_refused),
                SCENE(a_chunked_body_that_is_too_large_is_refused),
                SCENE(another_thread_may_answer),
                SCENE(a_stream_says_what_it_has_when_woken),
                SCENE(stopping_ends_streams_and_frees_what_waits),
                SCENE(a_further_request_that_trickles_is_cut_off),
                SCENE(a_port_in_use_is_an_error_that_says_so),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
