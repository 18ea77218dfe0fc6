// SPDX-License-Identifier: MIT
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "camera/source/source.h"
#include "http/client/http_client.h"
#include "support/digest.h"
#include "support/http_server.h"
#include "support/inbox.h"

static const char jpeg[] = "\xff\xd8\xff\xe0 a picture \xff\xd9";
static const char other[] = "\xff\xd8\xff\xe0 another one \xff\xd9";

#define TYPE "Content-Type: image/jpeg\r\n"

/* --- the camera ---------------------------------------------------------------------------- */

struct world {
        struct test_http_server *server;
        struct http_client *client;
        struct source *source;
        struct source_picture picture;
        struct reason reason;
        const struct test_digest *digest;
        atomic_bool is_away;
        atomic_bool shows_other;
        atomic_int asked;
        atomic_int made;  /* parts of the stream */
        atomic_int sent;  /* those of them that have left */
        atomic_int limit; /* so many of them and no more yet */
        atomic_bool is_over;
};

struct route {
        const char *path;
        const char *bytes;
        enum test_http_then then;
};

static const struct route routes[] = {
        {"/login", "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 7\r\n\r\n<html/>",
         TEST_HTTP_KEEP},
        {"/lie", "HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: 7\r\n\r\n<html/>",
         TEST_HTTP_KEEP},
        {"/empty", "HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: 0\r\n\r\n",
         TEST_HTTP_KEEP},
        {"/elsewhere", "HTTP/1.1 302 Found\r\nLocation: /login\r\nContent-Length: 0\r\n\r\n",
         TEST_HTTP_KEEP},
        {"/broken", "HTTP/1.1 500 Broken\r\nContent-Length: 2\r\n\r\nno", TEST_HTTP_KEEP},
        {"/cut",
         "HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: 99\r\n\r\n\xff\xd8",
         TEST_HTTP_CLOSE},
        {"/silent", "", TEST_HTTP_HOLD},
        {"/half", "HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: 99\r\n\r\n\xff",
         TEST_HTTP_HOLD},
        {"/old",
         "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nDate: Mon, 06 May 2024 07:08:09 GMT\r\n"
         "Last-Modified: Mon, 06 May 2024 06:08:09 GMT\r\n\r\n\xff\xd8\xff\xd9",
         TEST_HTTP_KEEP},
        {"/aged", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nAge: 1000\r\n\r\n\xff\xd8\xff\xd9",
         TEST_HTTP_KEEP},
        {"/young",
         "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nDate: Mon, 06 May 2024 07:08:09 GMT\r\n"
         "Last-Modified: Mon, 06 May 2024 07:07:09 GMT\r\n\r\n\xff\xd8\xff\xd9",
         TEST_HTTP_KEEP},
        {"/no-boundary",
         "HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace\r\n\r\nsomething",
         TEST_HTTP_HOLD},
        {"/no-pictures",
         "HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=b\r\n\r\n"
         "--b\r\nContent-Type: text/plain\r\n\r\n",
         TEST_HTTP_HOLD},
        {"/empty-stream",
         "HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=b\r\n\r\n"
         "--b\r\nContent-Type: image/jpeg\r\nContent-Length: 0\r\n\r\n\r\n--b\r\n"
         "Content-Type: image/jpeg\r\n\r\n\r\n--b\r\n",
         TEST_HTTP_HOLD},
        {"/short-stream",
         "HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=b\r\n\r\n--b\r\n",
         TEST_HTTP_CLOSE},
};

static enum test_http_then endless(struct buf *answer)
{
        static const char zeros[65536];

        buf_add(answer, zeros, sizeof(zeros));
        return TEST_HTTP_MORE;
}

/* One picture at a time, each with its number, as long as it may. */
static enum test_http_then stream(struct world *world, struct buf *answer)
{
        /* It is asked for the next part when the one before was written. */
        atomic_store(&world->sent, atomic_load(&world->made));
        while (atomic_load(&world->made) >= atomic_load(&world->limit)) {
                if (atomic_load(&world->is_over))
                        return TEST_HTTP_CLOSE;
                usleep(1000);
        }
        buf_add_format(answer, "--edge\r\n" TYPE "\r\n\xff\xd8\xff %d \xff\xd9\r\n",
                       atomic_fetch_add(&world->made, 1) + 1);
        return TEST_HTTP_MORE;
}

