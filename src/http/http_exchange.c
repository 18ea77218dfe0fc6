// SPDX-License-Identifier: MIT
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/thread.h"
#include "http/http_check.h"
#include "http/http_inside.h"

#define RETRY_AFTER_SECONDS "30"

/* --- from its first line to its end ------------------------------------------------------- */

static bool is_on_thread(const struct http_exchange *exchange)
{
        return thread_is(exchange->server->options.thread);
}

static void fire(struct timer *timer)
{
        struct http_exchange *exchange = list_entry(timer, struct http_exchange, timer);

        if (exchange->state == HTTP_PAUSED)
                http_exchange_resume(exchange, HTTP_STREAMING);
        else
                http_exchange_ready(exchange);
}

/* The query may hold a key, and is not kept. */
static void take_path(struct http_exchange *exchange, const char *uri)
{
        size_t size = strcspn(uri, "?#");
        struct buf decoded = BUF_INIT;

        exchange->raw = mem_text_n(uri, size);
        exchange->path = exchange->raw;
        if (!memchr(uri, '%', size))
                return;
        text_url_unescape(&decoded, uri, size);
        exchange->path = buf_take(&decoded);
}

struct http_exchange *http_exchange_new(struct http_server *server, const char *uri,
                                        struct MHD_Connection *connection)
{
        struct http_exchange *exchange = mem_new(1, sizeof(*exchange));

        exchange->server = server;
        exchange->connection = connection;
        exchange->arrived_ns = clock_steady_ns();
        exchange->timer.run = fire;
        take_path(exchange, uri);
        list_push_back(&server->exchanges, &exchange->node);
        return exchange;
}

void http_exchange_free(struct http_exchange *exchange)
{
        for (size_t i = 0; i < exchange->segment_count && i < HTTP_SEGMENTS_MAX; i++)
                free(exchange->segments[i]);
        for (size_t i = 0; i < exchange->header_count; i++) {
                free(exchange->headers[i].name);
                free(exchange->headers[i].value);
        }
        free(exchange->headers);
        if (exchange->path != exchange->raw)
                free(exchange->path);
        free(exchange->raw);
        free(exchange->detail);
        buf_deinit(&exchange->body);
        buf_deinit(&exchange->answer);
        free(exchange);
}

/* --- the request -------------------------------------------------------------------------- */

const char *http_exchange_method(const struct http_exchange *exchange)
{
        return exchange->method;
}

const char *http_exchange_path(const struct http_exchange *exchange)
{
        return exchange->path;
}

static void split(struct http_exchange *exchange)
{
        const char *part = exchange->raw;

        while (exchange->segment_count <= HTTP_SEGMENTS_MAX) {
                struct buf text = BUF_INIT;
                size_t size;

                part += strspn(part, "/");
                size = strcspn(part, "/");
                if (size == 0)
                        return;
                if (exchange->segment_count < HTTP_SEGMENTS_MAX) {
                        text_url_unescape(&text, part, size);
                        exchange->segments[exchange->segment_count] = mem_text(buf_text(&text));
                        buf_deinit(&text);
                }
                exchange->segment_count++;
                part += size;
        }
}

size_t http_exchange_segment_count(struct http_exchange *exchange)
{
        if (exchange->segment_count == 0)
                split(exchange);
        return exchange->segment_count;
}

const char *http_exchange_segment(const struct http_exchange *exchange, size_t index)
{
        return exchange->segments[index];
}

const char *http_exchange_header(const struct http_exchange *exchange, const char *name)
{
        return exchange->connection
                       ? MHD_lookup_connection_value(exchange->connection, MHD_HEADER_KIND, name)
                       : NULL;
}

const char *http_exchange_argument(const struct http_exchange *exchange, const char *name)
{
        return exchange->connection ? MHD_lookup_connection_value(exchange->connection,
                                                                  MHD_GET_ARGUMENT_KIND, name)
                                    : NULL;
}

bool http_exchange_has_argument(const struct http_exchange *exchange, const char *name)
{
        return exchange->connection &&
               MHD_lookup_connection_value_n(exchange->connection, MHD_GET_ARGUMENT_KIND, name,
                                             strlen(name), NULL, NULL) == MHD_YES;
}

struct header_visit {
        void (*visit)(void *context, const char *name, const char *value);
        void *context;
};

static enum MHD_Result visit_header(void *context, enum MHD_ValueKind kind, const char *name,
                                    const char *value)
{
        const struct header_visit *header = context;

        (void)kind;
        header->visit(header->context, name, value ? value : "");
        return MHD_YES;
}

void http_exchange_each_header(const struct http_exchange *exchange,
                               void (*visit)(void *context, const char *name, const char *value),
                               void *context)
{
        struct header_visit header = {.visit = visit, .context = context};

        if (exchange->connection)
                MHD_get_connection_values(exchange->connection, MHD_HEADER_KIND, visit_header,
                                          &header);
}

const struct buf *http_exchange_body(const struct http_exchange *exchange)
{
        return &exchange->body;
}

int64_t http_exchange_arrived_ns(const struct http_exchange *exchange)
{
        return exchange->arrived_ns;
}

bool http_exchange_is_from_a_page(const struct http_exchange *exchange)
{
        return http_check_is_from_a_page(http_exchange_header(exchange, "Origin"),
                                         http_exchange_header(exchange, "Sec-Fetch-Site"),
                                         http_exchange_header(exchange, "Host"));
}

/* --- answering ---------------------------------------------------------------------------- */

void http_exchange_move(struct http_exchange *exchange, enum http_state state)
{
        assert(state > exchange->state ||
               (state == HTTP_STREAMING && exchange->state == HTTP_PAUSED));
        exchange->state = state;
}

