// SPDX-License-Identifier: MIT
/* Certificate authorities and server certificates for tests, made on the spot. */
#ifndef ISTHMUS_TESTS_SUPPORT_CERTIFICATES_H
#define ISTHMUS_TESTS_SUPPORT_CERTIFICATES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/x509/certificate.h"

struct test_ca;

/* `file` is where its certificate goes, as PEM. */
struct test_ca *test_ca_new(const char *file);
void test_ca_free(struct test_ca *ca);

struct test_certificate {
        const char *file; /* where the certificate and its key go, as PEM, in one file */
        const char *host; /* subject alternative name, "localhost" */
        bool expired;
        bool rsa; /* a key of 2048 bits; else one of P-256 */
};

void test_ca_issue(struct test_ca *ca, const struct test_certificate *certificate);

/* Has the key of a certificate file signed the text, by RSASSA-PSS with SHA-256? */
bool test_certificate_has_signed(const char *file, const char *text, size_t size,
                                 const struct buf *signature);

/* A client's, for a day; without an issuer an authority's. Free it with certificate_free. */
struct certificate *test_certificate_made(const char *name, const struct certificate *issuer);

/* Has no request of this program go by a proxy. */
void test_without_proxies(void);

#endif
