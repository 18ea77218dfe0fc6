// SPDX-License-Identifier: MIT
/* Rule M8: which deliveries are Myriota's, with keys and certificates made here. */
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "networks/myriota/myriota_signature.h"
#include "unit/networks/support.h"

#define NOW_S   INT64_C(1741558503)
#define DAY     (24 * 60 * 60L)
#define COMMON  "security.myriota.com"
#define COMPANY "Myriota Pty Ltd"
#define PACKETS                                                                                    \
        "{\"Packets\": [{\"Timestamp\": 1741550000000, \"TerminalId\": \"77\", \"Value\": "        \
        "\"00\"}]}"

/* Made once: two RSA keys and a root of its own. */
struct keys {
        EVP_PKEY *signer;
        EVP_PKEY *other;
        EVP_PKEY *root_key;
        X509 *root;
};

static struct keys keys;

struct wish {
        const char *common_name;
        const char *organization;
        const char *second_name; /* another CN, or NULL */
        EVP_PKEY *key;
        EVP_PKEY *issuer_key; /* NULL: self-signed */
        bool authority;       /* may sign others */
        long from;            /* seconds from NOW_S */
        long to;
};

#define WISH                                                                                       \
        .common_name = COMMON, .organization = COMPANY, .key = keys.signer, .from = -DAY, .to = DAY

static void add_name(X509_NAME *name, const char *field, const char *value)
{
        assert_int_equal(X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8,
                                                    (const unsigned char *)value, -1, -1, 0),
                         1);
}

static void add_authority(X509 *certificate)
{
        X509_EXTENSION *extension =
                X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints, "critical,CA:TRUE");

        assert_non_null(extension);
        X509_add_ext(certificate, extension, -1);
        X509_EXTENSION_free(extension);
}

static X509 *make_certificate(struct wish wish)
{
        X509 *certificate = X509_new();
        X509_NAME *name = X509_get_subject_name(certificate);

        assert_non_null(certificate);
        X509_set_version(certificate, 2);
        ASN1_INTEGER_set(X509_get_serialNumber(certificate), 7);
        ASN1_TIME_set(X509_getm_notBefore(certificate), (time_t)(NOW_S + wish.from));
        ASN1_TIME_set(X509_getm_notAfter(certificate), (time_t)(NOW_S + wish.to));
        add_name(name, "C", "AU");
        if (wish.organization)
                add_name(name, "O", wish.organization);
        add_name(name, "CN", wish.common_name);
        if (wish.second_name)
                add_name(name, "CN", wish.second_name);
        X509_set_issuer_name(certificate,
                             wish.issuer_key ? X509_get_subject_name(keys.root) : name);
        X509_set_pubkey(certificate, wish.key);
        if (wish.authority)
                add_authority(certificate);
        assert_true(X509_sign(certificate, wish.issuer_key ? wish.issuer_key : wish.key,
                              EVP_sha256()) > 0);
        return certificate;
}

static void write_pem(X509 *certificate, struct buf *out)
{
        BIO *bio = BIO_new(BIO_s_mem());
        char *bytes = NULL;
        long size;

        assert_int_equal(PEM_write_bio_X509(bio, certificate), 1);
        size = BIO_get_mem_data(bio, &bytes);
        buf_add(out, bytes, (size_t)size);
        BIO_free(bio);
}

static void make_pem(struct wish wish, struct buf *out)
{
        X509 *certificate = make_certificate(wish);

        buf_clear(out);
        write_pem(certificate, out);
        X509_free(certificate);
}

static int set_up(void **state)
{
        (void)state;
        keys.signer = EVP_RSA_gen(2048);
        keys.other = EVP_RSA_gen(2048);
        keys.root_key = EVP_RSA_gen(2048);
        keys.root = make_certificate((struct wish){.common_name = "Root",
                                                   .authority = true,
                                                   .key = keys.root_key,
                                                   .from = -DAY,
                                                   .to = DAY});
        return keys.signer && keys.other && keys.root_key ? 0 : -1;
}

static int tear_down(void **state)
{
        (void)state;
        EVP_PKEY_free(keys.signer);
        EVP_PKEY_free(keys.other);
        EVP_PKEY_free(keys.root_key);
        X509_free(keys.root);
        return 0;
}

