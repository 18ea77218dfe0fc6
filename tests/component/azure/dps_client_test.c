// SPDX-License-Identifier: MIT
/* The client against a stand-in of the service over TLS, which says what the tables below say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "azure/device_key.h"
#include "azure/dps/dps_client.h"
#include "azure/names.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "base/text.h"
#include "base/thread.h"
#include "support/certificates.h"
#include "support/directory.h"
#include "support/http_server.h"

#define SCOPE     "0ne00123ABC"
#define KEY       "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define MODEL     "dtmi:com:example:Thermostat;1"
#define OPERATION "5.316aac5bdc130deb.b1e02da8"

#define JSON_TYPE "Content-Type: application/json; charset=utf-8\r\n"
#define AT_ONCE   JSON_TYPE "Retry-After: 0\r\n"
#define ASSIGNING "{\"operationId\":\"" OPERATION "\",\"status\":\"assigning\"}"
#define ASSIGNED                                                                                   \
        "{\"operationId\":\"" OPERATION "\",\"status\":\"assigned\",\"registrationState\":{"       \
        "\"assignedHub\":\"myhub.azure-devices.net\",\"deviceId\":\"the-device\"}}"
#define ERROR(code) "{\"errorCode\":" #code ",\"trackingId\":\"t-1\",\"message\":\"Because\"}"

/* --- the script ---------------------------------------------------------------------------- */

struct line {
        const char *method;
        int status; /* 0: cut the connection */
        const char *headers;
        const char *body;
};

struct script {
        const char *id;
        enum dps_status result;
        int error_code;
        struct line lines[5];
};

static const struct script scripts[] = {
        {"at-once", DPS_ASSIGNED, 0, {{"PUT", 200, JSON_TYPE, ASSIGNED}}},
        {"after-a-while",
         DPS_ASSIGNED,
         0,
         {{"PUT", 202, AT_ONCE, ASSIGNING},
          {"GET", 202, AT_ONCE, ASSIGNING},
          {"GET", 200, JSON_TYPE, ASSIGNED}}},
        {"Upper-Case_id.1:x", DPS_ASSIGNED, 0, {{"PUT", 200, JSON_TYPE, ASSIGNED}}},
        {"failed",
         DPS_FAILED,
         400208,
         {{"PUT", 202, AT_ONCE, ASSIGNING},
          {"GET", 200, JSON_TYPE,
           "{\"status\":\"failed\",\"registrationState\":{\"errorCode\":400208}}"}}},
        {"disabled",
         DPS_DISABLED,
         0,
         {{"PUT", 202, AT_ONCE, ASSIGNING}, {"GET", 200, JSON_TYPE, "{\"status\":\"disabled\"}"}}},
        {"unauthorized", DPS_UNAUTHORIZED, 401002, {{"PUT", 401, JSON_TYPE, ERROR(401002)}}},
        {"not-found", DPS_NOT_FOUND, 404201, {{"PUT", 404, JSON_TYPE, ERROR(404201)}}},
        {"throttled",
         DPS_ASSIGNED,
         0,
         {{"PUT", 429, AT_ONCE, ERROR(429001)}, {"PUT", 200, JSON_TYPE, ASSIGNED}}},
        {"throttled-poll",
         DPS_ASSIGNED,
         0,
         {{"PUT", 202, AT_ONCE, ASSIGNING},
          {"GET", 429, AT_ONCE, ERROR(429001)},
          {"GET", 200, JSON_TYPE, ASSIGNED}}},
        {"in-trouble",
         DPS_ASSIGNED,
         0,
         {{"PUT", 503, AT_ONCE, "<html>busy</html>"}, {"PUT", 200, JSON_TYPE, ASSIGNED}}},
        {"garbage",
         DPS_ASSIGNED,
         0,
         {{"PUT", 200, JSON_TYPE, "complete nonsense"}, {"PUT", 200, JSON_TYPE, ASSIGNED}}},
        {"cut", DPS_ASSIGNED, 0, {{"PUT", 0, "", ""}, {"PUT", 200, JSON_TYPE, ASSIGNED}}},
        {"cut-poll",
         DPS_ASSIGNED,
         0,
         {{"PUT", 202, AT_ONCE, ASSIGNING}, {"GET", 0, "", ""}, {"GET", 200, JSON_TYPE, ASSIGNED}}},
        {"come-back-tomorrow",
         DPS_UNAVAILABLE,
         429001,
         {{"PUT", 429, "Retry-After: 86400\r\n", ERROR(429001)}}},
};

