// SPDX-License-Identifier: MIT
#include "http/http_page.h"

#include <string.h>
#include <strings.h>

#include "base/crypto.h"
#include "base/mem.h"
#include "base/text.h"

bool http_page_refuse_foreign(struct http_exchange *exchange)
{
        const char *site = http_exchange_header(exchange, "Sec-Fetch-Site");

        if (!site || text_equal(site, "same-origin") || text_equal(site, "none"))
                return false;
        http_exchange_problem(exchange, 403, "Forbidden",
                              "requests of other sites' pages are not answered");
        return true;
}

bool http_page_has_password(const struct http_exchange *exchange, const char *key)
{
        const char *authorization = http_exchange_header(exchange, "Authorization");
        CLEANUP(buf_wipe) struct buf credentials = BUF_INIT;
        const char *password;

        if (!authorization || strncasecmp(authorization, "Basic ", 6) != 0 ||
            !crypto_base64_decode(&credentials, authorization + 6, strlen(authorization + 6)))
                return false;
        password = strchr(buf_text(&credentials), ':');
        return password && crypto_equal(password + 1, strlen(password + 1), key, strlen(key));
}

void http_page_ask_password(struct http_exchange *exchange, const char *realm, const char *detail)
{
        CLEANUP(mem_cleanup)
        char *challenge = mem_format("Basic realm=\"%s\", charset=\"UTF-8\"", realm);

        http_exchange_add_header(exchange, "WWW-Authenticate", challenge);
        http_exchange_problem(exchange, 401, "Unauthorized", detail);
}

static void add_headers(struct http_exchange *exchange, const char *policy)
{
        http_exchange_add_header(exchange, "Cache-Control", "no-store");
        http_exchange_add_header(exchange, "X-Content-Type-Options", "nosniff");
        http_exchange_add_header(exchange, "Referrer-Policy", "no-referrer");
        http_exchange_add_header(exchange, "Content-Security-Policy", policy);
}

void http_page_add_headers(struct http_exchange *exchange)
{
        add_headers(exchange, HTTP_PAGE_NO_PICTURES);
}

bool http_page_answer(struct http_exchange *exchange, const struct http_page_file *files,
                      const char *policy)
{
        struct buf body = BUF_INIT;

        for (; files->path; files++) {
                if (!text_equal(http_exchange_path(exchange), files->path))
                        continue;
                buf_add(&body, files->bytes, files->size);
                add_headers(exchange, policy);
                http_exchange_answer(exchange, 200, files->type, &body);
                return true;
        }
        return false;
}
