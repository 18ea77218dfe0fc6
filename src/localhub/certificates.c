// SPDX-License-Identifier: MIT
/*
 * Law: a certificate is served only if its key matches it and the authority that lies beside it
 * signed it. A pair that does not match (a start was cut off between its two files) is replaced
 * at the next start.
 */
#include "localhub/certificates.h"

#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/crypto.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"

#define DAY_S               (24L * 3600L)
#define CA_DAYS             3650
#define CA_RENEWAL_DAYS     90
#define SERVER_DAYS         397
#define SERVER_RENEWAL_DAYS 30
#define CLOCK_SKEW_S        3600L /* certificates are valid from an hour ago */
#define PEM_LIMIT           65536
#define SERIAL_SIZE         16

/* A certificate with its key. */
struct pair {
        X509 *certificate;
        EVP_PKEY *key;
};

/* What is being made. */
struct making {
        time_t now;
        int days;
        const char *common_name;
        const char *usage;         /* keyUsage */
        const char *names;         /* subjectAltName as OpenSSL writes it; NULL = an authority */
        const struct pair *issuer; /* NULL = itself */
};

static void pair_cleanup(struct pair *pair)
{
        X509_free(pair->certificate);
        EVP_PKEY_free(pair->key);
        *pair = (struct pair){.certificate = NULL, .key = NULL};
}

static void secret_cleanup(struct buf *buf)
{
        mem_wipe(buf->data, buf->size);
        buf_deinit(buf);
}

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

void certificates_cleanup(struct certificates **certificates)
{
        certificates_free(*certificates);
}

/* --- names -------------------------------------------------------------------------------- */

static bool is_host_name(const char *name)
{
        size_t length;

        if (strncmp(name, "*.", 2) == 0)
                name += 2; /* every name below it */
        length = strlen(name);
        return length > 0 && length <= 253 &&
               strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_") ==
                       length;
}

static bool is_address(const char *name)
{
        struct in6_addr address;

        return inet_pton(AF_INET, name, &address) == 1 || inet_pton(AF_INET6, name, &address) == 1;
}

/* The subjectAltName; a name cannot smuggle in a second entry because it has no comma. */
static int names_write(const struct certificates_options *options, struct buf *out,
                       struct reason *reason)
{
        buf_add_text(out, "DNS:localhost,IP:127.0.0.1,IP:::1");
        for (size_t i = 0; i < options->name_count; i++) {
                const char *name = options->names[i];

                if (is_address(name)) {
                        buf_add_format(out, ",IP:%s", name);
                } else if (is_host_name(name)) {
                        buf_add_format(out, ",DNS:%s", name);
                } else {
                        reason_set(reason, "'%s' is neither a host name nor an address", name);
                        return -EINVAL;
                }
        }
        return 0;
}

/* --- making ------------------------------------------------------------------------------- */

static bool add_extension(X509 *certificate, X509V3_CTX *context, int nid, const char *value)
{
        CLEANUP(extension_cleanup)
        X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, context, nid, value);

        return extension && X509_add_ext(certificate, extension, -1) == 1;
}

static bool add_extensions(X509 *certificate, X509 *issuer, const struct making *making)
{
        X509V3_CTX context;
        bool done;

        X509V3_set_ctx_nodb(&context);
        X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
        done = add_extension(certificate, &context, NID_basic_constraints,
                             making->names ? "critical,CA:FALSE" : "critical,CA:TRUE,pathlen:0") &&
               add_extension(certificate, &context, NID_key_usage, making->usage) &&
               add_extension(certificate, &context, NID_subject_key_identifier, "hash") &&
               add_extension(certificate, &context, NID_authority_key_identifier, "keyid:always");
        if (done && making->names)
                done = add_extension(certificate, &context, NID_ext_key_usage, "serverAuth") &&
                       add_extension(certificate, &context, NID_subject_alt_name, making->names);
        return done;
}

static bool set_serial(X509 *certificate)
{
        uint8_t bytes[SERIAL_SIZE];
        CLEANUP(number_cleanup) BIGNUM *serial = NULL;

        crypto_random(bytes, sizeof(bytes));
        bytes[0] = (uint8_t)((bytes[0] & 0x7f) | 0x40);
        serial = BN_bin2bn(bytes, sizeof(bytes), NULL);
        return serial && BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(certificate));
}

static bool set_subject(X509 *certificate, const struct making *making)
{
        X509_NAME *subject = X509_get_subject_name(certificate);
        X509 *issuer = making->issuer ? making->issuer->certificate : certificate;

        return X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
                                          (const unsigned char *)making->common_name, -1, -1,
                                          0) == 1 &&
               X509_set_issuer_name(certificate, X509_get_subject_name(issuer)) == 1;
}