/* --- the stand-in -------------------------------------------------------------------------- */

struct stand_in {
        struct test_http_server *server;
        char *endpoint;
        pthread_mutex_t lock;
        size_t heard[ARRAY_SIZE(scripts)]; /* lines said */
        int under_way;
        int most_under_way;
        char complaint[512]; /* the first request that was not as it must be; "" = none */
};

static void complain(struct stand_in *stand_in, const char *what, const char *id)
{
        pthread_mutex_lock(&stand_in->lock);
        if (stand_in->complaint[0] == '\0')
                snprintf(stand_in->complaint, sizeof(stand_in->complaint), "%s: %s", id, what);
        pthread_mutex_unlock(&stand_in->lock);
}

/* The value of `name` in a token, up to the next '&'. */
static char *token_part(const char *token, const char *name)
{
        const char *at = strstr(token, name);

        return at ? mem_text_n(at + strlen(name), strcspn(at + strlen(name), "&")) : mem_text("");
}

/* Checks the token as the service does: the MAC covers what was sent. */
static bool token_is_good(const char *token, const char *id)
{
        CLEANUP(mem_cleanup) char *sr = token_part(token, "sr=");
        CLEANUP(mem_cleanup) char *sig = token_part(token, "sig=");
        CLEANUP(mem_cleanup) char *se = token_part(token, "se=");
        CLEANUP(mem_cleanup) char *skn = token_part(token, "skn=");
        CLEANUP(mem_cleanup) char *signed_text = mem_format("%s\n%s", sr, se);
        CLEANUP(mem_cleanup) char *resource = mem_format("%s/registrations/%s", SCOPE, id);
        CLEANUP(buf_deinit) struct buf mac = BUF_INIT;
        CLEANUP(buf_deinit) struct buf sent_mac = BUF_INIT;
        CLEANUP(buf_deinit) struct buf sent_resource = BUF_INIT;
        int64_t now_s = clock_wall_ms() / 1000;
        int64_t expires_s;

        text_url_unescape(&sent_resource, sr, strlen(sr));
        text_url_unescape(&sent_mac, sig, strlen(sig));
        return device_key_sign(&mac, KEY, signed_text) &&
               strncmp(token, "SharedAccessSignature sr=", 25) == 0 &&
               strcmp(buf_text(&mac), buf_text(&sent_mac)) == 0 &&
               strcmp(buf_text(&sent_resource), resource) == 0 &&
               strcmp(skn, "registration") == 0 &&
               text_to_int64(se, now_s + 60, now_s + 86400, &expires_s);
}

static void check_request(struct stand_in *stand_in, const struct test_http_request *request,
                          const char *id)
{
        CLEANUP(buf_deinit) struct buf token = BUF_INIT;
        CLEANUP(buf_deinit) struct buf escaped = BUF_INIT;
        CLEANUP(mem_cleanup) char *target = NULL;
        CLEANUP(mem_cleanup) char *body = NULL;
        bool is_poll = strcmp(request->method, "GET") == 0;

        text_url_escape(&escaped, id);
        target = mem_format("/" SCOPE "/registrations/%s/%s?api-version=2019-03-31",
                            buf_text(&escaped), is_poll ? "operations/" OPERATION : "register");
        if (strcmp(request->target, target) != 0)
                complain(stand_in, request->target, id);
        if (!test_http_header(request, "Authorization", &token) ||
            !token_is_good(buf_text(&token), id))
                complain(stand_in, "the token is not good", id);
        body = is_poll ? mem_text("")
                       : mem_format("{\"registrationId\":\"%s\",\"payload\":{\"modelId\":\"%s\"}}",
                                    id, MODEL);
        if (strcmp(buf_text(&request->body), body) != 0)
                complain(stand_in, buf_text(&request->body), id);
}

