// SPDX-License-Identifier: MIT
/*
 * Law: libmicrohttpd is touched by the endpoint's thread alone. An exchange has two holders, the
 * connection and whoever must answer; it is freed when both have let go. A connection that waits
 * is suspended and is resumed by this thread only: because an answer was posted, a delay ended, a
 * stream was woken, or the endpoint stops.
 */
#include "localhub/http/http_endpoint.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/thread.h"

#define STREAM_PAUSE_MS   500
#define STREAM_CHUNK      16384
#define IDLE_TIMEOUT_S    120u
#define LISTEN_BACKLOG    1024
#define EXTRA_HEADERS_MAX 8
#define WAIT_MAX_MS       60000
#define TIMER_NONE        INT64_MAX

struct http_endpoint {
        const char *thread_name;
        http_endpoint_handler *handle;
        void *context;
        size_t maximum_body;
        struct MHD_Daemon *daemon;
        int epoll_fd;
        int wake_fd;
        uint16_t port;
        pthread_t thread;
        bool running; /* the creator's: the thread is to be joined */
        /* the thread's own */
        struct list connected; /* exchanges whose connection is open */
        struct list timed;     /* exchanges with a due time */
        bool resumed; /* since libmicrohttpd last ran: it does not wake itself up for that */
        bool stopping;
        /* guarded */
        pthread_mutex_t lock;
        struct list posted; /* answered or woken by another thread */
        bool stop;
        bool stopped;
};

struct extra_header {
        char *name;
        char *value;
};

struct hub_exchange {
        struct http_endpoint *endpoint;
        struct MHD_Connection *connection;
        struct list_node connected_node;
        struct list_node timed_node;
        struct list_node posted_node; /* guarded */
        int holders;                  /* guarded */
        bool posted;                  /* guarded */
        bool begun;
        bool handled;
        bool ready;
        bool dropped;
        bool suspended;
        bool timed;
        int64_t due_ms;
        /* the request */
        char *method;
        char *path;
        char *segments[HTTP_SEGMENTS_MAX];
        size_t segment_count;
        struct buf body;
        /* the answer */
        int64_t delay_ms;
        int status;
        char *content_type;
        struct buf answer;
        struct extra_header headers[EXTRA_HEADERS_MAX];
        size_t header_count;
        struct http_stream stream; /* `read` is NULL: none */
        bool stream_ended;
        size_t stream_sent; /* of `answer` */
};

/* --- exchanges ------------------------------------------------------------------------------ */

static void exchange_free(struct hub_exchange *exchange)
{
        for (size_t i = 0; i < exchange->segment_count && i < HTTP_SEGMENTS_MAX; i++)
                free(exchange->segments[i]);
        for (size_t i = 0; i < exchange->header_count; i++) {
                free(exchange->headers[i].name);
                free(exchange->headers[i].value);
        }
        free(exchange->method);
        free(exchange->path);
        free(exchange->content_type);
        buf_deinit(&exchange->body);
        buf_deinit(&exchange->answer);
        free(exchange);
}

static void exchange_release(struct hub_exchange *exchange)
{
        struct http_endpoint *endpoint = exchange->endpoint;
        int left;

        pthread_mutex_lock(&endpoint->lock);
        left = --exchange->holders;
        pthread_mutex_unlock(&endpoint->lock);
        if (left == 0)
                exchange_free(exchange);
}

static void exchange_take_path(struct hub_exchange *exchange, const char *uri)
{
        size_t length = strcspn(uri, "?#");
        const char *end = uri + length;

        exchange->path = mem_text_n(uri, length);
        for (const char *part = uri; part < end;) {
                size_t size;
                struct buf text = BUF_INIT;

                while (part < end && *part == '/')
                        part++;
                if (part == end)
                        return;
                size = strcspn(part, "/?#");
                if (exchange->segment_count == HTTP_SEGMENTS_MAX) {
                        exchange->segment_count++;
                        return;
                }
                text_url_unescape(&text, part, size);
                exchange->segments[exchange->segment_count++] = buf_take(&text);
                part += size;
        }
}

