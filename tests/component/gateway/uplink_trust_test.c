// SPDX-License-Identifier: MIT
/* Rule M8: the verdict on deliveries, against a stand-in for the certificates' host. */
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
#include "base/json/json.h"
#include "base/mem.h"
#include "gateway/intake/uplink_trust.h"
#include "support/certificates.h"
#include "support/directory.h"
#include "support/http_server.h"
#include "support/network_places.h"
#include "support/signer.h"

#define PATIENCE_S 60
#define DAY_S      (24 * 60 * 60L)

/* Made once: keys take their time. */
static char *directory;
static char *ca_file;
static char *server_file;
static struct test_ca *ca;
static struct test_signer *signer; /* expired, as Myriota's own */
static struct test_signer *other;

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
        signer = test_signer_new(
                &(struct test_signer_wish){.from_s = -2000 * DAY_S, .to_s = -1000 * DAY_S});
        other = test_signer_new(&(struct test_signer_wish){.from_s = -DAY_S, .to_s = DAY_S});
        return 0;
}

static int tear_down(void **state)
{
        (void)state;
        test_signer_free(signer);
        test_signer_free(other);
        test_ca_free(ca);
        free(ca_file);
        free(server_file);
        test_directory_remove(directory);
        return 0;
}

/* --- the world of one test ---------------------------------------------------------------- */

static atomic_int_least64_t now_ms;

static int64_t test_clock(void)
{
        return now_ms;
}

struct world {
        struct settings settings;
        struct test_http_server *server;
        struct http_client *http;
        struct store *store;
        char *store_directory;
        struct uplink_trust *trust;
        char *url;
        struct reason reason; /* of the last verdict */

        pthread_mutex_t lock;
        pthread_cond_t changes;
        int requests;
        const char *certificate; /* what the host serves; NULL = 503 */
        bool decided;
        enum uplink_verdict verdict;
};

static enum test_http_then serve(void *context, const struct test_http_request *request,
                                 struct buf *answer)
{
        struct world *world = context;

        (void)request;
        pthread_mutex_lock(&world->lock);
        world->requests++;
        test_http_answer(answer, world->certificate ? 200 : 503, "",
                         world->certificate ? world->certificate : "");
        pthread_mutex_unlock(&world->lock);
        return TEST_HTTP_KEEP;
}

static void set_text(char **field, char *text)
{
        free(*field);
        *field = text;
}

static void add_text(struct conf_texts *list, const char *text)
{
        list->texts = mem_resize(list->texts, list->count + 1, sizeof(*list->texts));
        list->texts[list->count++] = mem_text(text);
}

static struct world *new_world(enum settings_signature_mode mode)
{
        struct world *world = mem_new(1, sizeof(*world));
        uint16_t port;

        now_ms = clock_wall_ms();
        pthread_mutex_init(&world->lock, NULL);
        pthread_cond_init(&world->changes, NULL);
        world->certificate = test_signer_pem(signer);
        world->server = test_http_server_start(server_file, serve, world);
        port = test_http_server_port(world->server);
        world->url = mem_format("https://localhost:%d/data.crt", port);
        world->store_directory = test_directory_new();
        settings_init(&world->settings);
        world->settings.networks[MYRIOTA].signature.mode = mode;
        set_text(&world->settings.networks[MYRIOTA].signature.certificate_host,
                 mem_format("localhost:%d", port));
        set_text(&world->settings.azure.trusted_certificates, mem_text(ca_file));
        return world;
}

/* The settings are complete. */
static int open_trust(struct world *world)
{
        assert_int_equal(store_open(&(struct store_options){.backend = "sqlite",
                                                            .directory = world->store_directory},
                                    &world->store, &world->reason),
                         0);
        assert_int_equal(
                http_client_new(&(struct http_client_options){.trusted_certificates = ca_file},
                                &world->http, &world->reason),
                0);
        return uplink_trust_new(&(struct uplink_trust_options){.settings = &world->settings,
                                                               .http = world->http,
                                                               .store = world->store,
                                                               .now_ms = test_clock},
                                &world->trust, &world->reason);
}

static struct world *start_world(enum settings_signature_mode mode)
{
        struct world *world = new_world(mode);

        assert_int_equal(open_trust(world), 0);
        return world;
}

