// SPDX-License-Identifier: MIT
/* Tokens of Entra ID from each source, which a server on this machine plays (rules K1 to K3, K7).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "azure/identity/identity.h"
#include "azure/identity/identity_request.h"
#include "base/crypto.h"
#include "base/file.h"
#include "base/json/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/thread.h"
#include "support/certificates.h"
#include "support/directory.h"
#include "support/http_server.h"

#define VAULT "https://vault.azure.net"

#define TOKENS_MAX 32

/* The server's view: what was asked, and what it answers. */
struct world {
        char *directory;
        struct test_http_server *server;
        struct http_client *http;
        struct identity *identity;
        pthread_mutex_t lock;
        pthread_cond_t changed;
        struct buf requests; /* head and body of each, one after the other */
        int request_count;
        int status;                   /* of the answers */
        const char *headers;          /* of an answer that is none with a token */
        char *realm;                  /* of Arc's first answer; NULL = it is not Arc */
        int life_s;                   /* of a token */
        struct buf given[TOKENS_MAX]; /* what the questions were answered; "" = no token */
        struct reason reasons[TOKENS_MAX];
        int64_t again_ms;
        int given_count;
        bool hold; /* the answers, until it is false */
};

static enum test_http_then answer(void *context, const struct test_http_request *request,
                                  struct buf *out)
{
        struct world *world = context;
        CLEANUP(buf_deinit) struct buf proof = BUF_INIT;
        CLEANUP(buf_deinit) struct buf header = BUF_INIT;
        CLEANUP(mem_cleanup) char *body = NULL;

        pthread_mutex_lock(&world->lock);
        buf_add(&world->requests, request->headers.data, request->headers.size);
        buf_add_text(&world->requests, "\n");
        buf_add(&world->requests, request->body.data, request->body.size);
        buf_add_text(&world->requests, "\n");
        world->request_count++;
        pthread_cond_broadcast(&world->changed);
        while (world->hold)
                pthread_cond_wait(&world->changed, &world->lock);
        body = mem_format("{\"access_token\":\"TOKEN-%d\",\"expires_in\":\"%d\"}",
                          world->request_count, world->life_s);
        if (world->realm && !test_http_header(request, "Authorization", &proof)) {
                buf_add_format(&header, "WWW-Authenticate: Basic realm=%s\r\n", world->realm);
                test_http_answer(out, 401, buf_text(&header), "");
        } else if (world->status != 200) {
                test_http_answer(out, world->status, world->headers ? world->headers : "",
                                 "{\"error\":\"invalid_request\",\"error_description\":"
                                 "\"Identity not found\\r\\nTrace\"}");
        } else {
                test_http_answer(out, 200, "", body);
        }
        pthread_mutex_unlock(&world->lock);
        return TEST_HTTP_KEEP;
}

static int set_up(void **state)
{
        static struct world world;

        world = (struct world){.status = 200, .life_s = 3600};
        pthread_mutex_init(&world.lock, NULL);
        pthread_cond_init(&world.changed, NULL);
        world.directory = test_directory_new();
        world.server = test_http_server_start(NULL, answer, &world);
        *state = &world;
        return 0;
}

static int tear_down(void **state)
{
        struct world *world = *state;

        http_client_free(world->http);
        identity_free(world->identity);
        test_http_server_stop(world->server);
        for (int i = 0; i < world->given_count; i++)
                buf_deinit(&world->given[i]);
        buf_deinit(&world->requests);
        free(world->realm);
        test_directory_remove(world->directory);
        pthread_mutex_destroy(&world->lock);
        pthread_cond_destroy(&world->changed);
        return 0;
}

