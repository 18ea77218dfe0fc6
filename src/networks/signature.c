// SPDX-License-Identifier: MIT
#include "networks/signature.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/crypto.h"
#include "base/mem.h"
#include "networks/signature_x509.h"

struct signature_certificate {
        X509 *x509;
        uint8_t fingerprint[CRYPTO_SHA256_SIZE];
        atomic_int owners;
};

struct signature_roots {
        X509_STORE *store;
};

void signature_deinit(struct signature *signature)
{
        buf_deinit(&signature->covered);
        buf_deinit(&signature->bytes);
        mem_cleanup(&signature->certificate_url);
        *signature = SIGNATURE_INIT;
}

/* --- roots -------------------------------------------------------------------------------- */

/* With no password to give, OpenSSL would ask the terminal for one. */
static X509 *read_pem(BIO *bio)
{
        char no_password[] = "";

        return PEM_read_bio_X509(bio, NULL, NULL, no_password);
}

static int add_roots(X509_STORE *store, BIO *bio)
{
        int count = 0;
        X509 *root;

        while ((root = read_pem(bio))) {
                count += X509_STORE_add_cert(store, root) == 1;
                X509_free(root);
        }
        ERR_clear_error();
        return count;
}

struct signature_roots *signature_roots_new(const char *pem, size_t size, struct reason *reason)
{
        struct signature_roots *roots = mem_new(1, sizeof(*roots));
        BIO *bio = BIO_new_mem_buf(pem, size > INT_MAX ? 0 : (int)size);

        roots->store = X509_STORE_new();
        if (!bio || !roots->store)
                abort();
        if (add_roots(roots->store, bio) == 0) {
                reason_set(reason, "there is no root certificate to trust");
                signature_roots_free(roots);
                roots = NULL;
        }
        BIO_free(bio);
        return roots;
}

void signature_roots_free(struct signature_roots *roots)
{
        if (!roots)
                return;
        X509_STORE_free(roots->store);
        free(roots);
}

/* --- certificates ------------------------------------------------------------------------- */

struct signature_certificate *signature_certificate_new(const void *bytes, size_t size,
                                                        size_t limit)
{
        CLEANUP(buf_deinit) struct buf der = BUF_INIT;
        struct signature_certificate *made;
        const unsigned char *at;
        X509 *x509;

        if (size > limit || !crypto_certificate_der(&der, bytes, size))
                return NULL;
        at = (const unsigned char *)der.data;
        x509 = d2i_X509(NULL, &at, (long)der.size);
        ERR_clear_error();
        if (!x509)
                return NULL;
        made = mem_new(1, sizeof(*made));
        made->x509 = x509;
        atomic_init(&made->owners, 1);
        crypto_sha256(der.data, der.size, made->fingerprint);
        return made;
}

struct signature_certificate *signature_certificate_share(struct signature_certificate *certificate)
{
        atomic_fetch_add(&certificate->owners, 1);
        return certificate;
}

void signature_certificate_free(struct signature_certificate *certificate)
{
        if (!certificate || atomic_fetch_sub(&certificate->owners, 1) > 1)
                return;
        X509_free(certificate->x509);
        free(certificate);
}

const uint8_t *signature_certificate_fingerprint(const struct signature_certificate *certificate)
{
        return certificate->fingerprint;
}

X509 *signature_certificate_x509(const struct signature_certificate *certificate)
{
        return certificate->x509;
}

static void verification_cleanup(X509_STORE_CTX **verification)
{
        X509_STORE_CTX_free(*verification);
}

int signature_check_strict(const struct signature_certificate *certificate,
                           const struct signature_strict *strict, struct reason *reason)
{
        CLEANUP(verification_cleanup) X509_STORE_CTX *verification = X509_STORE_CTX_new();
        int error;

        if (!verification ||
            X509_STORE_CTX_init(verification, strict->roots->store, certificate->x509, NULL) != 1)
                abort();
        X509_VERIFY_PARAM_set_time(X509_STORE_CTX_get0_param(verification), (time_t)strict->now_s);
        if (X509_verify_cert(verification) == 1)
                return 0;
        error = X509_STORE_CTX_get_error(verification);
        reason_set(reason, "the certificate is refused by the strict setting: %s",
                   X509_verify_cert_error_string(error));
        ERR_clear_error();
        return SIGNATURE_E_STRICT;
}
