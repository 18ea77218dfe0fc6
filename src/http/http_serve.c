// SPDX-License-Identifier: MIT
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "http/http_check.h"
#include "http/http_inside.h"

#define IDLE_SECONDS 75U

/*
 * Suspending a connection and resuming it costs two changes of its epoll set and a vain recv(2),
 * as much as the rest of a small request. So these many are not suspended, for so long, but asked
 * again each time that libmicrohttpd runs, which costs a tenth of a microsecond for each.
 */
#define WAITING_MAX 64
#define WAITING_MS  100

/* Of each connection, as libmicrohttpd's own default. */
#define CONNECTION_MEMORY ((size_t)32768)

/* Beyond the places, for newcomers while those that they push out are closed. */
#define SPARE_CONNECTIONS 16

static void wait_for(struct http_exchange *exchange, enum http_wait wait)
{
        http_places_wait(&exchange->server->places, exchange->place, wait,
                         exchange->server->turn_ms);
}

/* --- a request, step by step -------------------------------------------------------------- */

static struct http_place *place_of(struct MHD_Connection *connection)
{
        return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)
                ->socket_context;
}

const struct sockaddr *http_serve_peer(struct MHD_Connection *connection)
{
        const union MHD_ConnectionInfo *info =
                MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);

        return info ? info->client_addr : NULL;
}

void http_exchange_socket_name(const struct http_exchange *exchange,
                               char name[HTTP_SOCKET_NAME_SIZE])
{
        struct sockaddr_un peer = {.sun_family = AF_UNSPEC};
        socklen_t size = sizeof(peer) - 1; /* a zero byte stays behind it */

        name[0] = '\0';
        if (exchange->connection &&
            getpeername(exchange->place->socket, (struct sockaddr *)&peer, &size) == 0 &&
            peer.sun_family == AF_UNIX && peer.sun_path[0] == '\0')
                snprintf(name, HTTP_SOCKET_NAME_SIZE, "%s", peer.sun_path + 1);
}

/* The first line of a request is there: what is returned becomes its context. */
static void *begin_exchange(void *context, const char *uri, struct MHD_Connection *connection)
{
        struct http_server *server = context;
        struct http_exchange *exchange = http_exchange_new(server, uri, connection);

        exchange->place = place_of(connection);
        if (exchange->place->wait == HTTP_WAIT_NEXT)
                wait_for(exchange, HTTP_WAIT_HEADERS);
        return exchange;
}

static enum MHD_Result check_header(void *context, enum MHD_ValueKind kind, const char *name,
                                    size_t name_size, const char *value, size_t value_size)
{
        (void)kind;
        http_check_header(context, name, name_size, value ? value : "", value_size);
        return MHD_YES;
}

static enum MHD_Result check_argument(void *context, enum MHD_ValueKind kind, const char *name,
                                      size_t name_size, const char *value, size_t value_size)
{
        (void)kind;
        (void)name;
        (void)name_size;
        http_check_argument(context, value, value_size);
        return MHD_YES;
}

/* NULL, or what is wrong with the request. */
static const char *check(struct http_exchange *exchange, const char *version)
{
        struct http_check check = {0};

        MHD_get_connection_values_n(exchange->connection, MHD_HEADER_KIND, check_header, &check);
        MHD_get_connection_values_n(exchange->connection, MHD_GET_ARGUMENT_KIND, check_argument,
                                    &check);
        exchange->has_body = check.lengths + check.codings > 0;
        return http_check_end(&check, version);
}

static void refuse_too_large(struct http_exchange *exchange)
{
        CLEANUP(mem_cleanup)
        char *detail = mem_format("the body is larger than the limit of %zu bytes",
                                  exchange->server->options.maximum_body);

        http_exchange_problem(exchange, MHD_HTTP_CONTENT_TOO_LARGE, "Body too large", detail);
}

