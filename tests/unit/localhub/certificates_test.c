// SPDX-License-Identifier: MIT
/* The local hub's authority and server certificate, as a verifying client sees them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "localhub/certificates.h"

#define NOW INT64_C(1800000000)
#define DAY INT64_C(86400)

static int make_directory(void **state)
{
        char *directory = mem_text("/tmp/isthmus-certificates-XXXXXX");

        *state = mkdtemp(directory);
        return *state ? 0 : -1;
}

static int remove_directory(void **state)
{
        DIR *directory = opendir(*state);
        struct dirent *entry;

        while ((entry = readdir(directory)))
                unlinkat(dirfd(directory), entry->d_name, 0);
        closedir(directory);
        rmdir(*state);
        free(*state);
        return 0;
}

static struct certificates *open_at(const char *directory, const char *name, int64_t now_s)
{
        const struct certificates_options options = {
                .directory = directory,
                .names = &name,
                .name_count = name ? 1 : 0,
                .now_s = now_s,
        };
        struct certificates *certificates = NULL;
        struct reason reason = REASON_INIT;

        assert_int_equal(certificates_open(&options, &certificates, &reason), 0);
        return certificates;
}

static X509 *read_certificate(const char *path)
{
        FILE *file = fopen(path, "r");
        X509 *certificate = file ? PEM_read_X509(file, NULL, NULL, NULL) : NULL;

        assert_non_null(certificate);
        fclose(file);
        return certificate;
}

/* As a TLS client does: chain, time and name. */
static bool client_accepts(const struct certificates *certificates, const char *name, int64_t now_s)
{
        X509 *authority = read_certificate(certificates->authority_path);
        X509 *server = read_certificate(certificates->server_path);
        X509_STORE *store = X509_STORE_new();
        X509_STORE_CTX *context = X509_STORE_CTX_new();
        X509_VERIFY_PARAM *parameters;
        bool accepts;

        X509_STORE_add_cert(store, authority);
        X509_STORE_CTX_init(context, store, server, NULL);
        parameters = X509_STORE_CTX_get0_param(context);
        X509_VERIFY_PARAM_set_time(parameters, (time_t)now_s);
        X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_X509_STRICT);
        X509_VERIFY_PARAM_set_purpose(parameters, X509_PURPOSE_SSL_SERVER);
        if (X509_VERIFY_PARAM_set1_ip_asc(parameters, name) != 1)
                X509_VERIFY_PARAM_set1_host(parameters, name, 0);
        accepts = X509_verify_cert(context) == 1;
        X509_STORE_CTX_free(context);
        X509_STORE_free(store);
        X509_free(authority);
        X509_free(server);
        return accepts;
}

static char *content_of(const char *path)
{
        struct buf content = BUF_INIT;
        struct reason reason = REASON_INIT;

        assert_int_equal(file_read(path, 65536, &content, &reason), 0);
        return buf_take(&content);
}

static void clients_accept_local_names_and_those_asked_for(void **state)
{
        struct certificates *certificates = open_at(*state, "hub.test", NOW);

        assert_true(client_accepts(certificates, "localhost", NOW));
        assert_true(client_accepts(certificates, "127.0.0.1", NOW));
        assert_true(client_accepts(certificates, "::1", NOW));
        assert_true(client_accepts(certificates, "hub.test", NOW));
        assert_false(client_accepts(certificates, "other.test", NOW));
        assert_true(client_accepts(certificates, "localhost", NOW + 396 * DAY));
        assert_false(client_accepts(certificates, "localhost", NOW + 398 * DAY));
        certificates_free(certificates);
}

/* Qpid Proton compares what it was told with names only, also where that is an address. */
static void an_address_is_a_name_as_well(void **state)
{
        struct certificates *certificates = open_at(*state, "192.0.2.7", NOW);
        X509 *server = read_certificate(certificates->server_path);

        assert_true(client_accepts(certificates, "192.0.2.7", NOW));
        assert_int_equal(X509_check_host(server, "192.0.2.7", 0, 0, NULL), 1);
        assert_int_equal(X509_check_host(server, "192.0.2.8", 0, 0, NULL), 0);
        X509_free(server);
        certificates_free(certificates);
}

static void keys_are_for_their_owner_only(void **state)
{
        struct certificates *certificates = open_at(*state, NULL, NOW);
        char *authority_key = mem_format("%s/ca-key.pem", (char *)*state);
        struct stat status;

        assert_int_equal(stat(authority_key, &status), 0);
        assert_int_equal(status.st_mode & 0777, 0600);
        assert_int_equal(stat(certificates->server_key_path, &status), 0);
        assert_int_equal(status.st_mode & 0777, 0600);
        assert_int_equal(stat(certificates->authority_path, &status), 0);
        assert_int_equal(status.st_mode & 0777, 0644);
        free(authority_key);
        certificates_free(certificates);
}

static void a_second_start_keeps_everything(void **state)
{
        struct certificates *first = open_at(*state, "hub.test", NOW);
        const char *const paths[] = {first->authority_path, first->server_path,
                                     first->server_key_path};
        char *before[ARRAY_SIZE(paths)];
        struct certificates *second;

        for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
                before[i] = content_of(paths[i]);
        second = open_at(*state, "hub.test", NOW + DAY);
        for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
                CLEANUP(mem_cleanup) char *again = content_of(paths[i]);

                assert_string_equal(before[i], again);
                free(before[i]);
        }
        certificates_free(first);
        certificates_free(second);
}

