// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/crypto.h"

#include <string.h>

#include "support/signer.h"

static void check_hex(const uint8_t *bytes, size_t size, const char *expected)
{
        struct buf hex = BUF_INIT;

        crypto_hex_encode(&hex, bytes, size);
        assert_string_equal(buf_text(&hex), expected);
        buf_deinit(&hex);
}

/* FIPS 180-4 examples. */
static void test_sha256_vectors(void **state)
{
        uint8_t digest[CRYPTO_SHA256_SIZE];

        (void)state;
        crypto_sha256("abc", 3, digest);
        check_hex(digest, sizeof(digest),
                  "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        crypto_sha256("", 0, digest);
        check_hex(digest, sizeof(digest),
                  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

/* RFC 4231, test cases 1, 2 and 6. */
static void test_hmac_vectors(void **state)
{
        uint8_t mac[CRYPTO_SHA256_SIZE];
        uint8_t key[131];

        (void)state;
        memset(key, 0x0b, 20);
        crypto_hmac_sha256(key, 20, "Hi There", 8, mac);
        check_hex(mac, sizeof(mac),
                  "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
        crypto_hmac_sha256("Jefe", 4, "what do ya want for nothing?", 28, mac);
        check_hex(mac, sizeof(mac),
                  "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
        memset(key, 0xaa, sizeof(key));
        crypto_hmac_sha256(key, sizeof(key),
                           "Test Using Larger Than Block-Size Key - Hash Key First", 54, mac);
        check_hex(mac, sizeof(mac),
                  "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

/* RFC 4648, section 10. */
static void test_base64_vectors_both_ways(void **state)
{
        static const char *const pairs[][2] = {
                {"", ""},
                {"f", "Zg=="},
                {"fo", "Zm8="},
                {"foo", "Zm9v"},
                {"foob", "Zm9vYg=="},
                {"fooba", "Zm9vYmE="},
                {"foobar", "Zm9vYmFy"},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
                struct buf out = BUF_INIT;

                buf_add_text(&out, ">");
                crypto_base64_encode(&out, pairs[i][0], strlen(pairs[i][0]));
                assert_string_equal(buf_text(&out) + 1, pairs[i][1]);
                buf_clear(&out);
                buf_add_text(&out, ">");
                assert_true(crypto_base64_decode(&out, pairs[i][1], strlen(pairs[i][1])));
                assert_string_equal(buf_text(&out) + 1, pairs[i][0]);
                buf_deinit(&out);
        }
}

static void test_base64_keeps_all_bytes(void **state)
{
        uint8_t bytes[256];

        (void)state;
        for (size_t i = 0; i < sizeof(bytes); i++)
                bytes[i] = (uint8_t)i;
        for (size_t size = 0; size <= sizeof(bytes); size++) {
                struct buf text = BUF_INIT;
                struct buf back = BUF_INIT;

                crypto_base64_encode(&text, bytes, size);
                assert_true(crypto_base64_decode(&back, buf_text(&text), text.size));
                assert_int_equal(back.size, size);
                assert_memory_equal(buf_text(&back), bytes, size);
                buf_deinit(&text);
                buf_deinit(&back);
        }
}

static void test_base64_refuses_everything_else(void **state)
{
        static const char *const cases[] = {
                "Z",    "Zg",   "Zg=",    "Zg===",        "====", "=AAA",  "Z=g=",     "Zm9-",
                "Zm9_", "Zm 9", "Zm9v\n", "Zm9vZg==Zm9v", "A===", "Zm\n9", "Zm9v Zg=="};

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct buf out = BUF_INIT;

                buf_add_text(&out, "before");
                if (crypto_base64_decode(&out, cases[i], strlen(cases[i])))
                        fail_msg("accepted: %s", cases[i]);
                assert_string_equal(buf_text(&out), "before");
                assert_int_equal(out.size, 6);
                buf_deinit(&out);
        }
}

static void test_hex_both_ways(void **state)
{
        struct buf out = BUF_INIT;

        (void)state;
        crypto_hex_encode(&out, "\x00\x7f\x80\xff", 4);
        assert_string_equal(buf_text(&out), "007f80ff");
        buf_clear(&out);
        assert_true(crypto_hex_decode(&out, "007F80fF", 8));
        assert_int_equal(out.size, 4);
        assert_memory_equal(out.data, "\x00\x7f\x80\xff", 4);
        assert_true(crypto_hex_decode(&out, "", 0));
        assert_int_equal(out.size, 4);
        assert_false(crypto_hex_decode(&out, "0", 1));
        assert_false(crypto_hex_decode(&out, "0g", 2));
        assert_false(crypto_hex_decode(&out, "00 0", 4));
        assert_false(crypto_hex_decode(&out, "11-1", 4));
        assert_int_equal(out.size, 4);
        buf_deinit(&out);
}

static void test_equal_compares_all_bytes(void **state)
{
        (void)state;
        assert_true(crypto_equal("", 0, "", 0));
        assert_true(crypto_equal("a\0b", 3, "a\0b", 3));
        assert_false(crypto_equal("a\0b", 3, "a\0c", 3));
        assert_false(crypto_equal("key", 3, "keys", 4));
        assert_false(crypto_equal("key", 3, "Key", 3));
}

static void check_uuid_form(const char *text, char version)
{
        assert_int_equal(strlen(text), CRYPTO_UUID_SIZE - 1);
        assert_int_equal(strspn(text, "0123456789abcdef-"), CRYPTO_UUID_SIZE - 1);
        assert_int_equal(text[8], '-');
        assert_int_equal(text[13], '-');
        assert_int_equal(text[14], version);
        assert_int_equal(text[18], '-');
        assert_non_null(strchr("89ab", text[19]));
        assert_int_equal(text[23], '-');
}

static void test_uuids(void **state)
{
        char first[CRYPTO_UUID_SIZE];
        char second[CRYPTO_UUID_SIZE];

        (void)state;
        crypto_uuid4(first);
        crypto_uuid4(second);
        check_uuid_form(first, '4');
        assert_string_not_equal(first, second);
        crypto_uuid_of("event 1", 7, first);
        check_uuid_form(first, '5');
        crypto_uuid_of("event 1", 7, second);
        assert_string_equal(first, second);
        crypto_uuid_of("event 2", 7, second);
        assert_string_not_equal(first, second);
        /* The first 16 bytes of SHA-256("abc") but for version and variant: never changes. */
        crypto_uuid_of("abc", 3, first);
        assert_string_equal(first, "ba7816bf-8f01-5fea-8141-40de5dae2223");
}

static void test_random_bytes_differ(void **state)
{
        uint8_t first[32] = {0};
        uint8_t second[32] = {0};

        (void)state;
        crypto_random(first, sizeof(first));
        crypto_random(second, sizeof(second));
        assert_memory_not_equal(first, second, sizeof(first));
}

static void test_a_certificate_is_read_in_both_forms(void **state)
{
        static const char *const others[] = {"", "x", "-----BEGIN CERTIFICATE-----\nAAAA\n",
                                             "0\x82\x01"};
        struct test_signer *signer = test_signer_new(&(struct test_signer_wish){.to_s = 60});
        const char *pem = test_signer_pem(signer);
        CLEANUP(buf_deinit) struct buf der = BUF_INIT;
        CLEANUP(buf_deinit) struct buf again = BUF_INIT;
        CLEANUP(buf_deinit) struct buf fingerprint = BUF_INIT;
        uint8_t digest[CRYPTO_SHA256_SIZE];

        (void)state;
        assert_true(crypto_certificate_der(&der, pem, strlen(pem)));
        crypto_sha256(der.data, der.size, digest);
        crypto_hex_encode(&fingerprint, digest, sizeof(digest));
        assert_string_equal(buf_text(&fingerprint), test_signer_fingerprint(signer));
        assert_true(crypto_certificate_der(&again, der.data, der.size));
        assert_true(crypto_equal(again.data, again.size, der.data, der.size));
        for (size_t i = 0; i < ARRAY_SIZE(others); i++)
                assert_false(crypto_certificate_der(&again, others[i], strlen(others[i])));
        assert_false(crypto_certificate_der(&again, der.data, der.size - 1));
        assert_int_equal(again.size, der.size);
        test_signer_free(signer);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_sha256_vectors),
                cmocka_unit_test(test_hmac_vectors),
                cmocka_unit_test(test_base64_vectors_both_ways),
                cmocka_unit_test(test_base64_keeps_all_bytes),
                cmocka_unit_test(test_base64_refuses_everything_else),
                cmocka_unit_test(test_hex_both_ways),
                cmocka_unit_test(test_equal_compares_all_bytes),
                cmocka_unit_test(test_uuids),
                cmocka_unit_test(test_random_bytes_differ),
                cmocka_unit_test(test_a_certificate_is_read_in_both_forms),
        };

        return cmocka_run_group_tests_name("base.crypto", tests, NULL, NULL);
}
