// SPDX-License-Identifier: MIT
#include "http/http_server.h"

#include <microhttpd.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/thread.h"

/* A body that is too large is read and dropped up to this many times the limit, then cut off. */
#define PATIENCE_WITH_LARGE 16

#define IDLE_SECONDS        75
#define SOCKET_BACKLOG      64
#define WATCH_PERIOD_US     250000
#define RETRY_AFTER_SECONDS "30"

struct http_server {
        struct http_server_options options;
        struct MHD_Daemon *daemon;
        struct MHD_Response *empty; /* the answer without a body, made once */
        uint16_t port;
        pthread_t watcher;

        pthread_mutex_t lock; /* guards what follows */
        pthread_cond_t settled;
        struct list connections;
        size_t deferred;
        bool stopping;
};

/* One TCP connection, from accept to close. */
struct connection {
        struct list_node node;
        int socket;
        int64_t deadline_ms; /* steady clock; 0 = nothing is being received */
};

enum exchange_stage {
        EXCHANGE_NEW,       /* only its first line is known */
        EXCHANGE_RECEIVING, /* admitted: it may send its body */
        EXCHANGE_HANDLED,   /* `handle` was called */
};

struct http_exchange {
        struct http_server *server;
        struct MHD_Connection *connection;
        enum exchange_stage stage;
        bool deferred;
        bool answered;
        int64_t arrived_ns; /* steady clock */
        const char *method;
        char *path;
        struct buf body;
        size_t received;
        void *user;

        unsigned status;
        const char *type;
        struct buf answer;
};

/* --- an exchange -------------------------------------------------------------------------- */

const char *http_exchange_method(const struct http_exchange *exchange)
{
        return exchange->method;
}

const char *http_exchange_path(const struct http_exchange *exchange)
{
        return exchange->path;
}

const char *http_exchange_header(const struct http_exchange *exchange, const char *name)
{
        return MHD_lookup_connection_value(exchange->connection, MHD_HEADER_KIND, name);
}

const char *http_exchange_argument(const struct http_exchange *exchange, const char *name)
{
        return MHD_lookup_connection_value(exchange->connection, MHD_GET_ARGUMENT_KIND, name);
}

const char *http_exchange_body(const struct http_exchange *exchange, size_t *size)
{
        *size = exchange->body.size;
        return buf_text(&exchange->body);
}

int64_t http_exchange_arrived_ns(const struct http_exchange *exchange)
{
        return exchange->arrived_ns;
}

void http_exchange_set_user(struct http_exchange *exchange, void *user)
{
        exchange->user = user;
}

void *http_exchange_user(const struct http_exchange *exchange)
{
        return exchange->user;
}

void http_exchange_defer(struct http_exchange *exchange)
{
        struct http_server *server = exchange->server;

        THREAD_ASSERT(server->options.thread);
        exchange->deferred = true;
        pthread_mutex_lock(&server->lock);
        server->deferred++;
        pthread_mutex_unlock(&server->lock);
        MHD_suspend_connection(exchange->connection);
}

/* The server's thread may free the exchange as soon as its connection is resumed. */
static void resume(struct http_exchange *exchange)
{
        struct http_server *server = exchange->server;

        MHD_resume_connection(exchange->connection);
        pthread_mutex_lock(&server->lock);
        server->deferred--;
        pthread_cond_signal(&server->settled);
        pthread_mutex_unlock(&server->lock);
}

void http_exchange_answer(struct http_exchange *exchange, unsigned status, const char *type,
                          const char *body, size_t size)
{
        exchange->answered = true;
        exchange->status = status;
        exchange->type = type;
        if (size > 0)
                buf_add(&exchange->answer, body, size);
        if (exchange->deferred)
                resume(exchange);
}

void http_problem_write(struct buf *out, unsigned status, const char *title, const char *detail)
{
        buf_add_text(out, "{\"type\":\"about:blank\",\"title\":");
        buf_add_json_string(out, title, strlen(title));
        buf_add_format(out, ",\"status\":%u,\"detail\":", status);
        buf_add_json_string(out, detail, strlen(detail));
        buf_add_text(out, "}\n");
}

