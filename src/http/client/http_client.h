// SPDX-License-Identifier: MIT
/*
 * HTTP out: libcurl's multi interface on one thread ("http" if not named otherwise), connections
 * kept and shared. TLS certificates are always verified; more trust can be added, never less.
 *
 * HTTP/1.1 over http or https, redirects are not followed (they are an answer), the environment's
 * `https_proxy`, `http_proxy` and `no_proxy` are honoured. A request that finds a kept connection
 * closed is sent again by libcurl on a new one, so a server may see one twice (but see `once`).
 *
 * No server can take all connections: a quarter of them is left to the others, and waiting
 * requests of several servers take turns. What waits is bounded by those who send.
 */
#ifndef ISTHMUS_HTTP_CLIENT_HTTP_CLIENT_H
#define ISTHMUS_HTTP_CLIENT_HTTP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/reason.h"
#include "base/x509/certificate.h"

#define HTTP_CLIENT_THREAD "http"

struct http_client;

struct http_client_options {
        const char *trusted_certificates; /* PEM file beside the system's; or NULL */
        const char *user_agent;
        const char *thread; /* its name, static; NULL = HTTP_CLIENT_THREAD */
        /* Path of a Unix domain socket that all requests go to, whatever their URL says; or NULL.
         */
        const char *socket;
        long maximum_connections; /* in all; 0 = 64 */
        long timeout_ms;          /* of one request, from start to last byte; 0 = 30 s */
        size_t maximum_answer;    /* bytes of an answer's body; 0 = 1 MiB */
};

/* Copies the options. A negative errno, with the reason, if the certificates can't be read. */
int http_client_new(const struct http_client_options *options, struct http_client **client,
                    struct reason *reason) MUST_CHECK;

/*
 * Answers what is under way with HTTP_E_STOPPED, joins the thread. What a `done` sends meanwhile is
 * answered in the same way. Any thread but "http"; NULL is allowed.
 */
void http_client_free(struct http_client *client);

enum http_failure {
        HTTP_OK = 0,      /* there is an answer, whatever its status */
        HTTP_E_CONNECT,   /* no connection, or no valid request; nothing was sent */
        HTTP_E_TLS,       /* certificate or handshake refused; nothing was sent */
        HTTP_E_TIMEOUT,   /* too slow; the request may have arrived */
        HTTP_E_BROKEN,    /* connection lost on the way; the request may have arrived */
        HTTP_E_TOO_LARGE, /* answer longer than allowed */
        HTTP_E_STOPPED,   /* the client is being freed */
};

struct http_header {
        const char *name;
        const char *value;
};

struct http_answer;

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
        /* Never sent a second time by libcurl: a lost connection is HTTP_E_BROKEN. */
        bool once;
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

struct http_answer {
        enum http_failure failure;
        int status; /* 0 unless failure is HTTP_OK */
        struct buf body;
        int64_t retry_after_ms; /* from Retry-After, at most HTTP_ANSWER_WAIT_MAX_MS; -1 = none */
        struct buf headers;     /* all of them, "Name: value\n" each, for http_answer_header */
        struct reason reason;   /* of a failure */
};

/* Copies the value of a header (name in any case) to `out`; false if absent. */
bool http_answer_header(const struct http_answer *answer, const char *name, struct buf *out);

/* The time that a header names (Date, Last-Modified), since 1970; false if it names none. */
bool http_answer_time(const struct http_answer *answer, const char *name, int64_t *wall_ms);

/* When the server says it made the answer (its Date). */
bool http_answer_date(const struct http_answer *answer, int64_t *wall_ms);

/* On the thread "http", exactly once; `answer` is valid during the call. */
typedef void http_done(void *context, const struct http_answer *answer);

/* The name of its thread, for THREAD_ASSERT. Any thread. */
const char *http_client_thread(const struct http_client *client);

/* Copies the request. May be called on every thread; never calls back before it returns. */
void http_client_send(struct http_client *client, const struct http_request *request,
                      http_done *done, void *context);

/* Calls `run` on the thread "http" after `delay_ms` (0 = soon). At free: not called any more. */
void http_client_after(struct http_client *client, int64_t delay_ms, void (*run)(void *context),
                       void *context);

#endif
