// SPDX-License-Identifier: MIT
/*
 * Tokens for blobs: shared access signatures of a storage account. That of the hub's own files has
 * a key of this process: nobody else has to make one.
 */
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "localhub/upload/upload_inside.h"

#define VERSION     "2021-12-02"
#define PERMISSIONS "rw"

static void sign(const struct uploads *uploads, const char *text, struct buf *signature)
{
        uint8_t mac[CRYPTO_SHA256_SIZE];

        crypto_hmac_sha256(uploads->key.data, uploads->key.size, text, strlen(text), mac);
        crypto_base64_encode(signature, mac, sizeof(mac));
}

/* Fields that are empty have their line, too. */
static void sign_blob(const struct uploads *uploads, const char *path, const char *until,
                      struct buf *signature)
{
        CLEANUP(mem_cleanup)
        char *text =
                mem_format(PERMISSIONS "\n\n%s\n/blob/%s%s\n\n\n\n" VERSION "\nb\n\n\n\n\n\n\n",
                           until, uploads->account, path);

        sign(uploads, text, signature);
}

static void add_end(struct buf *out, const char *until, const struct buf *signature)
{
        buf_add_text(out, "&se=");
        text_url_escape(out, until);
        buf_add_text(out, "&sig=");
        text_url_escape(out, buf_text(signature));
}

static char *time_text(int64_t until_s)
{
        char text[CLOCK_TEXT_SIZE];

        clock_format_utc(text, until_s * CLOCK_NS_PER_S, CLOCK_SECONDS);
        return mem_format("%sZ", text);
}

void upload_token_write(const struct uploads *uploads, const char *path, int64_t until_s,
                        struct buf *out)
{
        CLEANUP(buf_deinit) struct buf signature = BUF_INIT;
        CLEANUP(mem_cleanup) char *until = time_text(until_s);

        sign_blob(uploads, path, until, &signature);
        buf_add_text(out, "?sv=" VERSION "&sr=b&sp=" PERMISSIONS);
        add_end(out, until, &signature);
}

void upload_token_write_for_account(const struct uploads *uploads, int64_t until_s, struct buf *out)
{
        CLEANUP(buf_deinit) struct buf signature = BUF_INIT;
        CLEANUP(mem_cleanup) char *until = time_text(until_s);
        CLEANUP(mem_cleanup)
        char *text = mem_format("%s\nc\nb\nc\n\n%s\n\n\n" VERSION "\n\n", uploads->account, until);

        sign(uploads, text, &signature);
        buf_add_text(out, "&sv=" VERSION "&ss=b&srt=c&sp=c");
        add_end(out, until, &signature);
}

bool upload_token_check(const struct uploads *uploads, const struct http_exchange *exchange)
{
        const char *until = http_exchange_argument(exchange, "se");
        const char *given = http_exchange_argument(exchange, "sig");
        CLEANUP(buf_deinit) struct buf signature = BUF_INIT;
        int64_t until_ns;

        if (!until || !given || !clock_parse_utc(until, &until_ns) || until_ns <= clock_wall_ns())
                return false;
        sign_blob(uploads, http_exchange_path(exchange), until, &signature);
        return crypto_equal(given, strlen(given), signature.data, signature.size);
}
