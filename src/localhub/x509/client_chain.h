// SPDX-License-Identifier: MIT
/*
 * Certificates with which devices say who they are (rule W21): what a client has shown in TLS, and
 * what of it an authority stands for. Pure; every thread.
 */
#ifndef ISTHMUS_LOCALHUB_X509_CLIENT_CHAIN_H
#define ISTHMUS_LOCALHUB_X509_CLIENT_CHAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/reason.h"

/* Sizes with the zero byte; thumbprints are upper-case hex digits. */
#define CERTIFICATE_NAME_SIZE   129
#define CERTIFICATE_SHA1_SIZE   41
#define CERTIFICATE_SHA256_SIZE 65

/* What a certificate says. */
struct certificate_facts {
        char common_name[CERTIFICATE_NAME_SIZE]; /* of its subject; "" = none, or a longer one */
        char sha1[CERTIFICATE_SHA1_SIZE];
        char sha256[CERTIFICATE_SHA256_SIZE];
        bool is_authority;
};

/* A client's certificates. */
struct client_chain {
        struct buf der; /* one behind the other, the client's own first */
        struct certificate_facts own;
};

/* Takes certificates in DER apart; `chain` is new. False if the first is none. */
bool client_chain_read(const void *der, size_t size, struct client_chain *chain) MUST_CHECK;

/* `copy` is new. */
void client_chain_copy(const struct client_chain *chain, struct client_chain *copy);

/* For CLEANUP; safe on zeroed memory. */
void client_chain_deinit(struct client_chain *chain);

/* True if `thumbprint`, SHA-1 or SHA-256 in hex digits of any case, is that of its own one. */
bool client_chain_has_thumbprint(const struct client_chain *chain, const char *thumbprint);

/*
 * True if one of these authorities (PEM texts one behind the other) stands for the client's own
 * certificate, perhaps by way of others that the client has shown, and all are valid now
 * (seconds since 1970).
 */
bool client_chain_is_from(const struct client_chain *chain, const char *authorities, int64_t now_s,
                          struct reason *reason) MUST_CHECK;

/*
 * Reads one certificate, in PEM, or base64 of PEM or DER. Adds it in PEM to `pem`, unless that is
 * NULL. False, with the reason, if the text is none.
 */
bool device_certificate_read(const char *text, struct certificate_facts *facts, struct buf *pem,
                             struct reason *reason) MUST_CHECK;

#endif
