// SPDX-License-Identifier: MIT
/* A stand-in for IoT Hub and its storage, which answers as the services' documents say. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "camera/upload/upload.h"
#include "camera/upload/upload_marks.h"
#include "http/client/http_client.h"
#include "support/certificates.h"
#include "support/directory.h"
#include "support/http_server.h"

#define KEY "c2VjcmV0" /* base64 of `secret` */

struct world {
        char *directory;
        struct test_http_server *server;
        struct http_client *client;
        struct upload *upload;

        pthread_mutex_t lock;
        struct buf seen;   /* "METHOD target\n" of each request */
        struct buf bodies; /* of the requests that are no picture, a line each */
        struct buf picture;
        char type[64];
        char marks[128]; /* tags and two of the metadata */
        bool takes_no_tags;
        int hubless; /* so many times no hub is known */
        int refuse;  /* so many pictures are answered with `status` */
        int status;
        bool no_container;
        bool holds; /* pictures are not answered */

        char *storage; /* the account's connection string */
        int unknown;   /* so many times it is not known */
};

static void note_marks(struct world *world, const struct test_http_request *request)
{
        static const char *const names[] = {"x-ms-tags", "x-ms-meta-person", "x-ms-meta-car"};
        struct buf marks = BUF_INIT;

        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                test_http_header(request, names[i], &marks);
                buf_add_char(&marks, ' ');
        }
        snprintf(world->marks, sizeof(world->marks), "%s", buf_text(&marks));
        buf_deinit(&marks);
}

static void note(struct world *world, const struct test_http_request *request)
{
        CLEANUP(buf_deinit) struct buf type = BUF_INIT;

        buf_add_format(&world->seen, "%s %s\n", request->method, request->target);
        test_http_header(request, "Content-Type", &type);
        if (strcmp(buf_text(&type), "image/jpeg") == 0) {
                CLEANUP(buf_deinit) struct buf blob = BUF_INIT;

                test_http_header(request, "x-ms-blob-type", &blob);
                snprintf(world->type, sizeof(world->type), "%s", buf_text(&blob));
                note_marks(world, request);
                buf_clear(&world->picture);
                buf_add(&world->picture, request->body.data, request->body.size);
        } else if (request->body.size > 0) {
                buf_add_format(&world->bodies, "%s\n", buf_text(&request->body));
        }
}

static enum test_http_then put_picture(struct world *world, struct buf *answer)
{
        if (world->holds)
                return TEST_HTTP_HOLD;
        if (world->no_container) {
                test_http_answer(answer, 404, "x-ms-error-code: ContainerNotFound\r\n", "");
        } else if (world->takes_no_tags && world->marks[0] != ' ') {
                test_http_answer(answer, 403, "x-ms-error-code: AuthorizationFailure\r\n", "");
        } else if (world->refuse > 0) {
                world->refuse--;
                test_http_answer(answer, world->status, "x-ms-error-code: Because\r\n", "");
        } else {
                test_http_answer(answer, 201, "", "");
        }
        return TEST_HTTP_KEEP;
}

static enum test_http_then
answer_request(struct world *world, const struct test_http_request *request, struct buf *answer)
{
        if (strncmp(request->target, "/devices/", 9) == 0 && strstr(request->target, "/files?")) {
                CLEANUP(mem_cleanup)
                char *place = mem_format("{\"correlationId\":\"c/1\",\"hostName\":\"localhost:%d\","
                                         "\"containerName\":\"photos\",\"blobName\":"
                                         "\"yard cam/a/b c.jpg\",\"sasToken\":\"?sv=1&sig=s%%3D\"}",
                                         test_http_server_port(world->server));

                test_http_answer(answer, 200, "", place);
        } else if (strstr(request->target, "/files/notifications")) {
                test_http_answer(answer, 204, "", "");
        } else if (strstr(request->target, "restype=container")) {
                world->no_container = false;
                test_http_answer(answer, 201, "", "");
        } else {
                return put_picture(world, answer);
        }
        return TEST_HTTP_KEEP;
}

static enum test_http_then handle(void *context, const struct test_http_request *request,
                                  struct buf *answer)
{
        struct world *world = context;
        enum test_http_then then;

        pthread_mutex_lock(&world->lock);
        note(world, request);
        then = answer_request(world, request, answer);
        pthread_mutex_unlock(&world->lock);
        return then;
}