void http_exchange_problem(struct http_exchange *exchange, unsigned status, const char *title,
                           const char *detail)
{
        CLEANUP(buf_deinit) struct buf body = BUF_INIT;

        http_problem_write(&body, status, title, detail);
        log_info("WEBHOOK_REFUSED", "A request was refused", LOG_INT("status", status),
                 LOG_TEXT("path", exchange->path), LOG_TEXT("reason", detail), LOG_END);
        http_exchange_answer(exchange, status, HTTP_PROBLEM_TYPE, body.data, body.size);
}

/* Hands the answer to libmicrohttpd. */
static enum MHD_Result queue_answer(struct http_exchange *exchange)
{
        struct MHD_Response *response;
        enum MHD_Result queued;

        if (!exchange->type)
                return MHD_queue_response(exchange->connection, exchange->status,
                                          exchange->server->empty);
        response = MHD_create_response_from_buffer(exchange->answer.size, exchange->answer.data,
                                                   MHD_RESPMEM_MUST_COPY);
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, exchange->type);
        if (exchange->status == MHD_HTTP_SERVICE_UNAVAILABLE)
                MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, RETRY_AFTER_SECONDS);
        if (exchange->status == MHD_HTTP_UNAUTHORIZED)
                MHD_add_response_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE,
                                        "Basic realm=\"isthmus\"");
        if (exchange->status == MHD_HTTP_METHOD_NOT_ALLOWED)
                MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW,
                                        exchange->server->options.methods);
        queued = MHD_queue_response(exchange->connection, exchange->status, response);
        MHD_destroy_response(response);
        return queued;
}

/* --- libmicrohttpd's callbacks ------------------------------------------------------------ */

/* When what is received from now on must be complete; 0 = never. */
static int64_t deadline_ms(const struct http_server *server)
{
        int64_t timeout_ms = server->options.request_timeout_ms;

        return timeout_ms > 0 ? clock_steady_ms() + timeout_ms : 0;
}