/* libmicrohttpd's first word of a request; what this returns comes back with every call. */
static void *on_uri(void *context, const char *uri, struct MHD_Connection *connection)
{
        struct http_endpoint *endpoint = context;
        struct hub_exchange *exchange = mem_new(1, sizeof(*exchange));

        exchange->endpoint = endpoint;
        exchange->connection = connection;
        exchange->holders = 1;
        exchange_take_path(exchange, uri);
        list_push_back(&endpoint->connected, &exchange->connected_node);
        return exchange;
}

static void timer_stop(struct hub_exchange *exchange)
{
        if (!exchange->timed)
                return;
        list_remove(&exchange->endpoint->timed, &exchange->timed_node);
        exchange->timed = false;
}

static void timer_start(struct hub_exchange *exchange, int64_t delay_ms)
{
        timer_stop(exchange);
        exchange->due_ms = clock_steady_ms() + delay_ms;
        exchange->timed = true;
        list_push_back(&exchange->endpoint->timed, &exchange->timed_node);
}

/* The connection is done with this request, or is gone. */
static void on_completed(void *context, struct MHD_Connection *connection, void **request,
                         enum MHD_RequestTerminationCode code)
{
        struct http_endpoint *endpoint = context;
        struct hub_exchange *exchange = *request;

        (void)connection;
        (void)code;
        if (!exchange)
                return;
        *request = NULL;
        exchange->connection = NULL;
        list_remove(&endpoint->connected, &exchange->connected_node);
        if (exchange->stream.read) {
                timer_stop(exchange);
                exchange->stream.end(exchange->stream.context);
                pthread_mutex_lock(&endpoint->lock);
                if (exchange->posted)
                        list_remove(&endpoint->posted, &exchange->posted_node);
                exchange->posted = false;
                pthread_mutex_unlock(&endpoint->lock);
        }
        exchange_release(exchange);
}

static void exchange_resume(struct hub_exchange *exchange)
{
        if (!exchange->suspended || !exchange->connection)
                return;
        exchange->suspended = false;
        exchange->endpoint->resumed = true;
        MHD_resume_connection(exchange->connection);
}

static void exchange_suspend(struct hub_exchange *exchange)
{
        exchange->suspended = true;
        MHD_suspend_connection(exchange->connection);
}

/* The answer may leave; ends the answerer's hold. */
static void exchange_ready(struct hub_exchange *exchange)
{
        exchange->ready = true;
        exchange_resume(exchange);
        exchange_release(exchange);
}

/* --- answers -------------------------------------------------------------------------------- */

static struct MHD_Response *make_response(struct hub_exchange *exchange)
{
        struct MHD_Response *response;

        if (exchange->answer.size == 0)
                response = MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
        else
                response = MHD_create_response_from_buffer(
                        exchange->answer.size, exchange->answer.data, MHD_RESPMEM_MUST_COPY);
        return response;
}

static ssize_t on_stream_read(void *context, uint64_t position, char *out, size_t max)
{
        struct hub_exchange *exchange = context;
        size_t size;

        (void)position;
        if (exchange->endpoint->stopping)
                return MHD_CONTENT_READER_END_WITH_ERROR;
        if (exchange->stream_sent == exchange->answer.size && !exchange->stream_ended) {
                buf_clear(&exchange->answer);
                exchange->stream_sent = 0;
                exchange->stream_ended =
                        !exchange->stream.read(exchange->stream.context, &exchange->answer);
        }
        size = exchange->answer.size - exchange->stream_sent;
        if (size > 0) {
                size = size < max ? size : max;
                memcpy(out, exchange->answer.data + exchange->stream_sent, size);
                exchange->stream_sent += size;
                return (ssize_t)size;
        }
        if (exchange->stream_ended)
                return MHD_CONTENT_READER_END_OF_STREAM;
        timer_start(exchange, STREAM_PAUSE_MS);
        exchange_suspend(exchange);
        return 0;
}

