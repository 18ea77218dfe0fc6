// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/crypto.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/x509/certificate.h"
#include "support/directory.h"

#define NOW INT64_C(1800000000)
#define DAY INT64_C(86400)

static struct certificate *make(const char *name, enum certificate_use use,
                                const struct certificate *issuer)
{
        struct certificate *made = NULL;
        struct reason reason = REASON_INIT;

        assert_int_equal(certificate_make(&(struct certificate_order){.now_s = NOW,
                                                                      .days = 10,
                                                                      .common_name = name,
                                                                      .use = use,
                                                                      .issuer = issuer},
                                          &made, &reason),
                         0);
        return made;
}

static void a_client_brings_those_that_signed_it(void **state)
{
        CLEANUP(certificate_cleanup)
        struct certificate *root = make("root", CERTIFICATE_AUTHORITY, NULL);
        CLEANUP(certificate_cleanup)
        struct certificate *client = make("sensor-1", CERTIFICATE_CLIENT, root);
        CLEANUP(certificate_cleanup)
        struct certificate *server = make("localhost", CERTIFICATE_SERVER, root);
        CLEANUP(buf_deinit) struct buf name = BUF_INIT;
        const char *chain = certificate_chain(client);
        const char *server_chain = certificate_chain(server);

        (void)state;
        assert_int_equal(crypto_count_certificates(chain, strlen(chain)), 2);
        assert_non_null(strstr(chain, certificate_chain(root)));
        assert_int_equal(crypto_count_certificates(server_chain, strlen(server_chain)), 1);
        assert_true(certificate_is_issued_by(client, root));
        assert_false(certificate_is_issued_by(root, client));
        assert_false(certificate_is_issued_by(client, server));
        assert_true(certificate_common_name(client, &name));
        assert_string_equal(buf_text(&name), "sensor-1");
        assert_int_equal(certificate_begins_s(client), NOW - 3600);
        assert_int_equal(certificate_ends_s(client), NOW + 10 * DAY);
        assert_string_not_equal(certificate_fingerprint(client), certificate_fingerprint(root));
}

static void what_is_written_is_read_again(void **state)
{
        char *directory = test_directory_new();
        CLEANUP(mem_cleanup) char *pem = mem_format("%s/d.pem", directory);
        CLEANUP(mem_cleanup) char *key = mem_format("%s/d-key.pem", directory);
        CLEANUP(certificate_cleanup)
        struct certificate *root = make("root", CERTIFICATE_AUTHORITY, NULL);
        CLEANUP(certificate_cleanup)
        struct certificate *made = make("d", CERTIFICATE_CLIENT, root);
        CLEANUP(certificate_cleanup) struct certificate *read = NULL;
        struct certificate *wrong = NULL;
        struct reason reason = REASON_INIT;
        struct stat info;

        (void)state;
        assert_int_equal(certificate_write(made, pem, key, &reason), 0);
        assert_int_equal(stat(key, &info), 0);
        assert_int_equal(info.st_mode & 0777, 0600);
        assert_int_equal(certificate_read(pem, key, &read, &reason), 0);
        assert_string_equal(certificate_chain(read), certificate_chain(made));
        assert_string_equal(certificate_key(read), certificate_key(made));
        assert_string_equal(certificate_fingerprint(read), certificate_fingerprint(made));
        /* Another one's key. */
        assert_int_equal(file_write(key, 0600, certificate_key(root), strlen(certificate_key(root)),
                                    &reason),
                         0);
        assert_int_equal(certificate_read(pem, key, &wrong, &reason), -EINVAL);
        assert_non_null(strstr(reason.text, "d-key.pem"));
        assert_int_equal(certificate_read("/nowhere/d.pem", key, &wrong, NULL), -ENOENT);
        assert_null(wrong);
        test_directory_remove(directory);
}

static void the_last_user_frees(void **state)
{
        struct certificate *made = make("d", CERTIFICATE_CLIENT, NULL);
        struct certificate *shared = certificate_share(made);

        (void)state;
        certificate_free(made);
        assert_int_equal(strncmp(certificate_chain(shared), "-----BEGIN CERTIFICATE", 22), 0);
        certificate_free(shared);
        certificate_free(NULL);
        assert_null(certificate_share(NULL));
}

static void a_name_that_is_too_long_is_said(void **state)
{
        char name[200];
        struct certificate *made = NULL;
        struct reason reason = REASON_INIT;

        (void)state;
        memset(name, 'x', sizeof(name) - 1);
        name[sizeof(name) - 1] = '\0';
        assert_int_equal(certificate_make(&(struct certificate_order){.now_s = NOW,
                                                                      .days = 1,
                                                                      .common_name = name,
                                                                      .use = CERTIFICATE_CLIENT},
                                          &made, &reason),
                         -EINVAL);
        assert_null(made);
        assert_non_null(strstr(reason.text, "xxx"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_client_brings_those_that_signed_it),
                cmocka_unit_test(what_is_written_is_read_again),
                cmocka_unit_test(the_last_user_frees),
                cmocka_unit_test(a_name_that_is_too_long_is_said),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
