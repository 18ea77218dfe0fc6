// SPDX-License-Identifier: MIT
/* An answer, and what its header lines say. Pure text work, no curl. */
#ifndef ISTHMUS_HTTP_CLIENT_HTTP_ANSWER_H
#define ISTHMUS_HTTP_CLIENT_HTTP_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/reason.h"

enum http_failure {
        HTTP_OK = 0,      /* there is an answer, whatever its status */
        HTTP_E_CONNECT,   /* no connection, or no valid request; nothing was sent */
        HTTP_E_TLS,       /* certificate or handshake refused; nothing was sent */
        HTTP_E_TIMEOUT,   /* too slow; the request may have arrived */
        HTTP_E_BROKEN,    /* connection lost on the way; the request may have arrived */
        HTTP_E_TOO_LARGE, /* answer longer than allowed */
        HTTP_E_STOPPED,   /* the client is being freed */
};

/* Header lines of one answer, all together; more is refused as too large. */
#define HTTP_ANSWER_HEADERS_MAX 65536

/*
 * The longest wait that any answer may ask of us; a longer one is cut. A proxy's page or a slip of
 * a service must not stop a device for a day, and asking once in five minutes harms nobody.
 */
#define HTTP_ANSWER_WAIT_MAX_MS INT64_C(300000)

struct http_answer {
        enum http_failure failure;
        int status; /* 0 unless failure is HTTP_OK */
        struct buf body;
        int64_t retry_after_ms; /* from Retry-After, at most HTTP_ANSWER_WAIT_MAX_MS; -1 = none */
        struct buf headers;     /* all of them, "Name: value\n" each, for http_answer_header */
        struct reason reason;   /* of a failure */
};

void http_answer_deinit(struct http_answer *answer);

/* Copies the value of a header (name in any case) to `out`; false if absent. */
bool http_answer_header(const struct http_answer *answer, const char *name, struct buf *out);

/* The time that a header names (Date, Last-Modified), since 1970; false if it names none. */
bool http_answer_time(const struct http_answer *answer, const char *name, int64_t *wall_ms);

/* When the server says it made the answer (its Date). */
bool http_answer_date(const struct http_answer *answer, int64_t *wall_ms);

/*
 * Takes one header line as it came (with its line end or without). A status line starts over, so
 * that the headers of an interim answer (100, or a proxy's) don't stay. False when the lines
 * together are too long.
 */
bool http_answer_take_line(struct http_answer *answer, const char *line, size_t size);

/*
 * Milliseconds that the answer's Retry-After asks for, at most HTTP_ANSWER_WAIT_MAX_MS: whole
 * seconds or one of the three date forms of RFC 9110 section 5.6.7; a date in the past is 0. -1 if
 * there is none, or it is neither. A date is compared with the answer's own Date; with `wall_ms`,
 * our clock, if the answer has none.
 */
int64_t http_answer_retry_after(const struct http_answer *answer, int64_t wall_ms);

/* The same, at most `maximum_ms`, for a service that may ask for longer. */
int64_t http_answer_wait(const struct http_answer *answer, int64_t wall_ms, int64_t maximum_ms);

#endif