/* A length that is no number was refused before; one with too many digits is not small. */
static bool announces_too_large(const struct http_exchange *exchange)
{
        const char *length = http_exchange_header(exchange, MHD_HTTP_HEADER_CONTENT_LENGTH);
        int64_t number;

        return length && (!text_to_int64(length, 0, INT64_MAX, &number) ||
                          (uint64_t)number > exchange->server->options.maximum_body);
}

/* What is answered before it is whole is closed afterwards, unless nothing more of it comes. */
static enum MHD_Result send_early(struct http_exchange *exchange)
{
        enum MHD_Result result;

        if (!exchange->has_body && exchange->status < 400)
                return MHD_YES;
        result = http_reply_send(exchange);
        if (exchange->has_body)
                wait_for(exchange, HTTP_WAIT_LINGER);
        return result;
}

/* The headers are there. */
static enum MHD_Result admit(struct http_exchange *exchange, const char *version)
{
        struct http_server *server = exchange->server;
        const char *fault = check(exchange, version);

        if (fault) {
                http_exchange_add_header(exchange, MHD_HTTP_HEADER_CONNECTION, "close");
                http_exchange_problem(exchange, MHD_HTTP_BAD_REQUEST, "Not a valid request", fault);
        } else if (server->drained_by_ms > 0) {
                http_exchange_problem(exchange, MHD_HTTP_SERVICE_UNAVAILABLE, "Not now",
                                      "the server is stopping; nothing was stored");
        } else if (server->options.admit) {
                server->options.admit(server->options.context, exchange);
        }
        if (exchange->state == HTTP_BEGUN && announces_too_large(exchange))
                refuse_too_large(exchange);
        if (exchange->state == HTTP_BEGUN) {
                http_exchange_move(exchange, HTTP_RECEIVING);
                http_places_know(&server->places, exchange->place);
                wait_for(exchange, HTTP_WAIT_BODY);
                return MHD_YES;
        }
        return send_early(exchange);
}

