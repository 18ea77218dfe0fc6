// SPDX-License-Identifier: MIT
#include "base/x509/certificate.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/crypto.h"
#include "base/file.h"
#include "base/mem.h"

#define DAY_S        (INT64_C(24) * 3600)
#define CLOCK_SKEW_S INT64_C(3600)
#define PEM_LIMIT    65536
#define SERIAL_SIZE  16

struct certificate {
        atomic_int users;
        X509 *x509;
        EVP_PKEY *key;
        char *chain;
        char *key_text;
        char fingerprint[CERTIFICATE_FINGERPRINT_SIZE];
};

static void bio_cleanup(BIO **bio)
{
        BIO_free(*bio);
}

static void number_cleanup(BIGNUM **number)
{
        BN_free(*number);
}

static void extension_cleanup(X509_EXTENSION **extension)
{
        X509_EXTENSION_free(*extension);
}

static struct certificate *certificate_new(void)
{
        struct certificate *certificate = mem_new(1, sizeof(*certificate));

        atomic_init(&certificate->users, 1);
        return certificate;
}

struct certificate *certificate_share(struct certificate *certificate)
{
        if (certificate)
                atomic_fetch_add(&certificate->users, 1);
        return certificate;
}

void certificate_free(struct certificate *certificate)
{
        if (!certificate || atomic_fetch_sub(&certificate->users, 1) > 1)
                return;
        X509_free(certificate->x509);
        EVP_PKEY_free(certificate->key);
        if (certificate->key_text)
                mem_wipe(certificate->key_text, strlen(certificate->key_text));
        free(certificate->key_text);
        free(certificate->chain);
        free(certificate);
}

void certificate_cleanup(struct certificate **certificate)
{
        certificate_free(*certificate);
}

/* --- as text ------------------------------------------------------------------------------ */

static char *text_of(BIO *bio)
{
        char *bytes = NULL;
        long size = BIO_get_mem_data(bio, &bytes);

        return mem_text_n(bytes, (size_t)size);
}

/* What can be said once about one that is whole; `after` is the rest of its chain. */
static bool describe(struct certificate *certificate, const char *after)
{
        CLEANUP(bio_cleanup) BIO *pem = BIO_new(BIO_s_mem());
        CLEANUP(bio_cleanup) BIO *key = BIO_new(BIO_s_secmem());
        CLEANUP(buf_deinit) struct buf digits = BUF_INIT;
        uint8_t digest[EVP_MAX_MD_SIZE];
        unsigned size = 0;

        if (!pem || !key || PEM_write_bio_X509(pem, certificate->x509) != 1 ||
            PEM_write_bio_PrivateKey(key, certificate->key, NULL, NULL, 0, NULL, NULL) != 1 ||
            BIO_puts(pem, after) < 0 ||
            X509_digest(certificate->x509, EVP_sha256(), digest, &size) != 1)
                return false;
        certificate->chain = text_of(pem);
        certificate->key_text = text_of(key);
        crypto_hex_encode(&digits, digest, size);
        strcpy(certificate->fingerprint, buf_text(&digits));
        return true;
}

/* --- making ------------------------------------------------------------------------------- */

static bool add_extension(X509 *x509, X509V3_CTX *context, int nid, const char *value)
{
        CLEANUP(extension_cleanup)
        X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, context, nid, value);

        return extension && X509_add_ext(x509, extension, -1) == 1;
}

static bool add_extensions(X509 *x509, X509 *issuer, const struct certificate_order *order)
{
        bool signs = order->use == CERTIFICATE_AUTHORITY;
        X509V3_CTX context;
        bool done;

        X509V3_set_ctx_nodb(&context);
        X509V3_set_ctx(&context, issuer, x509, NULL, NULL, 0);
        done = add_extension(x509, &context, NID_basic_constraints,
                             signs ? "critical,CA:TRUE,pathlen:0" : "critical,CA:FALSE") &&
               add_extension(x509, &context, NID_key_usage,
                             signs ? "critical,keyCertSign,cRLSign"
                                   : "critical,digitalSignature") &&
               add_extension(x509, &context, NID_subject_key_identifier, "hash");
        if (done && X509_get0_subject_key_id(issuer)) /* not every authority says it */
                done = add_extension(x509, &context, NID_authority_key_identifier, "keyid:always");
        if (done && !signs)
                done = add_extension(x509, &context, NID_ext_key_usage,
                                     order->use == CERTIFICATE_SERVER ? "serverAuth"
                                                                      : "clientAuth");
        if (done && order->names)
                done = add_extension(x509, &context, NID_subject_alt_name, order->names);
        return done;
}

static bool set_serial(X509 *x509)
{
        uint8_t bytes[SERIAL_SIZE];
        CLEANUP(number_cleanup) BIGNUM *serial = NULL;

        crypto_random(bytes, sizeof(bytes));
        bytes[0] = (uint8_t)((bytes[0] & 0x7f) | 0x40);
        serial = BN_bin2bn(bytes, sizeof(bytes), NULL);
        return serial && BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(x509));
}

static bool set_subject(X509 *x509, X509 *issuer, const struct certificate_order *order)
{
        X509_NAME *subject = X509_get_subject_name(x509);

        return X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
                                          (const unsigned char *)order->common_name, -1, -1,
                                          0) == 1 &&
               X509_set_issuer_name(x509, X509_get_subject_name(issuer)) == 1;
}

static bool set_validity(X509 *x509, const struct certificate_order *order)
{
        time_t from = (time_t)(order->now_s - CLOCK_SKEW_S);
        time_t until = (time_t)(order->now_s + order->days * DAY_S);

        return ASN1_TIME_set(X509_getm_notBefore(x509), from) &&
               ASN1_TIME_set(X509_getm_notAfter(x509), until);
}

