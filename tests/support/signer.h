// SPDX-License-Identifier: MIT
/* Deliveries of Myriota, signed with a key and a certificate made on the spot. */
#ifndef ISTHMUS_TESTS_SUPPORT_SIGNER_H
#define ISTHMUS_TESTS_SUPPORT_SIGNER_H

#include <stdint.h>

#include "base/buf.h"

struct test_signer;

struct test_signer_wish {
        const char *organization; /* NULL = Myriota's */
        long from_s;              /* validity, seconds from now */
        long to_s;
};

/* An RSA key of 2048 bits with a self-signed certificate. */
struct test_signer *test_signer_new(const struct test_signer_wish *wish);
void test_signer_free(struct test_signer *signer);

/* Its certificate as PEM text, and the SHA-256 of that in lower-case hex. */
const char *test_signer_pem(const struct test_signer *signer);
const char *test_signer_fingerprint(const struct test_signer *signer);

/* Adds a delivery of one packet that the signer has signed at `timestamp_s`. */
void test_signer_deliver(const struct test_signer *signer, const char *certificate_url,
                         int64_t timestamp_s, struct buf *out);

#endif