static void sign(EVP_PKEY *key, const char *covered, struct buf *signature)
{
        EVP_MD_CTX *context = EVP_MD_CTX_new();
        unsigned char bytes[512];
        size_t size = sizeof(bytes);

        assert_int_equal(EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key), 1);
        assert_int_equal(EVP_DigestSign(context, bytes, &size, (const unsigned char *)covered,
                                        strlen(covered)),
                         1);
        EVP_MD_CTX_free(context);
        crypto_base64_encode(signature, bytes, size);
}

/* A delivery; `covered` is what was signed, which may differ from what is in the members. */
static char *make_delivery(EVP_PKEY *key, const char *covered, const char *data)
{
        CLEANUP(buf_deinit) struct buf body = BUF_INIT;
        CLEANUP(buf_deinit) struct buf signature = BUF_INIT;

        sign(key, covered, &signature);
        buf_add_text(&body, "{\"EndpointRef\":\"ref:1\",\"Timestamp\":1741558000,\"Id\":\"id-1\","
                            "\"CertificateUrl\":\"https://security.myriota.com/data-x.crt\","
                            "\"Data\":");
        buf_add_json_string(&body, data, strlen(data));
        buf_add_format(&body, ",\"Signature\":\"%s\"}", buf_text(&signature));
        return buf_take(&body);
}

static int read_signature(const char *body, struct signature *signature, struct reason *reason)
{
        struct webhook webhook = {.path = "",
                                  .body = body,
                                  .body_size = strlen(body),
                                  .maximum_values = JSON_VALUES_USUAL};

        *signature = SIGNATURE_INIT;
        return myriota_signature_read(&webhook, signature, reason);
}

/* Reads and verifies a good delivery of the signer with this certificate. */
static int verify_with(const void *certificate, size_t size, const struct signature_strict *strict)
{
        CLEANUP(mem_cleanup)
        char *body = make_delivery(keys.signer, "ref:1\n1741558000\nid-1\n" PACKETS, PACKETS);
        CLEANUP(signature_deinit) struct signature signature;
        CLEANUP(buf_deinit) struct buf given = BUF_INIT;
        struct reason reason = REASON_INIT;
        int result;

        buf_add(&given, certificate, size);
        assert_int_equal(read_signature(body, &signature, &reason), 0);
        result = support_verify(&signature, &given, strict, &reason);
        assert_int_equal(result == 0, reason.text[0] == '\0');
        return result;
}

static int verify_wish(struct wish wish, const struct signature_strict *strict)
{
        CLEANUP(buf_deinit) struct buf pem = BUF_INIT;

        make_pem(wish, &pem);
        return verify_with(pem.data, pem.size, strict);
}

static void m8_a_good_signature_is_taken(void **state)
{
        (void)state;
        assert_int_equal(verify_wish((struct wish){WISH}, NULL), 0);
}

static void m8_der_is_taken_too(void **state)
{
        X509 *certificate = make_certificate((struct wish){WISH});
        unsigned char *der = NULL;
        int size = i2d_X509(certificate, &der);

        (void)state;
        assert_true(size > 0);
        assert_int_equal(verify_with(der, (size_t)size, NULL), 0);
        assert_int_equal(verify_with(der, (size_t)size / 2, NULL), SIGNATURE_E_CERTIFICATE);
        OPENSSL_free(der);
        X509_free(certificate);
}

static void m8_expired_and_self_signed_is_no_reason_to_refuse(void **state)
{
        struct wish expired = {WISH};

        (void)state;
        expired.from = -2000 * DAY;
        expired.to = -1000 * DAY;
        assert_int_equal(verify_wish(expired, NULL), 0);
}

