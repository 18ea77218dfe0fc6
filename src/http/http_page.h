// SPDX-License-Identifier: MIT
/* For servers that people's browsers talk to: who may ask, and what a page may do. */
#ifndef ISTHMUS_HTTP_HTTP_PAGE_H
#define ISTHMUS_HTTP_HTTP_PAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "http/http_server.h"

/* True, and answered, if it was sent by a page of another site, as browsers say it. */
bool http_page_refuse_foreign(struct http_exchange *exchange);

/* Is the password of basic authentication (RFC 7617) this key, whatever the user's name is? */
bool http_page_has_password(const struct http_exchange *exchange, const char *key);

/* Asks for it: answers 401. `realm` is static text; the detail says which key is meant. */
void http_page_ask_password(struct http_exchange *exchange, const char *realm, const char *detail);

/* Where a page's pictures may come from: nowhere else than from itself, or from its server. */
#define HTTP_PAGE_POLICY(pictures)                                                                 \
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src " pictures               \
        "; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
#define HTTP_PAGE_NO_PICTURES  HTTP_PAGE_POLICY("data:")
#define HTTP_PAGE_OWN_PICTURES HTTP_PAGE_POLICY("'self' data:")

/* For the answers to such a page: no browser keeps them, and no script in them would run. */
void http_page_add_headers(struct http_exchange *exchange);

/* A file of a page; cmake/pages.cmake makes the tables. */
struct http_page_file {
        const char *path; /* NULL ends the table */
        const char *type;
        const char *bytes;
        size_t size;
};

/*
 * Answers a request of one of these files, under one of the policies above; false if it is none of
 * them.
 */
bool http_page_answer(struct http_exchange *exchange, const struct http_page_file *files,
                      const char *policy);

#endif