/* Anew. `variables` may hold % where the server's port belongs, and # where the folder does. */
static void open_identity(struct world *world, const char *const *variables)
{
        struct reason reason = REASON_INIT;
        char *made[16] = {NULL};
        size_t count = 0;

        http_client_free(world->http);
        identity_free(world->identity);
        assert_int_equal(http_client_new(&(struct http_client_options){.user_agent = "test"},
                                         &world->http, &reason),
                         0);
        for (; variables[count]; count++) {
                const char *mark = strpbrk(variables[count], "%#");

                if (!mark)
                        made[count] = mem_text(variables[count]);
                else if (*mark == '%')
                        made[count] = mem_format("%.*s%d%s", (int)(mark - variables[count]),
                                                 variables[count],
                                                 test_http_server_port(world->server), mark + 1);
                else
                        made[count] = mem_format("%.*s%s%s", (int)(mark - variables[count]),
                                                 variables[count], world->directory, mark + 1);
        }
        world->identity = identity_new(&(struct identity_options){
                .http = world->http,
                .environment = made,
                .arc_agent = "/nowhere/himds",
                .arc_tokens = world->directory,
        });
        for (size_t i = 0; i < count; i++)
                free(made[i]);
}

static void on_token(void *context, const char *token, const struct reason *reason,
                     int64_t again_ms)
{
        struct world *world = context;

        assert_true(thread_is(HTTP_CLIENT_THREAD));
        pthread_mutex_lock(&world->lock);
        world->given[world->given_count] = BUF_INIT;
        buf_add_text(&world->given[world->given_count], token ? token : "");
        world->reasons[world->given_count] = *reason;
        world->again_ms = again_ms;
        world->given_count++;
        pthread_cond_broadcast(&world->changed);
        pthread_mutex_unlock(&world->lock);
}

static int requests(struct world *world)
{
        int count;

        pthread_mutex_lock(&world->lock);
        count = world->request_count;
        pthread_mutex_unlock(&world->lock);
        return count;
}

static void wait_for(struct world *world, const int *count, int least)
{
        struct timespec until;

        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += 60;
        pthread_mutex_lock(&world->lock);
        while (*count < least) {
                if (pthread_cond_timedwait(&world->changed, &world->lock, &until) != 0)
                        abort();
        }
        pthread_mutex_unlock(&world->lock);
}

/* The answer to one more question; "" = there is no token. */
static const char *ask(struct world *world, const char *resource)
{
        int before = world->given_count;

        identity_ask(world->identity, &(struct identity_wanted){.resource = resource}, on_token,
                     world);
        wait_for(world, &world->given_count, before + 1);
        return buf_text(&world->given[before]);
}

static void assert_asked(struct world *world, const char *words)
{
        if (!strstr(buf_text(&world->requests), words))
                fail_msg("'%s' is not in:\n%s", words, buf_text(&world->requests));
}

/* --- K1: the sources ------------------------------------------------------------------------ */

static void k1_a_client_secret_is_sent_to_the_tenant(void **state)
{
        static const char *const variables[] = {"AZURE_TENANT_ID=72f988bf-86f1",
                                                "AZURE_CLIENT_ID=22222222",
                                                "AZURE_CLIENT_SECRET=client+secret/=",
                                                "AZURE_AUTHORITY_HOST=http://127.0.0.1:%/",
                                                "IDENTITY_ENDPOINT=http://127.0.0.1:1/",
                                                "IDENTITY_HEADER=h",
                                                NULL};
        struct world *world = *state;

        open_identity(world, variables);
        assert_string_equal(ask(world, VAULT), "TOKEN-1");
        assert_asked(world, "POST /72f988bf-86f1/oauth2/v2.0/token HTTP/1.1");
        assert_asked(world, "\nclient_id=22222222&scope=https%3A%2F%2Fvault.azure.net%2F.default&"
                            "grant_type=client_credentials&client_secret=client%2Bsecret%2F%3D\n");
        assert_asked(world, "Content-Type: application/x-www-form-urlencoded");
}