static bool grant(void *context, struct buf *hub, struct buf *device_id, struct buf *token)
{
        struct world *world = context;
        bool is_known;

        pthread_mutex_lock(&world->lock);
        is_known = world->hubless == 0;
        if (!is_known)
                world->hubless--;
        pthread_mutex_unlock(&world->lock);
        buf_add_format(hub, "localhost:%d", test_http_server_port(world->server));
        buf_add_text(device_id, "Yard cam");
        buf_add_text(token, "SharedAccessSignature sr=x");
        return is_known;
}

static const char *storage_now(void *context)
{
        struct world *world = context;
        bool is_known;

        pthread_mutex_lock(&world->lock);
        is_known = world->unknown == 0;
        if (!is_known)
                world->unknown--;
        pthread_mutex_unlock(&world->lock);
        return is_known ? world->storage : "";
}

static void set_up(struct world *world, const char *storage)
{
        CLEANUP(mem_cleanup) char *authority = NULL;
        CLEANUP(mem_cleanup) char *certificate = NULL;
        struct test_ca *ca;
        struct reason reason = REASON_INIT;

        unsetenv("https_proxy");
        unsetenv("http_proxy");
        *world = (struct world){.directory = test_directory_new()};
        pthread_mutex_init(&world->lock, NULL);
        authority = test_directory_file(world->directory, "ca.pem");
        certificate = test_directory_file(world->directory, "hub.pem");
        ca = test_ca_new(authority);
        test_ca_issue(ca, &(struct test_certificate){.file = certificate, .host = "localhost"});
        test_ca_free(ca);
        world->server = test_http_server_start(storage ? NULL : certificate, handle, world);
        assert_int_equal(
                http_client_new(&(struct http_client_options){.trusted_certificates = authority},
                                &world->client, &reason),
                0);
        if (storage)
                world->storage = mem_format("BlobEndpoint=http://127.0.0.1:%d/account;%s",
                                            test_http_server_port(world->server), storage);
        world->upload = upload_new(&(struct upload_options){.camera = "yard",
                                                            .http = world->client,
                                                            .through_hub = !storage,
                                                            .storage = storage_now,
                                                            .device_id = "Yard cam",
                                                            .grant = grant,
                                                            .context = world,
                                                            .retry_ms = 10});
}

static void tear_down(struct world *world)
{
        http_client_free(world->client);
        upload_free(world->upload);
        test_http_server_stop(world->server);
        pthread_mutex_destroy(&world->lock);
        buf_deinit(&world->seen);
        buf_deinit(&world->bodies);
        buf_deinit(&world->picture);
        test_directory_remove(world->directory);
        free(world->storage);
}

static void send_picture(struct world *world)
{
        upload_send(world->upload, &(struct upload_picture){.name = "a/b c.jpg",
                                                            .bytes = "\xff\xd8\0\xff\xd9",
                                                            .size = 5,
                                                            .tally = "{\"car\":0,\"person\":2,"
                                                                     "\"gate_person\":1}"});
}

/* Waits until nothing is under way. */
static struct upload_status settle(struct world *world)
{
        struct upload_status status;
        int64_t deadline_ms = clock_steady_ms() + 60000;

        for (;;) {
                upload_status(world->upload, &status);
                if (status.under_way == 0)
                        return status;
                assert_true(clock_steady_ms() < deadline_ms);
                usleep(2000);
        }
}

static void assert_picture(const struct world *world)
{
        assert_int_equal(world->picture.size, 5);
        assert_memory_equal(world->picture.data, "\xff\xd8\0\xff\xd9", 5);
        assert_string_equal(world->type, "BlockBlob");
}

/* --- through the hub ----------------------------------------------------------------------- */

#define ASK  "POST /devices/Yard%20cam/files?api-version=2021-04-12\n"
#define TELL "POST /devices/Yard%20cam/files/notifications/c%2F1?api-version=2021-04-12\n"
#define PUT  "PUT /photos/yard%20cam/a/b%20c.jpg?sv=1&sig=s%3D\n"

static void the_hub_names_the_place_and_is_told(void **state)
{
        struct world world;

        (void)state;
        set_up(&world, NULL);
        send_picture(&world);
        assert_int_equal(settle(&world).sent, 1);
        assert_string_equal(buf_text(&world.seen), ASK PUT TELL);
        assert_string_equal(buf_text(&world.bodies),
                            "{\"blobName\":\"a/b c.jpg\"}\n"
                            "{\"correlationId\":\"c/1\",\"isSuccess\":true,\"statusCode\":200,"
                            "\"statusDescription\":\"OK\"}\n");
        assert_picture(&world);
        assert_string_equal(world.marks, " 2 0 ");
        tear_down(&world);
}