/* From now on, or (false) not any more, the connection has only so long to send. */
static void set_deadline(const struct http_exchange *exchange, bool running)
{
        const union MHD_ConnectionInfo *info =
                MHD_get_connection_info(exchange->connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
        struct connection *connection = info ? info->socket_context : NULL;
        struct http_server *server = exchange->server;

        if (!connection)
                return;
        pthread_mutex_lock(&server->lock);
        connection->deadline_ms = running ? deadline_ms(server) : 0;
        pthread_mutex_unlock(&server->lock);
}

/* The first line of a request is there: what is returned becomes its context. */
static void *begin_exchange(void *context, const char *uri, struct MHD_Connection *connection)
{
        struct http_exchange *exchange = mem_new(1, sizeof(*exchange));

        (void)uri;
        exchange->server = context;
        exchange->connection = connection;
        exchange->arrived_ns = clock_steady_ns();
        set_deadline(exchange, true);
        return exchange;
}

static void end_exchange(void *context, struct MHD_Connection *connection, void **exchange_context,
                         enum MHD_RequestTerminationCode code)
{
        struct http_exchange *exchange = *exchange_context;
        struct http_server *server = context;

        (void)connection;
        (void)code;
        if (!exchange)
                return;
        set_deadline(exchange, false);
        if (server->options.finished && exchange->stage != EXCHANGE_NEW)
                server->options.finished(server->options.context, exchange);
        buf_deinit(&exchange->body);
        buf_deinit(&exchange->answer);
        free(exchange->path);
        free(exchange);
        *exchange_context = NULL;
}

static void count_refused(struct http_server *server, unsigned status)
{
        if (server->options.refused)
                server->options.refused(server->options.context, status);
}

static void refuse_too_large(struct http_exchange *exchange)
{
        CLEANUP(mem_cleanup)
        char *detail = mem_format("the body is larger than the limit of %zu bytes",
                                  exchange->server->options.maximum_body);

        count_refused(exchange->server, MHD_HTTP_CONTENT_TOO_LARGE);
        http_exchange_problem(exchange, MHD_HTTP_CONTENT_TOO_LARGE, "Body too large", detail);
}

static bool announces_too_large(const struct http_exchange *exchange)
{
        int64_t length;

        return text_to_int64(http_exchange_header(exchange, MHD_HTTP_HEADER_CONTENT_LENGTH), 0,
                             INT64_MAX, &length) &&
               (uint64_t)length > exchange->server->options.maximum_body;
}

/* The headers are there. */
static enum MHD_Result admit(struct http_exchange *exchange)
{
        struct http_server *server = exchange->server;

        exchange->stage = EXCHANGE_RECEIVING;
        if (http_server_is_stopping(server)) {
                count_refused(server, MHD_HTTP_SERVICE_UNAVAILABLE);
                http_exchange_problem(exchange, MHD_HTTP_SERVICE_UNAVAILABLE, "Not now",
                                      "the gateway is stopping; nothing was stored");
        } else {
                server->options.admit(server->options.context, exchange);
        }
        if (!exchange->answered && announces_too_large(exchange))
                refuse_too_large(exchange);
        return exchange->answered ? queue_answer(exchange) : MHD_YES;
}

static enum MHD_Result receive(struct http_exchange *exchange, const char *data, size_t *size)
{
        size_t limit = exchange->server->options.maximum_body;

        exchange->received += *size;
        if (exchange->received <= limit)
                buf_add(&exchange->body, data, *size);
        *size = 0;
        return exchange->received / PATIENCE_WITH_LARGE > limit ? MHD_NO : MHD_YES;
}

/* The whole body is there. */
static enum MHD_Result complete(struct http_exchange *exchange)
{
        struct http_server *server = exchange->server;

        exchange->stage = EXCHANGE_HANDLED;
        set_deadline(exchange, false);
        if (exchange->received > server->options.maximum_body)
                refuse_too_large(exchange);
        else
                server->options.handle(server->options.context, exchange);
        /* After a deferral the answer may be there already, but belongs to the next call. */
        if (exchange->deferred)
                return MHD_YES;
        return queue_answer(exchange);
}

static enum MHD_Result serve(void *context, struct MHD_Connection *connection, const char *url,
                             const char *method, const char *version, const char *data,
                             size_t *data_size, void **exchange_context)
{
        const struct http_server *server = context;
        struct http_exchange *exchange = *exchange_context;

        (void)connection;
        (void)version;
        if (!thread_is(server->options.thread))
                thread_enter(server->options.thread);
        if (exchange->stage == EXCHANGE_NEW) {
                exchange->method = method;
                exchange->path = mem_text(url);
                return admit(exchange);
        }
        if (exchange->stage == EXCHANGE_HANDLED)
                return queue_answer(exchange);
        if (*data_size > 0)
                return receive(exchange, data, data_size);
        return complete(exchange);
}

static void connection_changed(void *context, struct MHD_Connection *connection,
                               void **socket_context, enum MHD_ConnectionNotificationCode code)
{
        struct http_server *server = context;
        struct connection *known = *socket_context;

        pthread_mutex_lock(&server->lock);
        if (code == MHD_CONNECTION_NOTIFY_STARTED) {
                known = mem_new(1, sizeof(*known));
                known->socket =
                        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)
                                ->connect_fd;
                known->deadline_ms = deadline_ms(server);
                list_push_back(&server->connections, &known->node);
                *socket_context = known;
        } else if (known) {
                list_remove(&server->connections, &known->node);
                free(known);
                *socket_context = NULL;
        }
        pthread_mutex_unlock(&server->lock);
}

/* --- those who are too slow --------------------------------------------------------------- */