/* A part of a JSON Web Token, decoded. */
static void read_part(const char *token, int part, struct buf *text)
{
        CLEANUP(buf_deinit) struct buf base64 = BUF_INIT;

        for (; part > 0; part--)
                token = strchr(token, '.') + 1;
        buf_add(&base64, token, strcspn(token, ".&\n"));
        for (size_t i = 0; i < base64.size; i++) {
                if (base64.data[i] == '-')
                        base64.data[i] = '+';
                else if (base64.data[i] == '_')
                        base64.data[i] = '/';
        }
        while (base64.size % 4 != 0)
                buf_add_char(&base64, '=');
        assert_true(crypto_base64_decode(text, base64.data, base64.size));
}

static struct json_object *jwt_part(const char *token, int part)
{
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;
        struct json_object *object;

        read_part(token, part, &text);
        object = json_parse(text.data, text.size, 4, JSON_STRICT, NULL);
        assert_non_null(object);
        return object;
}

static void k1_a_certificate_signs_an_assertion(void **state)
{
        static const char *const variables[] = {"AZURE_TENANT_ID=tenant", "AZURE_CLIENT_ID=client",
                                                "AZURE_CLIENT_CERTIFICATE_PATH=#/application.pem",
                                                "AZURE_AUTHORITY_HOST=http://127.0.0.1:%", NULL};
        struct world *world = *state;
        CLEANUP(mem_cleanup) char *file = test_directory_file(world->directory, "application.pem");
        CLEANUP(mem_cleanup) char *ca_file = test_directory_file(world->directory, "ca.pem");
        CLEANUP(buf_deinit) struct buf signature = BUF_INIT;
        struct test_ca *ca = test_ca_new(ca_file);
        const char *assertion;
        size_t signed_size;

        test_ca_issue(ca, &(struct test_certificate){.file = file, .host = "localhost"});
        open_identity(world, variables);
        assert_string_equal(ask(world, IDENTITY_FOR_STORAGE), "");
        assert_non_null(strstr(world->reasons[0].text, "no RSA key"));
        test_ca_issue(ca,
                      &(struct test_certificate){.file = file, .host = "localhost", .rsa = true});
        test_ca_free(ca);
        open_identity(world, variables);
        assert_string_equal(ask(world, IDENTITY_FOR_STORAGE), "TOKEN-1");
        assert_asked(world, "scope=https%3A%2F%2Fstorage.azure.com%2F.default");
        assert_asked(world, "&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-"
                            "type%3Ajwt-bearer&client_assertion=");
        assertion = strstr(buf_text(&world->requests), "client_assertion=") + 17;
        CLEANUP(json_cleanup) struct json_object *head = jwt_part(assertion, 0);
        CLEANUP(json_cleanup) struct json_object *claims = jwt_part(assertion, 1);
        CLEANUP(mem_cleanup)
        char *audience = mem_format("http://127.0.0.1:%d/tenant/oauth2/v2.0/token",
                                    test_http_server_port(world->server));

        assert_string_equal(json_text_member(head, "alg"), "PS256");
        assert_int_equal(strlen(json_text_member(head, "x5t#S256")), 43);
        assert_string_equal(json_text_member(claims, "aud"), audience);
        assert_string_equal(json_text_member(claims, "iss"), "client");
        assert_string_equal(json_text_member(claims, "sub"), "client");
        read_part(assertion, 2, &signature);
        signed_size = (size_t)(strrchr(assertion, '.') - assertion);
        assert_true(test_certificate_has_signed(file, assertion, signed_size, &signature));
        assert_false(test_certificate_has_signed(file, assertion, signed_size - 1, &signature));
}

static void k1_a_workload_reads_its_file_each_time(void **state)
{
        static const char *const variables[] = {"AZURE_TENANT_ID=tenant", "AZURE_CLIENT_ID=client",
                                                "AZURE_FEDERATED_TOKEN_FILE=#/token",
                                                "AZURE_AUTHORITY_HOST=http://127.0.0.1:%/", NULL};
        struct world *world = *state;
        CLEANUP(mem_cleanup) char *file = test_directory_file(world->directory, "token");

        assert_int_equal(file_write(file, 0600, "eyJ.first\n", 10, NULL), 0);
        open_identity(world, variables);
        assert_string_equal(ask(world, VAULT), "TOKEN-1");
        assert_asked(world, "&client_assertion=eyJ.first\n");
        assert_int_equal(file_write(file, 0600, "eyJ.second\n", 11, NULL), 0);
        assert_string_equal(ask(world, IDENTITY_FOR_MONITOR), "TOKEN-2");
        assert_asked(world, "&client_assertion=eyJ.second\n");
}