static char *id_of(const struct test_http_request *request)
{
        const char *at = strstr(request->target, "/registrations/");
        CLEANUP(buf_deinit) struct buf id = BUF_INIT;

        if (!at)
                return mem_text("");
        at += strlen("/registrations/");
        text_url_unescape(&id, at, strcspn(at, "/?"));
        return mem_text(buf_text(&id));
}

static enum test_http_then say_line(struct stand_in *stand_in, size_t number,
                                    const struct test_http_request *request, struct buf *answer)
{
        const struct script *script = &scripts[number];
        const struct line *line;
        size_t at;

        pthread_mutex_lock(&stand_in->lock);
        at = stand_in->heard[number]++;
        pthread_mutex_unlock(&stand_in->lock);
        if (at >= ARRAY_SIZE(script->lines) || !script->lines[at].method ||
            strcmp(script->lines[at].method, request->method) != 0) {
                complain(stand_in, "a request that is not in the script", script->id);
                return TEST_HTTP_CUT;
        }
        line = &script->lines[at];
        if (line->status == 0)
                return TEST_HTTP_CUT;
        test_http_answer(answer, line->status, line->headers, line->body);
        return TEST_HTTP_KEEP;
}

/* Ids of no script: "many-N" is assigned at the first poll, "silent-N" is never answered,
 * "other" is one of another scope, assigned at once. */
static enum test_http_then say_to_many(struct stand_in *stand_in,
                                       const struct test_http_request *request, struct buf *answer)
{
        bool is_poll = strcmp(request->method, "GET") == 0;

        pthread_mutex_lock(&stand_in->lock);
        stand_in->under_way += is_poll ? -1 : 1;
        if (stand_in->under_way > stand_in->most_under_way)
                stand_in->most_under_way = stand_in->under_way;
        pthread_mutex_unlock(&stand_in->lock);
        if (is_poll)
                test_http_answer(answer, 200, JSON_TYPE, ASSIGNED);
        else
                test_http_answer(answer, 202, AT_ONCE, ASSIGNING);
        return TEST_HTTP_KEEP;
}

/* It shows its own name, and who signed it, and sends no token. */
static enum test_http_then say_to_certified(struct stand_in *stand_in,
                                            const struct test_http_request *request, const char *id,
                                            struct buf *answer)
{
        bool is_poll = strcmp(request->method, "GET") == 0;
        CLEANUP(buf_deinit) struct buf token = BUF_INIT;

        if (strcmp(request->client, id) != 0)
                complain(stand_in, request->client[0] ? request->client : "no certificate", id);
        if (request->shown != 2)
                complain(stand_in, "the one that signed it was not shown", id);
        if (test_http_header(request, "Authorization", &token))
                complain(stand_in, "a token beside a certificate", id);
        if (is_poll)
                test_http_answer(answer, 200, JSON_TYPE, ASSIGNED);
        else
                test_http_answer(answer, 202, AT_ONCE, ASSIGNING);
        return TEST_HTTP_KEEP;
}

static enum test_http_then serve(void *context, const struct test_http_request *request,
                                 struct buf *answer)
{
        struct stand_in *stand_in = context;
        CLEANUP(mem_cleanup) char *id = id_of(request);

