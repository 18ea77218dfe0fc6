// SPDX-License-Identifier: MIT
#include "networks/signature.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>
#include <stdlib.h>

#include "base/crypto.h"
#include "base/mem.h"
#include "networks/signature_x509.h"

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

X509 *signature_read_certificate(const void *bytes, size_t size, size_t limit)
{
        CLEANUP(buf_deinit) struct buf der = BUF_INIT;
        const unsigned char *at;
        X509 *certificate;

        if (size > limit || !crypto_certificate_der(&der, bytes, size))
                return NULL;
        at = (const unsigned char *)der.data;
        certificate = d2i_X509(NULL, &at, (long)der.size);
        ERR_clear_error();
        return certificate;
}

void signature_certificate_cleanup(X509 **certificate)
{
        X509_free(*certificate);
}

static void verification_cleanup(X509_STORE_CTX **verification)
{
        X509_STORE_CTX_free(*verification);
}

int signature_check_strict(X509 *certificate, const struct signature_strict *strict,
                           struct reason *reason)
{
        CLEANUP(verification_cleanup) X509_STORE_CTX *verification = X509_STORE_CTX_new();
        int error;

        if (!verification ||
            X509_STORE_CTX_init(verification, strict->roots->store, certificate, NULL) != 1)
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
