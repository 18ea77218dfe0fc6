// SPDX-License-Identifier: MIT
/*
 * HTTP in, on libmicrohttpd: limits, deadlines and late answers around its event loop. It listens
 * on a port, or on a Unix domain socket for callers on the same machine.
 *
 * Threads: the one that the options name (libmicrohttpd's own) runs `admit`, `handle` and
 * `finished`; "ingest-watch" ends requests that take too long. http_exchange_answer and
 * http_exchange_problem may be called on every thread.
 */
#ifndef ISTHMUS_HTTP_HTTP_SERVER_H
#define ISTHMUS_HTTP_HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/reason.h"

struct http_server;

/* One request and its answer. */
struct http_exchange;

struct http_server_options {
        const char *thread; /* its name */
        const char *host;   /* name or address; "" = all interfaces */
        uint16_t port;      /* 0 = any free one */
        /*
         * Path of a Unix domain socket to listen on instead of a port; NULL = a port. It is made
         * with mode 0600, in place of one that is there, and removed at the end: nobody else may
         * serve it.
         */
        const char *socket;
        char *certificate;          /* PEM text; NULL = no TLS */
        char *private_key;          /* PEM text */
        size_t maximum_body;        /* bytes; more is answered 413 */
        int64_t request_timeout_ms; /* from first byte to last; longer: 408; 0 = no limit */
        unsigned maximum_connections;
        const char *methods; /* that a 405 names as allowed */

        /*
         * The headers are there, the body is not. Answers a request that is not welcome; what is
         * not answered goes on to `handle`.
         */
        void (*admit)(void *context, struct http_exchange *exchange);
        /* The whole body is there: answer now, or call http_exchange_defer and answer later. */
        void (*handle)(void *context, struct http_exchange *exchange);
        /* The exchange is over, answered or not; frees what hangs on it. May be NULL. */
        void (*finished)(void *context, struct http_exchange *exchange);
        /* The server itself refuses a request, with 413 or 503. May be NULL. */
        void (*refused)(void *context, unsigned status);
        void *context;
};

/* Starts to listen. Copies nothing: options' texts must outlive the server. */
int http_server_start(const struct http_server_options *options, struct http_server **server,
                      struct reason *reason) MUST_CHECK;

/* The port that it listens on; 0 with a Unix domain socket. */
uint16_t http_server_port(const struct http_server *server);

/* True from the beginning of http_server_stop: new requests are answered 503. */
bool http_server_is_stopping(struct http_server *server);

/* Takes nothing new, waits until what was deferred is answered, and frees. NULL is allowed. */
void http_server_stop(struct http_server *server);

/* --- an exchange --------------------------------------------------------------------------- */

const char *http_exchange_method(const struct http_exchange *exchange);

/* Without the query. */
const char *http_exchange_path(const struct http_exchange *exchange);

/* A header (name in any case) or an argument of the query; NULL if absent. Not after answering. */
const char *http_exchange_header(const struct http_exchange *exchange, const char *name);
const char *http_exchange_argument(const struct http_exchange *exchange, const char *name);

/* In `handle` and later; followed by a zero byte. */
const char *http_exchange_body(const struct http_exchange *exchange, size_t *size);

/* When its first line was there; steady clock. */
int64_t http_exchange_arrived_ns(const struct http_exchange *exchange);

/* The handler's own, NULL at first. */
void http_exchange_set_user(struct http_exchange *exchange, void *user);
void *http_exchange_user(const struct http_exchange *exchange);

/* In `handle` only: the answer follows later. */
void http_exchange_defer(struct http_exchange *exchange);

/*
 * Answers, once. `type` is static text, or NULL for an answer without a body; the body is copied.
 * After a deferral the exchange may be gone when it returns.
 */
void http_exchange_answer(struct http_exchange *exchange, unsigned status, const char *type,
                          const char *body, size_t size);

/* Answers with a problem document (RFC 9457), and logs it: WEBHOOK_REFUSED. */
void http_exchange_problem(struct http_exchange *exchange, unsigned status, const char *title,
                           const char *detail);

#define HTTP_PROBLEM_TYPE "application/problem+json"

/* Adds such a document, for http_exchange_answer with HTTP_PROBLEM_TYPE. */
void http_problem_write(struct buf *out, unsigned status, const char *title, const char *detail);

#endif