static enum MHD_Result send_answer(struct hub_exchange *exchange)
{
        struct MHD_Response *response;
        enum MHD_Result result;

        if (exchange->dropped)
                return MHD_NO;
        if (exchange->stream.read)
                response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_CHUNK,
                                                             on_stream_read, exchange, NULL);
        else
                response = make_response(exchange);
        if (!response)
                return MHD_NO;
        if (exchange->content_type)
                MHD_add_response_header(response, "Content-Type", exchange->content_type);
        for (size_t i = 0; i < exchange->header_count; i++)
                MHD_add_response_header(response, exchange->headers[i].name,
                                        exchange->headers[i].value);
        result = MHD_queue_response(exchange->connection, (unsigned int)exchange->status, response);
        MHD_destroy_response(response);
        return result;
}

static enum MHD_Result refuse_too_large(struct hub_exchange *exchange)
{
        struct json_object *error = json_object_new_object();

        json_object_object_add(error, "message",
                               json_object_new_string("The request's body is too large."));
        exchange->handled = true;
        exchange->holders++;
        hub_exchange_answer_json(exchange, MHD_HTTP_CONTENT_TOO_LARGE, error);
        return send_answer(exchange);
}

/* --- requests ------------------------------------------------------------------------------- */

static bool announces_too_much(const struct hub_exchange *exchange)
{
        const char *length = hub_exchange_header(exchange, "Content-Length");
        int64_t number;

        return length && (!text_to_int64(length, 0, INT64_MAX, &number) ||
                          (uint64_t)number > exchange->endpoint->maximum_body);
}

/* The parameters are libmicrohttpd's. */
// NOLINTNEXTLINE(readability-function-size)
static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_size, void **request)
{
        struct http_endpoint *endpoint = context;
        struct hub_exchange *exchange = *request;

        (void)connection;
        (void)url;
        (void)version;
        if (endpoint->stopping)
                return MHD_NO;
        if (!exchange->begun) {
                exchange->begun = true;
                exchange->method = mem_text(method);
                return announces_too_much(exchange) ? refuse_too_large(exchange) : MHD_YES;
        }
        if (*upload_size > 0) {
                if (*upload_size > endpoint->maximum_body - exchange->body.size)
                        return MHD_NO;
                buf_add(&exchange->body, upload, *upload_size);
                *upload_size = 0;
                return MHD_YES;
        }
        if (!exchange->handled) {
                exchange->handled = true;
                exchange->holders++;
                endpoint->handle(endpoint->context, exchange);
        }
        if (exchange->ready)
                return send_answer(exchange);
        exchange_suspend(exchange);
        return MHD_YES;
}

/* --- the thread ----------------------------------------------------------------------------- */