void http_exchange_suspend(struct http_exchange *exchange, enum http_state state)
{
        http_exchange_move(exchange, state);
        MHD_suspend_connection(exchange->connection);
}

void http_exchange_resume(struct http_exchange *exchange, enum http_state state)
{
        bool is_suspended = exchange->state == HTTP_HELD || exchange->state == HTTP_PAUSED;

        exchange->server->again = true;
        if (state != exchange->state)
                http_exchange_move(exchange, state);
        if (is_suspended)
                MHD_resume_connection(exchange->connection);
}

void http_exchange_hold(struct http_exchange *exchange)
{
        http_exchange_suspend(exchange, HTTP_HELD);
}

void http_exchange_ready(struct http_exchange *exchange)
{
        struct http_server *server = exchange->server;

        if (exchange->state == HTTP_WAITING)
                server->waiting--;
        if (exchange->state >= HTTP_HANDLED && exchange->state <= HTTP_HELD)
                server->handled--;
        if (exchange->detail)
                http_note_refused(exchange);
        if (exchange->connection)
                http_exchange_resume(exchange,
                                     exchange->stream.read ? HTTP_STREAMING : HTTP_ANSWERED);
        else
                http_exchange_free(exchange);
}

void http_exchange_take(struct http_exchange *exchange)
{
        if (exchange->state == HTTP_PAUSED)
                http_exchange_resume(exchange, HTTP_STREAMING);
        else if (!exchange->stream.read)
                http_exchange_ready(exchange);
}

/* Hands the exchange to the server's thread, which is woken once for many. */
static void post(struct http_exchange *exchange)
{
        struct http_server *server = exchange->server;
        bool stopped;

        /* The server may be freed as soon as the lock is. */
        pthread_mutex_lock(&server->lock);
        stopped = server->stopped;
        if (!stopped && list_is_empty(&server->posted))
                http_server_wake(server);
        if (!stopped && !exchange->posted_node.next)
                list_push_back(&server->posted, &exchange->posted_node);
        pthread_mutex_unlock(&server->lock);
        if (stopped)
                http_exchange_free(exchange);
}

static void finish(struct http_exchange *exchange)
{
        if (is_on_thread(exchange))
                http_exchange_take(exchange);
        else
                post(exchange);
}

void http_exchange_add_header(struct http_exchange *exchange, const char *name, const char *value)
{
        if (exchange->header_count == HTTP_EXTRA_HEADERS_MAX)
                return;
        exchange->headers = mem_resize(exchange->headers, exchange->header_count + 1,
                                       sizeof(*exchange->headers));
        exchange->headers[exchange->header_count++] =
                (struct http_field){.name = mem_text(name), .value = mem_text(value)};
}

void http_exchange_answer(struct http_exchange *exchange, int status, const char *type,
                          struct buf *body)
{
        exchange->status = status;
        exchange->type = type;
        if (body) {
                exchange->answer = *body;
                *body = BUF_INIT;
        }
        finish(exchange);
}

void http_exchange_answer_json(struct http_exchange *exchange, int status,
                               struct json_object *value)
{
        struct buf body = BUF_INIT;

        json_write(&body, value);
        json_object_put(value);
        http_exchange_answer(exchange, status, "application/json; charset=utf-8", &body);
}

void http_problem_write(struct buf *out, int status, const char *title, const char *detail)
{
        buf_add_text(out, "{\"type\":\"about:blank\",\"title\":");
        buf_add_json_string(out, title, strlen(title));
        buf_add_format(out, ",\"status\":%d,\"detail\":", status);
        buf_add_json_string(out, detail, strlen(detail));
        buf_add_text(out, "}\n");
}

void http_exchange_problem(struct http_exchange *exchange, int status, const char *title,
                           const char *detail)
{
        struct buf body = BUF_INIT;

        if (status == MHD_HTTP_SERVICE_UNAVAILABLE)
                http_exchange_add_header(exchange, MHD_HTTP_HEADER_RETRY_AFTER,
                                         RETRY_AFTER_SECONDS);
        if (status == MHD_HTTP_UNAUTHORIZED)
                http_exchange_add_header(exchange, MHD_HTTP_HEADER_WWW_AUTHENTICATE,
                                         "Basic realm=\"isthmus\"");
        if (status == MHD_HTTP_METHOD_NOT_ALLOWED && exchange->server->options.methods)
                http_exchange_add_header(exchange, MHD_HTTP_HEADER_ALLOW,
                                         exchange->server->options.methods);
        exchange->detail = mem_text(detail);
        http_problem_write(&body, status, title, detail);
        http_exchange_answer(exchange, status, HTTP_PROBLEM_TYPE, &body);
}

void http_exchange_drop(struct http_exchange *exchange)
{
        exchange->status = 0;
        finish(exchange);
}

void http_exchange_stream(struct http_exchange *exchange, const struct http_stream *stream)
{
        THREAD_ASSERT(exchange->server->options.thread);
        exchange->status = MHD_HTTP_OK;
        exchange->type = stream->type;
        exchange->stream = *stream;
        http_exchange_ready(exchange);
}

void http_exchange_upgrade(struct http_exchange *exchange, const struct http_upgrade *upgrade)
{
        THREAD_ASSERT(exchange->server->options.thread);
        exchange->status = MHD_HTTP_SWITCHING_PROTOCOLS;
        exchange->upgrade = *upgrade;
        http_exchange_add_header(exchange, MHD_HTTP_HEADER_UPGRADE, upgrade->protocol);
        http_exchange_ready(exchange);
}

void http_exchange_wake(struct http_exchange *exchange)
{
        post(exchange);
}