        if (strncmp(id, "silent-", 7) == 0)
                return TEST_HTTP_HOLD;
        if (strcmp(id, "other-clock") == 0) {
                test_http_answer(answer, 401, "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n", "{}");
                return TEST_HTTP_KEEP;
        }
        if (strcmp(id, "other") == 0) {
                test_http_answer(answer, 200, JSON_TYPE, ASSIGNED);
                return TEST_HTTP_KEEP;
        }
        if (strncmp(id, "certified-", 10) == 0)
                return say_to_certified(stand_in, request, id, answer);
        check_request(stand_in, request, id);
        if (request->client[0])
                complain(stand_in, "a certificate beside a token", id);
        if (strncmp(id, "many-", 5) == 0)
                return say_to_many(stand_in, request, answer);
        for (size_t i = 0; i < ARRAY_SIZE(scripts); i++) {
                if (strcmp(scripts[i].id, id) == 0)
                        return say_line(stand_in, i, request, answer);
        }
        complain(stand_in, "an id of no script", id);
        return TEST_HTTP_CUT;
}

/* --- results ------------------------------------------------------------------------------- */

struct result {
        struct fixture *fixture;
        const char *id;
        int calls;
        int rank; /* the first result of the fixture is 1 */
        struct dps_result said;
        char hub[64];
        char device_id[64];
        bool on_http_thread;
};

struct fixture {
        struct stand_in stand_in;
        struct http_client *http;
        struct dps_client *dps;
        pthread_mutex_t lock;
        pthread_cond_t more;
        int calls;
};

static char *directory;
static char *ca_file;
static char *certificate;

static int set_up(void **state)
{
        struct test_ca *ca;

        (void)state;
        unsetenv("https_proxy");
        unsetenv("HTTPS_PROXY");
        unsetenv("all_proxy");
        unsetenv("ALL_PROXY");
        directory = test_directory_new();
        ca_file = test_directory_file(directory, "ca.pem");
        certificate = test_directory_file(directory, "server.pem");
        ca = test_ca_new(ca_file);
        test_ca_issue(ca, &(struct test_certificate){.file = certificate, .host = "localhost"});
        test_ca_free(ca);
        return 0;
}

static int tear_down(void **state)
{
        (void)state;
        free(ca_file);
        free(certificate);
        test_directory_remove(directory);
        return 0;
}

static struct fixture *start(const struct http_client_options *http,
                             const struct dps_client_options *dps)
{
        struct fixture *fixture = mem_new(1, sizeof(*fixture));
        struct dps_client_options dps_options = *dps;
        struct reason reason = REASON_INIT;

        pthread_mutex_init(&fixture->lock, NULL);
        pthread_cond_init(&fixture->more, NULL);
        pthread_mutex_init(&fixture->stand_in.lock, NULL);
        fixture->stand_in.server = test_http_server_start(certificate, serve, &fixture->stand_in);
        fixture->stand_in.endpoint =
                mem_format("localhost:%d", test_http_server_port(fixture->stand_in.server));
        if (http_client_new(http, &fixture->http, &reason) != 0)
                fail_msg("http_client_new: %s", reason.text);
        dps_options.http = fixture->http;
        fixture->dps = dps_client_new(&dps_options);
        return fixture;
}

static void stop(struct fixture **fixture_to_stop)
{
        struct fixture *fixture = *fixture_to_stop;

        http_client_free(fixture->http);
        dps_client_free(fixture->dps);
        test_http_server_stop(fixture->stand_in.server);
        free(fixture->stand_in.endpoint);
        pthread_mutex_destroy(&fixture->stand_in.lock);
        pthread_mutex_destroy(&fixture->lock);
        pthread_cond_destroy(&fixture->more);
        free(fixture);
}

static void note_result(void *context, const struct dps_result *said)
{
        struct result *result = context;
        struct fixture *fixture = result->fixture;

        pthread_mutex_lock(&fixture->lock);
        result->said = *said;
        snprintf(result->hub, sizeof(result->hub), "%s",
                 said->assigned_hub ? said->assigned_hub : "");
        snprintf(result->device_id, sizeof(result->device_id), "%s",
                 said->device_id ? said->device_id : "");
        result->on_http_thread = thread_is(HTTP_CLIENT_THREAD);
        result->calls++;
        result->rank = ++fixture->calls;
        pthread_cond_signal(&fixture->more);
        pthread_mutex_unlock(&fixture->lock);
}

