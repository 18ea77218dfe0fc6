// SPDX-License-Identifier: MIT
/* X.509 for the drivers that verify signatures. */
#ifndef ISTHMUS_NETWORKS_SIGNATURE_X509_H
#define ISTHMUS_NETWORKS_SIGNATURE_X509_H

#include <openssl/x509.h>

#include "networks/signature.h"

/* Of PEM (the first in it) or DER of at most `limit` bytes; NULL if it is neither. */
struct signature_certificate *signature_certificate_new(const void *bytes, size_t size,
                                                        size_t limit);

/* Still the certificate's. */
X509 *signature_certificate_x509(const struct signature_certificate *certificate);

/* Returns 0 or SIGNATURE_E_STRICT with the reason. */
int signature_check_strict(const struct signature_certificate *certificate,
                           const struct signature_strict *strict, struct reason *reason) MUST_CHECK;

#endif
