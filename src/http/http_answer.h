// SPDX-License-Identifier: MIT
/* What an answer's header lines say. Pure text work, no curl. */
#ifndef ISTHMUS_HTTP_HTTP_ANSWER_H
#define ISTHMUS_HTTP_HTTP_ANSWER_H

#include <stddef.h>
#include <stdint.h>

#include "http/http_client.h"

/* Header lines of one answer, all together; more is refused as too large. */
#define HTTP_ANSWER_HEADERS_MAX 65536

/* A longer wait is cut to a day: no service means more. */
#define HTTP_ANSWER_WAIT_MAX_MS INT64_C(86400000)

void http_answer_deinit(struct http_answer *answer);

/*
 * Takes one header line as it came (with its line end or without). A status line starts over, so
 * that the headers of an interim answer (100, or a proxy's) don't stay. False when the lines
 * together are too long.
 */
bool http_answer_take_line(struct http_answer *answer, const char *line, size_t size);

/*
 * Milliseconds that a Retry-After value asks for: whole seconds or one of the three date forms of
 * RFC 9110 section 5.6.7; a date in the past is 0. -1 if it is neither.
 */
int64_t http_answer_parse_retry_after(const char *value, int64_t wall_ms);

#endif
