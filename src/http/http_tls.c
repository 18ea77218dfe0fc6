// SPDX-License-Identifier: MIT
#include "http/http_tls.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* Certificates from the server's own to the one below the root; no chain is longer. */
#define CHAIN_MAX 16

#define KEY_ID_MAX 64

/* Never freed before the server: sessions that were shown it hold on to it. */
struct identity {
        gnutls_pcert_st chain[CHAIN_MAX];
        unsigned count;
        gnutls_privkey_t key;
        struct identity *older;
};

struct http_tls {
        pthread_mutex_t lock; /* guards what follows */
        struct identity *shown;
};

static _Thread_local struct http_tls *mine;

static void identity_free(struct identity *identity)
{
        for (unsigned i = 0; i < identity->count; i++)
                gnutls_pcert_deinit(&identity->chain[i]);
        if (identity->key)
                gnutls_privkey_deinit(identity->key);
        free(identity);
}

static gnutls_datum_t datum(const char *text)
{
        gnutls_datum_t made = {.size = (unsigned)strlen(text)};

        /* GnuTLS's type has no `const`, but what is imported is only read. */
        memcpy(&made.data, &text, sizeof(text));
        return made;
}

static int load(struct identity *identity, const char *certificate, const char *private_key,
                struct reason *reason)
{
        const gnutls_datum_t pem = datum(certificate);
        const gnutls_datum_t secret = datum(private_key);
        unsigned count = CHAIN_MAX;
        int result = gnutls_pcert_list_import_x509_raw(identity->chain, &count, &pem,
                                                       GNUTLS_X509_FMT_PEM, 0);

        if (result != 0) {
                reason_set(reason, "the certificate can't be used: %s", gnutls_strerror(result));
                return 1;
        }
        identity->count = count;
        gnutls_privkey_init(&identity->key);
        result = gnutls_privkey_import_x509_raw(identity->key, &secret, GNUTLS_X509_FMT_PEM, NULL,
                                                0);
        if (result == 0)
                return 0;
        reason_set(reason, "the private key can't be used: %s", gnutls_strerror(result));
        return 1;
}

/* Does the key belong to the first certificate? */
static bool is_pair(struct identity *identity)
{
        unsigned char of_certificate[KEY_ID_MAX];
        unsigned char of_key[KEY_ID_MAX];
        size_t size = sizeof(of_certificate);
        size_t key_size = sizeof(of_key);
        gnutls_pubkey_t public_key;
        bool same;

        gnutls_pubkey_init(&public_key);
        same = gnutls_pubkey_import_privkey(public_key, identity->key, 0, 0) == 0 &&
               gnutls_pubkey_get_key_id(identity->chain[0].pubkey, 0, of_certificate, &size) == 0 &&
               gnutls_pubkey_get_key_id(public_key, 0, of_key, &key_size) == 0 &&
               size == key_size && memcmp(of_certificate, of_key, size) == 0;
        gnutls_pubkey_deinit(public_key);
        return same;
}

int http_tls_set(struct http_tls *tls, const char *certificate, const char *private_key,
                 struct reason *reason)
{
        struct identity *made = mem_new(1, sizeof(*made));
        int result = load(made, certificate, private_key, reason);

        if (result == 0 && !is_pair(made)) {
                reason_set(reason, "the private key does not belong to the certificate");
                result = 1;
        }
        if (result != 0) {
                identity_free(made);
                return result;
        }
        pthread_mutex_lock(&tls->lock);
        made->older = tls->shown;
        tls->shown = made;
        pthread_mutex_unlock(&tls->lock);
        return 0;
}

struct http_tls *http_tls_new(const char *certificate, const char *private_key,
                              struct reason *reason)
{
        struct http_tls *tls = mem_new(1, sizeof(*tls));

        pthread_mutex_init(&tls->lock, NULL);
        if (http_tls_set(tls, certificate, private_key, reason) == 0)
                return tls;
        http_tls_free(tls);
        return NULL;
}

void http_tls_free(struct http_tls *tls)
{
        if (!tls)
                return;
        while (tls->shown) {
                struct identity *identity = tls->shown;

                tls->shown = identity->older;
                identity_free(identity);
        }
        pthread_mutex_destroy(&tls->lock);
        free(tls);
}

void http_tls_enter(struct http_tls *tls)
{
        mine = tls;
}

/* The parameters are GnuTLS's. */
// NOLINTNEXTLINE(readability-function-size)
int http_tls_show(gnutls_session_t session, const struct gnutls_cert_retr_st *info,
                  gnutls_pcert_st **chain, unsigned *count, gnutls_ocsp_data_st **staples,
                  unsigned *staple_count, gnutls_privkey_t *key, unsigned *flags)
{
        struct identity *shown;

        (void)session;
        (void)info;
        pthread_mutex_lock(&mine->lock);
        shown = mine->shown;
        pthread_mutex_unlock(&mine->lock);
        *chain = shown->chain;
        *count = shown->count;
        *staples = NULL;
        *staple_count = 0;
        *key = shown->key;
        *flags = 0;
        return 0;
}
