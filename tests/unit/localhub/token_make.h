// SPDX-License-Identifier: MIT
/* Shared access signatures as clients make them, and the keys of the test vectors. */
#ifndef ISTHMUS_TESTS_TOKEN_MAKE_H
#define ISTHMUS_TESTS_TOKEN_MAKE_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/crypto.h"
#include "base/mem.h"
#include "base/text.h"

/* Bytes 00 to 1f and 00 to 3f. */
#define K32 "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define K64                                                                                        \
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw=="

/* `sr` goes into the token as it is; the caller's. */
static inline char *token_make_raw(const char *sr, const char *key, int64_t expires_s,
                                   const char *key_name)
{
        CLEANUP(buf_deinit) struct buf bytes = BUF_INIT;
        CLEANUP(buf_deinit) struct buf base64 = BUF_INIT;
        CLEANUP(buf_deinit) struct buf signature = BUF_INIT;
        CLEANUP(mem_cleanup) char *text = mem_format("%s\n%lld", sr, (long long)expires_s);
        uint8_t mac[CRYPTO_SHA256_SIZE];

        /* Event Hubs signs with the key's text. */
        if (sr && strncmp(sr, "sb%3A", 5) == 0)
                buf_add_text(&bytes, key);
        else if (!crypto_base64_decode(&bytes, key, strlen(key)))
                abort();
        crypto_hmac_sha256(bytes.data, bytes.size, text, strlen(text), mac);
        crypto_base64_encode(&base64, mac, sizeof(mac));
        text_url_escape(&signature, base64.data);
        return mem_format("SharedAccessSignature sr=%s&sig=%s&se=%lld%s%s", sr, signature.data,
                          (long long)expires_s, key_name ? "&skn=" : "", key_name ? key_name : "");
}

/* The resource is escaped as most SDKs do it. */
static inline char *token_make(const char *resource, const char *key, int64_t expires_s,
                               const char *key_name)
{
        CLEANUP(buf_deinit) struct buf sr = BUF_INIT;

        text_url_escape(&sr, resource);
        return token_make_raw(sr.data, key, expires_s, key_name);
}

#endif
