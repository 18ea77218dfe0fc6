// SPDX-License-Identifier: MIT
#include "gateway/control/operator_page.h"

#include <operator_files.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "base/text.h"
#include "http/http_page.h"
#include "http/http_server.h"

#define API "/api"

/* In which the page gives Page.ControlKey. */
#define CONTROL_HEADER "X-Control-Key"

#define MAXIMUM_BODY        4096
#define MAXIMUM_CONNECTIONS 32
#define HEADER_TIMEOUT_MS   3000
#define REQUEST_TIMEOUT_MS  10000

struct operator_page {
        const struct settings *settings;
        struct control *control;
        struct http_server *server;
};

/* --- who may ------------------------------------------------------------------------------ */

/* A key that a vault keeps and that was not read yet opens nothing. */
static const char *key_of(char *const *field)
{
        const char *key = conf_secret_text(field);

        return conf_secret_is_awaited(key) ? NULL : key;
}

static bool may_see(const struct operator_page *page, const struct http_exchange *exchange)
{
        const char *key = key_of(&page->settings->page.key);
        const char *control_key = key_of(&page->settings->page.control_key);

        if (!page->settings->page.key && !page->settings->page.is_public)
                return !text_equal(http_exchange_method(exchange), "GET") ||
                       !http_exchange_is_from_a_page(exchange);
        return (key && http_page_has_password(exchange, key)) ||
               (control_key && http_page_has_password(exchange, control_key));
}

static bool may_change(const struct operator_page *page, const struct http_exchange *exchange)
{
        const char *key = key_of(&page->settings->page.control_key);
        const char *brought = http_exchange_header(exchange, CONTROL_HEADER);

        return key && ((brought && crypto_equal(brought, strlen(brought), key, strlen(key))) ||
                       http_page_has_password(exchange, key));
}

/* The headers are there. */
static void admit(void *context, struct http_exchange *exchange)
{
        const struct operator_page *page = context;
        bool is_get = text_equal(http_exchange_method(exchange), "GET");

        if (http_page_refuse_foreign(exchange))
                return;
        if (!may_see(page, exchange))
                http_page_ask_password(exchange, "isthmus",
                                       "the password is Page.Key of the configuration");
        else if (!is_get && !may_change(page, exchange))
                http_exchange_problem(exchange, 403, "Read-only",
                                      "only who gives Page.ControlKey may change something");
}

/* --- what there is ------------------------------------------------------------------------ */

static void answer_access(const struct operator_page *page, struct http_exchange *exchange)
{
        struct buf body = BUF_INIT;

        buf_add_format(&body, "{\"hasControlKey\":%s,\"mayChange\":%s}\n",
                       page->settings->page.control_key ? "true" : "false",
                       may_change(page, exchange) ? "true" : "false");
        http_exchange_answer(exchange, 200, "application/json", &body);
}

static void handle(void *context, struct http_exchange *exchange)
{
        struct operator_page *page = context;
        const char *path = http_exchange_path(exchange);
        struct buf body = BUF_INIT;

        if (http_page_answer(exchange, operator_files, HTTP_PAGE_NO_PICTURES))
                return;
        http_page_add_headers(exchange);
        if (text_equal(path, API "/access")) {
                answer_access(page, exchange);
        } else if (text_equal(path, API "/metrics")) {
                metrics_write(&body);
                http_exchange_answer(exchange, 200, "text/plain; charset=utf-8", &body);
        } else if (strncmp(path, API "/", strlen(API "/")) == 0) {
                control_take(page->control, exchange, path + strlen(API));
        } else {
                http_exchange_problem(exchange, 404, "Not found", "there is no such page");
        }
}

/* --- start and stop ----------------------------------------------------------------------- */

int operator_page_start(const struct settings *settings, struct control *control,
                        struct operator_page **page, struct reason *reason)
{
        struct operator_page *made;
        int result;

        *page = NULL;
        if (!settings->page.address || !control)
                return 0;
        made = mem_new(1, sizeof(*made));
        made->settings = settings;
        made->control = control;
        result = http_server_start(
                &(struct http_server_options){
                        .thread = "page",
                        .host = settings->page.host,
                        .port = settings->page.port,
                        .maximum_body = MAXIMUM_BODY,
                        .header_timeout_ms = HEADER_TIMEOUT_MS,
                        .request_timeout_ms = REQUEST_TIMEOUT_MS,
                        .maximum_connections = MAXIMUM_CONNECTIONS,
                        .methods = "GET, POST, DELETE",
                        .admit = admit,
                        .handle = handle,
                        .context = made,
                },
                &made->server, reason);
        if (result != 0) {
                free(made);
                return result;
        }
        log_info("PAGE_READY", "The operator's page is there",
                 LOG_TEXT("host", settings->page.host),
                 LOG_INT("port", http_server_port(made->server)), LOG_END);
        *page = made;
        return 0;
}

void operator_page_stop(struct operator_page *page)
{
        if (!page)
                return;
        http_server_drain(page->server);
        http_server_free(page->server);
        free(page);
}