static void ask_as(struct fixture *fixture, struct result *result, const char *id,
                   enum dps_kind kind)
{
        result->fixture = fixture;
        result->id = id;
        dps_register(fixture->dps,
                     &(struct dps_registration){.endpoint = fixture->stand_in.endpoint,
                                                .id_scope = SCOPE,
                                                .registration_id = id,
                                                .device_key = KEY,
                                                .model_id = MODEL,
                                                .kind = kind},
                     note_result, result);
}

static void ask(struct fixture *fixture, struct result *result, const char *id)
{
        ask_as(fixture, result, id, DPS_URGENT);
}

static void wait_for(struct fixture *fixture, int calls)
{
        struct timespec until;

        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += 60;
        pthread_mutex_lock(&fixture->lock);
        while (fixture->calls < calls) {
                if (pthread_cond_timedwait(&fixture->more, &fixture->lock, &until) != 0) {
                        fprintf(stderr, "%d of %d results came\n", fixture->calls, calls);
                        abort();
                }
        }
        pthread_mutex_unlock(&fixture->lock);
}

static void assert_no_complaint(struct fixture *fixture)
{
        pthread_mutex_lock(&fixture->stand_in.lock);
        assert_string_equal(fixture->stand_in.complaint, "");
        pthread_mutex_unlock(&fixture->stand_in.lock);
}

/* --- tests --------------------------------------------------------------------------------- */

static void assert_result(const struct result *result, const struct script *script)
{
        bool assigned = script->result == DPS_ASSIGNED;

        if (result->said.status != script->result)
                fail_msg("%s: status %d, not %d: %s", script->id, (int)result->said.status,
                         (int)script->result, result->said.reason.text);
        assert_int_equal(result->said.error_code, script->error_code);
        assert_int_equal(result->calls, 1);
        assert_true(result->on_http_thread);
        assert_string_equal(result->hub, assigned ? "myhub.azure-devices.net" : "");
        assert_string_equal(result->device_id, assigned ? "the-device" : "");
        assert_int_equal(result->said.reason.text[0] == '\0', assigned);
}

static void every_script_is_followed_to_its_end(void **state)
{
        CLEANUP(stop)
        struct fixture *fixture =
                start(&(struct http_client_options){.trusted_certificates = ca_file},
                      &(struct dps_client_options){0});
        struct result results[ARRAY_SIZE(scripts)] = {0};
        int64_t throttled_before = metrics_counter_value(METRIC_DPS_THROTTLED);

        (void)state;
        /* The last one is asked last: it makes everybody wait. */
        for (size_t i = 0; i + 1 < ARRAY_SIZE(scripts); i++)
                ask(fixture, &results[i], scripts[i].id);
        wait_for(fixture, ARRAY_SIZE(scripts) - 1);
        ask(fixture, &results[ARRAY_SIZE(scripts) - 1], scripts[ARRAY_SIZE(scripts) - 1].id);
        wait_for(fixture, ARRAY_SIZE(scripts));
        for (size_t i = 0; i < ARRAY_SIZE(scripts); i++)
                assert_result(&results[i], &scripts[i]);
        assert_in_range(results[ARRAY_SIZE(scripts) - 1].said.retry_after_ms, 300000, 376000);
        assert_int_equal(metrics_counter_value(METRIC_DPS_THROTTLED) - throttled_before, 3);
        assert_no_complaint(fixture);
}

