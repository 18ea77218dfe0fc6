// SPDX-License-Identifier: MIT
/*
 * What an application with a certificate shows instead of a secret: a JSON Web Token about itself,
 * signed with PS256 (RFC 7515, RFC 7518).
 *
 * Source: https://learn.microsoft.com/entra/identity-platform/certificate-credentials
 */
#ifndef ISTHMUS_AZURE_IDENTITY_IDENTITY_ASSERTION_H
#define ISTHMUS_AZURE_IDENTITY_IDENTITY_ASSERTION_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/reason.h"

/*
 * Adds the token to `out`, a secret. `file` holds the certificate and its RSA key as PEM;
 * `audience` is the URL that it is sent to. False with the reason if the file can't be used.
 */
bool identity_assertion_make(const char *file, const char *client, const char *audience,
                             struct buf *out, struct reason *reason) MUST_CHECK;

#endif