static void a_hub_that_is_known_soon_gets_it_and_else_it_is_dropped(void **state)
{
        struct world world;

        (void)state;
        set_up(&world, NULL);
        world.hubless = 2;
        send_picture(&world);
        assert_int_equal(settle(&world).sent, 1);
        assert_string_equal(buf_text(&world.seen), ASK PUT TELL);
        world.hubless = 3;
        send_picture(&world);
        assert_int_equal(settle(&world).failed, 1);
        assert_string_equal(buf_text(&world.seen), ASK PUT TELL);
        tear_down(&world);
}

/* The hub allows ten uploads at once: one that has failed must not be left open. */
static void the_hub_is_told_of_a_failure_too(void **state)
{
        struct world world;

        (void)state;
        set_up(&world, NULL);
        world.refuse = 1;
        world.status = 403;
        send_picture(&world);
        assert_int_equal(settle(&world).failed, 1);
        assert_string_equal(buf_text(&world.seen), ASK PUT TELL);
        assert_non_null(strstr(buf_text(&world.bodies), "\"isSuccess\":false"));
        tear_down(&world);
}

static void what_passes_is_tried_again(void **state)
{
        struct world world;

        (void)state;
        set_up(&world, NULL);
        world.refuse = 2;
        world.status = 503;
        send_picture(&world);
        assert_int_equal(settle(&world).sent, 1);
        assert_string_equal(buf_text(&world.seen), ASK PUT PUT PUT TELL);
        assert_picture(&world);
        tear_down(&world);
}

static void what_does_not_pass_ends(void **state)
{
        struct world world;

        (void)state;
        set_up(&world, NULL);
        world.refuse = 100;
        world.status = 503;
        send_picture(&world);
        assert_int_equal(settle(&world).failed, 1);
        assert_string_equal(buf_text(&world.seen), ASK PUT PUT PUT TELL);
        tear_down(&world);
}

static void few_pictures_are_under_way_at_once(void **state)
{
        struct world world;
        struct upload_status status;

        (void)state;
        set_up(&world, NULL);
        world.holds = true;
        for (int i = 0; i < UPLOAD_JOBS_MAX + 3; i++)
                send_picture(&world);
        upload_status(world.upload, &status);
        assert_int_equal(status.under_way, UPLOAD_JOBS_MAX);
        assert_int_equal(status.dropped, 3);
        /* What is under way when the program ends is freed. */
        tear_down(&world);
}

/* --- into a storage account ---------------------------------------------------------------- */

#define BLOB      "PUT /account/yard-cam/a/b%20c.jpg\n"
#define CONTAINER "PUT /account/yard-cam?restype=container\n"

static void the_account_takes_it_with_its_key(void **state)
{
        struct world world;

        (void)state;
        set_up(&world, "AccountName=account;AccountKey=" KEY);
        send_picture(&world);
        assert_int_equal(settle(&world).sent, 1);
        assert_string_equal(buf_text(&world.seen), BLOB);
        assert_picture(&world);
        assert_string_equal(world.marks, "person=2&gate_person=1&car=0   ");
        tear_down(&world);
}

static void an_account_that_takes_no_tags_gets_the_picture_without(void **state)
{
        struct world world;

        (void)state;
        set_up(&world, "SharedAccessSignature=sv=2021&si=policy&sig=abc");
        world.takes_no_tags = true;
        send_picture(&world);
        assert_int_equal(settle(&world).sent, 1);
        assert_string_equal(buf_text(&world.seen),
                            "PUT /account/yard-cam/a/b%20c.jpg?sv=2021&si=policy&sig=abc\n"
                            "PUT /account/yard-cam/a/b%20c.jpg?sv=2021&si=policy&sig=abc\n");
        assert_string_equal(world.marks, "   ");
        assert_picture(&world);
        tear_down(&world);
}

