// SPDX-License-Identifier: MIT
/* Certificates of clients, with those that a local hub makes for itself (rule W21). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/crypto.h"
#include "base/file.h"
#include "base/mem.h"
#include "localhub/certificates.h"
#include "localhub/gate/certificate_check.h"
#include "localhub/x509/client_chain.h"

#define NOW  INT64_C(1800000000)
#define YEAR INT64_C(31536000)

static char directory[] = "/tmp/isthmus-chain-XXXXXX";
static struct buf authority;    /* PEM */
static struct client_chain own; /* of the certificate of `localhost`, which it has signed */

static int make_certificates(void **state)
{
        const struct certificates_options options = {.directory = directory, .now_s = NOW};
        struct certificates *made = NULL;
        struct certificate_facts facts;
        CLEANUP(buf_deinit) struct buf server = BUF_INIT;
        CLEANUP(buf_deinit) struct buf der = BUF_INIT;
        const char *begin;

        (void)state;
        if (!mkdtemp(directory) || certificates_open(&options, &made, NULL) != 0 ||
            file_read(made->authority_path, 65536, &authority, NULL) != 0 ||
            file_read(made->server_path, 65536, &server, NULL) != 0)
                return -1;
        if (!device_certificate_read(buf_text(&server), &facts, NULL, NULL))
                return -1;
        /* What is between the lines of PEM is base64. */
        begin = strchr(buf_text(&server), '\n') + 1;
        for (const char *c = begin; *c != '-'; c++) {
                if (*c != '\n')
                        buf_add_char(&der, *c);
        }
        {
                CLEANUP(buf_deinit) struct buf bytes = BUF_INIT;

                if (!crypto_base64_decode(&bytes, der.data, der.size) ||
                    !client_chain_read(bytes.data, bytes.size, &own))
                        return -1;
        }
        certificates_free(made);
        return 0;
}

static int remove_certificates(void **state)
{
        static const char *const names[] = {"ca.pem", "ca-key.pem", "server.pem", "server-key.pem"};

        (void)state;
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                CLEANUP(mem_cleanup) char *path = mem_format("%s/%s", directory, names[i]);

                unlink(path);
        }
        rmdir(directory);
        buf_deinit(&authority);
        client_chain_deinit(&own);
        return 0;
}

static void w21_a_certificate_is_known_by_either_thumbprint(void **state)
{
        CLEANUP(mem_cleanup) char *lower = mem_text(own.own.sha256);
        uint8_t digest[CRYPTO_SHA1_SIZE];
        CLEANUP(buf_deinit) struct buf hex = BUF_INIT;

        (void)state;
        crypto_sha1(own.der.data, own.der.size, digest);
        crypto_hex_encode(&hex, digest, sizeof(digest));
        assert_true(client_chain_has_thumbprint(&own, buf_text(&hex)));
        for (char *c = lower; *c; c++)
                *c = (char)(*c >= 'A' && *c <= 'F' ? *c - 'A' + 'a' : *c);
        assert_true(client_chain_has_thumbprint(&own, lower));
        lower[0] = lower[0] == '0' ? '1' : '0';
        assert_false(client_chain_has_thumbprint(&own, lower));
        assert_false(client_chain_has_thumbprint(&own, ""));
        assert_string_equal(own.own.common_name, "localhost");
        assert_false(own.own.is_authority);
}

static void w21_an_authority_stands_for_what_it_signed_while_it_is_valid(void **state)
{
        struct reason reason = REASON_INIT;

        (void)state;
        assert_true(client_chain_is_from(&own, buf_text(&authority), NOW, &reason));
        assert_false(client_chain_is_from(&own, buf_text(&authority), NOW + 2 * YEAR, &reason));
        assert_non_null(strstr(reason.text, "expired"));
        assert_false(client_chain_is_from(&own, "", NOW, &reason));
        assert_false(client_chain_is_from(&own, "no certificate", NOW, &reason));
}