static void m8_strict_looks_at_time_and_chain(void **state)
{
        CLEANUP(buf_deinit) struct buf roots = BUF_INIT;
        struct signature_strict strict = {.now_s = NOW_S};
        struct reason reason = REASON_INIT;
        struct wish wish = {WISH};

        (void)state;
        assert_null(signature_roots_new("nothing", 7, &reason));
        assert_string_not_equal(reason.text, "");
        write_pem(keys.root, &roots);
        strict.roots = signature_roots_new(roots.data, roots.size, &reason);
        assert_int_equal(verify_wish(wish, &strict), SIGNATURE_E_STRICT);
        wish.issuer_key = keys.root_key;
        assert_int_equal(verify_wish(wish, &strict), 0);
        strict.now_s = NOW_S + 2 * DAY;
        assert_int_equal(verify_wish(wish, &strict), SIGNATURE_E_STRICT);
        strict.now_s = NOW_S - 2 * DAY;
        assert_int_equal(verify_wish(wish, &strict), SIGNATURE_E_STRICT);
        strict.now_s = NOW_S;
        wish.issuer_key = keys.other;
        assert_int_equal(verify_wish(wish, &strict), SIGNATURE_E_STRICT);
        signature_roots_free(strict.roots);
}

static void m8_a_foreign_subject_is_refused(void **state)
{
        static const struct wish wishes[] = {
                {.common_name = "security.myriota.com.example.net", .organization = COMPANY},
                {.common_name = "SECURITY.myriota.com", .organization = COMPANY},
                {.common_name = COMMON, .organization = "Myriota"},
                {.common_name = COMMON, .organization = NULL},
                {.common_name = COMMON, .organization = COMPANY, .second_name = "example.net"},
                {.common_name = COMMON, .organization = COMPANY, .second_name = COMMON},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(wishes); i++) {
                struct wish wish = wishes[i];

                wish.key = keys.signer;
                wish.to = DAY;
                assert_int_equal(verify_wish(wish, NULL), SIGNATURE_E_CERTIFICATE);
        }
}

static void m8_weak_and_other_keys_are_refused(void **state)
{
        struct wish wish = {WISH};

        (void)state;
        wish.key = EVP_RSA_gen(1024);
        assert_int_equal(verify_wish(wish, NULL), SIGNATURE_E_CERTIFICATE);
        EVP_PKEY_free(wish.key);
        wish.key = EVP_EC_gen("P-256");
        assert_int_equal(verify_wish(wish, NULL), SIGNATURE_E_CERTIFICATE);
        EVP_PKEY_free(wish.key);
        wish.key = keys.other;
        assert_int_equal(verify_wish(wish, NULL), SIGNATURE_E_FALSE);
}

static void m8_what_is_no_certificate_is_refused(void **state)
{
        static const char *const texts[] = {
                "",
                "<html>not found</html>",
                "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
                "-----BEGIN CERTIFICATE-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: "
                "AES-128-CBC,00112233445566778899AABBCCDDEEFF\n\nAAAA\n"
                "-----END CERTIFICATE-----\n",
                "0\x82\x01",
        };
        char *large = mem_new(MYRIOTA_CERTIFICATE_SIZE + 2, 1);

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
                assert_int_equal(verify_with(texts[i], strlen(texts[i]), NULL),
                                 SIGNATURE_E_CERTIFICATE);
        memset(large, '0', MYRIOTA_CERTIFICATE_SIZE + 1);
        assert_int_equal(verify_with(large, MYRIOTA_CERTIFICATE_SIZE + 1, NULL),
                         SIGNATURE_E_CERTIFICATE);
        free(large);
}

static void m8_whatever_was_changed_is_noticed(void **state)
{
        static const char *const covered[] = {
                "ref:2\n1741558000\nid-1\n" PACKETS,     "ref:1\n1741558001\nid-1\n" PACKETS,
                "ref:1\n1741558000\nid-2\n" PACKETS,     "ref:1\n1741558000\nid-1\n" PACKETS "\n",
                "ref:1\n1741558000\nid-1\n" PACKETS " ", "1741558000\nid-1\n" PACKETS,
                "ref:1\n1741558000\nid-1\n{}",           "",
        };
        CLEANUP(buf_deinit) struct buf pem = BUF_INIT;

        (void)state;
        make_pem((struct wish){WISH}, &pem);
        for (size_t i = 0; i < ARRAY_SIZE(covered); i++) {
                char *body = make_delivery(keys.signer, covered[i], PACKETS);
                struct signature signature;
                struct reason reason = REASON_INIT;

                assert_int_equal(read_signature(body, &signature, &reason), 0);
                assert_int_equal(support_verify(&signature, &pem, NULL, &reason),
                                 SIGNATURE_E_FALSE);
                assert_string_equal(reason.text, "the signature does not fit the delivery");
                signature_deinit(&signature);
                free(body);
        }
}

