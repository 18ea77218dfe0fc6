// SPDX-License-Identifier: MIT
/* Rule M8, where certificates come from: against a server with TLS and a store on disk. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/mem.h"
#include "gateway/intake/certificate_cache.h"
#include "networks/myriota/myriota_signature.h"
#include "support/certificates.h"
#include "support/directory.h"
#include "support/http_server.h"
#include "support/signer.h"

#define PATIENCE_S   60
#define DAY          (INT64_C(24) * 60 * 60 * 1000)
#define MAXIMUM_SIZE 4000

/* --- what all tests share ----------------------------------------------------------------- */

static char *directory;
static char *ca_file;
static char *server_file;
static struct test_ca *ca;
static struct test_signer *signers[2]; /* whose certificates are "good-1" and "good-2" */

static int set_up(void **state)
{
        (void)state;
        test_without_proxies();
        directory = test_directory_new();
        ca_file = test_directory_file(directory, "ca.pem");
        server_file = test_directory_file(directory, "server.pem");
        ca = test_ca_new(ca_file);
        setenv("SSL_CERT_FILE", ca_file, 1);
        test_ca_issue(ca, &(struct test_certificate){.file = server_file, .host = "localhost"});
        for (size_t i = 0; i < ARRAY_SIZE(signers); i++)
                signers[i] = test_signer_new(&(struct test_signer_wish){.to_s = 60});
        return 0;
}

static int tear_down(void **state)
{
        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(signers); i++)
                test_signer_free(signers[i]);
        test_ca_free(ca);
        free(ca_file);
        free(server_file);
        test_directory_remove(directory);
        return 0;
}

static atomic_int_least64_t now_ms;

static int64_t test_clock(void)
{
        return now_ms;
}

static const char *const names[ARRAY_SIZE(signers)] = {"good-1", "good-2"};

static const char *name_of(const struct signature_certificate *certificate)
{
        for (size_t i = 0; certificate && i < ARRAY_SIZE(signers); i++) {
                CLEANUP(buf_deinit) struct buf hex = BUF_INIT;

                crypto_hex_encode(&hex, signature_certificate_fingerprint(certificate),
                                  CRYPTO_SHA256_SIZE);
                if (strcmp(buf_text(&hex), test_signer_fingerprint(signers[i])) == 0)
                        return names[i];
        }
        return "";
}

/* The certificate of that name, or the text itself. */
static const char *content_of(const char *text)
{
        for (size_t i = 0; i < ARRAY_SIZE(signers); i++) {
                if (strcmp(text, names[i]) == 0)
                        return test_signer_pem(signers[i]);
        }
        return text;
}

/* --- the world of one test ---------------------------------------------------------------- */

struct world {
        struct test_http_server *server;
        struct http_client *http;
        struct store *store;
        struct store_options store_options;
        struct certificate_cache *cache;
        bool public_only;

        pthread_mutex_t lock;
        pthread_cond_t changes;
        int requests;
        int status;
        const char *headers;
        const char *body;
        bool gate_closed; /* requests wait */

        int done;
        int known;
        enum certificate_state state; /* of the last `done` */
        const char *name;             /* of its certificate */
        struct reason reason;
};

static void wait_for_change(struct world *world)
{
        struct timespec until;

        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += PATIENCE_S;
        if (pthread_cond_timedwait(&world->changes, &world->lock, &until) != 0) {
                fputs("nothing happened\n", stderr);
                abort();
        }
}

static enum test_http_then serve(void *context, const struct test_http_request *request,
                                 struct buf *answer)
{
        struct world *world = context;

        (void)request;
        pthread_mutex_lock(&world->lock);
        world->requests++;
        pthread_cond_broadcast(&world->changes);
        while (world->gate_closed)
                wait_for_change(world);
        test_http_answer(answer, world->status, world->headers, content_of(world->body));
        pthread_mutex_unlock(&world->lock);
        return TEST_HTTP_KEEP;
}

static void open_cache(struct world *world)
{
        struct reason reason = REASON_INIT;

        assert_int_equal(store_open(&world->store_options, &world->store, &reason), 0);
        assert_int_equal(
                http_client_new(&(struct http_client_options){.trusted_certificates = ca_file},
                                &world->http, &reason),
                0);
        assert_int_equal(certificate_cache_new(
                                 &(struct certificate_cache_options){
                                         .http = world->http,
                                         .store = world->store,
                                         .kind = "certificate.test",
                                         .maximum_size = MAXIMUM_SIZE,
                                         .public_only = world->public_only,
                                         .read = myriota_signature_read_certificate,
                                         .now_ms = test_clock,
                                 },
                                 &world->cache, &reason),
                         0);
}

