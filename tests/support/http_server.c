// SPDX-License-Identifier: MIT
#include "support/http_server.h"

#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/list.h"
#include "base/mem.h"

#define REQUEST_MAX (1024 * 1024)

struct test_http_server {
        SSL_CTX *tls; /* NULL = plain */
        test_http_handler *handler;
        void *context;
        int listener;
        int stop; /* an eventfd: readable from the stop on */
        uint16_t port;
        pthread_t thread;

        pthread_mutex_t lock;
        struct list connections;
        int accepted;
};

struct connection {
        struct list_node node;
        struct test_http_server *server;
        pthread_t thread;
        int socket;
        int number;
        SSL *tls;
        struct buf input;
};

static void require(bool done, const char *what)
{
        if (done)
                return;
        perror(what);
        abort();
}

/* --- bytes --------------------------------------------------------------------------------- */

/* True when the socket has something to read, false when the server is to stop. */
static bool wait_for_input(const struct connection *connection)
{
        struct pollfd polled[] = {
                {.fd = connection->server->stop, .events = POLLIN},
                {.fd = connection->socket, .events = POLLIN},
        };

        if (connection->tls && SSL_pending(connection->tls) > 0)
                return true;
        while (poll(polled, 2, -1) < 0 && errno == EINTR)
                continue;
        return polled[0].revents == 0;
}

static bool read_some(struct connection *connection)
{
        char bytes[4096];
        ssize_t got;

        if (!wait_for_input(connection))
                return false;
        if (connection->tls)
                got = SSL_read(connection->tls, bytes, sizeof(bytes));
        else
                got = recv(connection->socket, bytes, sizeof(bytes), 0);
        if (got <= 0 || connection->input.size > REQUEST_MAX)
                return false;
        buf_add(&connection->input, bytes, (size_t)got);
        return true;
}

static bool write_all(struct connection *connection, const char *bytes, size_t size)
{
        while (size > 0) {
                ssize_t sent = connection->tls
                                       ? SSL_write(connection->tls, bytes, (int)size)
                                       : send(connection->socket, bytes, size, MSG_NOSIGNAL);

                if (sent <= 0)
                        return false;
                bytes += sent;
                size -= (size_t)sent;
        }
        return true;
}

/* --- requests ------------------------------------------------------------------------------ */

bool test_http_header(const struct test_http_request *request, const char *name, struct buf *out)
{
        size_t length = strlen(name);
        const char *line = strstr(buf_text(&request->headers), "\r\n");

        for (; line; line = strstr(line + 2, "\r\n")) {
                const char *at = line + 2;

                if (strncasecmp(at, name, length) != 0 || at[length] != ':')
                        continue;
                at += length + 1;
                at += strspn(at, " ");
                buf_add(out, at, strcspn(at, "\r"));
                return true;
        }
        return false;
}

static size_t body_size(const struct test_http_request *request)
{
        CLEANUP(buf_deinit) struct buf value = BUF_INIT;

        return test_http_header(request, "Content-Length", &value)
                       ? (size_t)strtoul(buf_text(&value), NULL, 10)
                       : 0;
}

static void note_client(struct connection *connection, struct test_http_request *request)
{
        X509 *certificate = connection->tls ? SSL_get1_peer_certificate(connection->tls) : NULL;

        if (!certificate)
                return;
        X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName,
                                  request->client, sizeof(request->client));
        /* Of a client the chain has the certificate itself not among them. */
        request->shown = 1 + sk_X509_num(SSL_get_peer_cert_chain(connection->tls));
        X509_free(certificate);
}

static void drop_input(struct connection *connection, size_t size)
{
        memmove(connection->input.data, connection->input.data + size,
                connection->input.size - size + 1);
        connection->input.size -= size;
}

static void request_deinit(struct test_http_request *request)
{
        free(request->method);
        free(request->target);
        buf_deinit(&request->headers);
        buf_deinit(&request->body);
}

static const char bad_request[] = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";

static bool read_head(struct connection *connection, struct test_http_request *request)
{
        const char *text;
        const char *end;
        size_t length;

        while (!(end = strstr(buf_text(&connection->input), "\r\n\r\n"))) {
                if (!read_some(connection))
                        return false;
                /* A TLS handshake on a plain port, for example. */
                if (connection->input.data[0] < 'A' || connection->input.data[0] > 'Z') {
                        write_all(connection, bad_request, strlen(bad_request));
                        return false;
                }
        }
        note_client(connection, request);
        length = (size_t)(end - connection->input.data) + 4;
        buf_add(&request->headers, connection->input.data, length);
        drop_input(connection, length);
        text = buf_text(&request->headers);
        length = strcspn(text, " \r");
        request->method = mem_text_n(text, length);
        text += length + (text[length] == ' ' ? 1 : 0);
        request->target = mem_text_n(text, strcspn(text, " \r"));
        return true;
}

static bool read_request(struct connection *connection, struct test_http_request *request)
{
        size_t size;

        request->connection = connection->number;
        if (!read_head(connection, request))
                return false;
        size = body_size(request);
        while (connection->input.size < size) {
                if (!read_some(connection))
                        return false;
        }
        buf_add(&request->body, connection->input.data, size);
        drop_input(connection, size);
        return true;
}

void test_http_answer(struct buf *answer, int status, const char *headers, const char *body)
{
        buf_add_format(answer, "HTTP/1.1 %d Whatever\r\nContent-Length: %zu\r\n%s\r\n%s", status,
                       strlen(body), headers, body);
}

