// SPDX-License-Identifier: MIT
/*
 * What a request must not be, beyond what libmicrohttpd's parser refuses: ambiguous, so that a
 * proxy in front could see other requests than we do (RFC 9112, 6.3 and 11.2).
 */
#ifndef ISTHMUS_HTTP_HTTP_CHECK_H
#define ISTHMUS_HTTP_HTTP_CHECK_H

#include <stdbool.h>
#include <stddef.h>

/* The headers of one request, one after the other; starts zeroed. */
struct http_check {
        unsigned hosts;
        unsigned lengths;
        unsigned codings;
        const char *fault; /* what is wrong, static text; NULL = nothing so far */
};

/* `name` and `value` are followed by a zero byte. */
void http_check_header(struct http_check *check, const char *name, size_t name_size,
                       const char *value, size_t value_size);

/* The same for an argument of the query; `value` may be NULL. */
void http_check_argument(struct http_check *check, const char *value, size_t size);

/* All of them were looked at. NULL, or what is wrong. */
const char *http_check_end(struct http_check *check, const char *version);

/*
 * May a web page have sent this, in a browser on this machine? Of the headers Origin,
 * Sec-Fetch-Site and Host, NULL if absent.
 */
bool http_check_is_from_a_page(const char *origin, const char *site, const char *host);

#endif