static void stop_world(struct world **slot)
{
        struct world *world = *slot;

        uplink_trust_stop(world->trust);
        http_client_free(world->http);
        uplink_trust_free(world->trust);
        store_close(world->store);
        test_http_server_stop(world->server);
        settings_deinit(&world->settings);
        test_directory_remove(world->store_directory);
        pthread_cond_destroy(&world->changes);
        pthread_mutex_destroy(&world->lock);
        free(world->url);
        free(world);
}

static void set_certificate(struct world *world, const char *certificate)
{
        pthread_mutex_lock(&world->lock);
        world->certificate = certificate;
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

static void on_verdict(void *context, enum uplink_verdict verdict, const struct reason *reason)
{
        struct world *world = context;

        pthread_mutex_lock(&world->lock);
        world->verdict = verdict;
        world->reason = *reason;
        world->decided = true;
        pthread_cond_broadcast(&world->changes);
        pthread_mutex_unlock(&world->lock);
}

static enum uplink_verdict await(struct world *world, struct uplink_proof *proof)
{
        struct timespec until;

        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += PATIENCE_S;
        world->decided = false;
        uplink_trust_decide(proof, on_verdict, world);
        pthread_mutex_lock(&world->lock);
        while (!world->decided) {
                if (pthread_cond_timedwait(&world->changes, &world->lock, &until) != 0) {
                        fputs("no verdict\n", stderr);
                        abort();
                }
        }
        pthread_mutex_unlock(&world->lock);
        return world->verdict;
}

static enum uplink_verdict judge_body(struct world *world, const char *network, const char *body,
                                      size_t size)
{
        struct webhook webhook = {
                .path = "", .body = body, .body_size = size, .maximum_values = JSON_VALUES_USUAL};
        struct uplink_proof *proof;
        enum uplink_verdict verdict;

        world->reason = REASON_INIT;
        verdict = uplink_trust_check(world->trust, network_by_name(network), &webhook, &proof,
                                     &world->reason);
        assert_int_equal(verdict == UPLINK_UNDECIDED, proof != NULL);
        return proof ? await(world, proof) : verdict;
}

/* The verdict on a delivery that was signed `age_s` ago. */
static enum uplink_verdict judge(struct world *world, const struct test_signer *by, const char *url,
                                 int64_t age_s)
{
        CLEANUP(buf_deinit) struct buf body = BUF_INIT;

        test_signer_deliver(by, url, now_ms / 1000 - age_s, &body);
        return judge_body(world, "myriota", body.data, body.size);
}

static void assert_reason(const struct world *world, const char *part)
{
        if (!strstr(world->reason.text, part))
                fail_msg("\"%s\" is not in: %s", part, world->reason.text);
}

/* --- tests -------------------------------------------------------------------------------- */

static void m8_a_good_delivery_is_trusted(void **state)
{
        CLEANUP(stop_world) struct world *world = start_world(SETTINGS_SIGNATURE_REQUIRE);

        (void)state;
        for (int i = 0; i < 3; i++)
                assert_int_equal(judge(world, signer, world->url, 0), UPLINK_TRUSTED);
        assert_int_equal(count_requests(world), 1);
}

static void m8_a_false_one_is_refused_also_while_its_certificate_is_new(void **state)
{
        CLEANUP(stop_world) struct world *world = start_world(SETTINGS_SIGNATURE_REQUIRE);

        (void)state;
        for (int i = 0; i < 3; i++) {
                assert_int_equal(judge(world, other, world->url, 0), UPLINK_REFUSED);
                assert_reason(world, "does not fit");
        }
        assert_int_equal(count_requests(world), 1);
}

static void m8_a_certificate_that_was_replaced_at_its_address_is_noticed(void **state)
{
        CLEANUP(stop_world) struct world *world = start_world(SETTINGS_SIGNATURE_REQUIRE);

        (void)state;
        judge(world, signer, world->url, 0);
        set_certificate(world, test_signer_pem(other));
        assert_int_equal(judge(world, other, world->url, 0), UPLINK_REFUSED);
        now_ms += 60000;
        assert_int_equal(judge(world, other, world->url, 0), UPLINK_TRUSTED);
        assert_int_equal(judge(world, signer, world->url, 0), UPLINK_REFUSED);
        assert_int_equal(count_requests(world), 2);
}

static void m8_what_can_not_be_decided_is_not_refused(void **state)
{
        CLEANUP(stop_world) struct world *world = start_world(SETTINGS_SIGNATURE_REQUIRE);

        (void)state;
        set_certificate(world, NULL);
        assert_int_equal(judge(world, signer, world->url, 0), UPLINK_UNAVAILABLE);
        assert_reason(world, "503");
        set_certificate(world, test_signer_pem(signer));
        now_ms += 5000;
        assert_int_equal(judge(world, signer, world->url, 0), UPLINK_TRUSTED);
        /* A false one whose recheck fails is false by what is known. */
        set_certificate(world, NULL);
        now_ms += 60000;
        assert_int_equal(judge(world, other, world->url, 0), UPLINK_REFUSED);
        assert_int_equal(judge(world, signer, world->url, 0), UPLINK_TRUSTED);
}

static void m8_what_is_no_delivery_is_malformed(void **state)
{
        static const char *const bodies[] = {"", "no JSON", "[]", "5"};
        CLEANUP(stop_world) struct world *world = start_world(SETTINGS_SIGNATURE_REQUIRE);

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(bodies); i++) {
                assert_int_equal(judge_body(world, "myriota", bodies[i], strlen(bodies[i])),
                                 UPLINK_MALFORMED);
                assert_string_not_equal(world->reason.text, "");
        }
        assert_int_equal(judge_body(world, "myriota", "{}", 2), UPLINK_REFUSED);
}

