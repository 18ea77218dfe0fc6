// SPDX-License-Identifier: MIT
/* X.509 for the drivers that verify signatures. */
#ifndef ISTHMUS_NETWORKS_SIGNATURE_X509_H
#define ISTHMUS_NETWORKS_SIGNATURE_X509_H

#include <openssl/x509.h>

#include "networks/signature.h"

/* PEM (the first in it) or DER of at most `limit` bytes; NULL if it is neither. X509_free. */
X509 *signature_read_certificate(const void *bytes, size_t size, size_t limit);

void signature_certificate_cleanup(X509 **certificate);

/* Returns 0 or SIGNATURE_E_STRICT with the reason. */
int signature_check_strict(X509 *certificate, const struct signature_strict *strict,
                           struct reason *reason) MUST_CHECK;

#endif