static void k1_app_service_gets_its_header(void **state)
{
        static const char *const variables[] = {
                "IDENTITY_ENDPOINT=http://127.0.0.1:%/msi/token", "IDENTITY_HEADER=HDR-SECRET",
                "IMDS_ENDPOINT=http://127.0.0.1:1", "AZURE_CLIENT_ID=one", NULL};
        struct world *world = *state;

        open_identity(world, variables);
        assert_string_equal(ask(world, VAULT), "TOKEN-1");
        assert_asked(world, "GET /msi/token?api-version=2019-08-01&resource=https%3A%2F%2Fvault."
                            "azure.net&client_id=one HTTP/1.1");
        assert_asked(world, "X-IDENTITY-HEADER: HDR-SECRET");
}

static void k1_a_virtual_machine_asks_its_metadata(void **state)
{
        static const char *const variables[] = {
                "AZURE_POD_IDENTITY_AUTHORITY_HOST=http://127.0.0.1:%", "AZURE_CLIENT_SECRET=alone",
                NULL};
        struct world *world = *state;

        open_identity(world, variables);
        assert_string_equal(ask(world, VAULT), "TOKEN-1");
        assert_asked(world, "GET /metadata/identity/oauth2/token?api-version=2018-02-01&"
                            "resource=https%3A%2F%2Fvault.azure.net HTTP/1.1");
        assert_asked(world, "Metadata: true");
        identity_ask(world->identity,
                     &(struct identity_wanted){.resource = VAULT, .client = "other"}, on_token,
                     world);
        wait_for(world, &world->given_count, 2);
        assert_asked(world, "&client_id=other HTTP/1.1");
}

static const char *const arc[] = {"IDENTITY_ENDPOINT=http://127.0.0.1:%/metadata/token",
                                  "IMDS_ENDPOINT=http://127.0.0.1:%", NULL};

static void k1_arc_is_shown_the_file_that_it_names(void **state)
{
        struct world *world = *state;
        CLEANUP(mem_cleanup) char *file = test_directory_file(world->directory, "a1.key");

        assert_int_equal(file_write(file, 0600, "arcsecret", 9, NULL), 0);
        world->realm = mem_text(file);
        open_identity(world, arc);
        assert_string_equal(ask(world, VAULT), "TOKEN-2");
        assert_asked(world, "GET /metadata/token?api-version=2020-06-01&resource=https%3A%2F%2F"
                            "vault.azure.net HTTP/1.1");
        assert_asked(world, "Authorization: Basic arcsecret");
}

/* --- K2: Arc's files ------------------------------------------------------------------------ */