static bool fill(struct certificate *made, const struct certificate_order *order)
{
        const struct certificate *issuer = order->issuer ? order->issuer : made;

        return X509_set_version(made->x509, X509_VERSION_3) == 1 && set_serial(made->x509) &&
               set_validity(made->x509, order) && set_subject(made->x509, issuer->x509, order) &&
               X509_set_pubkey(made->x509, made->key) == 1 &&
               add_extensions(made->x509, issuer->x509, order) &&
               X509_sign(made->x509, issuer->key, EVP_sha256()) > 0;
}

int certificate_make(const struct certificate_order *order, struct certificate **certificate,
                     struct reason *reason)
{
        CLEANUP(certificate_cleanup) struct certificate *made = certificate_new();
        bool is_clients = order->use == CERTIFICATE_CLIENT && order->issuer;
        const char *chain = is_clients ? order->issuer->chain : "";
        char text[256] = "";

        made->key = EVP_EC_gen("P-256");
        made->x509 = X509_new();
        if (made->key && made->x509 && fill(made, order) && describe(made, chain)) {
                *certificate = made;
                made = NULL;
                return 0;
        }
        ERR_error_string_n(ERR_get_error(), text, sizeof(text));
        ERR_clear_error();
        reason_set(reason, "can't make the certificate of '%s': %s", order->common_name, text);
        return -EINVAL;
}

/* --- files -------------------------------------------------------------------------------- */

static bool read_pair(struct certificate *read, const struct buf *pem, const struct buf *key)
{
        CLEANUP(bio_cleanup) BIO *pem_bio = BIO_new_mem_buf(pem->data, (int)pem->size);
        CLEANUP(bio_cleanup) BIO *key_bio = BIO_new_mem_buf(key->data, (int)key->size);
        size_t left;
        bool good;

        read->x509 = PEM_read_bio_X509(pem_bio, NULL, NULL, NULL);
        read->key = PEM_read_bio_PrivateKey(key_bio, NULL, NULL, NULL);
        good = read->x509 && read->key && X509_check_private_key(read->x509, read->key) == 1;
        left = BIO_ctrl_pending(pem_bio);
        if (good && left <= pem->size)
                good = describe(read, buf_text(pem) + (pem->size - left));
        ERR_clear_error();
        return good;
}

int certificate_read(const char *certificate_path, const char *key_path,
                     struct certificate **certificate, struct reason *reason)
{
        CLEANUP(certificate_cleanup) struct certificate *read = certificate_new();
        CLEANUP(buf_wipe) struct buf key = BUF_INIT;
        CLEANUP(buf_deinit) struct buf pem = BUF_INIT;
        int result = file_read(certificate_path, PEM_LIMIT, &pem, reason);

        if (result == 0)
                result = file_read(key_path, PEM_LIMIT, &key, reason);
        if (result != 0)
                return result;
        if (!read_pair(read, &pem, &key)) {
                if (reason)
                        reason_set(reason,
                                   "'%s' and '%s' are no certificate and its key in PEM form",
                                   certificate_path, key_path);
                return -EINVAL;
        }
        *certificate = read;
        read = NULL;
        return 0;
}

int certificate_write(const struct certificate *certificate, const char *certificate_path,
                      const char *key_path, struct reason *reason)
{
        int result = file_write(key_path, 0600, certificate->key_text,
                                strlen(certificate->key_text), reason);

        return result != 0 ? result
                           : file_write(certificate_path, 0644, certificate->chain,
                                        strlen(certificate->chain), reason);
}

/* --- questions ---------------------------------------------------------------------------- */

const char *certificate_chain(const struct certificate *certificate)
{
        return certificate->chain;
}

const char *certificate_key(const struct certificate *certificate)
{
        return certificate->key_text;
}

const char *certificate_fingerprint(const struct certificate *certificate)
{
        return certificate->fingerprint;
}

int certificate_key_kind(const struct certificate *certificate)
{
        return EVP_PKEY_get_base_id(certificate->key);
}

static int64_t seconds_of(const ASN1_TIME *time)
{
        struct tm parts = {.tm_year = 0};

        return ASN1_TIME_to_tm(time, &parts) == 1 ? (int64_t)timegm(&parts) : 0;
}

int64_t certificate_begins_s(const struct certificate *certificate)
{
        return seconds_of(X509_get0_notBefore(certificate->x509));
}

int64_t certificate_ends_s(const struct certificate *certificate)
{
        return seconds_of(X509_get0_notAfter(certificate->x509));
}

bool certificate_common_name(const struct certificate *certificate, struct buf *out)
{
        X509_NAME *subject = X509_get_subject_name(certificate->x509);
        int index = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
        unsigned char *text = NULL;
        int size;

        if (index < 0)
                return false;
        size = ASN1_STRING_to_UTF8(&text,
                                   X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, index)));
        if (size > 0)
                buf_add(out, text, (size_t)size);
        OPENSSL_free(text);
        return size > 0;
}

bool certificate_is_issued_by(const struct certificate *certificate,
                              const struct certificate *issuer)
{
        bool good = X509_verify(certificate->x509, issuer->key) == 1 &&
                    X509_check_issued(issuer->x509, certificate->x509) == X509_V_OK;

        ERR_clear_error();
        return good;
}

bool certificate_has_names(const struct certificate *certificate, const char *names)
{
        CLEANUP(extension_cleanup)
        X509_EXTENSION *wanted = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names);
        int position = X509_get_ext_by_NID(certificate->x509, NID_subject_alt_name, -1);

        return position >= 0 && wanted &&
               ASN1_OCTET_STRING_cmp(
                       X509_EXTENSION_get_data(wanted),
                       X509_EXTENSION_get_data(X509_get_ext(certificate->x509, position))) == 0;
}