static void a_certificate_is_read_from_pem_and_from_base64(void **state)
{
        CLEANUP(buf_deinit) struct buf base64 = BUF_INIT;
        CLEANUP(buf_deinit) struct buf pem = BUF_INIT;
        struct certificate_facts first;
        struct certificate_facts second;
        struct reason reason = REASON_INIT;

        (void)state;
        assert_true(device_certificate_read(buf_text(&authority), &first, NULL, &reason));
        assert_true(first.is_authority);
        crypto_base64_encode(&base64, own.der.data, own.der.size);
        assert_true(device_certificate_read(buf_text(&base64), &first, &pem, &reason));
        assert_true(device_certificate_read(buf_text(&pem), &second, NULL, &reason));
        assert_string_equal(second.sha256, first.sha256);
        /* Also base64 of the PEM text, which Microsoft's tests send. */
        buf_clear(&base64);
        crypto_base64_encode(&base64, pem.data, pem.size);
        assert_true(device_certificate_read(buf_text(&base64), &second, NULL, &reason));
        assert_string_equal(first.sha256, own.own.sha256);
        assert_string_equal(second.sha256, own.own.sha256);
        assert_false(device_certificate_read("nonsense", &first, NULL, &reason));
        assert_false(device_certificate_read("", &first, NULL, &reason));
        /* Nobody is asked for a password. */
        assert_false(
                device_certificate_read("-----BEGIN CERTIFICATE-----\nProc-Type: 4,ENCRYPTED\n"
                                        "DEK-Info: AES-128-CBC,00000000000000000000000000000000\n\n"
                                        "AAAAAAAAAAAAAAAAAAAAAA==\n-----END CERTIFICATE-----\n",
                                        &first, NULL, &reason));
}

static int check(struct registry *registry, const struct client_chain *chain)
{
        struct reason reason = REASON_INIT;
        int r = certificate_check_device(registry, 0, "localhost", chain, NOW, &reason);

        assert_true(r == 0 || reason.text[0]);
        return r;
}

static void w21_a_device_is_who_its_registration_says(void **state)
{
        enum registry_authentication how = REGISTRY_SELF_SIGNED;
        bool enabled = true;
        struct registry_device_settings settings = {
                .authentication = &how, .enabled = &enabled, .thumbprints = {"", own.own.sha1}};
        struct registry *registry = NULL;
        int hub;

        (void)state;
        assert_int_equal(
                registry_open(&(struct registry_options){.directory = NULL}, &registry, NULL), 0);
        assert_int_equal(registry_hub_add(registry, "hub1", 1, &hub, NULL), 0);
        assert_int_not_equal(check(registry, &own), 0); /* it does not exist */
        assert_int_equal(registry_device_put(registry, 0, "localhost", REGISTRY_CREATE, &settings,
                                             NULL, NULL),
                         0);
        assert_int_equal(check(registry, &own), 0);
        assert_int_not_equal(check(registry, NULL), 0);
        how = REGISTRY_AUTHORITY;
        assert_int_equal(registry_device_put(registry, 0, "localhost", REGISTRY_UPDATE, &settings,
                                             NULL, NULL),
                         0);
        assert_int_not_equal(check(registry, &own), 0); /* nobody stands for it yet */
        assert_int_equal(registry_certificate_put(registry, "ca", REGISTRY_FOR_ENROLMENTS,
                                                  buf_text(&authority), NULL),
                         0);
        assert_int_not_equal(check(registry, &own), 0);
        assert_int_equal(registry_certificate_put(registry, "ca", REGISTRY_FOR_DEVICES,
                                                  buf_text(&authority), NULL),
                         0);
        assert_int_equal(check(registry, &own), 0);
        enabled = false;
        assert_int_equal(registry_device_put(registry, 0, "localhost", REGISTRY_UPDATE, &settings,
                                             NULL, NULL),
                         0);
        assert_int_not_equal(check(registry, &own), 0);
        enabled = true;
        how = REGISTRY_SAS;
        assert_int_equal(registry_device_put(registry, 0, "localhost", REGISTRY_UPDATE, &settings,
                                             NULL, NULL),
                         0);
        assert_int_not_equal(check(registry, &own), 0);
        registry_close(registry);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(w21_a_certificate_is_known_by_either_thumbprint),
                cmocka_unit_test(w21_an_authority_stands_for_what_it_signed_while_it_is_valid),
                cmocka_unit_test(a_certificate_is_read_from_pem_and_from_base64),
                cmocka_unit_test(w21_a_device_is_who_its_registration_says),
        };

        return cmocka_run_group_tests(tests, make_certificates, remove_certificates);
}
