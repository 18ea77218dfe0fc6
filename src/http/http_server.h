// SPDX-License-Identifier: MIT
/*
 * HTTP in, on libmicrohttpd: limits, deadlines, late answers and streams around its parser. It
 * listens on a port, or on a Unix domain socket for callers on the same machine.
 *
 * Threads: each server has one, which the options name. `admit`, `handle`, `note` and a stream's
 * functions run on it. Only http_exchange_answer and its kin, http_exchange_wake, and the reading
 * of a request that is not answered yet may happen on other threads.
 *
 * How long a connection may take: `header_timeout_ms` from its start, and from the first line of
 * each further request, to the end of the headers; then `request_timeout_ms` for the body; 75
 * seconds from an answer to the first line of the next request. Who is too slow is cut off, with
 * 408 if something of a request was there.
 *
 * A connection is a stranger until it has brought an admitted request. When there are more than
 * `maximum_connections`, or more strangers of one address than `maximum_per_address`, the oldest
 * stranger is cut off.
 */
#ifndef ISTHMUS_HTTP_HTTP_SERVER_H
#define ISTHMUS_HTTP_HTTP_SERVER_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/reason.h"

struct http_server;

/* One request and its answer. */
struct http_exchange;

typedef void http_handler(void *context, struct http_exchange *exchange);

/* What a server tells of itself, to be counted and logged. */
enum http_event {
        HTTP_OPENED,       /* a connection */
        HTTP_CLOSED,       /* a connection */
        HTTP_REFUSED,      /* a request, by a problem document */
        HTTP_TOO_SLOW,     /* a connection was cut off */
        HTTP_CROWDED_OUT,  /* a connection was cut off, because there were too many */
        HTTP_ADDRESS_FULL, /* a connection was cut off: too many of its address */
        HTTP_UNLOGGED, /* so many of the events above came in a second that not all were logged */
        HTTP_EVENT_COUNT,
};

struct http_note {
        enum http_event event;
        bool log; /* false: it is to be counted, but there were many of its kind just now */
        /* If it is to be logged: */
        const char *peer; /* its address; "" = none */
        int status;       /* of HTTP_REFUSED */
        const char *path; /* of HTTP_REFUSED, its first 200 bytes */
        const char *detail;
        int64_t unlogged; /* of HTTP_UNLOGGED: how many; `status` is theirs, 0 = not refused */
};

struct http_server_options {
        const char *thread; /* its name, at most 15 characters; must stay */
        const char *host;   /* name or address; "" = all interfaces */
        uint16_t port;      /* 0 = any free one */
        /*
         * Path of a Unix domain socket to listen on instead of a port; NULL = a port. It is made
         * with mode 0600, in place of one that is there, and removed at the end: nobody else may
         * serve it.
         */
        const char *socket;
        const char *certificate; /* PEM text; NULL = no TLS */
        const char *private_key; /* PEM text */
        /* Name of a header in which a proxy tells the peer's address, for notes; NULL = none. */
        const char *proxy_header;
        size_t maximum_body; /* bytes; more is answered 413 */
        /*
         * Bytes that each connection has for the headers of a request, which are answered 431 if
         * they don't fit, and for a piece of its body. Zeros are written over one and a half of it
         * behind each request. 0 = 32 KiB.
         */
        size_t connection_memory;
        int64_t header_timeout_ms;  /* 0 = no limit */
        int64_t request_timeout_ms; /* 0 = no limit */
        int64_t idle_ms;            /* for the first line of a further request; 0 = 75 s */
        unsigned maximum_connections;
        /* Strangers of one address (IPv6: of one /64); 0 = no limit. */
        unsigned maximum_per_address;
        bool upgrades;       /* http_exchange_upgrade may be called */
        const char *methods; /* that a problem with status 405 names as allowed; may be NULL */

        /*
         * The headers are there, the body is not. Answers a request that is not welcome; what is
         * not answered goes on to `handle`. NULL = everything is welcome.
         */
        http_handler *admit;
        /*
         * The whole body is there. Answers now or later, exactly once: http_exchange_answer or one
         * of its kin. Until then the exchange is valid, even when its connection is gone.
         */
        http_handler *handle;
        /* May be NULL. What the note points to is valid during the call. */
        void (*note)(void *context, const struct http_note *note);
        void *context;
};

/* Starts to listen. Copies no text: they must outlive the server. A negative errno, or 1. */
int http_server_start(const struct http_server_options *options, struct http_server **server,
                      struct reason *reason) MUST_CHECK;

/* The port that it listens on; 0 with a Unix domain socket. */
uint16_t http_server_port(const struct http_server *server);

/*
 * New connections get this certificate from now on. If it is not in order, the reason says so and
 * the old one stays. Any thread.
 */
int http_server_set_certificate(struct http_server *server, const char *certificate,
                                const char *private_key, struct reason *reason) MUST_CHECK;

/* Answers new requests 503 and returns when all that were handled are answered. */
void http_server_drain(struct http_server *server);

/*
 * Closes all connections and joins the thread: no callback runs afterwards. Exchanges that others
 * still hold stay valid and must still be answered; nobody hears it.
 */