static void a_tally_becomes_metadata_and_at_most_ten_tags(void **state)
{
        struct upload_marks marks;
        struct buf tally = BUF_INIT;
        struct buf tags = BUF_INIT;

        (void)state;
        buf_add_text(&tally, "{");
        for (int i = 0; i < UPLOAD_MARKS_MAX + 10; i++)
                buf_add_format(&tally, "\"l%d\":%d,", i, i % 2);
        buf_add_text(&tally, "\"last\":7}");
        upload_marks_read(buf_text(&tally), &marks);
        upload_marks_tags(&marks, &tags);
        assert_int_equal(marks.count, UPLOAD_MARKS_MAX);
        assert_string_equal(marks.headers[30], "x-ms-meta-last");
        assert_string_equal(marks.counts[30], "7");
        assert_string_equal(marks.counts[31], "0");
        assert_string_equal(buf_text(&tags),
                            "l1=1&l3=1&l5=1&l7=1&l9=1&l11=1&l13=1&l15=1&l17=1&l19=1");
        upload_marks_deinit(&marks);
        upload_marks_read("{}", &marks);
        assert_int_equal(marks.count, 0);
        upload_marks_deinit(&marks);
        buf_deinit(&tally);
        buf_deinit(&tags);
}

static void the_account_takes_it_with_a_signature(void **state)
{
        struct world world;

        (void)state;
        set_up(&world, "SharedAccessSignature=sv=2021&sp=cw&sig=abc%3D");
        send_picture(&world);
        assert_int_equal(settle(&world).sent, 1);
        assert_string_equal(buf_text(&world.seen),
                            "PUT /account/yard-cam/a/b%20c.jpg?sv=2021&sp=cw&sig=abc%3D\n");
        assert_string_equal(world.marks, "   ");
        assert_picture(&world);
        tear_down(&world);
}

static void a_missing_container_is_made(void **state)
{
        struct world world;

        (void)state;
        set_up(&world, "AccountName=account;AccountKey=" KEY);
        world.no_container = true;
        send_picture(&world);
        assert_int_equal(settle(&world).sent, 1);
        assert_string_equal(buf_text(&world.seen), BLOB CONTAINER BLOB);
        tear_down(&world);
}

/* K5 */
static void a_connection_string_that_is_not_known_yet_is_waited_for(void **state)
{
        struct world world;

        (void)state;
        set_up(&world, "AccountName=account;AccountKey=" KEY);
        world.unknown = 2;
        send_picture(&world);
        assert_int_equal(settle(&world).sent, 1);
        assert_string_equal(buf_text(&world.seen), BLOB);
        /* Not for ever: a picture is not worth it. */
        world.unknown = 3;
        send_picture(&world);
        assert_int_equal(settle(&world).failed, 1);
        assert_string_equal(buf_text(&world.seen), BLOB);
        tear_down(&world);
}

/* K6 */
static void each_picture_goes_where_the_string_of_then_says(void **state)
{
        struct world world;

        (void)state;
        set_up(&world, "AccountName=account;AccountKey=" KEY);
        world.refuse = 9;
        world.status = 403;
        send_picture(&world);
        assert_int_equal(settle(&world).failed, 1);
        world.refuse = 0;
        buf_clear(&world.seen);
        free(world.storage);
        world.storage = mem_format("BlobEndpoint=http://127.0.0.1:%d/account;"
                                   "SharedAccessSignature=sv=2021&sp=cw&sig=other",
                                   test_http_server_port(world.server));
        send_picture(&world);
        assert_int_equal(settle(&world).sent, 1);
        assert_non_null(strstr(buf_text(&world.seen), "&sig=other"));
        tear_down(&world);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_hub_names_the_place_and_is_told),
                cmocka_unit_test(a_hub_that_is_known_soon_gets_it_and_else_it_is_dropped),
                cmocka_unit_test(the_hub_is_told_of_a_failure_too),
                cmocka_unit_test(what_passes_is_tried_again),
                cmocka_unit_test(what_does_not_pass_ends),
                cmocka_unit_test(few_pictures_are_under_way_at_once),
                cmocka_unit_test(the_account_takes_it_with_its_key),
                cmocka_unit_test(the_account_takes_it_with_a_signature),
                cmocka_unit_test(an_account_that_takes_no_tags_gets_the_picture_without),
                cmocka_unit_test(a_tally_becomes_metadata_and_at_most_ten_tags),
                cmocka_unit_test(a_missing_container_is_made),
                cmocka_unit_test(a_connection_string_that_is_not_known_yet_is_waited_for),
                cmocka_unit_test(each_picture_goes_where_the_string_of_then_says),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