static void k2_arc_is_shown_no_other_file(void **state)
{
        static const char *const names[] = {"plain",          "big.key", "link.key", "folder/x.key",
                                            "../outside.key", ".key",    "none.key", "pipe.key"};
        struct world *world = *state;
        CLEANUP(mem_cleanup) char *big = test_directory_file(world->directory, "big.key");
        CLEANUP(mem_cleanup) char *plain = test_directory_file(world->directory, "plain");
        CLEANUP(mem_cleanup) char *link = test_directory_file(world->directory, "link.key");
        CLEANUP(mem_cleanup) char *folder = test_directory_file(world->directory, "folder");
        CLEANUP(mem_cleanup) char *inner = test_directory_file(world->directory, "folder/x.key");
        CLEANUP(mem_cleanup) char *hidden = test_directory_file(world->directory, ".key");
        CLEANUP(mem_cleanup) char *pipe = test_directory_file(world->directory, "pipe.key");
        char bytes[4097];

        memset(bytes, 'x', sizeof(bytes));
        assert_int_equal(file_write(big, 0600, bytes, sizeof(bytes), NULL), 0);
        assert_int_equal(file_write(plain, 0600, "secret", 6, NULL), 0);
        assert_int_equal(file_write(hidden, 0600, "secret", 6, NULL), 0);
        assert_int_equal(symlink(plain, link), 0);
        assert_int_equal(mkdir(folder, 0700), 0);
        assert_int_equal(file_write(inner, 0600, "secret", 6, NULL), 0);
        assert_int_equal(mkfifo(pipe, 0600), 0);
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                free(world->realm);
                world->realm = mem_format("%s/%s", world->directory, names[i]);
                open_identity(world, arc);
                if (ask(world, VAULT)[0] != '\0')
                        fail_msg("%s was read", names[i]);
                assert_non_null(strstr(world->reasons[world->given_count - 1].text, "Azure Arc"));
        }
        assert_null(strstr(buf_text(&world->requests), "Authorization:"));
        assert_int_equal(requests(world), ARRAY_SIZE(names));
        free(world->realm);
        world->realm = mem_text("/etc/hostname.key");
        open_identity(world, arc);
        assert_string_equal(ask(world, VAULT), "");
        assert_null(strstr(buf_text(&world->requests), "Authorization:"));
}

/* --- K3: proxies ---------------------------------------------------------------------------- */

static void k3_the_machines_own_services_are_asked_past_any_proxy(void **state)
{
        static const char *const sources[][4] = {
                {"AZURE_POD_IDENTITY_AUTHORITY_HOST=http://127.0.0.1:%", NULL},
                {"IDENTITY_ENDPOINT=http://127.0.0.1:%/msi", "IDENTITY_HEADER=h", NULL},
                {"IDENTITY_ENDPOINT=http://127.0.0.1:%/arc", "IMDS_ENDPOINT=x", NULL}};
        struct world *world = *state;

        setenv("http_proxy", "http://127.0.0.1:1", 1);
        setenv("all_proxy", "http://127.0.0.1:1", 1);
        for (size_t i = 0; i < ARRAY_SIZE(sources); i++) {
                open_identity(world, sources[i]);
                assert_string_not_equal(ask(world, VAULT), "");
        }
        unsetenv("http_proxy");
        unsetenv("all_proxy");
}

/* --- K7: how long they live ------------------------------------------------------------------ */

static const char *const machine[] = {"AZURE_POD_IDENTITY_AUTHORITY_HOST=http://127.0.0.1:%", NULL};

static void k7_ten_that_wait_ask_once(void **state)
{
        struct world *world = *state;

        open_identity(world, machine);
        world->hold = true;
        for (int i = 0; i < 10; i++)
                identity_ask(world->identity, &(struct identity_wanted){.resource = VAULT},
                             on_token, world);
        wait_for(world, &world->request_count, 1);
        pthread_mutex_lock(&world->lock);
        world->hold = false;
        pthread_cond_broadcast(&world->changed);
        pthread_mutex_unlock(&world->lock);
        wait_for(world, &world->given_count, 10);
        assert_int_equal(requests(world), 1);
        for (int i = 0; i < 10; i++)
                assert_string_equal(buf_text(&world->given[i]), "TOKEN-1");
        assert_string_equal(ask(world, VAULT), "TOKEN-1");
        assert_int_equal(requests(world), 1);
}

static void k7_at_half_its_life_a_token_is_renewed_and_the_old_one_used(void **state)
{
        static const struct timespec moment = {.tv_nsec = 20000000};
        struct world *world = *state;
        const char *token;

        world->life_s = 600;
        open_identity(world, machine);
        assert_string_equal(ask(world, VAULT), "TOKEN-1");
        /* Half of its life is over after half a second; it lives for half a second more. */
        world->life_s = 1;
        world->request_count = 0;
        open_identity(world, machine);
        assert_string_equal(ask(world, VAULT), "TOKEN-1");
        for (;;) {
                pthread_mutex_lock(&world->lock);
                for (int i = 0; i < world->given_count; i++)
                        buf_deinit(&world->given[i]);
                world->given_count = 0;
                pthread_mutex_unlock(&world->lock);
                token = ask(world, VAULT);
                assert_string_not_equal(token, "");
                if (strcmp(token, "TOKEN-1") != 0)
                        break;
                nanosleep(&moment, NULL);
        }
        assert_true(requests(world) >= 2);
}

