// SPDX-License-Identifier: MIT
/*
 * What TLS connections of a server are shown: a certificate and its key, which can be replaced
 * while the server runs. Only TLS 1.2 and 1.3 with forward secrecy and authenticated encryption
 * are spoken (RFC 8996, RFC 9325).
 */
#ifndef ISTHMUS_HTTP_HTTP_TLS_H
#define ISTHMUS_HTTP_HTTP_TLS_H

#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <stddef.h>

#include "base/error.h"
#include "base/reason.h"

/* For libmicrohttpd, in GnuTLS's language. */
#define HTTP_TLS_PRIORITIES                                                                        \
        "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-KX-ALL:+ECDHE-ECDSA:+ECDHE-RSA:"              \
        "-CIPHER-ALL:+AES-256-GCM:+CHACHA20-POLY1305:+AES-128-GCM:-MAC-ALL:+AEAD"

struct http_tls;

/* NULL with the reason if the texts (PEM) are not in order or don't belong together. */
struct http_tls *http_tls_new(const char *certificate, const char *private_key,
                              struct reason *reason);

/* NULL is allowed. */
void http_tls_free(struct http_tls *tls);

/*
 * New connections are shown this certificate from now on, with what leads to its root. 0, or 1
 * with the reason; then the old one stays. Any thread.
 */
int http_tls_set(struct http_tls *tls, const char *certificate, const char *private_key,
                 struct reason *reason) MUST_CHECK;

/* Handshakes on this thread are for this server: GnuTLS gives http_tls_show no context. */
void http_tls_enter(struct http_tls *tls);

/* For libmicrohttpd. */
gnutls_certificate_retrieve_function3 http_tls_show;

#endif