void http_server_stop(struct http_server *server);

/* Stops first. All exchanges must have been answered. NULL is allowed. */
void http_server_free(struct http_server *server);

/* --- the request (valid until it is answered, but for headers and arguments) ------------------ */

const char *http_exchange_method(const struct http_exchange *exchange);

/* Without the query, percent escapes decoded. */
const char *http_exchange_path(const struct http_exchange *exchange);

/* Most parts of a path that are told apart; longer paths have a count of one more. */
#define HTTP_SEGMENTS_MAX 8

/*
 * The path's parts between slashes, percent escapes decoded; a last empty one does not count. The
 * count first.
 */
size_t http_exchange_segment_count(struct http_exchange *exchange);
const char *http_exchange_segment(const struct http_exchange *exchange, size_t index);

/*
 * A header (name in any case) or an argument of the query; NULL if absent. In `admit` and `handle`
 * only, unless the exchange is held.
 */
const char *http_exchange_header(const struct http_exchange *exchange, const char *name);
const char *http_exchange_argument(const struct http_exchange *exchange, const char *name);

/* True if the query has it, perhaps without a value. In `admit` and `handle` only. */
bool http_exchange_has_argument(const struct http_exchange *exchange, const char *name);

/* Each header in turn. In `admit` and `handle` only, where the texts stay. */
void http_exchange_each_header(const struct http_exchange *exchange,
                               void (*visit)(void *context, const char *name, const char *value),
                               void *context);

/* In `handle` and later. */
const struct buf *http_exchange_body(const struct http_exchange *exchange);

/* In `handle`: the headers and arguments stay readable, on any thread, until it is answered. */
void http_exchange_hold(struct http_exchange *exchange);

/*
 * The name in the abstract name space that the other end of a Unix domain socket has, without its
 * first zero byte; "" = none. In `handle` only.
 */
#define HTTP_SOCKET_NAME_SIZE 108
void http_exchange_socket_name(const struct http_exchange *exchange,
                               char name[HTTP_SOCKET_NAME_SIZE]);

/* When its first line was there; steady clock. */
int64_t http_exchange_arrived_ns(const struct http_exchange *exchange);

/*
 * True if a web page may have sent it, in a browser on this machine: it has an Origin, comes from
 * another site, or names a Host that is not this machine. For servers without keys.
 */
bool http_exchange_is_from_a_page(const struct http_exchange *exchange);

/* --- the answer ----------------------------------------------------------------------------- */

/* Before answering; copies. */
void http_exchange_add_header(struct http_exchange *exchange, const char *name, const char *value);

/*
 * `type` is static text. Takes the content of `body`, which is empty afterwards; NULL = an answer
 * without a body. The exchange may be gone when it returns.
 */
void http_exchange_answer(struct http_exchange *exchange, int status, const char *type,
                          struct buf *body);

/* As application/json; takes `value`. */
void http_exchange_answer_json(struct http_exchange *exchange, int status,
                               struct json_object *value);

/* A problem document (RFC 9457), which is noted: HTTP_REFUSED. */
void http_exchange_problem(struct http_exchange *exchange, int status, const char *title,
                           const char *detail);

#define HTTP_PROBLEM_TYPE "application/problem+json"

/* Adds such a document, for http_exchange_answer with HTTP_PROBLEM_TYPE. */
void http_problem_write(struct buf *out, int status, const char *title, const char *detail);

/* Instead of an answer: the connection is closed. */
void http_exchange_drop(struct http_exchange *exchange);

struct http_stream {
        const char *type; /* static text */
        /*
         * Adds what there is to say, nothing if there is nothing now: then it is asked again
         * after http_exchange_wake, or after half a second. False ends the answer after that.
         */
        bool (*read)(void *context, struct buf *out);
        /* Once, when the answer has ended or the client has gone; the exchange is over. */
        void (*end)(void *context);
        void *context;
};

/* In `handle` only. Answers 200 with what the stream says, as it says it. */
void http_exchange_stream(struct http_exchange *exchange, const struct http_stream *stream);

/* A connection that does not speak HTTP any more. */
struct http_upgraded;

struct http_upgrade {
        const char *protocol; /* the header Upgrade; static text */
        /*
         * The answer has left: what the other side says is at `socket` from now on, without TLS
         * and not blocking, a descriptor of the caller's own; `first` came already. The caller
         * calls http_upgraded_close once. Without a connection any more, `socket` is -1 and
         * nothing is to be closed. Exactly once, on the server's thread.
         */
        void (*begin)(void *context, int socket, const struct buf *first,
                      struct http_upgraded *upgraded);
        void *context;
};

/* In `handle` only, with `upgrades`. Answers 101 (RFC 9110, 7.8). */
void http_exchange_upgrade(struct http_exchange *exchange, const struct http_upgrade *upgrade);

/* The connection is to be closed. Any thread, until the server is freed. */
void http_upgraded_close(struct http_upgraded *upgraded);

/* Has the stream's `read` called soon. Any thread, until `end` has been called. */
void http_exchange_wake(struct http_exchange *exchange);

#endif
