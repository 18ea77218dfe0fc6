// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/x509/trust.h"
#include "support/certificates.h"
#include "support/directory.h"

static char *directory;
static char *system_ca;
static char *extra_ca;

static int set_up(void **state)
{
        (void)state;
        directory = test_directory_new();
        system_ca = test_directory_file(directory, "system.pem");
        extra_ca = test_directory_file(directory, "extra.pem");
        test_ca_free(test_ca_new(system_ca));
        test_ca_free(test_ca_new(extra_ca));
        setenv("SSL_CERT_FILE", system_ca, 1);
        return 0;
}

static int tear_down(void **state)
{
        (void)state;
        free(system_ca);
        free(extra_ca);
        test_directory_remove(directory);
        return 0;
}

static void read_file(const char *path, struct buf *out)
{
        assert_int_equal(file_read(path, 1000000, out, NULL), 0);
}

static void without_an_extra_file_it_is_the_systems(void **state)
{
        static const char *const none[] = {NULL, ""};

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(none); i++) {
                struct trust *trust;
                struct reason reason = REASON_INIT;

                assert_int_equal(trust_open(none[i], &trust, &reason), 0);
                assert_string_equal(trust_file(trust), system_ca);
                trust_close(trust);
        }
}

static void an_extra_file_is_joined_to_the_systems(void **state)
{
        CLEANUP(buf_deinit) struct buf joined = BUF_INIT;
        CLEANUP(buf_deinit) struct buf system = BUF_INIT;
        CLEANUP(buf_deinit) struct buf extra = BUF_INIT;
        struct trust *trust;
        struct reason reason = REASON_INIT;

        (void)state;
        assert_int_equal(trust_open(extra_ca, &trust, &reason), 0);
        read_file(trust_file(trust), &joined);
        read_file(system_ca, &system);
        read_file(extra_ca, &extra);
        assert_int_equal(crypto_count_certificates(joined.data, joined.size), 2);
        assert_non_null(strstr(buf_text(&joined), buf_text(&system)));
        assert_non_null(strstr(buf_text(&joined), buf_text(&extra)));
        trust_close(trust);
}

static void a_file_that_ends_without_line_break_is_joined_all_the_same(void **state)
{
        CLEANUP(mem_cleanup) char *bare = test_directory_file(directory, "bare.pem");
        CLEANUP(buf_deinit) struct buf joined = BUF_INIT;
        CLEANUP(buf_deinit) struct buf system = BUF_INIT;
        struct trust *trust;

        (void)state;
        read_file(system_ca, &system);
        system.data[system.size - 1] = '\0';
        test_directory_write(directory, "bare.pem", buf_text(&system));
        setenv("SSL_CERT_FILE", bare, 1);
        assert_int_equal(trust_open(extra_ca, &trust, NULL), 0);
        setenv("SSL_CERT_FILE", system_ca, 1);
        read_file(trust_file(trust), &joined);
        assert_int_equal(crypto_count_certificates(joined.data, joined.size), 2);
        trust_close(trust);
}

static void assert_refused(const char *extra, const char *explanation)
{
        struct trust *trust;
        struct reason reason = REASON_INIT;

        assert_true(trust_open(extra, &trust, &reason) < 0);
        assert_null(trust);
        if (!strstr(reason.text, explanation))
                fail_msg("'%s' is not in '%s'", explanation, reason.text);
}

static void a_file_that_is_no_good_is_named(void **state)
{
        CLEANUP(mem_cleanup) char *missing = test_directory_file(directory, "missing.pem");
        CLEANUP(mem_cleanup) char *empty = test_directory_file(directory, "empty.pem");
        CLEANUP(mem_cleanup) char *broken = test_directory_file(directory, "broken.pem");
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;

        (void)state;
        assert_refused(missing, "missing.pem");
        test_directory_write(directory, "empty.pem", "");
        assert_refused(empty, "empty.pem' holds no certificate");
        read_file(extra_ca, &text);
        buf_add_text(&text, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
        test_directory_write(directory, "broken.pem", buf_text(&text));
        assert_refused(broken, "certificate 2 in");
        setenv("SSL_CERT_FILE", missing, 1);
        assert_refused(extra_ca, "missing.pem");
        setenv("SSL_CERT_FILE", system_ca, 1);
}

static void closing_nothing_is_allowed(void **state)
{
        (void)state;
        trust_close(NULL);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(without_an_extra_file_it_is_the_systems),
                cmocka_unit_test(an_extra_file_is_joined_to_the_systems),
                cmocka_unit_test(a_file_that_ends_without_line_break_is_joined_all_the_same),
                cmocka_unit_test(a_file_that_is_no_good_is_named),
                cmocka_unit_test(closing_nothing_is_allowed),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