static enum test_http_then guarded(struct world *world, const struct test_http_request *request,
                                   struct buf *answer)
{
        CLEANUP(buf_deinit) struct buf authorization = BUF_INIT;

        if (world->digest) {
                if (test_digest_check(world->digest, request))
                        test_http_answer(answer, 200, TYPE, jpeg);
                else
                        test_digest_ask(world->digest, answer);
                return TEST_HTTP_KEEP;
        }
        test_http_header(request, "Authorization", &authorization);
        /* user:secret */
        if (strcmp(buf_text(&authorization), "Basic dXNlcjpzZWNyZXQ=") == 0)
                test_http_answer(answer, 200, TYPE, jpeg);
        else
                test_http_answer(answer, 401, "WWW-Authenticate: Basic realm=\"camera\"\r\n", "");
        return TEST_HTTP_KEEP;
}

static enum test_http_then handle(void *context, const struct test_http_request *request,
                                  struct buf *answer)
{
        struct world *world = context;

        atomic_fetch_add(&world->asked, 1);
        if (atomic_load(&world->is_away))
                return TEST_HTTP_CUT;
        for (size_t i = 0; i < ARRAY_SIZE(routes); i++) {
                if (strcmp(request->target, routes[i].path) == 0) {
                        buf_add_text(answer, routes[i].bytes);
                        return routes[i].then;
                }
        }
        if (strcmp(request->target, "/endless") == 0) {
                buf_add_text(answer, "HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\n\r\n");
                return TEST_HTTP_MORE;
        }
        if (strcmp(request->target, "/guarded") == 0)
                return guarded(world, request, answer);
        test_http_answer(answer, 200, TYPE, atomic_load(&world->shows_other) ? other : jpeg);
        return TEST_HTTP_KEEP;
}

/* The first call answers, the further ones add to it. */
static enum test_http_then handle_more(void *context, const struct test_http_request *request,
                                       struct buf *answer)
{
        static _Thread_local int begun;
        struct world *world = context;

        if (strcmp(request->target, "/endless") == 0) {
                if (begun == request->connection)
                        return endless(answer);
                begun = request->connection;
        }
        if (strcmp(request->target, "/stream") == 0) {
                if (begun == request->connection)
                        return stream(world, answer);
                begun = request->connection;
                buf_add_text(answer, "HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace;"
                                     "boundary=--edge\r\n\r\n");
                return TEST_HTTP_MORE;
        }
        return handle(context, request, answer);
}

/* --- the source ---------------------------------------------------------------------------- */

static void set_up(struct world *world, struct source_settings settings, const char *path)
{
        CLEANUP(mem_cleanup) char *url = NULL;

        unsetenv("http_proxy");
        *world = (struct world){.picture = SOURCE_PICTURE_INIT};
        world->server = test_http_server_start(NULL, handle_more, world);
        assert_int_equal(http_client_new(&(struct http_client_options){.user_agent = "test"},
                                         &world->client, &world->reason),
                         0);
        url = mem_format("http://127.0.0.1:%d%s", test_http_server_port(world->server), path);
        settings.kind = SOURCE_HTTP;
        settings.place = url;
        settings.http = world->client;
        assert_int_equal(source_new(&settings, &world->source, &world->reason), 0);
}

static void tear_down(struct world *world)
{
        atomic_store(&world->is_over, true);
        source_free(world->source);
        http_client_free(world->client);
        test_http_server_stop(world->server);
        source_picture_deinit(&world->picture);
}

static int take(struct world *world)
{
        return source_take(world->source, &world->picture, &world->reason);
}

/* As often as it takes until no attempt rests. */
static int take_at_last(struct world *world)
{
        int result;

        while ((result = take(world)) == SOURCE_E_RESTING)
                usleep(20000);
        return result;
}

static void assert_reason(const struct world *world, const char *part)
{
        if (!strstr(world->reason.text, part))
                fail_msg("'%s' does not say '%s'", world->reason.text, part);
}

/* --- one picture for a request -------------------------------------------------------------- */

