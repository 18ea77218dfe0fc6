// SPDX-License-Identifier: MIT
/*
 * How a network proves that a delivery is its own: the delivery is signed and names the address of
 * the certificate. A network that signs supplies one struct signature_driver. It is as pure as the
 * rest of a network: the caller fetches the certificate, over TLS that is verified, from an
 * address that was checked here first.
 */
#ifndef ISTHMUS_NETWORKS_SIGNATURE_H
#define ISTHMUS_NETWORKS_SIGNATURE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/reason.h"
#include "networks/network.h"

enum signature_condition {
        SIGNATURE_E_MALFORMED = 1, /* not what the network sends at all */
        SIGNATURE_E_MISSING,       /* there is no signature, or not all that it covers */
        SIGNATURE_E_URL,           /* the certificate must not be fetched from there */
        SIGNATURE_E_CERTIFICATE,   /* no certificate, or not one that counts */
        SIGNATURE_E_FALSE,         /* the signature does not fit */
        SIGNATURE_E_STRICT,        /* it fits, but the certificate is not valid now */
};

/* What has to be verified. */
struct signature {
        struct buf covered;    /* the signed bytes */
        struct buf bytes;      /* the signature, decoded */
        char *certificate_url; /* not checked yet */
        int64_t signed_s;      /* when the network says it signed, seconds since 1970 */
};

#define SIGNATURE_INIT ((struct signature){.covered = BUF_INIT, .bytes = BUF_INIT})

void signature_deinit(struct signature *signature);

/* A certificate, read once. Many threads may verify with one at the same time. */
struct signature_certificate;

/* One owner more, one owner less; NULL is allowed for the second. */
struct signature_certificate *
signature_certificate_share(struct signature_certificate *certificate);
void signature_certificate_free(struct signature_certificate *certificate);

/* SHA-256 of its DER form: CRYPTO_SHA256_SIZE bytes. */
const uint8_t *signature_certificate_fingerprint(const struct signature_certificate *certificate);

/* Root certificates, read once. Many threads may verify with one at the same time. */
struct signature_roots;

/*
 * Takes all certificates of a PEM text. Returns NULL with the reason if there is none. The
 * caller's to signature_roots_free, which allows NULL.
 */
struct signature_roots *signature_roots_new(const char *pem, size_t size,
                                            struct reason *reason) MUST_CHECK;
void signature_roots_free(struct signature_roots *roots);

/* The strict setting: validity in time, and a chain to one of the roots. */
struct signature_strict {
        int64_t now_s; /* wall clock, seconds since 1970 */
        struct signature_roots *roots;
};

struct signature_driver {
        size_t certificate_size; /* no certificate is larger; a fetch should stop there */

        /*
         * Takes it from a webhook. Returns 0, SIGNATURE_E_MALFORMED, _E_MISSING or _E_FALSE (no
         * signature could look like that) with the reason; `signature` is the caller's to deinit
         * in any case.
         */
        int (*read)(const struct webhook *webhook, struct signature *signature,
                    struct reason *reason);

        /*
         * May the certificate be fetched from `url`? `authority` is the host that is allowed, with
         * a port if it is not 443. Returns 0 or SIGNATURE_E_URL with the reason.
         */
        int (*check_url)(const char *url, const char *authority, struct reason *reason);

        /*
         * Reads a certificate (PEM or DER). NULL with the reason if it is none, or not the
         * network's by its subject and key. The caller's to signature_certificate_free.
         */
        struct signature_certificate *(*read_certificate)(const void *bytes, size_t size,
                                                          struct reason *reason);

        /*
         * Does the signature fit a certificate that read_certificate gave? `strict` is NULL unless
         * the certificate must be valid too. Returns 0, SIGNATURE_E_FALSE or _E_STRICT, with the
         * reason.
         */
        int (*verify)(const struct signature *signature,
                      const struct signature_certificate *certificate,
                      const struct signature_strict *strict, struct reason *reason);
};

#endif