static void two_hundred_registrations_share_a_few_connections(void **state)
{
        enum {
                MANY = 200
        };
        CLEANUP(stop)
        struct fixture *fixture =
                start(&(struct http_client_options){.trusted_certificates = ca_file,
                                                    .maximum_connections = 8},
                      &(struct dps_client_options){.maximum_concurrent = 50});
        struct result *results = mem_new(MANY, sizeof(*results));
        char ids[MANY][16];

        (void)state;
        for (int i = 0; i < MANY; i++) {
                snprintf(ids[i], sizeof(ids[i]), "many-%d", i);
                ask(fixture, &results[i], ids[i]);
        }
        wait_for(fixture, MANY);
        for (int i = 0; i < MANY; i++) {
                assert_int_equal(results[i].said.status, DPS_ASSIGNED);
                assert_int_equal(results[i].calls, 1);
        }
        assert_no_complaint(fixture);
        assert_in_range(test_http_server_connections(fixture->stand_in.server), 1, 6);
        assert_in_range(fixture->stand_in.most_under_way, 10, 50);
        assert_int_equal(fixture->stand_in.under_way, 0);
        free(results);
}

static void each_certificate_has_connections_of_its_own(void **state)
{
        enum {
                MANY = 20
        };
        CLEANUP(stop)
        struct fixture *fixture =
                start(&(struct http_client_options){.trusted_certificates = ca_file},
                      &(struct dps_client_options){0});
        CLEANUP(certificate_cleanup) struct certificate *ca = test_certificate_made("ca", NULL);
        struct result results[2 * MANY] = {0};
        char ids[2 * MANY][24];

        (void)state;
        for (int i = 0; i < 2 * MANY; i++) {
                CLEANUP(certificate_cleanup) struct certificate *own = NULL;

                snprintf(ids[i], sizeof(ids[i]), i % 2 ? "many-%d" : "certified-%d", i);
                results[i].fixture = fixture;
                own = i % 2 ? NULL : test_certificate_made(ids[i], ca);
                dps_register(fixture->dps,
                             &(struct dps_registration){.endpoint = fixture->stand_in.endpoint,
                                                        .id_scope = SCOPE,
                                                        .registration_id = ids[i],
                                                        .device_key = i % 2 ? KEY : NULL,
                                                        .certificate = own,
                                                        .model_id = MODEL},
                             note_result, &results[i]);
        }
        wait_for(fixture, 2 * MANY);
        for (int i = 0; i < 2 * MANY; i++)
                assert_int_equal(results[i].said.status, DPS_ASSIGNED);
        assert_no_complaint(fixture);
}

/* Registrations that come in together: first the repeated ones, then the new ones. */
struct batch {
        struct fixture *fixture;
        struct result repeated[12];
        struct result first[12];
};

/* On the thread "http", so that none is sent before all are there. */
static void ask_batch(void *context)
{
        static const char *const ids[] = {"many-0", "many-1", "many-2",  "many-3",
                                          "many-4", "many-5", "many-6",  "many-7",
                                          "many-8", "many-9", "many-10", "many-11"};
        struct batch *batch = context;

        for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
                ask_as(batch->fixture, &batch->repeated[i], ids[i], DPS_REPEATED);
        for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
                ask_as(batch->fixture, &batch->first[i], ids[i], DPS_URGENT);
}

static void new_devices_go_before_those_that_register_again(void **state)
{
        CLEANUP(stop)
        struct fixture *fixture =
                start(&(struct http_client_options){.trusted_certificates = ca_file},
                      &(struct dps_client_options){.maximum_concurrent = 1});
        static const int order[] = {0, 11, 1, 10, 2, 9, 3, 8, 4, 7, 5, 6};
        struct batch batch = {.fixture = fixture};

        (void)state;
        http_client_after(fixture->http, 0, ask_batch, &batch);
        wait_for(fixture, 24);
        /* Nine new ones, the oldest and the newest by turns; then a repeated one has its turn. */
        for (int i = 0; i < 12; i++)
                assert_int_equal(batch.first[order[i]].rank, i < 9 ? i + 1 : i + 2);
        assert_int_equal(batch.repeated[0].rank, 10);
        for (int i = 1; i < 12; i++)
                assert_int_equal(batch.repeated[i].rank, i + 13);
        assert_no_complaint(fixture);
}