static void close_cache(struct world *world)
{
        certificate_cache_stop(world->cache);
        http_client_free(world->http);
        certificate_cache_free(world->cache);
        store_close(world->store);
}

static struct world *start_world(bool public_only)
{
        struct world *world = mem_new(1, sizeof(*world));

        now_ms = clock_steady_ms();
        pthread_mutex_init(&world->lock, NULL);
        pthread_cond_init(&world->changes, NULL);
        world->public_only = public_only;
        world->status = 200;
        world->headers = "";
        world->body = "good-1";
        world->server = test_http_server_start(server_file, serve, world);
        world->store_options =
                (struct store_options){.backend = "sqlite", .directory = test_directory_new()};
        open_cache(world);
        return world;
}

static void set_gate(struct world *world, bool closed)
{
        pthread_mutex_lock(&world->lock);
        world->gate_closed = closed;
        pthread_cond_broadcast(&world->changes);
        pthread_mutex_unlock(&world->lock);
}

static void stop_world(struct world **slot)
{
        struct world *world = *slot;

        set_gate(world, false);
        close_cache(world);
        test_http_server_stop(world->server);
        test_directory_remove((char *)(uintptr_t)world->store_options.directory);
        pthread_cond_destroy(&world->changes);
        pthread_mutex_destroy(&world->lock);
        free(world);
}

static void set_answer(struct world *world, int status, const char *body)
{
        pthread_mutex_lock(&world->lock);
        world->status = status;
        world->body = body;
        pthread_mutex_unlock(&world->lock);
}

static void wait_for_requests(struct world *world, int count)
{
        pthread_mutex_lock(&world->lock);
        while (world->requests < count)
                wait_for_change(world);
        assert_int_equal(world->requests, count);
        pthread_mutex_unlock(&world->lock);
}

static int count_requests(struct world *world)
{
        int count;

        pthread_mutex_lock(&world->lock);
        count = world->requests;
        pthread_mutex_unlock(&world->lock);
        return count;
}

static char *url_of(const struct world *world, const char *path)
{
        return mem_format("https://localhost:%d/%s", test_http_server_port(world->server), path);
}

static void on_done(void *context, const struct certificate_answer *answer)
{
        struct world *world = context;

        pthread_mutex_lock(&world->lock);
        world->done++;
        world->known += answer->state == CERTIFICATE_KNOWN;
        world->state = answer->state;
        world->reason = answer->reason;
        world->name = name_of(answer->certificate);
        pthread_cond_broadcast(&world->changes);
        pthread_mutex_unlock(&world->lock);
}

/* Asks for a fetch; its end adds one to `done`. */
static void begin_fetch(struct world *world, const char *path)
{
        CLEANUP(mem_cleanup) char *url = url_of(world, path);

        certificate_cache_fetch(world->cache, url, on_done, world);
}

static void wait_for_done(struct world *world, int count)
{
        pthread_mutex_lock(&world->lock);
        while (world->done < count)
                wait_for_change(world);
        assert_int_equal(world->done, count);
        pthread_mutex_unlock(&world->lock);
}

static enum certificate_state fetch(struct world *world, const char *path)
{
        int before;

        pthread_mutex_lock(&world->lock);
        before = world->done;
        pthread_mutex_unlock(&world->lock);
        begin_fetch(world, path);
        wait_for_done(world, before + 1);
        return world->state;
}

/* What is at hand for an address; its certificate must have this name, or NULL for any. */
static enum certificate_state find(struct world *world, const char *path, const char *name)
{
        CLEANUP(mem_cleanup) char *url = url_of(world, path);
        struct certificate_answer answer;
        bool failed;

        certificate_cache_find(world->cache, url, &answer);
        failed = answer.state == CERTIFICATE_WRONG || answer.state == CERTIFICATE_UNREACHABLE;
        if (name)
                assert_string_equal(name_of(answer.certificate), name);
        assert_int_equal(answer.state == CERTIFICATE_KNOWN, answer.certificate != NULL);
        assert_int_equal(failed, answer.reason.text[0] != '\0');
        signature_certificate_free(answer.certificate);
        return answer.state;
}

/* Until a refresh in the background has brought this certificate. */
static void wait_for_name(struct world *world, const char *path, const char *name)
{
        CLEANUP(mem_cleanup) char *url = url_of(world, path);

        for (int i = 0; i < PATIENCE_S * 1000; i++) {
                struct certificate_answer answer;
                bool is_there;

                certificate_cache_find(world->cache, url, &answer);
                is_there = strcmp(name_of(answer.certificate), name) == 0;
                signature_certificate_free(answer.certificate);
                if (is_there)
                        return;
                nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        }
        fail_msg("the certificate is not %s", name);
}

