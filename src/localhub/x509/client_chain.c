// SPDX-License-Identifier: MIT
#include "localhub/x509/client_chain.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/crypto.h"
#include "base/mem.h"
#include "base/text.h"

#define CERTIFICATES_MAX 10 /* of a chain, and of its authorities in turn */
#define TEXT_MAX         ((size_t)64 * 1024)

static void certificate_cleanup(X509 **certificate)
{
        X509_free(*certificate);
}

static void stack_cleanup(STACK_OF(X509) * *stack)
{
        sk_X509_pop_free(*stack, X509_free);
}

static void store_cleanup(X509_STORE **store)
{
        X509_STORE_free(*store);
}

static void context_cleanup(X509_STORE_CTX **context)
{
        X509_STORE_CTX_free(*context);
}

static void bio_cleanup(BIO **bio)
{
        BIO_free(*bio);
}

/* Encrypted PEM is none of ours: nobody shall be asked for its password. */
static int no_password(char *out, int size, int for_writing, void *context)
{
        (void)out;
        (void)size;
        (void)for_writing;
        (void)context;
        return -1;
}

/* --- what a certificate says ----------------------------------------------------------------- */

static void write_hex(const void *bytes, size_t size, char *out, size_t out_size)
{
        CLEANUP(buf_deinit) struct buf hex = BUF_INIT;

        crypto_hex_encode(&hex, bytes, size);
        snprintf(out, out_size, "%s", buf_text(&hex));
        for (char *c = out; *c; c++)
                *c = (char)(*c >= 'a' ? *c - 'a' + 'A' : *c);
}

static void read_facts(X509 *certificate, const void *der, size_t size,
                       struct certificate_facts *facts)
{
        uint8_t sha1[CRYPTO_SHA1_SIZE];
        uint8_t sha256[CRYPTO_SHA256_SIZE];
        X509_NAME *subject = X509_get_subject_name(certificate);
        int length = X509_NAME_get_text_by_NID(subject, NID_commonName, facts->common_name,
                                               sizeof(facts->common_name));

        if (length < 0 || (size_t)length != strlen(facts->common_name) ||
            X509_NAME_get_text_by_NID(subject, NID_commonName, NULL, 0) != length)
                facts->common_name[0] = '\0';
        crypto_sha1(der, size, sha1);
        crypto_sha256(der, size, sha256);
        write_hex(sha1, sizeof(sha1), facts->sha1, sizeof(facts->sha1));
        write_hex(sha256, sizeof(sha256), facts->sha256, sizeof(facts->sha256));
        facts->is_authority = X509_check_ca(certificate) > 0;
}

/* One certificate of a row; NULL = there is no further one. */
static X509 *next_certificate(const uint8_t **der, const uint8_t *end)
{
        X509 *certificate = *der < end ? d2i_X509(NULL, der, end - *der) : NULL;

        ERR_clear_error();
        return certificate;
}

bool client_chain_read(const void *der, size_t size, struct client_chain *chain)
{
        const uint8_t *next = der;
        CLEANUP(certificate_cleanup)
        X509 *own = size <= TEXT_MAX ? next_certificate(&next, next + size) : NULL;

        *chain = (struct client_chain){.der = BUF_INIT};
        if (!own)
                return false;
        read_facts(own, der, (size_t)(next - (const uint8_t *)der), &chain->own);
        buf_add(&chain->der, der, size);
        return true;
}

void client_chain_copy(const struct client_chain *chain, struct client_chain *copy)
{
        *copy = (struct client_chain){.der = BUF_INIT, .own = chain->own};
        buf_add(&copy->der, chain->der.data, chain->der.size);
}

void client_chain_deinit(struct client_chain *chain)
{
        buf_deinit(&chain->der);
}

bool client_chain_has_thumbprint(const struct client_chain *chain, const char *thumbprint)
{
        return thumbprint[0] && (text_equal_nocase(thumbprint, chain->own.sha1) ||
                                 text_equal_nocase(thumbprint, chain->own.sha256));
}

static X509 *read_pem(const char *text, size_t size)
{
        CLEANUP(bio_cleanup) BIO *in = BIO_new_mem_buf(text, (int)size);
        X509 *certificate = in ? PEM_read_bio_X509(in, NULL, no_password, NULL) : NULL;

        ERR_clear_error();
        return certificate;
}

