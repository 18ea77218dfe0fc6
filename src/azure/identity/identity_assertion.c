// SPDX-License-Identifier: MIT
#include "azure/identity/identity_assertion.h"

#include "base/clock.h"
#include "base/crypto.h"
#include "base/file.h"
#include "base/json/json.h"

/* Certificates and their chains are some kilobytes. */
#define FILE_MAX 262144

#define LIFE_S 600

/* The URL's alphabet, without padding (RFC 4648 section 5). */
static void add_base64url(struct buf *out, const void *bytes, size_t size)
{
        size_t from = out->size;

        crypto_base64_encode(out, bytes, size);
        for (size_t i = from; i < out->size; i++) {
                if (out->data[i] == '+')
                        out->data[i] = '-';
                else if (out->data[i] == '/')
                        out->data[i] = '_';
        }
        buf_trim_end(out, "=");
}

static void add_part(struct buf *out, struct json_object *object)
{
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;

        json_write(&text, object);
        add_base64url(out, text.data, text.size);
}

static void add_head(struct buf *out, const struct buf *certificate)
{
        CLEANUP(json_cleanup) struct json_object *head = json_object_new_object();
        CLEANUP(buf_deinit) struct buf thumb = BUF_INIT;
        uint8_t digest[CRYPTO_SHA256_SIZE];

        crypto_sha256(certificate->data, certificate->size, digest);
        add_base64url(&thumb, digest, sizeof(digest));
        json_add_text(head, "alg", "PS256");
        json_add_text(head, "typ", "JWT");
        json_object_object_add(head, "x5t#S256",
                               json_object_new_string_len(thumb.data, (int)thumb.size));
        add_part(out, head);
}

static void add_claims(struct buf *out, const char *client, const char *audience)
{
        CLEANUP(json_cleanup) struct json_object *claims = json_object_new_object();
        int64_t now_s = clock_wall_ms() / 1000;
        char id[CRYPTO_UUID_SIZE];

        crypto_uuid4(id);
        json_add_text(claims, "aud", audience);
        json_add_text(claims, "iss", client);
        json_add_text(claims, "sub", client);
        json_add_text(claims, "jti", id);
        json_add_int(claims, "iat", now_s);
        json_add_int(claims, "nbf", now_s);
        json_add_int(claims, "exp", now_s + LIFE_S);
        add_part(out, claims);
}

bool identity_assertion_make(const char *file, const char *client, const char *audience,
                             struct buf *out, struct reason *reason)
{
        CLEANUP(buf_wipe) struct buf pem = BUF_INIT;
        CLEANUP(buf_deinit) struct buf certificate = BUF_INIT;
        CLEANUP(buf_deinit) struct buf signature = BUF_INIT;
        CLEANUP(buf_wipe) struct buf text = BUF_INIT;

        if (file_read(file, FILE_MAX, &pem, reason) != 0)
                return false;
        if (!crypto_certificate_der(&certificate, pem.data, pem.size)) {
                reason_set(reason, "the file '%s' holds no certificate in PEM form", file);
                return false;
        }
        add_head(&text, &certificate);
        buf_add_char(&text, '.');
        add_claims(&text, client, audience);
        if (!crypto_sign_pss(&signature, &pem, &text)) {
                reason_set(reason, "the file '%s' holds no RSA key that signs, in PEM form", file);
                return false;
        }
        buf_add(out, text.data, text.size);
        buf_add_char(out, '.');
        add_base64url(out, signature.data, signature.size);
        return true;
}