static void restart(struct world *world)
{
        close_cache(world);
        open_cache(world);
}

/* --- tests -------------------------------------------------------------------------------- */

static void m8_a_certificate_is_fetched_once(void **state)
{
        CLEANUP(stop_world) struct world *world = start_world(false);

        (void)state;
        assert_int_equal(find(world, "a", NULL), CERTIFICATE_UNKNOWN);
        assert_int_equal(fetch(world, "a"), CERTIFICATE_KNOWN);
        assert_string_equal(world->name, "good-1");
        assert_int_equal(find(world, "a", "good-1"), CERTIFICATE_KNOWN);
        assert_int_equal(find(world, "b", NULL), CERTIFICATE_UNKNOWN);
        assert_int_equal(count_requests(world), 1);
}

static void m8_who_asks_at_the_same_time_shares_a_fetch(void **state)
{
        CLEANUP(stop_world) struct world *world = start_world(false);

        (void)state;
        set_gate(world, true);
        for (int i = 0; i < 10; i++)
                begin_fetch(world, "a");
        wait_for_requests(world, 1);
        assert_int_equal(find(world, "a", NULL), CERTIFICATE_UNKNOWN);
        set_gate(world, false);
        wait_for_done(world, 10);
        assert_int_equal(world->known, 10);
        /* Who looked before the fetch had ended needs no second one. */
        assert_int_equal(fetch(world, "a"), CERTIFICATE_KNOWN);
        assert_int_equal(count_requests(world), 1);
}

static void m8_a_failed_address_is_not_tried_again_at_once(void **state)
{
        CLEANUP(stop_world) struct world *world = start_world(false);

        (void)state;
        set_answer(world, 503, "");
        assert_int_equal(fetch(world, "a"), CERTIFICATE_UNREACHABLE);
        assert_non_null(strstr(world->reason.text, "503"));
        set_answer(world, 200, "good-1");
        now_ms += CERTIFICATE_CACHE_NEGATIVE_MS - 1;
        assert_int_equal(find(world, "a", NULL), CERTIFICATE_UNREACHABLE);
        assert_int_equal(fetch(world, "a"), CERTIFICATE_UNREACHABLE);
        assert_int_equal(count_requests(world), 1);
        now_ms += 1;
        assert_int_equal(find(world, "a", NULL), CERTIFICATE_UNKNOWN);
        assert_int_equal(fetch(world, "a"), CERTIFICATE_KNOWN);
        assert_int_equal(count_requests(world), 2);
}

static void m8_whose_fault_a_failure_is(void **state)
{
        static const struct {
                int status;
                const char *body;
                enum certificate_state state;
        } rows[] = {
                {404, "good", CERTIFICATE_WRONG},       {410, "good", CERTIFICATE_WRONG},
                {200, "bad", CERTIFICATE_WRONG},        {200, "", CERTIFICATE_WRONG},
                {204, "", CERTIFICATE_UNREACHABLE},     {401, "", CERTIFICATE_UNREACHABLE},
                {403, "good", CERTIFICATE_UNREACHABLE}, {302, "good", CERTIFICATE_UNREACHABLE},
                {429, "", CERTIFICATE_UNREACHABLE},     {500, "good", CERTIFICATE_UNREACHABLE},
        };
        CLEANUP(stop_world) struct world *world = start_world(false);

        (void)state;
        world->headers = "Location: /elsewhere\r\n";
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                CLEANUP(mem_cleanup) char *path = mem_format("row-%zu", i);

                set_answer(world, rows[i].status, rows[i].body);
                assert_int_equal(fetch(world, path), rows[i].state);
                assert_int_equal(find(world, path, ""), rows[i].state);
                assert_int_equal(count_requests(world), (int)i + 1);
        }
}

static void m8_size_is_bounded(void **state)
{
        char *large = mem_new(MAXIMUM_SIZE + 2, 1);
        CLEANUP(stop_world) struct world *world = start_world(false);

        (void)state;
        memset(large, '\n', MAXIMUM_SIZE);
        memcpy(large, content_of("good-1"), strlen(content_of("good-1")));
        set_answer(world, 200, large);
        assert_int_equal(fetch(world, "a"), CERTIFICATE_KNOWN);
        large[MAXIMUM_SIZE] = '\n';
        assert_int_equal(fetch(world, "b"), CERTIFICATE_WRONG);
        free(large);
}

