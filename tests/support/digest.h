// SPDX-License-Identifier: MIT
/* The server's side of HTTP digest authentication (RFC 7616), for tests of clients. */
#ifndef ISTHMUS_TESTS_SUPPORT_DIGEST_H
#define ISTHMUS_TESTS_SUPPORT_DIGEST_H

#include <stdbool.h>

#include "support/http_server.h"

struct test_digest {
        const char *algorithm; /* "MD5" or "SHA-256" */
        const char *user;
        const char *password;
};

/* Adds the 401 answer that asks for it. */
void test_digest_ask(const struct test_digest *digest, struct buf *answer);

/* True if the request proves that its sender knows the password. */
bool test_digest_check(const struct test_digest *digest, const struct test_http_request *request);

#endif
