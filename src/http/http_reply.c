// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "http/http_inside.h"

#define STREAM_PAUSE_MS 500
#define STREAM_CHUNK    16384

/* libmicrohttpd's question for more of a stream. */
static ssize_t read_stream(void *context, uint64_t position, char *out, size_t max)
{
        struct http_exchange *exchange = context;
        struct buf *said = &exchange->answer;
        size_t size;

        (void)position;
        if (exchange->server->stopping)
                return MHD_CONTENT_READER_END_WITH_ERROR;
        if (exchange->stream_sent == said->size && !exchange->stream_ended) {
                buf_clear(said);
                exchange->stream_sent = 0;
                exchange->stream_ended = !exchange->stream.read(exchange->stream.context, said);
        }
        size = said->size - exchange->stream_sent;
        if (size > 0) {
                size = size < max ? size : max;
                memcpy(out, said->data + exchange->stream_sent, size);
                exchange->stream_sent += size;
                return (ssize_t)size;
        }
        if (exchange->stream_ended)
                return MHD_CONTENT_READER_END_OF_STREAM;
        timers_start(&exchange->server->timers, &exchange->timer,
                     clock_steady_ms() + STREAM_PAUSE_MS);
        http_exchange_suspend(exchange, HTTP_PAUSED);
        return 0;
}

/* --- other protocols -------------------------------------------------------------------------- */

/* The 101 has left. */
static void begin_upgrade(void *context, struct MHD_Connection *connection, void *exchange_context,
                          const char *first, size_t first_size, MHD_socket socket,
                          struct MHD_UpgradeResponseHandle *handle)
{
        struct http_exchange *exchange = context;
        struct http_upgrade upgrade = exchange->upgrade;
        CLEANUP(buf_deinit) struct buf said = BUF_INIT;
        struct http_upgraded *upgraded;
        /* libmicrohttpd closes its own when the server stops, whatever others do then. */
        int copy = fcntl(socket, F_DUPFD_CLOEXEC, 0);

        (void)connection;
        (void)exchange_context;
        exchange->upgrade.begin = NULL;
        exchange->is_upgraded = true;
        if (copy < 0) {
                MHD_upgrade_action(handle, MHD_UPGRADE_ACTION_CLOSE);
                exchange->server->closing++;
                upgrade.begin(upgrade.context, -1, NULL, NULL);
                return;
        }
        (void)fcntl(copy, F_SETFL, O_NONBLOCK);
        buf_add(&said, first, first_size);
        upgraded = mem_new(1, sizeof(*upgraded));
        upgraded->server = exchange->server;
        upgraded->handle = handle;
        list_push_back(&exchange->server->upgraded, &upgraded->node);
        upgrade.begin(upgrade.context, copy, &said, upgraded);
}

void http_upgraded_close(struct http_upgraded *upgraded)
{
        struct http_server *server = upgraded->server;
        bool stopped;

        pthread_mutex_lock(&server->lock);
        stopped = server->stopped;
        if (!stopped) {
                list_push_back(&server->to_close, &upgraded->close_node);
                http_server_wake(server);
        }
        pthread_mutex_unlock(&server->lock);
        if (stopped)
                free(upgraded);
}

static void close_upgraded(struct http_server *server, struct http_upgraded *upgraded)
{
        if (!upgraded->handle)
                return;
        MHD_upgrade_action(upgraded->handle, MHD_UPGRADE_ACTION_CLOSE);
        upgraded->handle = NULL;
        list_remove(&server->upgraded, &upgraded->node);
        server->closing++;
}

void http_reply_close_upgraded(struct http_server *server, bool all)
{
        struct list done;
        struct list_node *node;

        list_init(&done);
        pthread_mutex_lock(&server->lock);
        list_splice_back(&done, &server->to_close);
        pthread_mutex_unlock(&server->lock);
        while ((node = list_pop_front(&done)) != NULL) {
                struct http_upgraded *upgraded = list_entry(node, struct http_upgraded, close_node);

                close_upgraded(server, upgraded);
                free(upgraded);
        }
        if (!all)
                return;
        list_for_each_safe (open, &server->upgraded)
                close_upgraded(server, list_entry(open, struct http_upgraded, node));
}

/* --- answers ---------------------------------------------------------------------------------- */

/* An answer with headers of its own. */
static struct MHD_Response *make_response(struct http_exchange *exchange)
{
        struct MHD_Response *response;
        size_t size = exchange->answer.size;

        if (exchange->upgrade.begin)
                response = MHD_create_response_for_upgrade(begin_upgrade, exchange);
        else if (exchange->stream.read)
                response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_CHUNK,
                                                             read_stream, exchange, NULL);
        else
                response = MHD_create_response_from_buffer(size, buf_take(&exchange->answer),
                                                           MHD_RESPMEM_MUST_FREE);
        if (!response)
                abort();
        if (exchange->type)
                MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, exchange->type);
        for (size_t i = 0; i < exchange->header_count; i++)
                MHD_add_response_header(response, exchange->headers[i].name,
                                        exchange->headers[i].value);
        return response;
}

enum MHD_Result http_reply_send(struct http_exchange *exchange)
{
        struct MHD_Response *response = exchange->server->empty;
        bool is_empty = !exchange->type && exchange->header_count == 0;
        enum MHD_Result result;

        if (exchange->status == 0)
                return MHD_NO;
        if (!is_empty)
                response = make_response(exchange);
        if (exchange->state == HTTP_ANSWERED) {
                http_exchange_move(exchange, HTTP_SENDING);
                http_places_wait(&exchange->server->places, exchange->place,
                                 exchange->upgrade.begin ? HTTP_WAIT_HANDLER : HTTP_WAIT_NEXT,
                                 exchange->server->turn_ms);
        }
        exchange->server->again = true;
        result = MHD_queue_response(exchange->connection, (unsigned)exchange->status, response);
        if (!is_empty)
                MHD_destroy_response(response);
        return result;
}

void http_reply_write(struct buf *out, int status, const char *title, const char *detail)
{
        CLEANUP(buf_deinit) struct buf body = BUF_INIT;

        http_problem_write(&body, status, title, detail);
        buf_add_format(out,
                       "HTTP/1.1 %d %s\r\nConnection: close\r\nContent-Type: " HTTP_PROBLEM_TYPE
                       "\r\nContent-Length: %zu\r\n\r\n%s",
                       status, title, body.size, buf_text(&body));
}
