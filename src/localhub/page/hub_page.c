// SPDX-License-Identifier: MIT
#include "localhub/page/hub_page.h"

#include <hub_page_files.h>
#include <string.h>

#include "base/buf.h"
#include "base/text.h"
#include "http/http_check.h"

static const struct {
        const char *path;
        const char *type;
        const char *bytes;
        size_t size;
} files[] = {
        {"/", "text/html; charset=utf-8", hub_index_html, sizeof(hub_index_html) - 1},
        {"/page.css", "text/css; charset=utf-8", hub_page_css, sizeof(hub_page_css) - 1},
        {"/page.js", "text/javascript; charset=utf-8", hub_page_js, sizeof(hub_page_js) - 1},
};

/* A page that could do no harm even if a device's name were a script. */
static void add_headers(struct http_exchange *exchange)
{
        http_exchange_add_header(exchange, "Cache-Control", "no-store");
        http_exchange_add_header(exchange, "X-Content-Type-Options", "nosniff");
        http_exchange_add_header(exchange, "Referrer-Policy", "no-referrer");
        http_exchange_add_header(exchange, "Content-Security-Policy",
                                 "default-src 'none'; script-src 'self'; style-src 'self'; "
                                 "img-src data:; connect-src 'self'; base-uri 'none'; "
                                 "form-action 'none'; frame-ancestors 'none'");
}

bool hub_page_answer(struct http_exchange *exchange)
{
        struct buf body = BUF_INIT;

        if (strcmp(http_exchange_method(exchange), "GET") != 0)
                return false;
        for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
                if (strcmp(http_exchange_path(exchange), files[i].path) != 0)
                        continue;
                buf_add(&body, files[i].bytes, files[i].size);
                add_headers(exchange);
                http_exchange_answer(exchange, 200, files[i].type, &body);
                return true;
        }
        return false;
}

bool hub_page_is_own(const struct http_exchange *exchange)
{
        const char *origin = http_exchange_header(exchange, "Origin");
        const char *host = http_exchange_header(exchange, "Host");

        return origin && host && strncmp(origin, "http://", strlen("http://")) == 0 &&
               strcmp(origin + strlen("http://"), host) == 0 &&
               !http_check_is_from_a_page(NULL, http_exchange_header(exchange, "Sec-Fetch-Site"),
                                          host);
}
