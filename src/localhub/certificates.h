// SPDX-License-Identifier: MIT
/*
 * The local hub's certificates: a private authority made at the first start, and a server
 * certificate signed by it, kept as PEM files in a directory:
 *
 *   ca.pem, ca-key.pem          the authority (EC P-256, 10 years); ca.pem is what clients trust
 *   server.pem, server-key.pem  localhost, 127.0.0.1, ::1 and the names asked for (397 days)
 *
 * Key files have mode 0600. Files that are missing, damaged, near their end (30 days for the
 * server's, 90 for the authority's) or that do not belong together are replaced; a new authority
 * is logged, because every client must be told of it.
 */
#ifndef ISTHMUS_LOCALHUB_CERTIFICATES_H
#define ISTHMUS_LOCALHUB_CERTIFICATES_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/reason.h"

struct certificates {
        char *authority_path; /* ca.pem */
        char *server_path;    /* server.pem */
        char *server_key_path;
};

struct certificates_options {
        const char *directory;    /* must exist; its user must hold a lock on it */
        const char *const *names; /* further host names and addresses of the server */
        size_t name_count;
        int64_t now_s; /* seconds since 1970; 0 = the clock's */
};

/*
 * Reads what is there, makes what is not. -EINVAL for a name that is neither a host name nor an
 * address; otherwise the system's error of a file. Gives the caller the result.
 */
int certificates_open(const struct certificates_options *options,
                      struct certificates **certificates, struct reason *reason) MUST_CHECK;

/* Wipes the key. */
void certificates_free(struct certificates *certificates);

/* For CLEANUP. */
void certificates_cleanup(struct certificates **certificates);

#endif
