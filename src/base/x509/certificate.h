// SPDX-License-Identifier: MIT
/*
 * X.509 certificates with their private keys: made (EC P-256, signed with SHA-256), read from and
 * written to PEM files. One never changes, and may be shared by all threads.
 */
#ifndef ISTHMUS_BASE_X509_CERTIFICATE_H
#define ISTHMUS_BASE_X509_CERTIFICATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/reason.h"

struct certificate;

/* Digits of a fingerprint, with the zero byte. */
#define CERTIFICATE_FINGERPRINT_SIZE 65

enum certificate_use {
        CERTIFICATE_AUTHORITY, /* signs others, which sign none */
        CERTIFICATE_SERVER,
        CERTIFICATE_CLIENT,
};

struct certificate_order {
        int64_t now_s; /* since 1970; it is valid from an hour before */
        int days;
        const char *common_name;
        enum certificate_use use;
        const char *names;                /* of a server: subjectAltName as OpenSSL writes it */
        const struct certificate *issuer; /* with the key that signs; NULL = itself */
};

/*
 * That of a client brings its issuer's chain along. -EINVAL with the reason if it can't be made.
 * The caller frees the result.
 */
int certificate_make(const struct certificate_order *order, struct certificate **certificate,
                     struct reason *reason) MUST_CHECK;

/*
 * Reads the first certificate of a PEM file and its key; what follows in the file is its chain.
 * -EINVAL if they do not belong together or there is none; else the system's error. NULL `reason`
 * is allowed.
 */
int certificate_read(const char *certificate_path, const char *key_path,
                     struct certificate **certificate, struct reason *reason) MUST_CHECK;

/* The key (mode 0600) first, then the certificate with its chain (0644), each as a whole. */
int certificate_write(const struct certificate *certificate, const char *certificate_path,
                      const char *key_path, struct reason *reason) MUST_CHECK;

/* PEM: the certificate, then those that signed it as far as they are known. */
const char *certificate_chain(const struct certificate *certificate);

/* PEM. Secret. */
const char *certificate_key(const struct certificate *certificate);

/* Of its DER by SHA-256: lower-case hex digits. */
const char *certificate_fingerprint(const struct certificate *certificate);

/* What its key is, as one of OpenSSL's numbers (EVP_PKEY_EC, EVP_PKEY_RSA, ...). */
int certificate_key_kind(const struct certificate *certificate);

/* Seconds since 1970. */
int64_t certificate_begins_s(const struct certificate *certificate);
int64_t certificate_ends_s(const struct certificate *certificate);

/* Adds the common name of its subject to `out`; false, and nothing added, if it has none. */
bool certificate_common_name(const struct certificate *certificate, struct buf *out) MUST_CHECK;

/* Was it signed by this one's key, and does it say so? */
bool certificate_is_issued_by(const struct certificate *certificate,
                              const struct certificate *issuer);

/* Has it exactly this subjectAltName (as OpenSSL writes it)? */
bool certificate_has_names(const struct certificate *certificate, const char *names);

/* One user more, and one less; the last one's wipes and frees. NULL is allowed. */
struct certificate *certificate_share(struct certificate *certificate);
void certificate_free(struct certificate *certificate);

/* For CLEANUP. */
void certificate_cleanup(struct certificate **certificate);

#endif