/* The caller's; NULL if it is none. */
static X509 *read_text(const char *text)
{
        CLEANUP(buf_deinit) struct buf bytes = BUF_INIT;
        X509 *certificate = read_pem(text, strlen(text));
        const uint8_t *next;

        if (certificate || !crypto_base64_decode(&bytes, text, strlen(text)) || bytes.size == 0)
                return certificate;
        certificate = read_pem(bytes.data, bytes.size);
        next = (const uint8_t *)bytes.data;
        return certificate ? certificate : next_certificate(&next, next + bytes.size);
}

bool device_certificate_read(const char *text, struct certificate_facts *facts, struct buf *pem,
                             struct reason *reason)
{
        CLEANUP(certificate_cleanup)
        X509 *certificate = strlen(text) <= TEXT_MAX ? read_text(text) : NULL;
        CLEANUP(bio_cleanup) BIO *out = BIO_new(BIO_s_mem());
        uint8_t *bytes = NULL;
        char *written = NULL;
        int size;

        *facts = (struct certificate_facts){.is_authority = false};
        size = certificate ? i2d_X509(certificate, &bytes) : 0;
        if (size <= 0 || !out || PEM_write_bio_X509(out, certificate) != 1) {
                OPENSSL_free(bytes);
                reason_set(reason, "this is no certificate in PEM, nor base64 of one in PEM or "
                                   "DER");
                return false;
        }
        read_facts(certificate, bytes, (size_t)size, facts);
        OPENSSL_free(bytes);
        size = (int)BIO_get_mem_data(out, &written);
        if (pem)
                buf_add(pem, written, (size_t)size);
        return true;
}

/* --- who stands for it ----------------------------------------------------------------------- */

static X509_STORE *read_authorities(const char *text)
{
        CLEANUP(bio_cleanup) BIO *in = BIO_new_mem_buf(text, -1);
        X509_STORE *store = X509_STORE_new();
        X509 *certificate;

        while (in && store &&
               (certificate = PEM_read_bio_X509(in, NULL, no_password, NULL)) != NULL) {
                X509_STORE_add_cert(store, certificate);
                X509_free(certificate);
        }
        ERR_clear_error();
        return store;
}

static STACK_OF(X509) * read_chain(const struct client_chain *chain)
{
        STACK_OF(X509) *stack = sk_X509_new_null();
        const uint8_t *next = (const uint8_t *)chain->der.data;
        const uint8_t *end = next + chain->der.size;
        X509 *certificate;

        while (stack && sk_X509_num(stack) < CERTIFICATES_MAX &&
               (certificate = next_certificate(&next, end)) != NULL) {
                if (sk_X509_push(stack, certificate) <= 0)
                        X509_free(certificate);
        }
        return stack;
}

bool client_chain_is_from(const struct client_chain *chain, const char *authorities, int64_t now_s,
                          struct reason *reason)
{
        CLEANUP(store_cleanup) X509_STORE *store = read_authorities(authorities);
        CLEANUP(stack_cleanup) STACK_OF(X509) *shown = read_chain(chain);
        CLEANUP(context_cleanup) X509_STORE_CTX *context = X509_STORE_CTX_new();
        X509_VERIFY_PARAM *how;
        bool good = false;

        if (!store || !context || !shown || sk_X509_num(shown) == 0 ||
            X509_STORE_CTX_init(context, store, sk_X509_value(shown, 0), shown) != 1) {
                reason_set(reason, "the client's certificates can't be read");
                ERR_clear_error();
                return false;
        }
        how = X509_STORE_CTX_get0_param(context);
        /* An intermediate authority may be the one that is trusted. */
        X509_VERIFY_PARAM_set_flags(how, X509_V_FLAG_PARTIAL_CHAIN);
        X509_VERIFY_PARAM_set_time(how, (time_t)now_s);
        good = X509_verify_cert(context) == 1;
        if (!good)
                reason_set(reason, "no trusted authority stands for the certificate of '%s': %s",
                           chain->own.common_name,
                           X509_verify_cert_error_string(X509_STORE_CTX_get_error(context)));
        ERR_clear_error();
        return good;
}