/* On the thread "http": all of the bulk, and then one of them is in a hurry. */
static void ask_bulk(void *context)
{
        struct batch *batch = context;
        static const char *const ids[] = {"many-0", "many-1", "many-2", "many-3"};

        for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
                ask_as(batch->fixture, &batch->first[i], ids[i], DPS_BULK);
        dps_hurry(batch->fixture->dps, batch->fixture->stand_in.endpoint, SCOPE, "many-2");
        dps_hurry(batch->fixture->dps, batch->fixture->stand_in.endpoint, SCOPE, "nobody");
}

static void one_of_the_bulk_that_is_in_a_hurry_goes_first(void **state)
{
        CLEANUP(stop)
        struct fixture *fixture =
                start(&(struct http_client_options){.trusted_certificates = ca_file},
                      &(struct dps_client_options){.maximum_concurrent = 1});
        struct batch batch = {.fixture = fixture};
        static const int ranks[] = {2, 3, 1, 4};

        (void)state;
        http_client_after(fixture->http, 0, ask_bulk, &batch);
        wait_for(fixture, 4);
        for (size_t i = 0; i < ARRAY_SIZE(ranks); i++)
                assert_int_equal(batch.first[i].rank, ranks[i]);
        assert_no_complaint(fixture);
}

static void those_that_register_again_leave_half_of_the_places(void **state)
{
        CLEANUP(stop)
        struct fixture *fixture =
                start(&(struct http_client_options){.trusted_certificates = ca_file},
                      &(struct dps_client_options){.maximum_concurrent = 4});
        struct result silent[4] = {0};
        struct result result = {0};

        (void)state;
        /* Two of them are under way for ever; nobody else of them begins. */
        ask_as(fixture, &silent[0], "silent-0", DPS_REPEATED);
        ask_as(fixture, &silent[1], "silent-1", DPS_REPEATED);
        ask_as(fixture, &silent[2], "silent-2", DPS_REPEATED);
        ask_as(fixture, &silent[3], "silent-3", DPS_REPEATED);
        ask(fixture, &result, "many-0");
        wait_for(fixture, 1);
        assert_int_equal(result.said.status, DPS_ASSIGNED);
}

static void the_clock_is_compared_with_the_date_of_the_answer(void **state)
{
        CLEANUP(stop)
        struct fixture *fixture =
                start(&(struct http_client_options){.trusted_certificates = ca_file},
                      &(struct dps_client_options){0});
        struct result dated = {0};
        struct result undated = {0};
        int64_t before_ms = clock_wall_ms();

        (void)state;
        ask(fixture, &dated, "other-clock");
        wait_for(fixture, 1);
        ask(fixture, &undated, "at-once");
        wait_for(fixture, 2);
        assert_int_equal(dated.said.status, DPS_UNAUTHORIZED);
        assert_in_range(dated.said.clock_ahead_ms, before_ms - INT64_C(784111777000),
                        clock_wall_ms() - INT64_C(784111777000));
        assert_int_equal(undated.said.clock_ahead_ms, 0);
}

static void a_throttled_service_delays_no_other(void **state)
{
        CLEANUP(stop)
        struct fixture *fixture =
                start(&(struct http_client_options){.trusted_certificates = ca_file},
                      &(struct dps_client_options){0});
        struct result first = {0};
        struct result second = {.fixture = fixture};

        (void)state;
        ask(fixture, &first, "come-back-tomorrow");
        wait_for(fixture, 1);
        dps_register(fixture->dps,
                     &(struct dps_registration){.endpoint = fixture->stand_in.endpoint,
                                                .id_scope = "0neOTHER",
                                                .registration_id = "other",
                                                .device_key = KEY},
                     note_result, &second);
        wait_for(fixture, 2);
        assert_int_equal(second.said.status, DPS_ASSIGNED);
}