static void take_posted(struct http_endpoint *endpoint)
{
        struct list posted;
        uint64_t count;

        if (read(endpoint->wake_fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
                abort();
        list_init(&posted);
        pthread_mutex_lock(&endpoint->lock);
        list_splice_back(&posted, &endpoint->posted);
        list_for_each (node, &posted)
                list_entry(node, struct hub_exchange, posted_node)->posted = false;
        endpoint->stopping = endpoint->stop;
        pthread_mutex_unlock(&endpoint->lock);
        for (struct list_node *node; (node = list_pop_front(&posted));) {
                struct hub_exchange *exchange = list_entry(node, struct hub_exchange, posted_node);

                if (exchange->stream.read)
                        exchange_resume(exchange);
                else if (exchange->delay_ms > 0)
                        timer_start(exchange, exchange->delay_ms);
                else
                        exchange_ready(exchange);
        }
}

static void timer_fired(struct hub_exchange *exchange)
{
        timer_stop(exchange);
        if (exchange->stream.read)
                exchange_resume(exchange);
        else
                exchange_ready(exchange);
}

/* Returns the time until the next timer. */
static int64_t run_timers(struct http_endpoint *endpoint)
{
        int64_t now_ms = clock_steady_ms();
        int64_t next_ms = TIMER_NONE;

        list_for_each_safe (node, &endpoint->timed) {
                struct hub_exchange *exchange = list_entry(node, struct hub_exchange, timed_node);

                if (exchange->due_ms <= now_ms)
                        timer_fired(exchange);
                else if (exchange->due_ms - now_ms < next_ms)
                        next_ms = exchange->due_ms - now_ms;
        }
        return next_ms;
}

static void wait_for_work(struct http_endpoint *endpoint, int64_t timer_ms)
{
        struct pollfd fds[2] = {
                {.fd = endpoint->epoll_fd, .events = POLLIN},
                {.fd = endpoint->wake_fd, .events = POLLIN},
        };
        MHD_UNSIGNED_LONG_LONG limit;
        int64_t wait_ms = timer_ms;

        if (MHD_get_timeout(endpoint->daemon, &limit) == MHD_YES && limit < (uint64_t)wait_ms)
                wait_ms = (int64_t)limit;
        if (endpoint->resumed)
                wait_ms = 0;
        else if (wait_ms > WAIT_MAX_MS)
                wait_ms = WAIT_MAX_MS;
        endpoint->resumed = false;
        poll(fds, ARRAY_SIZE(fds), (int)wait_ms);
}

/* Resumes what waits, so that libmicrohttpd closes it: `stopping` makes the handlers refuse. */
static void close_connections(struct http_endpoint *endpoint)
{
        list_for_each_safe (node, &endpoint->timed) {
                struct hub_exchange *exchange = list_entry(node, struct hub_exchange, timed_node);

                timer_stop(exchange);
                if (!exchange->stream.read)
                        exchange_release(exchange);
        }
        list_for_each (node, &endpoint->connected)
                exchange_resume(list_entry(node, struct hub_exchange, connected_node));
        MHD_run(endpoint->daemon);
        MHD_stop_daemon(endpoint->daemon);
        endpoint->daemon = NULL;
}

static void *run(void *context)
{
        struct http_endpoint *endpoint = context;

        thread_enter(endpoint->thread_name);
        for (;;) {
                int64_t timer_ms;

                take_posted(endpoint);
                if (endpoint->stopping)
                        break;
                timer_ms = run_timers(endpoint);
                wait_for_work(endpoint, timer_ms);
                MHD_run(endpoint->daemon);
        }
        close_connections(endpoint);
        return NULL;
}

static void wake_thread(struct http_endpoint *endpoint)
{
        const uint64_t one = 1;

        if (write(endpoint->wake_fd, &one, sizeof(one)) < 0 && errno != EAGAIN)
                abort();
}

/* --- start and stop ------------------------------------------------------------------------- */

static int listen_on(int fd, const struct sockaddr_in *address, uint16_t *port)
{
        const int on = 1;
        struct sockaddr_in bound = {.sin_family = AF_INET};
        socklen_t size = sizeof(bound);

        if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
            bind(fd, (const struct sockaddr *)address, sizeof(*address)) != 0 ||
            listen(fd, LISTEN_BACKLOG) != 0 ||
            getsockname(fd, (struct sockaddr *)&bound, &size) != 0)
                return -errno;
        *port = ntohs(bound.sin_port);
        return 0;
}

/* Returns the socket or a negative errno. */
static int open_socket(const struct http_endpoint_options *options, uint16_t *port,
                       struct reason *reason)
{
        const char *text = options->address ? options->address : "127.0.0.1";
        struct sockaddr_in address = {
                .sin_family = AF_INET,
                .sin_port = htons(options->port),
        };
        int result;
        int fd;

        if (inet_pton(AF_INET, text, &address.sin_addr) != 1) {
                reason_set(reason, "'%s' is not an IPv4 address to listen on", text);
                return -EINVAL;
        }
        fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return -errno;
        result = listen_on(fd, &address, port);
        if (result == 0)
                return fd;
        reason_set(reason, "can't listen on %s port %u: %s", text, options->port,
                   strerror(-result));
        close(fd);
        return result;
}

static struct MHD_Daemon *start_daemon(struct http_endpoint *endpoint,
                                       const struct http_endpoint_options *options, int fd)
{
        unsigned int flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME;
        struct MHD_OptionItem tls[] = {
                {MHD_OPTION_HTTPS_MEM_CERT, 0, NULL},
                {MHD_OPTION_HTTPS_MEM_KEY, 0, NULL},
                {MHD_OPTION_END, 0, NULL},
        };

        if (options->certificate_pem) {
                flags |= MHD_USE_TLS;
                tls[0].ptr_value = mem_text(options->certificate_pem);
                tls[1].ptr_value = mem_text(options->key_pem);
        } else {
                tls[0].option = MHD_OPTION_END;
        }
        endpoint->daemon = MHD_start_daemon(
                flags, 0, NULL, NULL, on_request, endpoint, MHD_OPTION_LISTEN_SOCKET, fd,
                MHD_OPTION_CONNECTION_LIMIT, options->maximum_connections,
                MHD_OPTION_CONNECTION_TIMEOUT, IDLE_TIMEOUT_S, MHD_OPTION_URI_LOG_CALLBACK, on_uri,
                endpoint, MHD_OPTION_NOTIFY_COMPLETED, on_completed, endpoint, MHD_OPTION_ARRAY,
                tls, MHD_OPTION_END);
        if (options->key_pem && tls[1].ptr_value)
                mem_wipe(tls[1].ptr_value, strlen(tls[1].ptr_value));
        free(tls[0].ptr_value);
        free(tls[1].ptr_value);
        return endpoint->daemon;
}

static struct http_endpoint *make_endpoint(const struct http_endpoint_options *options)
{
        struct http_endpoint *made = mem_new(1, sizeof(*made));

        made->thread_name = options->thread;
        made->handle = options->handle;
        made->context = options->context;
        made->maximum_body = options->maximum_body;
        list_init(&made->connected);
        list_init(&made->timed);
        list_init(&made->posted);
        pthread_mutex_init(&made->lock, NULL);
        made->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        return made;
}

int http_endpoint_new(const struct http_endpoint_options *options, struct http_endpoint **endpoint,
                      struct reason *reason)
{
        struct http_endpoint *made = make_endpoint(options);
        int fd = open_socket(options, &made->port, reason);

        if (fd < 0) {
                http_endpoint_free(made);
                return fd;
        }
        if (made->wake_fd < 0 || !start_daemon(made, options, fd)) {
                reason_set(reason, "can't start the HTTP server on port %u", made->port);
                http_endpoint_free(made);
                return -EIO;
        }
        made->epoll_fd = MHD_get_daemon_info(made->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
        made->running = true;
        thread_start(&made->thread, run, made);
        *endpoint = made;
        return 0;
}

uint16_t http_endpoint_port(const struct http_endpoint *endpoint)
{
        return endpoint->port;
}

void http_endpoint_stop(struct http_endpoint *endpoint)
{
        struct list posted;

        if (!endpoint->running)
                return;
        pthread_mutex_lock(&endpoint->lock);
        endpoint->stop = true;
        pthread_mutex_unlock(&endpoint->lock);
        wake_thread(endpoint);
        pthread_join(endpoint->thread, NULL);
        endpoint->running = false;
        list_init(&posted);
        pthread_mutex_lock(&endpoint->lock);
        endpoint->stopped = true;
        list_splice_back(&posted, &endpoint->posted);
        pthread_mutex_unlock(&endpoint->lock);
        for (struct list_node *node; (node = list_pop_front(&posted));)
                exchange_release(list_entry(node, struct hub_exchange, posted_node));
}

void http_endpoint_free(struct http_endpoint *endpoint)
{
        if (!endpoint)
                return;
        http_endpoint_stop(endpoint);
        if (endpoint->wake_fd >= 0)
                close(endpoint->wake_fd);
        pthread_mutex_destroy(&endpoint->lock);
        free(endpoint);
}

/* --- what handlers use ---------------------------------------------------------------------- */

const char *hub_exchange_method(const struct hub_exchange *exchange)
{
        return exchange->method;
}

const char *hub_exchange_path(const struct hub_exchange *exchange)
{
        return exchange->path;
}

size_t hub_exchange_segment_count(const struct hub_exchange *exchange)
{
        return exchange->segment_count;
}

const char *hub_exchange_segment(const struct hub_exchange *exchange, size_t index)
{
        return exchange->segments[index];
}

const char *hub_exchange_header(const struct hub_exchange *exchange, const char *name)
{
        return MHD_lookup_connection_value(exchange->connection, MHD_HEADER_KIND, name);
}

const char *hub_exchange_query(const struct hub_exchange *exchange, const char *name)
{
        return MHD_lookup_connection_value(exchange->connection, MHD_GET_ARGUMENT_KIND, name);
}

const struct buf *hub_exchange_body(const struct hub_exchange *exchange)
{
        return &exchange->body;
}

void hub_exchange_add_header(struct hub_exchange *exchange, const char *name, const char *value)
{
        struct extra_header *header;

        if (exchange->header_count == EXTRA_HEADERS_MAX)
                return;
        header = &exchange->headers[exchange->header_count++];
        header->name = mem_text(name);
        header->value = mem_text(value);
}

void hub_exchange_delay(struct hub_exchange *exchange, int64_t delay_ms)
{
        exchange->delay_ms = delay_ms;
}

/* Hands the exchange to the endpoint's thread. */
static void exchange_post(struct hub_exchange *exchange)
{
        struct http_endpoint *endpoint = exchange->endpoint;
        bool stopped;

        pthread_mutex_lock(&endpoint->lock);
        stopped = endpoint->stopped;
        if (!stopped && !exchange->posted) {
                exchange->posted = true;
                list_push_back(&endpoint->posted, &exchange->posted_node);
        }
        if (!stopped)
                wake_thread(endpoint);
        pthread_mutex_unlock(&endpoint->lock);
        if (stopped && !exchange->stream.read)
                exchange_release(exchange);
}

static void exchange_finish(struct hub_exchange *exchange)
{
        if (!thread_is(exchange->endpoint->thread_name))
                exchange_post(exchange);
        else if (exchange->delay_ms > 0)
                timer_start(exchange, exchange->delay_ms);
        else
                exchange_ready(exchange);
}

void hub_exchange_answer(struct hub_exchange *exchange, int status, const char *content_type,
                         struct buf *body)
{
        exchange->status = status;
        exchange->content_type = mem_text(content_type);
        if (body) {
                exchange->answer = *body;
                *body = BUF_INIT;
        }
        exchange_finish(exchange);
}

void hub_exchange_drop(struct hub_exchange *exchange)
{
        exchange->dropped = true;
        exchange_finish(exchange);
}

void hub_exchange_answer_json(struct hub_exchange *exchange, int status, struct json_object *value)
{
        struct buf body = BUF_INIT;

        json_write(&body, value);
        json_object_put(value);
        hub_exchange_answer(exchange, status, "application/json; charset=utf-8", &body);
}

void hub_exchange_stream(struct hub_exchange *exchange, const struct http_stream *stream)
{
        THREAD_ASSERT(exchange->endpoint->thread_name);
        exchange->status = MHD_HTTP_OK;
        exchange->content_type = mem_text(stream->content_type);
        exchange->stream = *stream;
        exchange_ready(exchange);
}

void hub_exchange_wake(struct hub_exchange *exchange)
{
        exchange_post(exchange);
}
