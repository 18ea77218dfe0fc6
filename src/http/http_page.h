// SPDX-License-Identifier: MIT
/* For servers whose requests a person's browser makes: who may, and what a page may do. */
#ifndef ISTHMUS_HTTP_HTTP_PAGE_H
#define ISTHMUS_HTTP_HTTP_PAGE_H

#include <stdbool.h>

#include "http/http_server.h"

/* True if it was sent by a page of another site, as browsers say it. */
bool http_page_is_foreign(const struct http_exchange *exchange);

/* Is the password of basic authentication (RFC 7617) this key, whatever the user's name is? */
bool http_page_has_password(const struct http_exchange *exchange, const char *key);

/* Asks for it: answers 401. `realm` is static text; the detail says which key is meant. */
void http_page_ask_password(struct http_exchange *exchange, const char *realm, const char *detail);

/* A page that could do no harm even if a name in it were a script: of its own files only. */
void http_page_add_headers(struct http_exchange *exchange);

#endif