static void a_service_that_can_not_be_trusted_is_unavailable(void **state)
{
        CLEANUP(stop)
        struct fixture *fixture = start(&(struct http_client_options){0},
                                        &(struct dps_client_options){.deadline_ms = 3000});
        struct result result = {0};

        (void)state;
        ask(fixture, &result, "at-once");
        wait_for(fixture, 1);
        assert_int_equal(result.said.status, DPS_UNAVAILABLE);
        assert_non_null(strstr(result.said.reason.text, "given up for now: https://localhost:"));
        assert_non_null(strstr(result.said.reason.text, "certificate"));
}

static void bad_input_is_refused_without_a_request(void **state)
{
        static const struct {
                struct dps_registration registration;
                const char *explanation;
        } rows[] = {
                {{"https://dps", SCOPE, "d", KEY, NULL, NULL, DPS_URGENT},
                 "endpoint: give the host name only"},
                {{NULL, SCOPE, "d", KEY, NULL, NULL, DPS_URGENT},
                 "endpoint: the host name is empty"},
                {{"dps", "", "d", KEY, NULL, NULL, DPS_URGENT}, "the ID scope is missing"},
                {{"dps", NULL, "d", KEY, NULL, NULL, DPS_URGENT}, "the ID scope is missing"},
                {{"dps", SCOPE, "a b", KEY, NULL, NULL, DPS_URGENT},
                 "registration id 'a b': character 2"},
                {{"dps", SCOPE, NULL, KEY, NULL, NULL, DPS_URGENT},
                 "registration id '': the id is empty"},
                {{"dps", SCOPE, "d", "no key", NULL, NULL, DPS_URGENT}, "not valid base64"},
                {{"dps", SCOPE, "d", NULL, NULL, NULL, DPS_URGENT}, "not valid base64"},
        };
        CLEANUP(stop)
        struct fixture *fixture =
                start(&(struct http_client_options){.trusted_certificates = ca_file},
                      &(struct dps_client_options){0});

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                struct result result = {.fixture = fixture};

                dps_register(fixture->dps, &rows[i].registration, note_result, &result);
                wait_for(fixture, (int)i + 1);
                assert_int_equal(result.said.status, DPS_FAILED);
                assert_int_equal(result.said.retry_after_ms, -1);
                if (!strstr(result.said.reason.text, rows[i].explanation))
                        fail_msg("'%s' is not in '%s'", rows[i].explanation,
                                 result.said.reason.text);
        }
}

static void what_is_under_way_at_the_end_is_forgotten(void **state)
{
        enum {
                MANY = 20
        };
        CLEANUP(stop)
        struct fixture *fixture =
                start(&(struct http_client_options){.trusted_certificates = ca_file},
                      &(struct dps_client_options){.maximum_concurrent = 5});
        struct result results[MANY] = {0};
        char ids[MANY][16];

        (void)state;
        for (int i = 0; i < MANY; i++) {
                snprintf(ids[i], sizeof(ids[i]), "silent-%d", i);
                ask(fixture, &results[i], ids[i]);
        }
        http_client_free(fixture->http);
        fixture->http = NULL;
        for (int i = 0; i < MANY; i++)
                assert_int_equal(results[i].calls, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_script_is_followed_to_its_end),
                cmocka_unit_test(two_hundred_registrations_share_a_few_connections),
                cmocka_unit_test(each_certificate_has_connections_of_its_own),
                cmocka_unit_test(new_devices_go_before_those_that_register_again),
                cmocka_unit_test(one_of_the_bulk_that_is_in_a_hurry_goes_first),
                cmocka_unit_test(those_that_register_again_leave_half_of_the_places),
                cmocka_unit_test(the_clock_is_compared_with_the_date_of_the_answer),
                cmocka_unit_test(a_throttled_service_delays_no_other),
                cmocka_unit_test(a_service_that_can_not_be_trusted_is_unavailable),
                cmocka_unit_test(bad_input_is_refused_without_a_request),
                cmocka_unit_test(what_is_under_way_at_the_end_is_forgotten),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