static bool set_validity(X509 *certificate, const struct making *making)
{
        time_t from = making->now - CLOCK_SKEW_S;
        time_t until = making->now + making->days * DAY_S;

        return ASN1_TIME_set(X509_getm_notBefore(certificate), from) &&
               ASN1_TIME_set(X509_getm_notAfter(certificate), until);
}

static bool fill_certificate(struct pair *pair, const struct making *making)
{
        const struct pair *issuer = making->issuer ? making->issuer : pair;

        return X509_set_version(pair->certificate, X509_VERSION_3) == 1 &&
               set_serial(pair->certificate) && set_validity(pair->certificate, making) &&
               set_subject(pair->certificate, making) &&
               X509_set_pubkey(pair->certificate, pair->key) == 1 &&
               add_extensions(pair->certificate, issuer->certificate, making) &&
               X509_sign(pair->certificate, issuer->key, EVP_sha256()) > 0;
}

/* Fills `pair`, which the caller cleans up. */
static int pair_make(const struct making *making, struct pair *pair, struct reason *reason)
{
        char text[256] = "";

        pair->key = EVP_EC_gen("P-256");
        pair->certificate = X509_new();
        if (pair->key && pair->certificate && fill_certificate(pair, making))
                return 0;
        ERR_error_string_n(ERR_get_error(), text, sizeof(text));
        ERR_clear_error();
        reason_set(reason, "can't make the certificate of '%s': %s", making->common_name, text);
        return -EIO;
}

/* --- files -------------------------------------------------------------------------------- */

/* Both members stay NULL unless both files hold what they should and belong together. */
static void pair_read(const char *certificate_path, const char *key_path, struct pair *pair)
{
        CLEANUP(secret_cleanup) struct buf text = BUF_INIT;
        CLEANUP(bio_cleanup) BIO *certificate = NULL;
        CLEANUP(bio_cleanup) BIO *key = NULL;
        size_t split;

        if (file_read(certificate_path, PEM_LIMIT, &text, NULL) != 0)
                return;
        split = text.size;
        if (file_read(key_path, PEM_LIMIT, &text, NULL) != 0)
                return;
        certificate = BIO_new_mem_buf(buf_text(&text), (int)split);
        key = BIO_new_mem_buf(buf_text(&text) + split, (int)(text.size - split));
        pair->certificate = PEM_read_bio_X509(certificate, NULL, NULL, NULL);
        pair->key = PEM_read_bio_PrivateKey(key, NULL, NULL, NULL);
        if (!pair->certificate || !pair->key ||
            X509_check_private_key(pair->certificate, pair->key) != 1)
                pair_cleanup(pair);
        ERR_clear_error();
}

static int write_bio(const char *path, mode_t mode, BIO *bio, struct reason *reason)
{
        char *bytes = NULL;
        long size = BIO_get_mem_data(bio, &bytes);

        return file_write(path, mode, bytes, (size_t)size, reason);
}

static int pair_write(const struct pair *pair, const char *certificate_path, const char *key_path,
                      struct reason *reason)
{
        CLEANUP(bio_cleanup) BIO *certificate = BIO_new(BIO_s_mem());
        CLEANUP(bio_cleanup) BIO *key = BIO_new(BIO_s_secmem());
        int result;

        if (!certificate || !key || PEM_write_bio_X509(certificate, pair->certificate) != 1 ||
            PEM_write_bio_PrivateKey(key, pair->key, NULL, NULL, 0, NULL, NULL) != 1) {
                reason_set(reason, "can't encode '%s'", certificate_path);
                return -EIO;
        }
        result = write_bio(key_path, 0600, key, reason);
        return result ? result : write_bio(certificate_path, 0644, certificate, reason);
}

static bool lasts_until(const X509 *certificate, time_t time)
{
        return X509_cmp_time(X509_get0_notAfter(certificate), &time) > 0;
}

static bool has_names(const X509 *certificate, const char *names)
{
        CLEANUP(extension_cleanup)
        X509_EXTENSION *wanted = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names);
        int position = X509_get_ext_by_NID(certificate, NID_subject_alt_name, -1);

        if (position < 0 || !wanted)
                return false;
        return ASN1_OCTET_STRING_cmp(
                       X509_EXTENSION_get_data(wanted),
                       X509_EXTENSION_get_data(X509_get_ext(certificate, position))) == 0;
}

