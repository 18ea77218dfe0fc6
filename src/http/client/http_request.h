// SPDX-License-Identifier: MIT
/* A request, and who is told of its end. */
#ifndef ISTHMUS_HTTP_CLIENT_HTTP_REQUEST_H
#define ISTHMUS_HTTP_CLIENT_HTTP_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/x509/certificate.h"
#include "http/client/http_answer.h"

struct http_header {
        const char *name;
        const char *value;
};

struct http_request {
        const char *method;                /* "GET", "PUT", "POST", "DELETE" */
        const char *url;                   /* http:// or https:// */
        const struct http_header *headers; /* a Content-Type belongs to every body */
        size_t header_count;
        const char *body; /* NULL = none */
        size_t body_size;
        long timeout_ms;       /* 0 = the client's; waiting for a free connection does not count */
        size_t maximum_answer; /* bytes of the answer's body; 0 = the client's */
        /*
         * Only to a public address (http_reach.h), whatever the host's name resolves to; otherwise
         * HTTP_E_CONNECT. If the environment names a proxy for the URL, the proxy decides.
         */
        bool public_only;
        /* Never by a proxy, whatever the environment names: for services of this machine. */
        bool direct;
        /* It gets what other requests show, so a refusal of it says nothing about that. */
        bool for_secrets;
        /* Never sent a second time by libcurl: a lost connection is HTTP_E_BROKEN. */
        bool once;
        /*
         * Of a request with `once` and a body: asked with the context of `done`, on the thread
         * "http", right before the body leaves; it may have waited long for that. False: nothing
         * is done (HTTP_E_CONNECT). NULL = it may.
         */
        bool (*may_go)(void *context);
        /*
         * Of a server that asks for them (401): by digest (RFC 7616, MD5 and SHA-256) if it can,
         * else by basic authentication (RFC 7617). NULL = none.
         */
        const char *user;
        const char *password;
        /* What the client shows of itself in TLS; shared, not copied. NULL = nothing. */
        struct certificate *certificate;
        /*
         * Takes the body in pieces as it comes, with the context of `done` and with status and
         * headers in `answer`, instead of leaving it in the answer: for a body without an end.
         * False ends the request (HTTP_E_BROKEN). `timeout_ms` is then how long the server may be
         * silent, in whole seconds, and `maximum_answer` means nothing.
         */
        bool (*take)(void *context, const struct http_answer *answer, const char *bytes,
                     size_t size);
        /* Shares a connection with others like it (HTTP/2) where the server can do that. */
        bool multiplex;
};

/* On the thread "http", exactly once; `answer` is valid during the call. */
typedef void http_done(void *context, const struct http_answer *answer);

#endif