/* What libmicrohttpd can't send any more, it being in the middle of a request. */
static void send_directly(const struct http_place *place, int status, const char *title,
                          const char *detail)
{
        CLEANUP(buf_deinit) struct buf answer = BUF_INIT;
        const union MHD_ConnectionInfo *session =
                MHD_get_connection_info(place->connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);

        http_reply_write(&answer, status, title, detail);
        if (session && session->tls_session)
                (void)gnutls_record_send(session->tls_session, answer.data, answer.size);
        else
                (void)!send(place->socket, answer.data, answer.size, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* A further body uses the memory of one before it. */
static void lend_body(struct http_exchange *exchange)
{
        struct http_server *server = exchange->server;

        if (server->spare_count > 0)
                exchange->body = server->spare_bodies[--server->spare_count];
}

static void keep_body(struct http_exchange *exchange)
{
        struct http_server *server = exchange->server;
        struct buf *body = &exchange->body;

        if (body->capacity == 0 || body->capacity > HTTP_SPARE_BODY_MAX ||
            server->spare_count == HTTP_SPARE_BODIES)
                return;
        buf_clear(body);
        server->spare_bodies[server->spare_count++] = *body;
        *body = BUF_INIT;
}

static enum MHD_Result receive(struct http_exchange *exchange, const char *data, size_t *size)
{
        struct http_server *server = exchange->server;

        if (exchange->body.size == 0)
                lend_body(exchange);
        if (*size <= server->options.maximum_body - exchange->body.size) {
                buf_add(&exchange->body, data, *size);
                *size = 0;
                if (exchange->turn != server->turn)
                        server->halves++;
                exchange->turn = server->turn;
                return MHD_YES;
        }
        refuse_too_large(exchange);
        wait_for(exchange, HTTP_WAIT_LINGER);
        send_directly(exchange->place, MHD_HTTP_CONTENT_TOO_LARGE, "Body too large",
                      exchange->detail);
        return MHD_NO;
}

/* The whole body is there. */
static enum MHD_Result complete(struct http_exchange *exchange)
{
        struct http_server *server = exchange->server;

        if (exchange->turn == server->turn)
                server->halves--;
        wait_for(exchange, HTTP_WAIT_HANDLER);
        http_exchange_move(exchange, HTTP_HANDLED);
        server->handled++;
        server->options.handle(server->options.context, exchange);
        if (exchange->state == HTTP_ANSWERED || exchange->state == HTTP_STREAMING)
                return http_reply_send(exchange);
        if (exchange->state == HTTP_HANDLED && server->waiting < WAITING_MAX) {
                http_exchange_move(exchange, HTTP_WAITING);
                server->waiting++;
        } else if (exchange->state == HTTP_HANDLED) {
                http_exchange_suspend(exchange, HTTP_HELD);
        }
        return MHD_YES;
}

/* Asked again for one that is not answered yet. */
static enum MHD_Result wait_on(struct http_exchange *exchange)
{
        struct http_server *server = exchange->server;

        if (server->turn_ms - exchange->arrived_ns / CLOCK_NS_PER_MS > WAITING_MS) {
                server->waiting--;
                http_exchange_suspend(exchange, HTTP_HELD);
        }
        return MHD_YES;
}

/* The parameters are libmicrohttpd's. */
// NOLINTNEXTLINE(readability-function-size)
static enum MHD_Result serve(void *context, struct MHD_Connection *connection, const char *url,
                             const char *method, const char *version, const char *data,
                             size_t *data_size, void **exchange_context)
{
        struct http_server *server = context;
        struct http_exchange *exchange = *exchange_context;

        (void)connection;
        (void)url;
        if (server->stopping)
                return MHD_NO;
        switch (exchange->state) {
        case HTTP_BEGUN:
                snprintf(exchange->method, sizeof(exchange->method), "%s", method);
                return admit(exchange, version);
        case HTTP_RECEIVING:
                return *data_size > 0 ? receive(exchange, data, data_size) : complete(exchange);
        case HTTP_WAITING:
                return wait_on(exchange);
        case HTTP_ANSWERED:
        case HTTP_STREAMING:
                return http_reply_send(exchange);
        default:
                return MHD_NO;
        }
}

/* An exchange with which nothing remains to be done but for whoever still has to answer it. */
static void leave(struct http_exchange *exchange)
{
        struct http_server *server = exchange->server;

        list_remove(&server->exchanges, &exchange->node);
        exchange->connection = NULL;
        if (exchange->state == HTTP_WAITING) {
                server->waiting--;
                http_exchange_move(exchange, HTTP_HELD);
        }
        if (exchange->state == HTTP_HELD)
                return;
        server->closing -= exchange->is_upgraded;
        if (exchange->upgrade.begin)
                exchange->upgrade.begin(exchange->upgrade.context, -1, NULL, NULL);
        if (exchange->stream.read) {
                timers_stop(&server->timers, &exchange->timer);
                exchange->stream.end(exchange->stream.context);
                pthread_mutex_lock(&server->lock);
                if (exchange->posted_node.next)
                        list_remove(&server->posted, &exchange->posted_node);
                pthread_mutex_unlock(&server->lock);
        }
        keep_body(exchange);
        http_exchange_free(exchange);
}

/* The connection is done with this request, or is gone. */
static void end_exchange(void *context, struct MHD_Connection *connection, void **exchange_context,
                         enum MHD_RequestTerminationCode code)
{
        struct http_exchange *exchange = *exchange_context;

        (void)context;
        (void)connection;
        (void)code;
        if (!exchange)
                return;
        *exchange_context = NULL;
        wait_for(exchange, HTTP_WAIT_NEXT);
        leave(exchange);
}

/* --- connections -------------------------------------------------------------------------- */

static void cut(struct http_server *server, struct http_place *place, enum http_event event)
{
        bool receives = place->wait == HTTP_WAIT_HEADERS || place->wait == HTTP_WAIT_BODY;

        if (event == HTTP_TOO_SLOW && receives)
                send_directly(place, MHD_HTTP_REQUEST_TIMEOUT, "Too slow",
                              "the request took too long");
        http_places_wait(&server->places, place, HTTP_WAIT_CLOSE, server->turn_ms);
        shutdown(place->socket, SHUT_RDWR);
        if (event != HTTP_TOO_SLOW || receives)
                http_note_event(server, event, http_serve_peer(place->connection));
}

void http_serve_cut(struct http_server *server)
{
        int64_t now_ms = clock_steady_ms();
        struct http_place *place;

        while ((place = http_places_late(&server->places, now_ms)))
                cut(server, place, HTTP_TOO_SLOW);
}

static void open_place(struct http_server *server, struct MHD_Connection *connection,
                       void **socket_context)
{
        struct http_place *place = mem_new(1, sizeof(*place));
        const struct sockaddr *peer = http_serve_peer(connection);
        struct http_place *crowded;

        place->connection = connection;
        place->socket =
                MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
        if (peer)
                place->address = http_address_of(peer);
        *socket_context = place;
        http_places_open(&server->places, place, server->turn_ms);
        http_note_event(server, HTTP_OPENED, peer);
        if ((crowded = http_places_crowded_address(&server->places, place)))
                cut(server, crowded, HTTP_ADDRESS_FULL);
        if ((crowded = http_places_crowded(&server->places)))
                cut(server, crowded, HTTP_CROWDED_OUT);
}

static void connection_changed(void *context, struct MHD_Connection *connection,
                               void **socket_context, enum MHD_ConnectionNotificationCode code)
{
        struct http_server *server = context;
        struct http_place *place = *socket_context;

        if (code == MHD_CONNECTION_NOTIFY_STARTED) {
                open_place(server, connection, socket_context);
                return;
        }
        if (place->wait == HTTP_WAIT_LINGER)
                http_linger_add(&server->linger, place->socket, server->turn_ms);
        http_places_close(&server->places, place);
        http_note_event(server, HTTP_CLOSED, NULL);
        *socket_context = NULL;
        free(place);
}

/* --- start -------------------------------------------------------------------------------- */

static void log_library_message(void *context, const char *format, va_list values)
        PRINTF_LIKE(2, 0);

static void log_library_message(void *context, const char *format, va_list values)
{
        char text[256];

        (void)context;
        vsnprintf(text, sizeof(text), format, values);
        text[strcspn(text, "\r\n")] = '\0';
        log_debug("HTTP_LIBRARY", "libmicrohttpd says", LOG_TEXT("text", text), LOG_END);
}

bool http_serve_start(struct http_server *server)
{
        unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG |
                         (server->tls ? MHD_USE_TLS : 0) |
                         (server->options.upgrades ? MHD_ALLOW_UPGRADE : 0);

        server->daemon = MHD_start_daemon(
                flags, 0, NULL, NULL, serve, server, MHD_OPTION_EXTERNAL_LOGGER,
                log_library_message, NULL, MHD_OPTION_LISTEN_SOCKET, server->listener,
                MHD_OPTION_CONNECTION_MEMORY_LIMIT,
                server->options.connection_memory ? server->options.connection_memory
                                                  : CONNECTION_MEMORY,
                MHD_OPTION_CONNECTION_TIMEOUT, IDLE_SECONDS, MHD_OPTION_CONNECTION_LIMIT,
                server->options.maximum_connections + SPARE_CONNECTIONS,
                MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_URI_LOG_CALLBACK, begin_exchange,
                server, MHD_OPTION_NOTIFY_COMPLETED, end_exchange, server,
                MHD_OPTION_NOTIFY_CONNECTION, connection_changed, server,
                server->tls ? MHD_OPTION_HTTPS_CERT_CALLBACK2 : MHD_OPTION_END, http_tls_show,
                MHD_OPTION_HTTPS_PRIORITIES, HTTP_TLS_PRIORITIES, MHD_OPTION_END);
        return server->daemon != NULL;
}