/* The text inside Data counts as it was before it was escaped into the body. */
static void m8_data_is_covered_unescaped(void **state)
{
        static const char data[] = "{ \"Packets\" : [\n\t] , \"Extra\":\"\\u00e9\\/\xc3\xa9\" }";
        CLEANUP(buf_deinit) struct buf covered = BUF_INIT;
        CLEANUP(buf_deinit) struct buf pem = BUF_INIT;
        struct signature signature;
        struct reason reason = REASON_INIT;
        char *body;

        (void)state;
        make_pem((struct wish){WISH}, &pem);
        buf_add_format(&covered, "ref:1\n1741558000\nid-1\n%s", data);
        body = make_delivery(keys.signer, covered.data, data);
        assert_int_equal(read_signature(body, &signature, &reason), 0);
        assert_int_equal(signature.signed_s, 1741558000);
        assert_string_equal(signature.certificate_url, "https://security.myriota.com/data-x.crt");
        assert_int_equal(support_verify(&signature, &pem, NULL, &reason), 0);
        signature_deinit(&signature);
        free(body);
}

static void m8_missing_parts_are_named(void **state)
{
        static const struct {
                const char *body;
                int result;
                const char *in_reason;
        } rows[] = {
                {"", SIGNATURE_E_MALFORMED, "the body is empty"},
                {"[]", SIGNATURE_E_MALFORMED, "no object"},
                {"{}", SIGNATURE_E_MISSING, "Signature is missing"},
                {"{\"Signature\":5}", SIGNATURE_E_MISSING, "Signature is missing"},
                {"{\"Signature\":\"AAAA\"}", SIGNATURE_E_MISSING, "CertificateUrl"},
                {"{\"Signature\":\"%%\",\"CertificateUrl\":\"u\"}", SIGNATURE_E_FALSE,
                 "not base64"},
                {"{\"Signature\":\"AAAA\",\"CertificateUrl\":\"u\"}", SIGNATURE_E_MISSING,
                 "EndpointRef"},
                {"{\"Signature\":\"AAAA\",\"CertificateUrl\":\"u\",\"EndpointRef\":\"e\\n5\"}",
                 SIGNATURE_E_MISSING, "EndpointRef holds a line feed"},
                {"{\"Signature\":\"AAAA\",\"CertificateUrl\":\"u\",\"EndpointRef\":\"e\"}",
                 SIGNATURE_E_MISSING, "Id"},
                {"{\"Signature\":\"AAAA\",\"CertificateUrl\":\"u\",\"EndpointRef\":\"e\","
                 "\"Id\":\"i\"}",
                 SIGNATURE_E_MISSING, "Data"},
                {"{\"Signature\":\"AAAA\",\"CertificateUrl\":\"u\",\"EndpointRef\":\"e\","
                 "\"Id\":\"i\",\"Data\":\"d\"}",
                 SIGNATURE_E_MISSING, "Timestamp"},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                struct signature signature;
                struct reason reason = REASON_INIT;

                assert_int_equal(read_signature(rows[i].body, &signature, &reason), rows[i].result);
                if (!strstr(reason.text, rows[i].in_reason))
                        fail_msg("\"%s\" is not in: %s", rows[i].in_reason, reason.text);
                signature_deinit(&signature);
        }
}

static void assert_url(const char *url, const char *authority, bool allowed)
{
        struct reason reason = REASON_INIT;
        int result = myriota_signature_check_url(url, authority, &reason);

        if (result != (allowed ? 0 : SIGNATURE_E_URL))
                fail_msg("%s: %d %s", url, result, reason.text);
        assert_int_equal(allowed, reason.text[0] == '\0');
}

