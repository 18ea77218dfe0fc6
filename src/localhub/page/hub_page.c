// SPDX-License-Identifier: MIT
#include "localhub/page/hub_page.h"

#include <hub_files.h>
#include <string.h>

#include "http/http_check.h"
#include "http/http_page.h"

bool hub_page_answer(struct http_exchange *exchange)
{
        return strcmp(http_exchange_method(exchange), "GET") == 0 &&
               http_page_answer(exchange, hub_files, HTTP_PAGE_NO_PICTURES);
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