static void k7_a_renewal_that_fails_leaves_the_old_one(void **state)
{
        static const struct timespec moment = {.tv_nsec = 20000000};
        struct world *world = *state;
        int before;

        world->life_s = 10;
        open_identity(world, machine);
        assert_string_equal(ask(world, VAULT), "TOKEN-1");
        pthread_mutex_lock(&world->lock);
        world->status = 500;
        before = world->request_count;
        pthread_mutex_unlock(&world->lock);
        while (requests(world) == before) {
                pthread_mutex_lock(&world->lock);
                for (int i = 0; i < world->given_count; i++)
                        buf_deinit(&world->given[i]);
                world->given_count = 0;
                pthread_mutex_unlock(&world->lock);
                assert_string_equal(ask(world, VAULT), "TOKEN-1");
                nanosleep(&moment, NULL);
        }
        assert_string_equal(ask(world, VAULT), "TOKEN-1");
}

static void k8_a_source_that_refuses_says_why_and_is_left_alone(void **state)
{
        struct world *world = *state;

        world->status = 400;
        open_identity(world, machine);
        assert_string_equal(ask(world, VAULT), "");
        assert_string_equal(world->reasons[0].text,
                            "no token by managed identity of the virtual machine: "
                            "invalid_request: Identity not found");
        assert_true(world->again_ms > 50000);
        assert_string_equal(ask(world, VAULT), "");
        assert_int_equal(requests(world), 1);
}

static void k8_a_source_says_when_it_may_be_asked_again(void **state)
{
        struct world *world = *state;

        world->status = 429;
        world->headers = "Retry-After: 200\r\n";
        open_identity(world, machine);
        assert_string_equal(ask(world, VAULT), "");
        assert_true(world->again_ms > 100000 && world->again_ms <= 200000);
}

static void k1_addresses_that_others_could_read_along_are_refused(void **state)
{
        static const char *const sets[][5] = {
                {"IDENTITY_ENDPOINT=http://example.com/msi", "IDENTITY_HEADER=h", NULL},
                {"AZURE_POD_IDENTITY_AUTHORITY_HOST=http://10.0.0.1", NULL},
                {"AZURE_TENANT_ID=t", "AZURE_CLIENT_ID=c", "AZURE_CLIENT_SECRET=s",
                 "AZURE_AUTHORITY_HOST=http://login.example.com", NULL}};
        struct world *world = *state;

        for (size_t i = 0; i < ARRAY_SIZE(sets); i++) {
                open_identity(world, sets[i]);
                assert_string_equal(ask(world, VAULT), "");
                assert_non_null(strstr(world->reasons[i].text, "is no https:// URL"));
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
                TEST(k1_a_client_secret_is_sent_to_the_tenant),
                TEST(k1_a_certificate_signs_an_assertion),
                TEST(k1_a_workload_reads_its_file_each_time),
                TEST(k1_app_service_gets_its_header),
                TEST(k1_a_virtual_machine_asks_its_metadata),
                TEST(k1_arc_is_shown_the_file_that_it_names),
                TEST(k1_addresses_that_others_could_read_along_are_refused),
                TEST(k2_arc_is_shown_no_other_file),
                TEST(k3_the_machines_own_services_are_asked_past_any_proxy),
                TEST(k7_ten_that_wait_ask_once),
                TEST(k7_at_half_its_life_a_token_is_renewed_and_the_old_one_used),
                TEST(k7_a_renewal_that_fails_leaves_the_old_one),
                TEST(k8_a_source_that_refuses_says_why_and_is_left_alone),
                TEST(k8_a_source_says_when_it_may_be_asked_again),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
