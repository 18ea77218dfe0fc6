// SPDX-License-Identifier: MIT
/* The HTTP server and client on a Unix domain socket. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/thread.h"
#include "http/client/http_client.h"
#include "http/http_server.h"
#include "support/directory.h"

#define MAXIMUM_BODY 64

struct fixture {
        char *directory;
        char *path;
        struct http_server *server;
        int refused; /* the last status that the server itself refused with */
};

/* Says what was asked, on the thread of the options. */
static void handle(void *context, struct http_exchange *exchange)
{
        const char *name = http_exchange_argument(exchange, "name");
        struct buf answer = BUF_INIT;

        (void)context;
        assert_true(thread_is("control"));
        buf_add_format(&answer, "%s %s %s", http_exchange_method(exchange),
                       http_exchange_path(exchange), name ? name : "-");
        http_exchange_answer(exchange, 200, "text/plain", &answer);
}

static void note(void *context, const struct http_note *note)
{
        struct fixture *fixture = context;

        if (note->event == HTTP_REFUSED)
                fixture->refused = note->status;
}

static int start(struct fixture *fixture, struct reason *reason)
{
        return http_server_start(
                &(struct http_server_options){
                        .thread = "control",
                        .socket = fixture->path,
                        .maximum_body = MAXIMUM_BODY,
                        .maximum_connections = 4,
                        .methods = "GET",
                        .handle = handle,
                        .note = note,
                        .context = fixture,
                },
                &fixture->server, reason);
}

static int set_up(void **state)
{
        struct fixture *fixture = mem_new(1, sizeof(*fixture));

        fixture->directory = test_directory_new();
        fixture->path = test_directory_file(fixture->directory, "server.sock");
        *state = fixture;
        return 0;
}

static int tear_down(void **state)
{
        struct fixture *fixture = *state;

        http_server_free(fixture->server);
        test_directory_remove(fixture->directory);
        free(fixture->path);
        free(fixture);
        return 0;
}

/* --- asking -------------------------------------------------------------------------------- */

struct said {
        sem_t done;
        enum http_failure failure;
        int status;
        struct buf body;
};

static void take_answer(void *context, const struct http_answer *answer)
{
        struct said *said = context;

        said->failure = answer->failure;
        said->status = answer->status;
        buf_add(&said->body, buf_text(&answer->body), answer->body.size);
        sem_post(&said->done);
}

static void ask(const struct fixture *fixture, const struct http_request *request,
                struct said *said)
{
        const struct http_client_options options = {.socket = fixture->path};
        struct http_client *client;
        struct reason reason = REASON_INIT;

        *said = (struct said){.body = BUF_INIT};
        sem_init(&said->done, 0, 0);
        assert_int_equal(http_client_new(&options, &client, &reason), 0);
        http_client_send(client, request, take_answer, said);
        while (sem_wait(&said->done) != 0)
                continue;
        http_client_free(client);
        sem_destroy(&said->done);
}

/* --- the cases ----------------------------------------------------------------------------- */

static void requests_are_answered_whatever_host_they_name(void **state)
{
        struct fixture *fixture = *state;
        struct reason reason = REASON_INIT;
        struct said said;

        assert_int_equal(start(fixture, &reason), 0);
        assert_int_equal(http_server_port(fixture->server), 0);
        ask(fixture,
            &(struct http_request){.method = "GET", .url = "http://no.such.host/a%2Fb?name=x%20y"},
            &said);
        assert_int_equal(said.failure, HTTP_OK);
        assert_int_equal(said.status, 200);
        assert_string_equal(buf_text(&said.body), "GET /a/b x y");
        buf_deinit(&said.body);
}

static void a_body_that_is_too_large_is_refused_and_told(void **state)
{
        static const struct http_header type = {"Content-Type", "text/plain"};
        struct fixture *fixture = *state;
        char body[MAXIMUM_BODY + 1] = {0};
        struct reason reason = REASON_INIT;
        struct said said;

        assert_int_equal(start(fixture, &reason), 0);
        ask(fixture,
            &(struct http_request){
                    .method = "POST",
                    .url = "http://localhost/",
                    .headers = &type,
                    .header_count = 1,
                    .body = body,
                    .body_size = sizeof(body),
            },
            &said);
        assert_int_equal(said.status, 413);
        assert_int_equal(fixture->refused, 413);
        buf_deinit(&said.body);
}

static void the_socket_is_private_and_goes_with_its_server(void **state)
{
        struct fixture *fixture = *state;
        struct reason reason = REASON_INIT;
        struct stat status;

        assert_int_equal(start(fixture, &reason), 0);
        assert_int_equal(lstat(fixture->path, &status), 0);
        assert_true(S_ISSOCK(status.st_mode));
        assert_int_equal(status.st_mode & 07777, 0600);
        http_server_free(fixture->server);
        fixture->server = NULL;
        assert_int_not_equal(lstat(fixture->path, &status), 0);
}

static void leave_stale_socket(const char *path)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        int stale = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        assert_true(strlen(path) < sizeof(address.sun_path));
        memcpy(address.sun_path, path, strlen(path) + 1);
        assert_int_equal(bind(stale, (struct sockaddr *)&address, sizeof(address)), 0);
        close(stale);
}

static void a_stale_socket_is_replaced_another_file_is_not(void **state)
{
        struct fixture *fixture = *state;
        struct reason reason = REASON_INIT;
        struct said said;

        leave_stale_socket(fixture->path);
        assert_int_equal(start(fixture, &reason), 0);
        ask(fixture, &(struct http_request){.method = "GET", .url = "http://localhost/"}, &said);
        assert_int_equal(said.status, 200);
        buf_deinit(&said.body);
        http_server_free(fixture->server);
        fixture->server = NULL;

        test_directory_write(fixture->directory, "server.sock", "mine");
        assert_int_not_equal(start(fixture, &reason), 0);
        assert_non_null(strstr(reason.text, "no socket"));
        assert_int_equal(access(fixture->path, F_OK), 0);
}

static void a_path_that_is_too_long_is_refused_by_its_length(void **state)
{
        struct fixture *fixture = *state;
        char name[120] = {0};
        struct reason reason = REASON_INIT;

        memset(name, 'x', sizeof(name) - 1);
        free(fixture->path);
        fixture->path = test_directory_file(fixture->directory, name);
        assert_int_not_equal(start(fixture, &reason), 0);
        assert_non_null(strstr(reason.text, "longer than the 107 bytes"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(requests_are_answered_whatever_host_they_name,
                                                set_up, tear_down),
                cmocka_unit_test_setup_teardown(a_body_that_is_too_large_is_refused_and_told,
                                                set_up, tear_down),
                cmocka_unit_test_setup_teardown(the_socket_is_private_and_goes_with_its_server,
                                                set_up, tear_down),
                cmocka_unit_test_setup_teardown(a_stale_socket_is_replaced_another_file_is_not,
                                                set_up, tear_down),
                cmocka_unit_test_setup_teardown(a_path_that_is_too_long_is_refused_by_its_length,
                                                set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
