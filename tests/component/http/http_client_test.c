// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/thread.h"
#include "http/client/http_client.h"
#include "support/certificates.h"
#include "support/directory.h"
#include "support/http_server.h"
#include "support/inbox.h"

/* Certificates: one authority that stands for the system's, one for TrustedCertificates. */
static char *directory;
static char *system_ca;
static char *extra_ca;
static struct test_ca *system_authority;
static struct test_ca *extra_authority;

static char *issue(struct test_ca *ca, const char *name, const char *host, bool expired)
{
        char *file = test_directory_file(directory, name);

        test_ca_issue(ca,
                      &(struct test_certificate){.file = file, .host = host, .expired = expired});
        return file;
}

static int set_up(void **state)
{
        (void)state;
        test_without_proxies();
        directory = test_directory_new();
        system_ca = test_directory_file(directory, "system-ca.pem");
        extra_ca = test_directory_file(directory, "extra-ca.pem");
        system_authority = test_ca_new(system_ca);
        extra_authority = test_ca_new(extra_ca);
        setenv("SSL_CERT_FILE", system_ca, 1);
        return 0;
}

static int tear_down(void **state)
{
        (void)state;
        test_ca_free(system_authority);
        test_ca_free(extra_authority);
        free(system_ca);
        free(extra_ca);
        test_directory_remove(directory);
        return 0;
}

/* --- a client with its answers ------------------------------------------------------------- */

static struct http_client *start_client(const struct http_client_options *options)
{
        struct http_client *client;
        struct reason reason = REASON_INIT;

        if (http_client_new(options, &client, &reason) != 0)
                fail_msg("http_client_new: %s", reason.text);
        return client;
}

/* Sends a request for a path of the server and waits for the answer, which is the caller's. */
static struct test_inbox_item *ask(struct http_client *client, struct http_request request,
                                   uint16_t port, const char *path)
{
        CLEANUP(mem_cleanup) char *url = mem_format("http://127.0.0.1:%d%s", port, path);
        struct test_inbox inbox;
        struct test_inbox_item *item;

        test_inbox_init(&inbox);
        request.url = url;
        if (!request.method)
                request.method = "GET";
        http_client_send(client, &request, test_inbox_put, &inbox);
        item = test_inbox_take(&inbox);
        test_inbox_deinit(&inbox);
        return item;
}

static void get(struct http_client *client, uint16_t port, const char *path,
                struct test_inbox *inbox)
{
        CLEANUP(mem_cleanup) char *url = mem_format("http://127.0.0.1:%d%s", port, path);

        http_client_send(client, &(struct http_request){.method = "GET", .url = url},
                         test_inbox_put, inbox);
}

static void assert_header(const struct test_inbox_item *item, const char *name,
                          const char *expected)
{
        CLEANUP(buf_deinit) struct buf value = BUF_INIT;

        assert_true(http_answer_header(&item->answer, name, &value));
        assert_string_equal(buf_text(&value), expected);
}

/* --- the server ---------------------------------------------------------------------------- */

struct route {
        const char *path;
        const char *bytes;
        enum test_http_then then;
};