static void another_name_or_a_near_end_renews_the_server_only(void **state)
{
        struct certificates *first = open_at(*state, NULL, NOW);
        char *authority = content_of(first->authority_path);
        CLEANUP(mem_cleanup) char *first_server = content_of(first->server_path);
        struct certificates *named = open_at(*state, "hub.test", NOW);
        CLEANUP(mem_cleanup) char *named_server = content_of(named->server_path);
        CLEANUP(mem_cleanup) char *late_server = NULL;
        struct certificates *late;
        char *again;

        assert_string_not_equal(first_server, named_server);
        assert_true(client_accepts(named, "hub.test", NOW));
        late = open_at(*state, "hub.test", NOW + 370 * DAY);
        late_server = content_of(late->server_path);
        assert_string_not_equal(named_server, late_server);
        assert_true(client_accepts(late, "hub.test", NOW + 400 * DAY));
        again = content_of(late->authority_path);
        assert_string_equal(authority, again);
        free(authority);
        free(again);
        certificates_free(first);
        certificates_free(named);
        certificates_free(late);
}

static void an_authority_near_its_end_is_replaced_with_its_server(void **state)
{
        struct certificates *first = open_at(*state, NULL, NOW);
        char *authority = content_of(first->authority_path);
        struct certificates *late = open_at(*state, NULL, NOW + 3600 * DAY);
        char *again = content_of(late->authority_path);

        assert_string_not_equal(authority, again);
        assert_true(client_accepts(late, "localhost", NOW + 3900 * DAY));
        free(authority);
        free(again);
        certificates_free(first);
        certificates_free(late);
}

/* A file that was cut off, lost or exchanged. */
static void damaged_files_are_replaced(void **state)
{
        static const char *const files[] = {"ca.pem", "ca-key.pem", "server.pem", "server-key.pem"};

        for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
                char *path = mem_format("%s/%s", (char *)*state, files[i]);
                struct certificates *before = open_at(*state, NULL, NOW);
                CLEANUP(mem_cleanup) char *old_server = content_of(before->server_path);
                CLEANUP(mem_cleanup) char *new_server = NULL;
                struct certificates *after;

                assert_int_equal(truncate(path, 40), 0);
                after = open_at(*state, NULL, NOW);
                assert_true(client_accepts(after, "localhost", NOW));
                new_server = content_of(after->server_path);
                assert_string_not_equal(old_server, new_server);
                assert_int_equal(unlink(path), 0);
                certificates_free(before);
                before = open_at(*state, NULL, NOW);
                assert_true(client_accepts(before, "localhost", NOW));
                certificates_free(before);
                certificates_free(after);
                free(path);
        }
}

static void a_key_of_another_certificate_is_not_served(void **state)
{
        struct certificates *first = open_at(*state, NULL, NOW);
        CLEANUP(mem_cleanup) char *key = content_of(first->server_key_path);
        struct certificates *second = open_at(*state, "hub.test", NOW);
        CLEANUP(mem_cleanup) char *second_server = content_of(second->server_path);
        CLEANUP(mem_cleanup) char *third_key = NULL;
        CLEANUP(mem_cleanup) char *third_server = NULL;
        struct certificates *third;

        assert_int_equal(file_write(second->server_key_path, 0600, key, strlen(key), NULL), 0);
        third = open_at(*state, "hub.test", NOW);
        third_key = content_of(third->server_key_path);
        third_server = content_of(third->server_path);
        assert_string_not_equal(third_key, key);
        assert_string_not_equal(third_server, second_server);
        certificates_free(first);
        certificates_free(second);
        certificates_free(third);
}

static void names_that_are_none_are_refused(void **state)
{
        static const char *const names[] = {"", "a b", "hub.test,DNS:evil.test", "-:-", "a/b"};

        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                const struct certificates_options options = {
                        .directory = *state,
                        .names = &names[i],
                        .name_count = 1,
                        .now_s = NOW,
                };
                struct certificates *certificates = NULL;
                struct reason reason = REASON_INIT;

                assert_int_equal(certificates_open(&options, &certificates, &reason), -EINVAL);
                assert_null(certificates);
                assert_non_null(strstr(reason.text, "neither a host name nor an address"));
        }
}

static void a_directory_that_cannot_be_written_is_named(void **state)
{
        const struct certificates_options options = {.directory = "/nonexistent", .now_s = NOW};
        struct certificates *certificates = NULL;
        struct reason reason = REASON_INIT;

        (void)state;
        assert_int_equal(certificates_open(&options, &certificates, &reason), -ENOENT);
        assert_non_null(strstr(reason.text, "/nonexistent/"));
}

int main(void)
{
#define IN_DIRECTORY(test) cmocka_unit_test_setup_teardown(test, make_directory, remove_directory)
        const struct CMUnitTest tests[] = {
                IN_DIRECTORY(clients_accept_local_names_and_those_asked_for),
                IN_DIRECTORY(an_address_is_a_name_as_well),
                IN_DIRECTORY(keys_are_for_their_owner_only),
                IN_DIRECTORY(a_second_start_keeps_everything),
                IN_DIRECTORY(another_name_or_a_near_end_renews_the_server_only),
                IN_DIRECTORY(an_authority_near_its_end_is_replaced_with_its_server),
                IN_DIRECTORY(damaged_files_are_replaced),
                IN_DIRECTORY(a_key_of_another_certificate_is_not_served),
                IN_DIRECTORY(names_that_are_none_are_refused),
                cmocka_unit_test(a_directory_that_cannot_be_written_is_named),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