static void m8_a_host_that_is_down_is_unreachable(void **state)
{
        CLEANUP(stop_world) struct world *world = start_world(false);
        enum certificate_state plain;

        (void)state;
        certificate_cache_fetch(world->cache, "https://localhost:1/x", on_done, world);
        wait_for_done(world, 1);
        assert_int_equal(world->state, CERTIFICATE_UNREACHABLE);
        /* A server whose certificate is not trusted. */
        test_http_server_stop(world->server);
        world->server = test_http_server_start(NULL, serve, world);
        plain = fetch(world, "a");
        assert_int_equal(plain, CERTIFICATE_UNREACHABLE);
        assert_int_equal(count_requests(world), 0);
}

static void m8_an_inner_address_is_not_connected(void **state)
{
        CLEANUP(stop_world) struct world *world = start_world(true);

        (void)state;
        assert_int_equal(fetch(world, "a"), CERTIFICATE_UNREACHABLE);
        assert_non_null(strstr(world->reason.text, "is not public"));
        assert_int_equal(test_http_server_connections(world->server), 0);
}

static void m8_a_copy_is_refreshed_after_a_day_in_the_background(void **state)
{
        CLEANUP(stop_world) struct world *world = start_world(false);

        (void)state;
        fetch(world, "a");
        set_answer(world, 200, "good-2");
        now_ms += DAY - 1;
        assert_int_equal(find(world, "a", "good-1"), CERTIFICATE_KNOWN);
        assert_int_equal(count_requests(world), 1);
        now_ms += 1;
        assert_int_equal(find(world, "a", "good-1"), CERTIFICATE_KNOWN);
        wait_for_name(world, "a", "good-2");
        assert_int_equal(count_requests(world), 2);
}

static void m8_a_copy_stays_when_its_refresh_fails_but_not_for_ever(void **state)
{
        CLEANUP(stop_world) struct world *world = start_world(false);
        int64_t fetched_ms = now_ms;

        (void)state;
        fetch(world, "a");
        set_answer(world, 404, "");
        now_ms = fetched_ms + DAY;
        assert_int_equal(find(world, "a", "good-1"), CERTIFICATE_KNOWN);
        wait_for_requests(world, 2);
        /* Joins the refresh, or takes what it has just brought. */
        assert_int_equal(fetch(world, "a"), CERTIFICATE_KNOWN);
        now_ms += CERTIFICATE_CACHE_AGAIN_MS - 1;
        assert_int_equal(find(world, "a", "good-1"), CERTIFICATE_KNOWN);
        assert_int_equal(count_requests(world), 2);
        now_ms += 1;
        assert_int_equal(find(world, "a", "good-1"), CERTIFICATE_KNOWN);
        wait_for_requests(world, 3);
        assert_int_equal(fetch(world, "a"), CERTIFICATE_KNOWN);
        now_ms = fetched_ms + CERTIFICATE_CACHE_KEEP_MS;
        assert_int_equal(find(world, "a", ""), CERTIFICATE_UNKNOWN);
        assert_int_equal(fetch(world, "a"), CERTIFICATE_WRONG);
}

/* As if the copy had been in the store for so long. */
static void make_older(struct world *world, const char *path, int64_t age_ms)
{
        CLEANUP(mem_cleanup) char *url = url_of(world, path);
        const char *content = content_of("good-1");

        store_write_copy(world->store,
                         &(struct store_record){.kind = "certificate.test",
                                                .key = url,
                                                .value = content,
                                                .value_size = strlen(content),
                                                .keep_ms = CERTIFICATE_CACHE_KEEP_MS - age_ms});
}

static void m8_copies_survive_a_restart_with_their_age(void **state)
{
        CLEANUP(stop_world) struct world *world = start_world(false);

        (void)state;
        fetch(world, "a");
        restart(world);
        assert_int_equal(find(world, "a", "good-1"), CERTIFICATE_KNOWN);
        assert_int_equal(count_requests(world), 1);
        make_older(world, "a", DAY);
        set_answer(world, 200, "good-2");
        restart(world);
        assert_int_equal(find(world, "a", "good-1"), CERTIFICATE_KNOWN);
        wait_for_name(world, "a", "good-2");
        assert_int_equal(count_requests(world), 2);
}

static void m8_a_record_that_is_no_certificate_is_not_believed(void **state)
{
        CLEANUP(stop_world) struct world *world = start_world(false);
        CLEANUP(mem_cleanup) char *url = url_of(world, "a");

        (void)state;
        store_write_copy(world->store, &(struct store_record){.kind = "certificate.test",
                                                              .key = url,
                                                              .value = "bad",
                                                              .value_size = 3});
        restart(world);
        assert_int_equal(find(world, "a", NULL), CERTIFICATE_UNKNOWN);
}

