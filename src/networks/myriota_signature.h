// SPDX-License-Identifier: MIT
/*
 * Is a delivery really from Myriota (rule M8)? Pure functions: the caller fetches the
 * certificate, over TLS that is verified, from the URL that was checked here first.
 *
 * Myriota signs with RSASSA-PKCS1-v1_5 and SHA-256 over EndpointRef, Timestamp, Id and Data,
 * joined by line feeds (confirmed with published deliveries; the field list in its documentation
 * lacks one). Its certificate is self-signed and ended in 2020, yet signs to this day: trust comes
 * from where it was fetched, and only the strict setting looks at its validity.
 */
#ifndef ISTHMUS_NETWORKS_MYRIOTA_SIGNATURE_H
#define ISTHMUS_NETWORKS_MYRIOTA_SIGNATURE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/reason.h"
#include "networks/network.h"

/* The only host that may say what Myriota's certificates are. */
#define MYRIOTA_CERTIFICATE_HOST "security.myriota.com"

/* No certificate is larger than this; a fetch should stop there. */
#define MYRIOTA_CERTIFICATE_SIZE 65536

enum myriota_signature_condition {
        MYRIOTA_SIGNATURE_E_MISSING = 1, /* there is no signature, or not all that it covers */
        MYRIOTA_SIGNATURE_E_URL,         /* the certificate must not be fetched from there */
        MYRIOTA_SIGNATURE_E_CERTIFICATE, /* no certificate, or not Myriota's */
        MYRIOTA_SIGNATURE_E_FALSE,       /* the signature does not fit */
        MYRIOTA_SIGNATURE_E_STRICT,      /* it fits, but the certificate is not valid now */
};

/* What has to be verified. */
struct myriota_signature {
        struct buf covered;    /* the signed bytes */
        struct buf signature;  /* decoded */
        char *certificate_url; /* not checked yet */
        int64_t timestamp_s;   /* the outer one, for a look at freshness */
};

#define MYRIOTA_SIGNATURE_INIT                                                                     \
        ((struct myriota_signature){.covered = BUF_INIT, .signature = BUF_INIT})

void myriota_signature_deinit(struct myriota_signature *signature);

/*
 * Takes it from a webhook. Returns 0, MYRIOTA_SIGNATURE_E_MISSING or _E_FALSE (not base64) with
 * the reason; `signature` is the caller's to deinit in any case.
 */
int myriota_signature_read(const struct webhook *webhook, struct myriota_signature *signature,
                           struct reason *reason) MUST_CHECK;

/*
 * May the certificate be fetched from `url`? `authority` is the host that is allowed, with a port
 * if it is not 443: MYRIOTA_CERTIFICATE_HOST, or what stands in for it. Returns 0 or
 * MYRIOTA_SIGNATURE_E_URL with the reason.
 */
int myriota_signature_check_url(const char *url, const char *authority,
                                struct reason *reason) MUST_CHECK;

/* The strict setting: validity in time, and a chain to one of the roots. */
struct myriota_strict {
        int64_t now_s;     /* wall clock, seconds since 1970 */
        const char *roots; /* PEM, one or more certificates */
        size_t roots_size;
};

/*
 * Does the signature fit the certificate (PEM or DER), and is that one Myriota's by its subject?
 * `strict` is NULL unless the certificate must be valid too. Returns 0, one of
 * MYRIOTA_SIGNATURE_E_CERTIFICATE, _E_FALSE and _E_STRICT, with the reason.
 */
int myriota_signature_verify(const struct myriota_signature *signature, const void *certificate,
                             size_t certificate_size, const struct myriota_strict *strict,
                             struct reason *reason) MUST_CHECK;

#endif
