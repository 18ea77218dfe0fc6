// SPDX-License-Identifier: MIT
/*
 * HTTP in, for the local hub: one listening socket, one thread, requests read whole and answered
 * at once, later, or as a stream.
 *
 * Everything of the endpoint happens on its own thread, and so do the handler and the stream's
 * functions. Only hub_exchange_answer*, hub_exchange_delay before it, and hub_exchange_wake may
 * be called on other threads.
 */
#ifndef ISTHMUS_LOCALHUB_HTTP_HTTP_ENDPOINT_H
#define ISTHMUS_LOCALHUB_HTTP_HTTP_ENDPOINT_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/reason.h"

struct http_endpoint;
struct hub_exchange;

/*
 * Called with each complete request. The handler, or somebody later, must answer exactly once
 * (hub_exchange_answer, _answer_json, _stream or _drop); until then the exchange is theirs.
 */
typedef void http_endpoint_handler(void *context, struct hub_exchange *exchange);

struct http_endpoint_options {
        const char *thread;          /* its name, at most 15 characters; must stay */
        const char *address;         /* IPv4 address to listen on; NULL = 127.0.0.1 */
        uint16_t port;               /* 0 = any free one */
        const char *certificate_pem; /* NULL = plain HTTP */
        const char *key_pem;
        unsigned int maximum_connections;
        size_t maximum_body; /* longer requests get 413 */
        http_endpoint_handler *handle;
        void *context;
};

/* Listens and starts the thread. -EADDRINUSE and the like when the port can't be had. */
int http_endpoint_new(const struct http_endpoint_options *options, struct http_endpoint **endpoint,
                      struct reason *reason) MUST_CHECK;

uint16_t http_endpoint_port(const struct http_endpoint *endpoint);

/*
 * Closes the socket and all connections and joins the thread: no handler runs afterwards.
 * Exchanges that others still hold stay valid and must still be answered; nobody hears it.
 */
void http_endpoint_stop(struct http_endpoint *endpoint);

/* Stops first. All exchanges must have been answered. */
void http_endpoint_free(struct http_endpoint *endpoint);

/* --- the request ---------------------------------------------------------------------------- */

const char *hub_exchange_method(const struct hub_exchange *exchange);

/* As it came, without the query. */
const char *hub_exchange_path(const struct hub_exchange *exchange);

/* Most parts of a path that are told apart; longer paths have a count of one more. */
#define HTTP_SEGMENTS_MAX 8

/* The path's parts between slashes, percent escapes decoded; a last empty one does not count. */
size_t hub_exchange_segment_count(const struct hub_exchange *exchange);
const char *hub_exchange_segment(const struct hub_exchange *exchange, size_t index);

/* In the handler only; NULL if absent. */
const char *hub_exchange_header(const struct hub_exchange *exchange, const char *name);
const char *hub_exchange_query(const struct hub_exchange *exchange, const char *name);

const struct buf *hub_exchange_body(const struct hub_exchange *exchange);

/* --- the answer ----------------------------------------------------------------------------- */

/* Before answering; copies. */
void hub_exchange_add_header(struct hub_exchange *exchange, const char *name, const char *value);

/* Before answering: the answer leaves `delay_ms` after it was given. */
void hub_exchange_delay(struct hub_exchange *exchange, int64_t delay_ms);

/* Takes the content of `body` (NULL = none), which is empty afterwards. */
void hub_exchange_answer(struct hub_exchange *exchange, int status, const char *content_type,
                         struct buf *body);

/* As application/json; takes `value`. */
void hub_exchange_answer_json(struct hub_exchange *exchange, int status, struct json_object *value);

/* Instead of an answer: the connection is closed. */
void hub_exchange_drop(struct hub_exchange *exchange);

struct http_stream {
        const char *content_type;
        /*
         * Adds what there is to say, nothing if there is nothing now: then it is asked again
         * after hub_exchange_wake, or after half a second. False ends the answer after that.
         */
        bool (*read)(void *context, struct buf *out);
        /* Once, when the answer has ended or the client has gone; the exchange is over. */
        void (*end)(void *context);
        void *context;
};

/* In the handler only. Answers 200 with what the stream says, as it says it. */
void hub_exchange_stream(struct hub_exchange *exchange, const struct http_stream *stream);

/* Has the stream's `read` called soon. Any thread, until `end` has been called. */
void hub_exchange_wake(struct hub_exchange *exchange);

#endif