static void fetch_many(struct world *world, const char *kind, int count)
{
        for (int i = 0; i < count; i++) {
                CLEANUP(mem_cleanup) char *path = mem_format("%s-%d", kind, i);

                fetch(world, path);
        }
}

static void m8_made_up_addresses_displace_no_certificate(void **state)
{
        CLEANUP(stop_world) struct world *world = start_world(false);

        (void)state;
        fetch(world, "a");
        set_answer(world, 404, "");
        fetch_many(world, "none", 2 * CERTIFICATE_CACHE_ENTRIES);
        assert_int_equal(find(world, "a", "good-1"), CERTIFICATE_KNOWN);
        assert_int_equal(find(world, "none-0", NULL), CERTIFICATE_UNKNOWN);
}

static void m8_the_number_of_copies_is_bounded_also_in_the_store(void **state)
{
        CLEANUP(stop_world) struct world *world = start_world(false);

        (void)state;
        fetch(world, "a");
        fetch_many(world, "more", CERTIFICATE_CACHE_ENTRIES - 1);
        find(world, "a", "good-1");
        fetch(world, "last");
        assert_int_equal(find(world, "more-0", NULL), CERTIFICATE_UNKNOWN);
        for (int i = 0; i < 2; i++) {
                assert_int_equal(find(world, "a", "good-1"), CERTIFICATE_KNOWN);
                assert_int_equal(find(world, "more-1", "good-1"), CERTIFICATE_KNOWN);
                assert_int_equal(find(world, "last", "good-1"), CERTIFICATE_KNOWN);
                restart(world);
        }
        assert_int_equal(find(world, "more-0", NULL), CERTIFICATE_UNKNOWN);
}

static void m8_few_fetches_run_at_the_same_time(void **state)
{
        CLEANUP(stop_world) struct world *world = start_world(false);

        (void)state;
        set_gate(world, true);
        for (int i = 0; i < CERTIFICATE_CACHE_FETCHES; i++) {
                CLEANUP(mem_cleanup) char *path = mem_format("slow-%d", i);

                begin_fetch(world, path);
        }
        assert_int_equal(fetch(world, "a"), CERTIFICATE_UNREACHABLE);
        assert_non_null(strstr(world->reason.text, "too many"));
        set_gate(world, false);
        wait_for_done(world, CERTIFICATE_CACHE_FETCHES + 1);
        assert_int_equal(fetch(world, "a"), CERTIFICATE_KNOWN);
}

static void m8_at_the_stop_nobody_waits_any_more(void **state)
{
        CLEANUP(stop_world) struct world *world = start_world(false);

        (void)state;
        set_gate(world, true);
        begin_fetch(world, "a");
        begin_fetch(world, "a");
        certificate_cache_stop(world->cache);
        wait_for_done(world, 2);
        assert_int_equal(world->state, CERTIFICATE_UNREACHABLE);
        assert_non_null(strstr(world->reason.text, "stopping"));
        assert_int_equal(fetch(world, "a"), CERTIFICATE_UNREACHABLE);
        assert_int_equal(fetch(world, "b"), CERTIFICATE_UNREACHABLE);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(m8_a_certificate_is_fetched_once),
                cmocka_unit_test(m8_who_asks_at_the_same_time_shares_a_fetch),
                cmocka_unit_test(m8_a_failed_address_is_not_tried_again_at_once),
                cmocka_unit_test(m8_whose_fault_a_failure_is),
                cmocka_unit_test(m8_size_is_bounded),
                cmocka_unit_test(m8_a_host_that_is_down_is_unreachable),
                cmocka_unit_test(m8_an_inner_address_is_not_connected),
                cmocka_unit_test(m8_a_copy_is_refreshed_after_a_day_in_the_background),
                cmocka_unit_test(m8_a_copy_stays_when_its_refresh_fails_but_not_for_ever),
                cmocka_unit_test(m8_copies_survive_a_restart_with_their_age),
                cmocka_unit_test(m8_a_record_that_is_no_certificate_is_not_believed),
                cmocka_unit_test(m8_made_up_addresses_displace_no_certificate),
                cmocka_unit_test(m8_the_number_of_copies_is_bounded_also_in_the_store),
                cmocka_unit_test(m8_few_fetches_run_at_the_same_time),
                cmocka_unit_test(m8_at_the_stop_nobody_waits_any_more),
        };

        return cmocka_run_group_tests_name("certificate_cache", tests, set_up, tear_down);
}