static void a_picture_is_fetched_again_and_again_on_one_connection(void **state)
{
        struct world world;

        (void)state;
        set_up(&world, (struct source_settings){0}, "/");
        for (int i = 0; i < 3; i++) {
                int64_t before_ms = clock_wall_ms();

                atomic_store(&world.shows_other, i == 1);
                assert_int_equal(take(&world), 0);
                assert_string_equal(buf_text(&world.picture.bytes), i == 1 ? other : jpeg);
                /* Of two clocks, each cut to whole milliseconds. */
                assert_true(world.picture.taken_ms >= before_ms - 1);
        }
        assert_int_equal(test_http_server_connections(world.server), 1);
        tear_down(&world);
}

static void check_password(const struct test_digest *digest, const char *password, int expected)
{
        struct world world;

        set_up(&world, (struct source_settings){.user = "user", .password = password}, "/guarded");
        world.digest = digest;
        assert_int_equal(take(&world), expected);
        if (expected == 0)
                assert_string_equal(buf_text(&world.picture.bytes), jpeg);
        else
                assert_reason(&world, "refuses the user name or the password (401)");
        tear_down(&world);
}

static void passwords_are_proven_in_three_ways(void **state)
{
        static const struct test_digest digests[] = {
                {.algorithm = "MD5", .user = "user", .password = "secret"},
                {.algorithm = "SHA-256", .user = "user", .password = "secret"},
        };

        (void)state;
        check_password(NULL, "secret", 0);
        check_password(NULL, "wrong", SOURCE_E_FAILED);
        for (size_t i = 0; i < ARRAY_SIZE(digests); i++) {
                check_password(&digests[i], "secret", 0);
                check_password(&digests[i], "wrong", SOURCE_E_FAILED);
        }
}

/* Whatever is not the picture is said in words that lead to the cause. */
static void each_failure_is_told(void **state)
{
        static const struct {
                const char *path;
                const char *reason;
                int result;
        } cases[] = {
                {"/guarded", "asks for a user name and a password (401)", SOURCE_E_FAILED},
                {"/login", "answers with 'text/html', which is no picture", SOURCE_E_FAILED},
                {"/lie", "what came is no JPEG picture (7 bytes)", SOURCE_E_FAILED},
                {"/empty", "answer is empty: is this the address of its picture", SOURCE_E_FAILED},
                {"/elsewhere", "sends us elsewhere (302)", SOURCE_E_FAILED},
                {"/broken", "answers with status 500", SOURCE_E_FAILED},
                {"/cut", "transfer closed", SOURCE_E_FAILED},
                {"/endless", "longer than 1000000 bytes", SOURCE_E_FAILED},
                {"/no-boundary", "names no boundary", SOURCE_E_FAILED},
                {"/no-pictures", "a part of it is no picture", SOURCE_E_FAILED},
                {"/short-stream", "ended its stream", SOURCE_E_FAILED},
                {"/old", "the picture is 3600 s old", SOURCE_E_OLD},
                {"/aged", "the picture is 1000 s old", SOURCE_E_OLD},
                {"/young", "", 0},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct world world;

                set_up(&world, (struct source_settings){.maximum_bytes = 1000000}, cases[i].path);
                assert_int_equal(take(&world), cases[i].result);
                assert_reason(&world, cases[i].reason);
                assert_int_equal(world.picture.bytes.size, cases[i].result == 0 ? 4 : 0);
                tear_down(&world);
        }
}

static void a_silent_camera_is_given_up(void **state)
{
        static const char *const paths[] = {"/silent", "/half", "/empty-stream"};
        static const char *const causes[] = {"", "", "only empty pictures"};

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
                struct world world;

                set_up(&world, (struct source_settings){.timeout_ms = 300}, paths[i]);
                assert_int_equal(take(&world), SOURCE_E_FAILED);
                assert_reason(&world, "within 300 ms");
                assert_reason(&world, causes[i]);
                tear_down(&world);
        }
}

static void a_camera_that_is_away_is_asked_seldom_and_found_again(void **state)
{
        struct world world;
        int asked;

        (void)state;
        set_up(&world, (struct source_settings){0}, "/");
        atomic_store(&world.is_away, true);
        assert_int_equal(take(&world), SOURCE_E_FAILED);
        asked = atomic_load(&world.asked);
        for (int i = 0; i < 1000; i++)
                (void)!take(&world);
        /* Pauses of at least half a second, a second, two seconds: not a thousand attempts. */
        assert_in_range(atomic_load(&world.asked), asked, asked + 20);
        atomic_store(&world.is_away, false);
        assert_int_equal(take_at_last(&world), 0);
        tear_down(&world);
}

