// SPDX-License-Identifier: MIT
/*
 * Is a delivery really from Myriota (rule M8)? The functions of its struct signature_driver, whose
 * contracts are in networks/signature.h.
 *
 * Myriota signs with RSASSA-PKCS1-v1_5 and SHA-256 over EndpointRef, Timestamp, Id and Data,
 * joined by line feeds (confirmed with published deliveries; the field list in its documentation
 * lacks one). Its certificate is self-signed and ended in 2020, yet signs to this day: trust comes
 * from where it was fetched, and only the strict setting looks at its validity.
 */
#ifndef ISTHMUS_NETWORKS_MYRIOTA_MYRIOTA_SIGNATURE_H
#define ISTHMUS_NETWORKS_MYRIOTA_MYRIOTA_SIGNATURE_H

#include "networks/signature.h"

/* The only host that may say what Myriota's certificates are. */
#define MYRIOTA_CERTIFICATE_HOST "security.myriota.com"

#define MYRIOTA_CERTIFICATE_SIZE 65536

extern const struct signature_driver myriota_signature;

int myriota_signature_read(const struct webhook *webhook, struct signature *signature,
                           struct reason *reason) MUST_CHECK;
int myriota_signature_check_url(const char *url, const char *authority,
                                struct reason *reason) MUST_CHECK;
struct signature_certificate *myriota_signature_read_certificate(const void *bytes, size_t size,
                                                                 struct reason *reason) MUST_CHECK;
int myriota_signature_verify(const struct signature *signature,
                             const struct signature_certificate *certificate,
                             const struct signature_strict *strict,
                             struct reason *reason) MUST_CHECK;

#endif