/* libmicrohttpd can't answer a request that is not complete; over TLS it is only cut off. */
static void end_slow_connection(const struct http_server *server, struct connection *slow)
{
        static const char answer[] = "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n"
                                     "Content-Type: application/problem+json\r\n\r\n"
                                     "{\"type\":\"about:blank\",\"title\":\"Too slow\","
                                     "\"status\":408,\"detail\":\"the request took too long\"}\n";

        slow->deadline_ms = 0;
        if (!server->options.certificate)
                (void)!send(slow->socket, answer, sizeof(answer) - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
        shutdown(slow->socket, SHUT_RDWR);
        log_info("WEBHOOK_TOO_SLOW", "A request took too long and was cut off", LOG_END);
}

static void *watch(void *context)
{
        struct http_server *server = context;
        bool stopping = false;

        thread_enter("ingest-watch");
        while (!stopping) {
                int64_t now_ms;

                usleep(WATCH_PERIOD_US);
                now_ms = clock_steady_ms();
                pthread_mutex_lock(&server->lock);
                list_for_each (node, &server->connections) {
                        struct connection *connection = list_entry(node, struct connection, node);

                        if (connection->deadline_ms > 0 && connection->deadline_ms <= now_ms)
                                end_slow_connection(server, connection);
                }
                stopping = server->stopping;
                pthread_mutex_unlock(&server->lock);
        }
        return NULL;
}

/* --- start and stop ----------------------------------------------------------------------- */

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

/* Where to listen is the first of the options. */
static struct MHD_Daemon *start_daemon(struct http_server *server, unsigned flags,
                                       struct MHD_OptionItem where)
{
        const struct http_server_options *options = &server->options;
        bool tls = options->certificate != NULL;
        struct MHD_OptionItem items[] = {
                where,
                {tls ? MHD_OPTION_HTTPS_MEM_CERT : MHD_OPTION_END, 0, options->certificate},
                {MHD_OPTION_HTTPS_MEM_KEY, 0, options->private_key},
                {MHD_OPTION_END, 0, NULL},
        };

        flags |= MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC |
                 MHD_USE_ERROR_LOG | (tls ? MHD_USE_TLS : 0);
        return MHD_start_daemon(flags, 0, NULL, NULL, serve, server, MHD_OPTION_EXTERNAL_LOGGER,
                                log_library_message, NULL, MHD_OPTION_CONNECTION_TIMEOUT,
                                (unsigned)IDLE_SECONDS, MHD_OPTION_CONNECTION_LIMIT,
                                options->maximum_connections, MHD_OPTION_LISTENING_ADDRESS_REUSE,
                                1U, MHD_OPTION_URI_LOG_CALLBACK, begin_exchange, server,
                                MHD_OPTION_NOTIFY_COMPLETED, end_exchange, server,
                                MHD_OPTION_NOTIFY_CONNECTION, connection_changed, server,
                                MHD_OPTION_ARRAY, items, MHD_OPTION_END);
}

static int listen_at_port(struct http_server *server, struct reason *reason)
{
        struct addrinfo hints = {.ai_flags = AI_PASSIVE, .ai_socktype = SOCK_STREAM};
        const char *host = server->options.host;
        struct addrinfo *addresses = NULL;
        char port[8];

        snprintf(port, sizeof(port), "%u", server->options.port);
        if (getaddrinfo(text_is_empty(host) ? NULL : host, port, &hints, &addresses) != 0) {
                reason_set(reason, "Listen: there is no address '%s' on this machine", host);
                return 1;
        }
        errno = 0;
        server->daemon =
                start_daemon(server, addresses->ai_family == AF_INET6 ? MHD_USE_IPv6 : 0,
                             (struct MHD_OptionItem){MHD_OPTION_SOCK_ADDR, 0, addresses->ai_addr});
        if (!server->daemon)
                reason_set(reason, "Listen: can't listen on %s port %s: %s", host, port,
                           errno ? strerror(errno) : "are Tls.Certificate and Tls.Key in order?");
        freeaddrinfo(addresses);
        return server->daemon ? 0 : 1;
}

static bool make_address(const char *path, struct sockaddr_un *address, struct reason *reason)
{
        *address = (struct sockaddr_un){.sun_family = AF_UNIX};
        if (strlen(path) >= sizeof(address->sun_path)) {
                reason_set(reason,
                           "the path of the socket '%s' is longer than the %zu bytes that the "
                           "system allows: use a folder with a shorter path",
                           path, sizeof(address->sun_path) - 1);
                return false;
        }
        memcpy(address->sun_path, path, strlen(path) + 1);
        return true;
}

/* The socket of a program that was killed is in the way; anything else is not ours to remove. */
static bool remove_stale(const char *path, struct reason *reason)
{
        struct stat status;

        if (lstat(path, &status) != 0 || (S_ISSOCK(status.st_mode) && unlink(path) == 0))
                return true;
        reason_set(reason, "'%s' is in the place of the socket and can't be removed: %s", path,
                   S_ISSOCK(status.st_mode) ? strerror(errno) : "it is no socket");
        return false;
}

/* Nobody but the owner may connect at any moment: bind(2) takes the mode from the descriptor. */
static bool bind_socket(int socket, const struct sockaddr_un *address)
{
        return fchmod(socket, S_IRUSR | S_IWUSR) == 0 &&
               bind(socket, (const struct sockaddr *)address, sizeof(*address)) == 0 &&
               listen(socket, SOCKET_BACKLOG) == 0;
}

static int listen_at_socket(struct http_server *server, struct reason *reason)
{
        const char *path = server->options.socket;
        struct sockaddr_un address;
        int listener;

        if (!make_address(path, &address, reason) || !remove_stale(path, reason))
                return 1;
        listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (listener >= 0 && bind_socket(listener, &address))
                server->daemon = start_daemon(
                        server, 0,
                        (struct MHD_OptionItem){MHD_OPTION_LISTEN_SOCKET, listener, NULL});
        if (server->daemon)
                return 0;
        reason_set(reason, "can't listen on the socket '%s': %s", path, strerror(errno));
        if (listener >= 0)
                close(listener);
        return 1;
}

static void http_server_free(struct http_server *server)
{
        if (server->empty)
                MHD_destroy_response(server->empty);
        pthread_cond_destroy(&server->settled);
        pthread_mutex_destroy(&server->lock);
        free(server);
}

int http_server_start(const struct http_server_options *options, struct http_server **server,
                      struct reason *reason)
{
        struct http_server *made = mem_new(1, sizeof(*made));
        int result;

        made->options = *options;
        list_init(&made->connections);
        pthread_mutex_init(&made->lock, NULL);
        pthread_cond_init(&made->settled, NULL);
        made->empty = MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
        result = made->options.socket ? listen_at_socket(made, reason)
                                      : listen_at_port(made, reason);
        if (result != 0) {
                http_server_free(made);
                return result;
        }
        if (!made->options.socket)
                made->port = MHD_get_daemon_info(made->daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
        if (made->options.request_timeout_ms > 0)
                thread_start(&made->watcher, watch, made);
        *server = made;
        return 0;
}

uint16_t http_server_port(const struct http_server *server)
{
        return server->port;
}

bool http_server_is_stopping(struct http_server *server)
{
        bool stopping;

        pthread_mutex_lock(&server->lock);
        stopping = server->stopping;
        pthread_mutex_unlock(&server->lock);
        return stopping;
}

void http_server_stop(struct http_server *server)
{
        int listener;

        if (!server)
                return;
        listener = MHD_quiesce_daemon(server->daemon);
        if (server->options.socket)
                unlink(server->options.socket);
        pthread_mutex_lock(&server->lock);
        server->stopping = true;
        while (server->deferred > 0)
                pthread_cond_wait(&server->settled, &server->lock);
        pthread_mutex_unlock(&server->lock);
        if (server->options.request_timeout_ms > 0)
                pthread_join(server->watcher, NULL);
        MHD_stop_daemon(server->daemon);
        if (listener >= 0)
                close(listener);
        http_server_free(server);
}