static void nobody_at_the_address_is_told(void **state)
{
        struct world world;

        (void)state;
        set_up(&world, (struct source_settings){0}, "/");
        test_http_server_stop(world.server);
        world.server = NULL;
        assert_int_equal(take(&world), SOURCE_E_FAILED);
        assert_reason(&world, "http://127.0.0.1:");
        tear_down(&world);
}

/* A camera whose picture stands still is no camera. */
static void a_frozen_picture_does_not_count(void **state)
{
        struct world world;
        int result;

        (void)state;
        set_up(&world, (struct source_settings){.maximum_age_ms = 200}, "/");
        while ((result = take(&world)) == 0)
                usleep(20000);
        assert_int_equal(result, SOURCE_E_OLD);
        atomic_store(&world.shows_other, true);
        assert_int_equal(take(&world), 0);
        tear_down(&world);
}

static void *stop_soon(void *context)
{
        struct world *world = context;

        while (atomic_load(&world->asked) == 0)
                usleep(1000);
        source_stop(world->source);
        return NULL;
}

static void stopping_ends_a_wait(void **state)
{
        struct world world;
        pthread_t thread;

        (void)state;
        set_up(&world, (struct source_settings){.timeout_ms = 600000}, "/silent");
        assert_int_equal(pthread_create(&thread, NULL, stop_soon, &world), 0);
        assert_int_equal(take(&world), SOURCE_E_STOPPED);
        pthread_join(thread, NULL);
        tear_down(&world);
}

static void an_address_must_be_one(void **state)
{
        static const char *const places[] = {NULL, "", "ftp://camera/", "camera"};

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
                struct source *source;

                assert_int_equal(source_new(&(struct source_settings){.kind = SOURCE_HTTP,
                                                                      .place = places[i]},
                                            &source, NULL),
                                 -EINVAL);
        }
}

/* --- streams ------------------------------------------------------------------------------- */

static int number_of(const struct world *world)
{
        return (int)strtol(buf_text(&world->picture.bytes) + 4, NULL, 10);
}

static void ping(struct world *world)
{
        CLEANUP(mem_cleanup)
        char *url = mem_format("http://127.0.0.1:%d/", test_http_server_port(world->server));
        struct test_inbox inbox;
        struct test_inbox_item *item;

        test_inbox_init(&inbox);
        http_client_send(world->client, &(struct http_request){.method = "GET", .url = url},
                         test_inbox_put, &inbox);
        item = test_inbox_take(&inbox);
        test_inbox_item_cleanup(&item);
        test_inbox_deinit(&inbox);
}

static void of_a_stream_the_newest_picture_is_taken(void **state)
{
        struct world world;

        (void)state;
        set_up(&world, (struct source_settings){0}, "/stream");
        atomic_store(&world.limit, 2);
        assert_int_equal(take(&world), 0);
        assert_in_range(number_of(&world), 1, 2);
        /* Two that nobody asks for. */
        atomic_store(&world.limit, 4);
        while (atomic_load(&world.sent) < 4)
                usleep(1000);
        /* The client's turn that the first answer came in has read what was there, too. */
        ping(&world);
        ping(&world);
        atomic_store(&world.limit, INT32_MAX);
        assert_int_equal(take(&world), 0);
        assert_true(number_of(&world) > 4);
        /* One for the stream, one for the ping. */
        assert_int_equal(test_http_server_connections(world.server), 2);
        tear_down(&world);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_picture_is_fetched_again_and_again_on_one_connection),
                cmocka_unit_test(passwords_are_proven_in_three_ways),
                cmocka_unit_test(each_failure_is_told),
                cmocka_unit_test(a_silent_camera_is_given_up),
                cmocka_unit_test(a_camera_that_is_away_is_asked_seldom_and_found_again),
                cmocka_unit_test(nobody_at_the_address_is_told),
                cmocka_unit_test(a_frozen_picture_does_not_count),
                cmocka_unit_test(stopping_ends_a_wait),
                cmocka_unit_test(an_address_must_be_one),
                cmocka_unit_test(of_a_stream_the_newest_picture_is_taken),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