/* --- authority and server ----------------------------------------------------------------- */

static int open_authority(const char *directory, const char *path, time_t now,
                          struct pair *authority, struct reason *reason)
{
        CLEANUP(mem_cleanup) char *key_path = mem_format("%s/ca-key.pem", directory);
        CLEANUP(mem_cleanup) char *name = NULL;
        char uuid[CRYPTO_UUID_SIZE];
        struct making making = {
                .now = now,
                .days = CA_DAYS,
                .usage = "critical,keyCertSign,cRLSign",
        };
        int result;

        pair_read(path, key_path, authority);
        if (authority->certificate &&
            lasts_until(authority->certificate, now + CA_RENEWAL_DAYS * DAY_S))
                return 0;
        pair_cleanup(authority);
        crypto_uuid4(uuid);
        name = mem_format("isthmus local hub %.8s", uuid);
        making.common_name = name;
        result = pair_make(&making, authority, reason);
        if (result == 0)
                result = pair_write(authority, path, key_path, reason);
        if (result == 0)
                log_info("HUB_AUTHORITY_MADE",
                         "Made a new private certificate authority; clients must trust it",
                         LOG_TEXT("path", path), LOG_END);
        return result;
}

static bool server_is_good(const struct pair *server, const struct pair *authority,
                           const char *names, time_t now)
{
        bool good = server->certificate && X509_verify(server->certificate, authority->key) == 1 &&
                    X509_check_issued(authority->certificate, server->certificate) == X509_V_OK &&
                    lasts_until(server->certificate, now + SERVER_RENEWAL_DAYS * DAY_S) &&
                    has_names(server->certificate, names);

        ERR_clear_error();
        return good;
}

static int open_server(const struct certificates *paths, const struct pair *authority,
                       const char *names, time_t now, struct reason *reason)
{
        CLEANUP(pair_cleanup) struct pair server = {.certificate = NULL, .key = NULL};
        const struct making making = {
                .now = now,
                .days = SERVER_DAYS,
                .common_name = "localhost",
                .usage = "critical,digitalSignature",
                .names = names,
                .issuer = authority,
        };
        int result;

        pair_read(paths->server_path, paths->server_key_path, &server);
        if (server_is_good(&server, authority, names, now))
                return 0;
        pair_cleanup(&server);
        result = pair_make(&making, &server, reason);
        if (result == 0)
                result = pair_write(&server, paths->server_path, paths->server_key_path, reason);
        if (result == 0)
                log_info("HUB_CERTIFICATE_MADE", "Made a new server certificate",
                         LOG_TEXT("path", paths->server_path), LOG_TEXT("names", names), LOG_END);
        return result;
}

static int read_text(const char *path, char **text, struct reason *reason)
{
        struct buf content = BUF_INIT;
        int result = file_read(path, PEM_LIMIT, &content, reason);

        *text = buf_take(&content);
        return result;
}

int certificates_open(const struct certificates_options *options,
                      struct certificates **certificates, struct reason *reason)
{
        CLEANUP(pair_cleanup) struct pair authority = {.certificate = NULL, .key = NULL};
        CLEANUP(certificates_cleanup) struct certificates *opened = mem_new(1, sizeof(*opened));
        CLEANUP(buf_deinit) struct buf names = BUF_INIT;
        time_t now = options->now_s ? (time_t)options->now_s : time(NULL);
        int result = names_write(options, &names, reason);

        if (result)
                return result;
        opened->authority_path = mem_format("%s/ca.pem", options->directory);
        opened->server_path = mem_format("%s/server.pem", options->directory);
        opened->server_key_path = mem_format("%s/server-key.pem", options->directory);
        result =
                open_authority(options->directory, opened->authority_path, now, &authority, reason);
        if (result == 0)
                result = open_server(opened, &authority, buf_text(&names), now, reason);
        if (result == 0)
                result = read_text(opened->server_path, &opened->server_pem, reason);
        if (result == 0)
                result = read_text(opened->server_key_path, &opened->server_key_pem, reason);
        if (result)
                return result;
        *certificates = opened;
        opened = NULL;
        return 0;
}

void certificates_free(struct certificates *certificates)
{
        if (!certificates)
                return;
        if (certificates->server_key_pem)
                mem_wipe(certificates->server_key_pem, strlen(certificates->server_key_pem));
        free(certificates->authority_path);
        free(certificates->server_path);
        free(certificates->server_key_path);
        free(certificates->server_pem);
        free(certificates->server_key_pem);
        free(certificates);
}