/* --- connections --------------------------------------------------------------------------- */

static void reset(const struct connection *connection)
{
        struct linger now = {.l_onoff = 1, .l_linger = 0};

        setsockopt(connection->socket, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

/* One request and its answer; false when the connection is over. */
static bool serve_one(struct connection *connection)
{
        CLEANUP(request_deinit)
        struct test_http_request request = {.headers = BUF_INIT, .body = BUF_INIT};
        CLEANUP(buf_deinit) struct buf bytes = BUF_INIT;
        struct test_http_server *server = connection->server;
        enum test_http_then then;

        if (!read_request(connection, &request))
                return false;
        do {
                buf_clear(&bytes);
                then = server->handler(server->context, &request, &bytes);
                if (!write_all(connection, bytes.data, bytes.size))
                        return false;
        } while (then == TEST_HTTP_MORE);
        if (then == TEST_HTTP_HOLD) {
                while (read_some(connection))
                        continue;
        }
        if (then == TEST_HTTP_CUT)
                reset(connection);
        else if (then == TEST_HTTP_CLOSE && connection->tls)
                SSL_shutdown(connection->tls);
        return then == TEST_HTTP_KEEP;
}

static void *run_connection(void *context)
{
        struct connection *connection = context;
        bool is_open = true;

        if (connection->server->tls) {
                connection->tls = SSL_new(connection->server->tls);
                SSL_set_fd(connection->tls, connection->socket);
                is_open = wait_for_input(connection) && SSL_accept(connection->tls) == 1;
        }
        while (is_open && serve_one(connection))
                continue;
        SSL_free(connection->tls);
        connection->tls = NULL;
        close(connection->socket);
        return NULL;
}

static void take_connection(struct test_http_server *server)
{
        struct connection *connection = mem_new(1, sizeof(*connection));

        connection->server = server;
        connection->socket = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC);
        require(connection->socket >= 0, "accept");
        pthread_mutex_lock(&server->lock);
        connection->number = ++server->accepted;
        list_push_back(&server->connections, &connection->node);
        pthread_mutex_unlock(&server->lock);
        require(pthread_create(&connection->thread, NULL, run_connection, connection) == 0,
                "pthread_create");
}

static void *run_server(void *context)
{
        struct test_http_server *server = context;
        struct pollfd polled[] = {
                {.fd = server->stop, .events = POLLIN},
                {.fd = server->listener, .events = POLLIN},
        };

        for (;;) {
                if (poll(polled, 2, -1) < 0 && errno == EINTR)
                        continue;
                if (polled[0].revents != 0)
                        return NULL;
                if (polled[1].revents != 0)
                        take_connection(server);
        }
}

/* --- life ---------------------------------------------------------------------------------- */

static void listen_on_loopback(struct test_http_server *server)
{
        struct sockaddr_in address = {.sin_family = AF_INET,
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t size = sizeof(address);

        server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        require(bind(server->listener, (struct sockaddr *)&address, size) == 0, "bind");
        require(listen(server->listener, 256) == 0, "listen");
        require(getsockname(server->listener, (struct sockaddr *)&address, &size) == 0,
                "getsockname");
        server->port = ntohs(address.sin_port);
}

/* Whoever signed it: the handler says what is right. */
static int take_any(int is_good, X509_STORE_CTX *context)
{
        (void)is_good;
        (void)context;
        return 1;
}

struct test_http_server *test_http_server_start(const char *certificate, test_http_handler *handler,
                                                void *context)
{
        struct test_http_server *server = mem_new(1, sizeof(*server));

        signal(SIGPIPE, SIG_IGN);
        server->handler = handler;
        server->context = context;
        if (certificate) {
                server->tls = SSL_CTX_new(TLS_server_method());
                require(SSL_CTX_use_certificate_chain_file(server->tls, certificate) == 1 &&
                                SSL_CTX_use_PrivateKey_file(server->tls, certificate,
                                                            SSL_FILETYPE_PEM) == 1,
                        certificate);
                SSL_CTX_set_verify(server->tls, SSL_VERIFY_PEER, take_any);
                SSL_CTX_set_session_cache_mode(server->tls, SSL_SESS_CACHE_OFF);
                SSL_CTX_set_options(server->tls, SSL_OP_NO_TICKET);
        }
        server->stop = eventfd(0, EFD_CLOEXEC);
        require(server->stop >= 0, "eventfd");
        listen_on_loopback(server);
        pthread_mutex_init(&server->lock, NULL);
        list_init(&server->connections);
        require(pthread_create(&server->thread, NULL, run_server, server) == 0, "pthread_create");
        return server;
}

void test_http_server_stop(struct test_http_server *server)
{
        struct list_node *node;

        if (!server)
                return;
        require(eventfd_write(server->stop, 1) == 0, "eventfd_write");
        pthread_join(server->thread, NULL);
        while ((node = list_pop_front(&server->connections))) {
                struct connection *connection = list_entry(node, struct connection, node);

                pthread_join(connection->thread, NULL);
                buf_deinit(&connection->input);
                free(connection);
        }
        SSL_CTX_free(server->tls);
        close(server->listener);
        close(server->stop);
        pthread_mutex_destroy(&server->lock);
        free(server);
}

uint16_t test_http_server_port(const struct test_http_server *server)
{
        return server->port;
}

int test_http_server_connections(struct test_http_server *server)
{
        int count;

        pthread_mutex_lock(&server->lock);
        count = server->accepted;
        pthread_mutex_unlock(&server->lock);
        return count;
}
