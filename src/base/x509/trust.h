// SPDX-License-Identifier: MIT
/*
 * The certificates that a TLS client trusts: the system's, and those of one more PEM file (a
 * private network's, the local hub's). Nothing can be taken away from them.
 *
 * The system's are those of the file that the environment's SSL_CERT_FILE names, as with OpenSSL's
 * and curl's own programs, else of the first bundle found where distributions put it.
 */
#ifndef ISTHMUS_BASE_X509_TRUST_H
#define ISTHMUS_BASE_X509_TRUST_H

#include "base/error.h"
#include "base/reason.h"

struct trust;

/*
 * Reads and checks the certificates. `extra_file` may be NULL or "". A negative errno, with a
 * reason that names the file, if it can't be read or holds no certificate or a broken one.
 */
int trust_open(const char *extra_file, struct trust **trust, struct reason *reason) MUST_CHECK;

/*
 * Name of a PEM file that holds all of them, valid until trust_close; for a library that wants a
 * file. With an extra file it is a copy in memory as both were at trust_open.
 */
const char *trust_file(const struct trust *trust);

/* NULL is allowed. */
void trust_close(struct trust *trust);

#endif
