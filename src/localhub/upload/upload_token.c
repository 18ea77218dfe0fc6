// SPDX-License-Identifier: MIT
/*
 * Tokens for blobs. They look like a storage account's shared access signatures, but are signed
 * with a key of this process: nobody else has to make one.
 */
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "localhub/upload/upload_inside.h"

#define VERSION     "2021-12-02"
#define PERMISSIONS "rw"

static void sign(const struct uploads *uploads, const char *path, const char *until,
                 struct buf *signature)
{
        CLEANUP(mem_cleanup)
        char *text = mem_format(PERMISSIONS "\n%s\n" VERSION "\n%s", until, path);
        uint8_t mac[CRYPTO_SHA256_SIZE];

        crypto_hmac_sha256(uploads->key, sizeof(uploads->key), text, strlen(text), mac);
        crypto_base64_encode(signature, mac, sizeof(mac));
}

void upload_token_write(const struct uploads *uploads, const char *path, int64_t until_s,
                        struct buf *out)
{
        CLEANUP(buf_deinit) struct buf signature = BUF_INIT;
        char until[CLOCK_TEXT_SIZE];

        clock_format_utc(until, until_s * 1000 * CLOCK_NS_PER_MS, CLOCK_FRACTION);
        sign(uploads, path, until, &signature);
        buf_add_text(out, "?sv=" VERSION "&sr=b&sp=" PERMISSIONS "&se=");
        text_url_escape(out, until);
        buf_add_text(out, "&sig=");
        text_url_escape(out, buf_text(&signature));
}

bool upload_token_check(const struct uploads *uploads, const struct http_exchange *exchange)
{
        const char *until = http_exchange_argument(exchange, "se");
        const char *given = http_exchange_argument(exchange, "sig");
        CLEANUP(buf_deinit) struct buf signature = BUF_INIT;
        int64_t until_ns;

        if (!until || !given || !clock_parse_utc(until, &until_ns) || until_ns <= clock_wall_ns())
                return false;
        sign(uploads, http_exchange_path(exchange), until, &signature);
        return crypto_equal(given, strlen(given), signature.data, signature.size);
}