static void networks_that_do_not_sign_are_trusted(void **state)
{
        CLEANUP(stop_world) struct world *world = start_world(SETTINGS_SIGNATURE_STRICT);

        (void)state;
        assert_int_equal(judge_body(world, "things-stack", "{}", 2), UPLINK_TRUSTED);
}

/* A network that signs without a line in the table would be let in unseen. */
static void m8_every_network_that_signs_is_looked_at(void **state)
{
        CLEANUP(stop_world) struct world *world = start_world(SETTINGS_SIGNATURE_REQUIRE);

        (void)state;
        for (size_t i = 0; networks[i]; i++) {
                enum uplink_verdict verdict = judge_body(world, networks[i]->name, "{}", 2);

                assert_int_equal(verdict == UPLINK_TRUSTED, networks[i]->signature == NULL);
        }
}

static void m8_strict_refuses_what_is_not_valid_now(void **state)
{
        CLEANUP(stop_world) struct world *world = start_world(SETTINGS_SIGNATURE_STRICT);

        (void)state;
        assert_int_equal(judge(world, signer, world->url, 0), UPLINK_REFUSED);
        assert_reason(world, "strict");
}

static void m8_warn_trusts_all_of_them(void **state)
{
        CLEANUP(stop_world) struct world *world = start_world(SETTINGS_SIGNATURE_WARN);

        (void)state;
        assert_int_equal(judge(world, other, world->url, 0), UPLINK_TRUSTED);
        assert_int_equal(judge(world, other, "https://example.net/x", 0), UPLINK_TRUSTED);
        assert_int_equal(judge_body(world, "myriota", "{}", 2), UPLINK_TRUSTED);
        set_certificate(world, NULL);
        assert_int_equal(judge(world, other, world->url, 0), UPLINK_TRUSTED);
        assert_int_equal(count_requests(world), 1);
}

static void m8_off_asks_nobody(void **state)
{
        CLEANUP(stop_world) struct world *world = start_world(SETTINGS_SIGNATURE_OFF);

        (void)state;
        assert_int_equal(judge(world, other, world->url, 0), UPLINK_TRUSTED);
        assert_int_equal(judge_body(world, "myriota", "no JSON", 7), UPLINK_TRUSTED);
        assert_int_equal(count_requests(world), 0);
}

static void m8_a_foreign_address_is_refused_without_a_fetch(void **state)
{
        static const char *const urls[] = {"https://example.net/x", "http://localhost/x",
                                           "https://169.254.169.254/latest/meta-data", ""};
        CLEANUP(stop_world) struct world *world = start_world(SETTINGS_SIGNATURE_REQUIRE);

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(urls); i++) {
                assert_int_equal(judge(world, signer, urls[i], 0), UPLINK_REFUSED);
                assert_reason(world, "CertificateUrl");
        }
        assert_int_equal(test_http_server_connections(world->server), 0);
}

