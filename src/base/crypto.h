// SPDX-License-Identifier: MIT
/* What isthmus needs of OpenSSL: digests, base64, hex, random bytes, safe comparison. */
#ifndef ISTHMUS_BASE_CRYPTO_H
#define ISTHMUS_BASE_CRYPTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"

#define CRYPTO_SHA256_SIZE 32
#define CRYPTO_SHA1_SIZE   20
#define CRYPTO_MD5_SIZE    16

/* Text form of a UUID with its zero byte. */
#define CRYPTO_UUID_SIZE 37

void crypto_sha256(const void *bytes, size_t size, uint8_t digest[CRYPTO_SHA256_SIZE]);

/* For the handshake of WebSockets (RFC 6455) alone: it protects nothing. */
void crypto_sha1(const void *bytes, size_t size, uint8_t digest[CRYPTO_SHA1_SIZE]);

/* For services that show it of what they send (Content-MD5): finds mistakes, stops nobody. */
void crypto_md5(const void *bytes, size_t size, uint8_t digest[CRYPTO_MD5_SIZE]);

void crypto_hmac_sha256(const void *key, size_t key_size, const void *bytes, size_t size,
                        uint8_t mac[CRYPTO_SHA256_SIZE]);

/* Adds standard base64 with padding (RFC 4648 section 4). */
void crypto_base64_encode(struct buf *out, const void *bytes, size_t size);

/* Adds the bytes; false, and `out` as before, unless the text is standard base64 with padding. */
bool crypto_base64_decode(struct buf *out, const char *text, size_t size) MUST_CHECK;

/* Adds lower-case hex digits. */
void crypto_hex_encode(struct buf *out, const void *bytes, size_t size);

/* Adds the bytes; false, and `out` as before, unless the text is an even number of hex digits. */
bool crypto_hex_decode(struct buf *out, const char *text, size_t size) MUST_CHECK;

/* Equal; takes the same time whatever the difference is, but shows the lengths. */
bool crypto_equal(const void *a, size_t a_size, const void *b, size_t b_size);

/* Bytes no one can guess. */
void crypto_random(void *bytes, size_t size);

/* A random UUID (RFC 4122 version 4), lower case. */
void crypto_uuid4(char text[CRYPTO_UUID_SIZE]);

/*
 * A UUID made from bytes: the same bytes give the same one at every run. Version nibble 5 and
 * variant as in RFC 4122 section 4.3, but by SHA-256.
 */
void crypto_uuid_of(const void *bytes, size_t size, char text[CRYPTO_UUID_SIZE]);

/*
 * The number of X.509 certificates in PEM text, 0 if there is none. If one is broken, its number
 * (from 1) as a negative one.
 */
int crypto_count_certificates(const char *pem, size_t size);

/*
 * Adds an X.509 certificate in its DER form, of which fingerprints are made. `bytes` are DER or
 * PEM, of which the first certificate is taken. False, and `der` as before, if there is none.
 */
bool crypto_certificate_der(struct buf *der, const void *bytes, size_t size) MUST_CHECK;

/*
 * Adds the signature of `text` by RSASSA-PSS with SHA-256 and a salt of 32 bytes (PS256 of RFC 7518
 * section 3.5). `pem` holds the private key, without a passphrase. False, and `signature` as
 * before, if there is no RSA key in it.
 */
bool crypto_sign_pss(struct buf *signature, const struct buf *pem,
                     const struct buf *text) MUST_CHECK;

#endif