static void m8_certificates_come_from_one_host_only(void **state)
{
        static const char *const good[] = {
                "https://security.myriota.com/data-1.crt",
                "https://security.myriota.com:443/data-1.crt",
                "HTTPS://Security.Myriota.COM/data-1.crt",
                "https://security.myriota.com",
                "https://security.myriota.com?x=1",
        };
        static const char *const bad[] = {
                "",
                "https",
                "https://",
                "http://security.myriota.com/data-1.crt",
                "file:///etc/hostname",
                "ftp://security.myriota.com/x",
                "//security.myriota.com/x",
                "security.myriota.com/x",
                "https:/security.myriota.com/x",
                "https:///security.myriota.com/x",
                "https://security.myriota.com.example.net/x",
                "https://security.myriota.com./x",
                "https://example.net/security.myriota.com",
                "https://example.net?security.myriota.com",
                "https://xsecurity.myriota.com/x",
                "https://myriota.com/x",
                "https://security.myriota.com@example.net/x",
                "https://example.net@security.myriota.com/x",
                "https://user:pw@security.myriota.com/x",
                "https://example.net\\@security.myriota.com/x",
                "https://security.myriota.com\\x",
                "https://security.myriota.com:8443/x",
                "https://security.myriota.com:/x",
                "https://security.myriota.com:4430/x",
                "https://security.myriota.com:443:443/x",
                "https://security.myriota.com%2eexample.net/x",
                "https://security%2emyriota.com/x",
                "https://security.myriota.com#@example.net/x",
                "https://security.myriota.com/x y",
                "https://security.myriota.com/x\n",
                " https://security.myriota.com/x",
                "https://s\303\251curity.myriota.com/x",
                "https://169.254.169.254/latest/meta-data",
                "https://[::1]/x",
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(good); i++)
                assert_url(good[i], MYRIOTA_CERTIFICATE_HOST, true);
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                assert_url(bad[i], MYRIOTA_CERTIFICATE_HOST, false);
}

static void m8_a_stand_in_host_may_have_a_port(void **state)
{
        (void)state;
        assert_url("https://localhost:8443/x", "localhost:8443", true);
        assert_url("https://localhost/x", "localhost:8443", false);
        assert_url("https://localhost:8443:443/x", "localhost:8443", false);
        assert_url("https://localhost:84430/x", "localhost:8443", false);
        assert_url("https://localhost/x", "localhost:443", true);
        assert_url("https://localhost:443/x", "localhost:443", true);
        assert_url("https://localhost:8443/x", "localhost:443", false);
        assert_url("https://[::1]/x", "[::1]", true);
        assert_url("https://[::1]:443/x", "[::1]", true);
        assert_url("https://[::1]:8443/x", "[::1]:8443", true);
        assert_url("https://[::1]:8443/x", "[::1]", false);
}

static void m8_a_very_long_url_is_refused(void **state)
{
        CLEANUP(buf_deinit) struct buf url = BUF_INIT;

        (void)state;
        buf_add_text(&url, "https://security.myriota.com/");
        while (url.size < 3000)
                buf_add_char(&url, 'x');
        assert_url(url.data, MYRIOTA_CERTIFICATE_HOST, false);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(m8_a_good_signature_is_taken),
                cmocka_unit_test(m8_der_is_taken_too),
                cmocka_unit_test(m8_expired_and_self_signed_is_no_reason_to_refuse),
                cmocka_unit_test(m8_strict_looks_at_time_and_chain),
                cmocka_unit_test(m8_a_foreign_subject_is_refused),
                cmocka_unit_test(m8_weak_and_other_keys_are_refused),
                cmocka_unit_test(m8_what_is_no_certificate_is_refused),
                cmocka_unit_test(m8_whatever_was_changed_is_noticed),
                cmocka_unit_test(m8_data_is_covered_unescaped),
                cmocka_unit_test(m8_missing_parts_are_named),
                cmocka_unit_test(m8_certificates_come_from_one_host_only),
                cmocka_unit_test(m8_a_stand_in_host_may_have_a_port),
                cmocka_unit_test(m8_a_very_long_url_is_refused),
        };

        return cmocka_run_group_tests_name("myriota_signature", tests, set_up, tear_down);
}