/* curl knows by itself where names below localhost are. */
static void m8_a_name_that_leads_to_an_inner_address_is_not_followed(void **state)
{
        CLEANUP(stop_world) struct world *world = new_world(SETTINGS_SIGNATURE_REQUIRE);
        struct settings_signature *settings = &world->settings.networks[MYRIOTA].signature;
        CLEANUP(mem_cleanup) char *url = NULL;

        (void)state;
        set_text(&settings->certificate_host,
                 mem_format("security.%s", settings->certificate_host));
        url = mem_format("https://%s/x", settings->certificate_host);
        assert_int_equal(open_trust(world), 0);
        assert_int_equal(judge(world, signer, url, 0), UPLINK_UNAVAILABLE);
        assert_reason(world, "not public");
        /* The sender learns nothing about the network that the gateway is in. */
        assert_null(strstr(world->reason.text, "127.0.0.1"));
        assert_null(strstr(world->reason.text, "::1"));
        assert_int_equal(test_http_server_connections(world->server), 0);
}

static void m8_the_setting_may_name_an_inner_address(void **state)
{
        CLEANUP(stop_world) struct world *world = new_world(SETTINGS_SIGNATURE_REQUIRE);
        CLEANUP(mem_cleanup) char *url = NULL;

        (void)state;
        set_text(&world->settings.networks[MYRIOTA].signature.certificate_host,
                 mem_format("127.0.0.1:%d", test_http_server_port(world->server)));
        url = mem_format("https://%s/x",
                         world->settings.networks[MYRIOTA].signature.certificate_host);
        assert_int_equal(open_trust(world), 0);
        /* Connected, but the server's certificate is for localhost. */
        assert_int_equal(judge(world, signer, url, 0), UPLINK_UNAVAILABLE);
        assert_int_equal(test_http_server_connections(world->server), 1);
}

static void m8_only_certificates_with_the_named_fingerprints_count(void **state)
{
        CLEANUP(stop_world) struct world *world = new_world(SETTINGS_SIGNATURE_REQUIRE);
        struct conf_texts *pins =
                &world->settings.networks[MYRIOTA].signature.certificate_fingerprints;

        (void)state;
        add_text(pins, test_signer_fingerprint(other));
        assert_int_equal(open_trust(world), 0);
        assert_int_equal(judge(world, signer, world->url, 0), UPLINK_REFUSED);
        assert_reason(world, test_signer_fingerprint(signer));
        set_certificate(world, test_signer_pem(other));
        now_ms += INT64_C(31) * DAY_S * 1000;
        assert_int_equal(judge(world, other, world->url, 0), UPLINK_TRUSTED);
}

static void write_signer(const struct test_signer *which, const char *name, struct world *world)
{
        CLEANUP(mem_cleanup) char *path = test_directory_file(directory, name);

        test_directory_write(directory, name, test_signer_pem(which));
        add_text(&world->settings.networks[MYRIOTA].signature.certificate_files, path);
}

static void m8_configured_files_take_the_place_of_the_fetch(void **state)
{
        CLEANUP(stop_world) struct world *world = new_world(SETTINGS_SIGNATURE_REQUIRE);

        (void)state;
        write_signer(other, "other.pem", world);
        assert_int_equal(open_trust(world), 0);
        assert_int_equal(judge(world, signer, world->url, 0), UPLINK_REFUSED);
        assert_int_equal(judge(world, other, world->url, 0), UPLINK_TRUSTED);
        assert_int_equal(judge(world, other, "https://example.net/x", 0), UPLINK_REFUSED);
        assert_int_equal(count_requests(world), 0);
}

static void m8_the_file_that_fits_is_taken(void **state)
{
        CLEANUP(stop_world) struct world *world = new_world(SETTINGS_SIGNATURE_REQUIRE);

        (void)state;
        write_signer(other, "other.pem", world);
        write_signer(signer, "signer.pem", world);
        assert_int_equal(open_trust(world), 0);
        assert_int_equal(judge(world, signer, world->url, 0), UPLINK_TRUSTED);
        assert_int_equal(judge(world, other, world->url, 0), UPLINK_TRUSTED);
}