static const struct route routes[] = {
        {"/hold", "", TEST_HTTP_HOLD},
        {"/close", "", TEST_HTTP_CLOSE},
        {"/cut", "", TEST_HTTP_CUT},
        {"/half", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", TEST_HTTP_CUT},
        {"/half-closed", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", TEST_HTTP_CLOSE},
        {"/garbage", "complete nonsense\r\n\r\n", TEST_HTTP_CLOSE},
        {"/endless", "HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\nstarted", TEST_HTTP_HOLD},
        {"/401", "HTTP/1.1 401 Who\r\nContent-Length: 0\r\n\r\n", TEST_HTTP_KEEP},
        {"/404", "HTTP/1.1 404 No\r\nContent-Length: 4\r\n\r\ngone", TEST_HTTP_KEEP},
        {"/once", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", TEST_HTTP_CLOSE},
        {"/204", "HTTP/1.1 204 No\r\n\r\n", TEST_HTTP_KEEP},
        {"/redirect",
         "HTTP/1.1 302 Found\r\nLocation: /200\r\nContent-Length: 0\r\nX-Empty:\r\n\r\n",
         TEST_HTTP_KEEP},
        {"/429", "HTTP/1.1 429 Slow\r\nretry-after: 17\r\nContent-Length: 0\r\n\r\n",
         TEST_HTTP_KEEP},
        {"/interim",
         "HTTP/1.1 103 Early\r\nX-Which: interim\r\nX-Early: 1\r\n\r\n"
         "HTTP/1.1 200 OK\r\nX-Which: final\r\nContent-Length: 0\r\n\r\n",
         TEST_HTTP_KEEP},
        {"/chunked",
         "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n "
         "world\r\n0\r\n\r\n",
         TEST_HTTP_KEEP},
};

/* `/bytes/N` and `/headers/N` answer with N bytes of either. */
static bool answer_size(const char *target, struct buf *answer)
{
        CLEANUP(buf_deinit) struct buf filler = BUF_INIT;
        bool is_body = strncmp(target, "/bytes/", 7) == 0;
        bool is_headers = strncmp(target, "/headers/", 9) == 0;
        long size = is_body ? atol(target + 7) : is_headers ? atol(target + 9) : 0;

        if (!is_body && !is_headers)
                return false;
        while (is_body && (long)filler.size < size)
                buf_add_char(&filler, 'x');
        while (is_headers && (long)filler.size < size)
                buf_add_text(&filler, "X-Filler: 0123456789012345678901234567890123456789\r\n");
        if (is_body)
                test_http_answer(answer, 200, "", buf_text(&filler));
        else
                test_http_answer(answer, 200, buf_text(&filler), "");
        return true;
}

/* What no route knows is answered with what came. */
static enum test_http_then serve(void *context, const struct test_http_request *request,
                                 struct buf *answer)
{
        CLEANUP(buf_deinit) struct buf echo = BUF_INIT;

        (void)context;
        for (size_t i = 0; i < ARRAY_SIZE(routes); i++) {
                if (strcmp(routes[i].path, request->target) != 0)
                        continue;
                buf_add_text(answer, routes[i].bytes);
                return routes[i].then;
        }
        if (answer_size(request->target, answer))
                return TEST_HTTP_KEEP;
        buf_add(&echo, request->headers.data, request->headers.size);
        buf_add(&echo, request->body.data, request->body.size);
        test_http_answer(answer, 200, "", buf_text(&echo));
        return TEST_HTTP_KEEP;
}

struct pair {
        struct test_http_server *server;
        struct http_client *client;
        uint16_t port;
};

static struct pair start_pair(const struct http_client_options *options)
{
        struct pair pair;

        pair.server = test_http_server_start(NULL, serve, NULL);
        pair.port = test_http_server_port(pair.server);
        pair.client = start_client(options);
        return pair;
}

static void stop_pair(struct pair *pair)
{
        http_client_free(pair->client);
        test_http_server_stop(pair->server);
}

/* --- requests and answers ------------------------------------------------------------------ */

static void a_request_arrives_as_given(void **state)
{
        CLEANUP(stop_pair)
        struct pair pair = start_pair(&(struct http_client_options){.user_agent = "isthmus/test"});
        const struct http_header headers[] = {{"Authorization", "Bearer x"},
                                              {"Content-Type", "application/json"},
                                              {"X-Empty", ""}};
        struct http_request request = {.method = "PUT",
                                       .headers = headers,
                                       .header_count = ARRAY_SIZE(headers),
                                       .body = "{\"a\":1}",
                                       .body_size = 7};
        CLEANUP(test_inbox_item_cleanup)
        struct test_inbox_item *item = ask(pair.client, request, pair.port, "/a%20b?c=d");
        const char *text = buf_text(&item->answer.body);

        (void)state;
        assert_int_equal(item->answer.failure, HTTP_OK);
        assert_int_equal(item->answer.status, 200);
        assert_int_equal(item->answer.retry_after_ms, -1);
        assert_memory_equal(text, "PUT /a%20b?c=d HTTP/1.1\r\n", 25);
        assert_non_null(strstr(text, "\r\nAuthorization: Bearer x\r\n"));
        assert_non_null(strstr(text, "\r\nContent-Type: application/json\r\n"));
        assert_non_null(strstr(text, "\r\nX-Empty:\r\n"));
        assert_non_null(strstr(text, "\r\nUser-Agent: isthmus/test\r\n"));
        assert_non_null(strstr(text, "\r\nContent-Length: 7\r\n"));
        assert_non_null(strstr(text, "\r\n\r\n{\"a\":1}"));
        assert_null(strstr(text, "Expect"));
        assert_true(item->on_http_thread);
}

static void methods_with_and_without_body(void **state)
{
        CLEANUP(stop_pair) struct pair pair = start_pair(&(struct http_client_options){0});
        static const struct {
                const char *method;
                const char *body;
                const char *first_line;
                const char *length;
        } rows[] = {
                {"GET", NULL, "GET /x HTTP/1.1\r\n", NULL},
                {"DELETE", NULL, "DELETE /x HTTP/1.1\r\n", NULL},
                {"PUT", NULL, "PUT /x HTTP/1.1\r\n", "\r\nContent-Length: 0\r\n"},
                {"POST", NULL, "POST /x HTTP/1.1\r\n", "\r\nContent-Length: 0\r\n"},
                {"POST", "", "POST /x HTTP/1.1\r\n", "\r\nContent-Length: 0\r\n"},
                {"DELETE", "abc", "DELETE /x HTTP/1.1\r\n", "\r\nContent-Length: 3\r\n"},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                struct http_request request = {.method = rows[i].method,
                                               .body = rows[i].body,
                                               .body_size =
                                                       rows[i].body ? strlen(rows[i].body) : 0};
                CLEANUP(test_inbox_item_cleanup)
                struct test_inbox_item *item = ask(pair.client, request, pair.port, "/x");
                const char *text = buf_text(&item->answer.body);

                assert_int_equal(item->answer.status, 200);
                assert_memory_equal(text, rows[i].first_line, strlen(rows[i].first_line));
                if (rows[i].length)
                        assert_non_null(strstr(text, rows[i].length));
                else
                        assert_null(strstr(text, "Content-Length"));
        }
}

static void every_status_is_an_answer_and_redirects_are_not_followed(void **state)
{
        CLEANUP(stop_pair) struct pair pair = start_pair(&(struct http_client_options){0});
        CLEANUP(test_inbox_item_cleanup) struct test_inbox_item *missing = NULL;
        CLEANUP(test_inbox_item_cleanup) struct test_inbox_item *empty = NULL;
        CLEANUP(test_inbox_item_cleanup) struct test_inbox_item *redirect = NULL;
        struct buf none = BUF_INIT;

        (void)state;
        missing = ask(pair.client, (struct http_request){0}, pair.port, "/404");
        assert_int_equal(missing->answer.failure, HTTP_OK);
        assert_int_equal(missing->answer.status, 404);
        assert_string_equal(buf_text(&missing->answer.body), "gone");
        empty = ask(pair.client, (struct http_request){0}, pair.port, "/204");
        assert_int_equal(empty->answer.status, 204);
        assert_int_equal(empty->answer.body.size, 0);
        redirect = ask(pair.client, (struct http_request){0}, pair.port, "/redirect");
        assert_int_equal(redirect->answer.status, 302);
        assert_header(redirect, "LOCATION", "/200");
        assert_header(redirect, "x-empty", "");
        assert_false(http_answer_header(&redirect->answer, "X-Other", &none));
        assert_int_equal(test_http_server_connections(pair.server), 1);
}

static void count(void *context)
{
        int *times = context;

        (*times)++;
}

static void refusals_are_told_but_for_those_of_secrets(void **state)
{
        int times = 0;
        CLEANUP(stop_pair)
        struct pair pair =
                start_pair(&(struct http_client_options){.refused = count, .context = &times});
        static const char *const paths[] = {"/x", "/401", "/401", "/404"};

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
                const struct http_request request = {.for_secrets = i == 2};
                CLEANUP(test_inbox_item_cleanup)
                struct test_inbox_item *item = ask(pair.client, request, pair.port, paths[i]);

                assert_int_equal(item->answer.failure, HTTP_OK);
                assert_int_equal(times, i > 0 ? 1 : 0);
        }
}

static void retry_after_is_read(void **state)
{
        CLEANUP(stop_pair) struct pair pair = start_pair(&(struct http_client_options){0});
        CLEANUP(test_inbox_item_cleanup)
        struct test_inbox_item *item =
                ask(pair.client, (struct http_request){0}, pair.port, "/429");

        (void)state;
        assert_int_equal(item->answer.status, 429);
        assert_int_equal(item->answer.retry_after_ms, 17000);
}

static void the_headers_of_an_interim_answer_do_not_stay(void **state)
{
        CLEANUP(stop_pair) struct pair pair = start_pair(&(struct http_client_options){0});
        CLEANUP(test_inbox_item_cleanup)
        struct test_inbox_item *item =
                ask(pair.client, (struct http_request){0}, pair.port, "/interim");
        struct buf none = BUF_INIT;

        (void)state;
        assert_int_equal(item->answer.status, 200);
        assert_header(item, "X-Which", "final");
        assert_false(http_answer_header(&item->answer, "X-Early", &none));
}

static void a_chunked_answer_is_put_together(void **state)
{
        CLEANUP(stop_pair) struct pair pair = start_pair(&(struct http_client_options){0});
        CLEANUP(test_inbox_item_cleanup)
        struct test_inbox_item *item =
                ask(pair.client, (struct http_request){0}, pair.port, "/chunked");

        (void)state;
        assert_int_equal(item->answer.failure, HTTP_OK);
        assert_string_equal(buf_text(&item->answer.body), "hello world");
}

/* --- failures ------------------------------------------------------------------------------ */

static void assert_failure(struct pair *pair, const char *path, enum http_failure failure)
{
        CLEANUP(test_inbox_item_cleanup)
        struct test_inbox_item *item =
                ask(pair->client, (struct http_request){.timeout_ms = 20000}, pair->port, path);

        if (item->answer.failure != failure)
                fail_msg("%s: failure %d, not %d: %s", path, (int)item->answer.failure,
                         (int)failure, item->answer.reason.text);
        assert_int_equal(item->answer.status, 0);
        assert_int_equal(item->answer.body.size, 0);
        assert_string_not_equal(item->answer.reason.text, "");
}

static void a_broken_connection_is_told(void **state)
{
        CLEANUP(stop_pair) struct pair pair = start_pair(&(struct http_client_options){0});

        (void)state;
        assert_failure(&pair, "/close", HTTP_E_BROKEN);
        assert_failure(&pair, "/cut", HTTP_E_BROKEN);
        assert_failure(&pair, "/half", HTTP_E_BROKEN);
        assert_failure(&pair, "/half-closed", HTTP_E_BROKEN);
        assert_failure(&pair, "/garbage", HTTP_E_BROKEN);
}

static void a_server_that_is_too_slow_is_a_timeout(void **state)
{
        CLEANUP(stop_pair)
        struct pair pair = start_pair(&(struct http_client_options){.timeout_ms = 200});
        CLEANUP(test_inbox_item_cleanup) struct test_inbox_item *silent = NULL;
        CLEANUP(test_inbox_item_cleanup) struct test_inbox_item *endless = NULL;

        (void)state;
        silent = ask(pair.client, (struct http_request){0}, pair.port, "/hold");
        assert_int_equal(silent->answer.failure, HTTP_E_TIMEOUT);
        assert_non_null(strstr(silent->answer.reason.text, "http://127.0.0.1:"));
        endless = ask(pair.client, (struct http_request){0}, pair.port, "/endless");
        assert_int_equal(endless->answer.failure, HTTP_E_TIMEOUT);
        assert_int_equal(endless->answer.body.size, 0);
}

static void a_request_may_have_a_timeout_of_its_own(void **state)
{
        CLEANUP(stop_pair)
        struct pair pair = start_pair(&(struct http_client_options){.timeout_ms = 600000});
        CLEANUP(test_inbox_item_cleanup)
        struct test_inbox_item *item =
                ask(pair.client, (struct http_request){.timeout_ms = 200}, pair.port, "/hold");

        (void)state;
        assert_int_equal(item->answer.failure, HTTP_E_TIMEOUT);
}

static void nobody_listens(void **state)
{
        struct test_http_server *server = test_http_server_start(NULL, serve, NULL);
        uint16_t port = test_http_server_port(server);
        struct http_client *client = start_client(&(struct http_client_options){0});
        CLEANUP(test_inbox_item_cleanup) struct test_inbox_item *item = NULL;

        (void)state;
        test_http_server_stop(server);
        item = ask(client, (struct http_request){0}, port, "/x");
        assert_int_equal(item->answer.failure, HTTP_E_CONNECT);
        assert_string_not_equal(item->answer.reason.text, "");
        http_client_free(client);
}

static void an_answer_longer_than_allowed_is_cut_off(void **state)
{
        CLEANUP(stop_pair)
        struct pair pair = start_pair(&(struct http_client_options){.maximum_answer = 1000});
        CLEANUP(test_inbox_item_cleanup) struct test_inbox_item *fits = NULL;

        (void)state;
        fits = ask(pair.client, (struct http_request){0}, pair.port, "/bytes/1000");
        assert_int_equal(fits->answer.failure, HTTP_OK);
        assert_int_equal(fits->answer.body.size, 1000);
        assert_failure(&pair, "/bytes/1001", HTTP_E_TOO_LARGE);
        assert_failure(&pair, "/bytes/1000000", HTTP_E_TOO_LARGE);
        assert_failure(&pair, "/headers/70000", HTTP_E_TOO_LARGE);
}

static void a_request_may_have_a_limit_of_its_own(void **state)
{
        CLEANUP(stop_pair) struct pair pair = start_pair(&(struct http_client_options){0});
        CLEANUP(test_inbox_item_cleanup)
        struct test_inbox_item *fits = ask(pair.client, (struct http_request){.maximum_answer = 10},
                                           pair.port, "/bytes/10");
        CLEANUP(test_inbox_item_cleanup)
        struct test_inbox_item *longer = ask(
                pair.client, (struct http_request){.maximum_answer = 10}, pair.port, "/bytes/11");

        (void)state;
        assert_int_equal(fits->answer.body.size, 10);
        assert_int_equal(longer->answer.failure, HTTP_E_TOO_LARGE);
}

static void assert_not_sent(struct pair *pair, const struct http_request *request,
                            const char *explanation)
{
        struct test_inbox inbox;

        test_inbox_init(&inbox);
        http_client_send(pair->client, request, test_inbox_put, &inbox);
        {
                CLEANUP(test_inbox_item_cleanup)
                struct test_inbox_item *item = test_inbox_take(&inbox);

                assert_int_equal(item->answer.failure, HTTP_E_CONNECT);
                if (!strstr(item->answer.reason.text, explanation))
                        fail_msg("'%s' is not in '%s'", explanation, item->answer.reason.text);
                assert_null(strstr(item->answer.reason.text, "secret"));
        }
        test_inbox_deinit(&inbox);
        assert_int_equal(test_http_server_connections(pair->server), 0);
}

static void what_is_no_proper_request_is_not_sent(void **state)
{
        CLEANUP(stop_pair) struct pair pair = start_pair(&(struct http_client_options){0});
        CLEANUP(mem_cleanup) char *url = mem_format("http://127.0.0.1:%d/", pair.port);
        CLEANUP(mem_cleanup) char *user = mem_format("http://me:secret@127.0.0.1:%d/", pair.port);
        const struct http_header split = {"X-Key", "secret\r\nX-Admin: 1"};
        const struct http_header split_name = {"X-Key: 1\nX-Admin", "secret"};

        (void)state;
        assert_not_sent(&pair,
                        &(struct http_request){
                                .method = "GET", .url = url, .headers = &split, .header_count = 1},
                        "'X-Key' holds a line break");
        assert_not_sent(
                &pair,
                &(struct http_request){
                        .method = "GET", .url = url, .headers = &split_name, .header_count = 1},
                "holds a line break");
        assert_not_sent(&pair, &(struct http_request){.method = "GET", .url = user}, "user name");
        assert_not_sent(&pair, &(struct http_request){.method = "GET", .url = "ftp://127.0.0.1/x"},
                        "ftp");
        assert_not_sent(&pair, &(struct http_request){.method = "GET", .url = "file:///etc/passwd"},
                        "file");
        assert_not_sent(&pair, &(struct http_request){.method = "GET", .url = "http://"}, "http");
        assert_not_sent(&pair, &(struct http_request){.method = "GET", .url = ""}, "");
}

/* --- TLS ----------------------------------------------------------------------------------- */

static struct test_inbox_item *ask_tls(const char *trusted, const char *certificate)
{
        struct test_http_server *server = test_http_server_start(certificate, serve, NULL);
        struct http_client *client =
                start_client(&(struct http_client_options){.trusted_certificates = trusted});
        CLEANUP(mem_cleanup)
        char *url = mem_format("https://localhost:%d/x", test_http_server_port(server));
        struct test_inbox inbox;
        struct test_inbox_item *item;

        test_inbox_init(&inbox);
        http_client_send(client, &(struct http_request){.method = "GET", .url = url},
                         test_inbox_put, &inbox);
        item = test_inbox_take(&inbox);
        test_inbox_deinit(&inbox);
        http_client_free(client);
        test_http_server_stop(server);
        return item;
}

static void assert_tls(const char *trusted, const char *certificate, enum http_failure failure)
{
        CLEANUP(test_inbox_item_cleanup)
        struct test_inbox_item *item = ask_tls(trusted, certificate);

        if (item->answer.failure != failure)
                fail_msg("failure %d, not %d: %s", (int)item->answer.failure, (int)failure,
                         item->answer.reason.text);
        assert_int_equal(item->answer.status, failure == HTTP_OK ? 200 : 0);
}

static void the_extra_authority_is_trusted_beside_the_systems(void **state)
{
        CLEANUP(mem_cleanup)
        char *by_system = issue(system_authority, "by-system.pem", "localhost", false);
        CLEANUP(mem_cleanup)
        char *by_extra = issue(extra_authority, "by-extra.pem", "localhost", false);

        (void)state;
        assert_tls(NULL, by_system, HTTP_OK);
        assert_tls(NULL, by_extra, HTTP_E_TLS);
        assert_tls(extra_ca, by_system, HTTP_OK);
        assert_tls(extra_ca, by_extra, HTTP_OK);
}

static void a_wrong_certificate_is_refused(void **state)
{
        CLEANUP(mem_cleanup)
        char *other_host = issue(system_authority, "other.pem", "other.example", false);
        CLEANUP(mem_cleanup)
        char *expired = issue(system_authority, "expired.pem", "localhost", true);

        (void)state;
        assert_tls(NULL, other_host, HTTP_E_TLS);
        assert_tls(NULL, expired, HTTP_E_TLS);
        assert_tls(extra_ca, other_host, HTTP_E_TLS);
}

static void a_server_without_tls_is_refused(void **state)
{
        CLEANUP(test_inbox_item_cleanup) struct test_inbox_item *item = ask_tls(NULL, NULL);

        (void)state;
        assert_int_equal(item->answer.failure, HTTP_E_TLS);
}

static void a_file_without_certificates_is_named_at_the_start(void **state)
{
        CLEANUP(mem_cleanup) char *file = test_directory_file(directory, "empty.pem");
        struct http_client *client;
        struct reason reason = REASON_INIT;

        (void)state;
        test_directory_write(directory, "empty.pem", "no certificate\n");
        assert_int_not_equal(
                http_client_new(&(struct http_client_options){.trusted_certificates = file},
                                &client, &reason),
                0);
        assert_null(client);
        assert_non_null(strstr(reason.text, "empty.pem"));
}

/* --- connections --------------------------------------------------------------------------- */

static void one_connection_serves_many_requests(void **state)
{
        CLEANUP(stop_pair) struct pair pair = start_pair(&(struct http_client_options){0});

        (void)state;
        for (int i = 0; i < 20; i++) {
                CLEANUP(test_inbox_item_cleanup)
                struct test_inbox_item *item =
                        ask(pair.client, (struct http_request){0}, pair.port, "/x");

                assert_int_equal(item->answer.status, 200);
        }
        assert_int_equal(test_http_server_connections(pair.server), 1);
}

static void a_connection_that_was_closed_meanwhile_is_replaced(void **state)
{
        CLEANUP(stop_pair) struct pair pair = start_pair(&(struct http_client_options){0});

        (void)state;
        for (int i = 1; i <= 5; i++) {
                CLEANUP(test_inbox_item_cleanup)
                struct test_inbox_item *item =
                        ask(pair.client, (struct http_request){0}, pair.port, "/once");

                assert_int_equal(item->answer.status, 200);
                assert_int_equal(test_http_server_connections(pair.server), i);
        }
}

static void connections_are_limited(void **state)
{
        CLEANUP(stop_pair)
        struct pair pair = start_pair(&(struct http_client_options){.maximum_connections = 4});
        struct test_inbox inbox;

        (void)state;
        test_inbox_init(&inbox);
        for (int i = 0; i < 200; i++)
                get(pair.client, pair.port, "/x", &inbox);
        for (int i = 0; i < 200; i++) {
                CLEANUP(test_inbox_item_cleanup)
                struct test_inbox_item *item = test_inbox_take(&inbox);

                assert_int_equal(item->answer.status, 200);
        }
        test_inbox_deinit(&inbox);
        /* Three quarters of four: see http_queue.h. */
        assert_in_range(test_http_server_connections(pair.server), 1, 3);
}

static void a_server_that_does_not_answer_holds_up_nobody_else(void **state)
{
        CLEANUP(stop_pair)
        struct pair pair = start_pair(
                &(struct http_client_options){.maximum_connections = 4, .timeout_ms = 600000});
        struct test_http_server *other = test_http_server_start(NULL, serve, NULL);
        struct test_inbox silent;

        (void)state;
        test_inbox_init(&silent);
        for (int i = 0; i < 20; i++)
                get(pair.client, pair.port, "/hold", &silent);
        for (int i = 0; i < 5; i++) {
                CLEANUP(test_inbox_item_cleanup)
                struct test_inbox_item *item = ask(pair.client, (struct http_request){0},
                                                   test_http_server_port(other), "/x");

                assert_int_equal(item->answer.status, 200);
        }
        assert_int_equal(test_inbox_count(&silent), 0);
        http_client_free(pair.client);
        pair.client = NULL;
        assert_int_equal(test_inbox_count(&silent), 20);
        test_inbox_deinit(&silent);
        test_http_server_stop(other);
}

/* --- the end ------------------------------------------------------------------------------- */

struct resender {
        struct http_client *client;
        struct test_inbox inbox;
        char *url;
};

static void send_again(void *context, const struct http_answer *answer)
{
        struct resender *resender = context;

        test_inbox_put(&resender->inbox, answer);
        http_client_send(resender->client,
                         &(struct http_request){.method = "GET", .url = resender->url},
                         test_inbox_put, &resender->inbox);
}

static void what_is_under_way_at_the_end_is_answered_once(void **state)
{
        struct test_http_server *server = test_http_server_start(NULL, serve, NULL);
        struct resender resender;

        (void)state;
        resender.client = start_client(&(struct http_client_options){.maximum_connections = 2});
        resender.url = mem_format("http://127.0.0.1:%d/hold", test_http_server_port(server));
        test_inbox_init(&resender.inbox);
        for (int i = 0; i < 10; i++)
                http_client_send(resender.client,
                                 &(struct http_request){.method = "GET", .url = resender.url},
                                 send_again, &resender);
        http_client_free(resender.client);
        assert_int_equal(test_inbox_count(&resender.inbox), 20);
        for (int i = 0; i < 20; i++) {
                CLEANUP(test_inbox_item_cleanup)
                struct test_inbox_item *item = test_inbox_take(&resender.inbox);

                assert_int_equal(item->answer.failure, HTTP_E_STOPPED);
                assert_true(item->on_http_thread);
        }
        test_inbox_deinit(&resender.inbox);
        free(resender.url);
        test_http_server_stop(server);
}

/* --- timers -------------------------------------------------------------------------------- */

static void put_mark(struct test_inbox *inbox, int status)
{
        struct http_answer answer = {.status = status};

        test_inbox_put(inbox, &answer);
}

static void mark_first(void *context)
{
        put_mark(context, 1);
}

static void mark_second(void *context)
{
        put_mark(context, 2);
}

static void mark_third(void *context)
{
        put_mark(context, 3);
}

static void timers_run_in_order_on_the_thread(void **state)
{
        struct http_client *client = start_client(&(struct http_client_options){0});
        struct test_inbox inbox;

        (void)state;
        test_inbox_init(&inbox);
        http_client_after(client, 40, mark_third, &inbox);
        http_client_after(client, 0, mark_first, &inbox);
        http_client_after(client, 20, mark_second, &inbox);
        for (int expected = 1; expected <= 3; expected++) {
                CLEANUP(test_inbox_item_cleanup)
                struct test_inbox_item *item = test_inbox_take(&inbox);

                assert_int_equal(item->answer.status, expected);
                assert_true(item->on_http_thread);
        }
        http_client_after(client, 3600000, mark_first, &inbox);
        http_client_free(client);
        assert_int_equal(test_inbox_count(&inbox), 0);
        test_inbox_deinit(&inbox);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_request_arrives_as_given),
                cmocka_unit_test(methods_with_and_without_body),
                cmocka_unit_test(every_status_is_an_answer_and_redirects_are_not_followed),
                cmocka_unit_test(the_headers_of_an_interim_answer_do_not_stay),
                cmocka_unit_test(a_chunked_answer_is_put_together),
                cmocka_unit_test(retry_after_is_read),
                cmocka_unit_test(refusals_are_told_but_for_those_of_secrets),
                cmocka_unit_test(a_broken_connection_is_told),
                cmocka_unit_test(a_server_that_is_too_slow_is_a_timeout),
                cmocka_unit_test(a_request_may_have_a_timeout_of_its_own),
                cmocka_unit_test(nobody_listens),
                cmocka_unit_test(an_answer_longer_than_allowed_is_cut_off),
                cmocka_unit_test(a_request_may_have_a_limit_of_its_own),
                cmocka_unit_test(what_is_no_proper_request_is_not_sent),
                cmocka_unit_test(the_extra_authority_is_trusted_beside_the_systems),
                cmocka_unit_test(a_wrong_certificate_is_refused),
                cmocka_unit_test(a_server_without_tls_is_refused),
                cmocka_unit_test(a_file_without_certificates_is_named_at_the_start),
                cmocka_unit_test(one_connection_serves_many_requests),
                cmocka_unit_test(a_connection_that_was_closed_meanwhile_is_replaced),
                cmocka_unit_test(connections_are_limited),
                cmocka_unit_test(a_server_that_does_not_answer_holds_up_nobody_else),
                cmocka_unit_test(what_is_under_way_at_the_end_is_answered_once),
                cmocka_unit_test(timers_run_in_order_on_the_thread),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