static void a_file_that_can_never_fit_is_an_error_at_the_start(void **state)
{
        CLEANUP(stop_world) struct world *foreign = new_world(SETTINGS_SIGNATURE_REQUIRE);
        CLEANUP(stop_world) struct world *unpinned = new_world(SETTINGS_SIGNATURE_REQUIRE);
        struct test_signer *somebody = test_signer_new(
                &(struct test_signer_wish){.organization = "Somebody Else Ltd", .to_s = DAY_S});

        (void)state;
        write_signer(somebody, "somebody.pem", foreign);
        assert_true(open_trust(foreign) != 0);
        assert_reason(foreign, "somebody.pem: the certificate's subject");
        write_signer(signer, "signer.pem", unpinned);
        add_text(&unpinned->settings.networks[MYRIOTA].signature.certificate_fingerprints,
                 test_signer_fingerprint(other));
        assert_true(open_trust(unpinned) != 0);
        assert_reason(unpinned, "signer.pem: the certificate is none of CertificateFingerprints");
        test_signer_free(somebody);
}

static void an_old_delivery_is_a_repetition_if_the_settings_say_so(void **state)
{
        CLEANUP(stop_world) struct world *world = new_world(SETTINGS_SIGNATURE_REQUIRE);

        (void)state;
        world->settings.networks[MYRIOTA].signature.maximum_age_minutes = 10;
        assert_int_equal(open_trust(world), 0);
        assert_int_equal(judge(world, signer, world->url, 601), UPLINK_REFUSED);
        assert_reason(world, "Timestamp");
        assert_int_equal(judge(world, signer, world->url, -601), UPLINK_REFUSED);
        assert_int_equal(judge(world, signer, world->url, INT64_C(1) << 62), UPLINK_REFUSED);
        assert_int_equal(judge(world, signer, world->url, -(INT64_C(1) << 62)), UPLINK_REFUSED);
        assert_int_equal(count_requests(world), 0);
        assert_int_equal(judge(world, signer, world->url, 600), UPLINK_TRUSTED);
        assert_int_equal(judge(world, signer, world->url, -600), UPLINK_TRUSTED);
}

static void at_the_stop_all_is_decided(void **state)
{
        CLEANUP(stop_world) struct world *world = start_world(SETTINGS_SIGNATURE_REQUIRE);

        (void)state;
        uplink_trust_stop(world->trust);
        assert_int_equal(judge(world, signer, world->url, 0), UPLINK_UNAVAILABLE);
        assert_reason(world, "stopping");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(m8_a_good_delivery_is_trusted),
                cmocka_unit_test(m8_a_false_one_is_refused_also_while_its_certificate_is_new),
                cmocka_unit_test(m8_a_certificate_that_was_replaced_at_its_address_is_noticed),
                cmocka_unit_test(m8_what_can_not_be_decided_is_not_refused),
                cmocka_unit_test(m8_what_is_no_delivery_is_malformed),
                cmocka_unit_test(networks_that_do_not_sign_are_trusted),
                cmocka_unit_test(m8_every_network_that_signs_is_looked_at),
                cmocka_unit_test(m8_strict_refuses_what_is_not_valid_now),
                cmocka_unit_test(m8_warn_trusts_all_of_them),
                cmocka_unit_test(m8_off_asks_nobody),
                cmocka_unit_test(m8_a_foreign_address_is_refused_without_a_fetch),
                cmocka_unit_test(m8_a_name_that_leads_to_an_inner_address_is_not_followed),
                cmocka_unit_test(m8_the_setting_may_name_an_inner_address),
                cmocka_unit_test(m8_only_certificates_with_the_named_fingerprints_count),
                cmocka_unit_test(m8_configured_files_take_the_place_of_the_fetch),
                cmocka_unit_test(m8_the_file_that_fits_is_taken),
                cmocka_unit_test(a_file_that_can_never_fit_is_an_error_at_the_start),
                cmocka_unit_test(an_old_delivery_is_a_repetition_if_the_settings_say_so),
                cmocka_unit_test(at_the_stop_all_is_decided),
        };

        return cmocka_run_group_tests_name("uplink_trust", tests, set_up, tear_down);
}
