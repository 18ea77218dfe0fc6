// SPDX-License-Identifier: MIT
/*
 * A floor for the local hub: OpenSSL with the hub's own settings behind epoll, and nothing above
 * it, or proton alone, which opens what a client opens and accepts what it sends. Checks no token,
 * keeps no message. Prints its port, and runs until it is ended.
 *
 *     floor_hub mqtt|amqp CERTIFICATE KEY
 */
#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <proton/connection.h>
#include <proton/connection_driver.h>
#include <proton/delivery.h>
#include <proton/link.h>
#include <proton/sasl.h>
#include <proton/session.h>
#include <proton/transport.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define CREDIT      1000
#define CHUNK       65536
#define FRAME_MAX   65536
#define CHANNEL_MAX 8191

struct client {
        int fd;
        SSL *ssl;
        bool greeted;
        bool over;
        pn_connection_driver_t driver; /* of AMQP */
};

struct floor {
        bool amqp;
        int listener;
        int epoll;
        SSL_CTX *tls;
        char bytes[CHUNK];
};

static void stop(const char *what)
{
        fprintf(stderr, "floor_hub: %s\n", what);
        exit(1);
}

/* --- AMQP ------------------------------------------------------------------------------------ */

static void start_proton(struct client *client)
{
        pn_transport_t *transport = pn_transport();

        pn_transport_set_server(transport);
        pn_transport_set_channel_max(transport, CHANNEL_MAX);
        pn_transport_set_max_frame(transport, FRAME_MAX);
        pn_sasl_allowed_mechs(pn_sasl(transport), "ANONYMOUS");
        pn_connection_driver_init(&client->driver, NULL, transport);
}

static void accept_message(pn_event_t *event, char *bytes)
{
        pn_delivery_t *delivery = pn_event_delivery(event);
        pn_link_t *link = pn_event_link(event);

        if (!pn_delivery_readable(delivery) || pn_delivery_partial(delivery))
                return;
        (void)pn_link_recv(link, bytes, CHUNK);
        pn_link_advance(link);
        pn_delivery_update(delivery, PN_ACCEPTED);
        pn_delivery_settle(delivery);
        if (pn_link_credit(link) < CREDIT / 2)
                pn_link_flow(link, CREDIT - pn_link_credit(link));
}

static void open_link(pn_link_t *link)
{
        pn_terminus_copy(pn_link_source(link), pn_link_remote_source(link));
        pn_terminus_copy(pn_link_target(link), pn_link_remote_target(link));
        pn_link_open(link);
        if (pn_link_is_receiver(link))
                pn_link_flow(link, CREDIT);
}

static void take_event(pn_event_t *event, char *bytes)
{
        switch (pn_event_type(event)) {
        case PN_CONNECTION_REMOTE_OPEN:
                pn_connection_open(pn_event_connection(event));
                break;
        case PN_CONNECTION_REMOTE_CLOSE:
                pn_connection_close(pn_event_connection(event));
                break;
        case PN_SESSION_REMOTE_OPEN:
                pn_session_open(pn_event_session(event));
                break;
        case PN_LINK_REMOTE_OPEN:
                open_link(pn_event_link(event));
                break;
        case PN_DELIVERY:
                accept_message(event, bytes);
                break;
        default:
                break;
        }
}

/* The other side has room for answers: it reads all that comes. */
static void work(struct client *client, char *bytes)
{
        pn_event_t *event;
        pn_bytes_t answer;

        while ((event = pn_connection_driver_next_event(&client->driver)) != NULL)
                take_event(event, bytes);
        while ((answer = pn_connection_driver_write_buffer(&client->driver)).size > 0) {
                if (SSL_write(client->ssl, answer.start, (int)answer.size) <= 0) {
                        client->over = true;
                        return;
                }
                pn_connection_driver_write_done(&client->driver, answer.size);
        }
}

static void feed(struct client *client, const char *from, size_t size, char *bytes)
{
        while (size > 0 && !client->over) {
                pn_rwbytes_t room = pn_connection_driver_read_buffer(&client->driver);
                size_t part = size < room.size ? size : room.size;

                if (part == 0)
                        return;
                memcpy(room.start, from, part);
                pn_connection_driver_read_done(&client->driver, part);
                from += part;
                size -= part;
                work(client, bytes);
        }
}

/* --- connections ----------------------------------------------------------------------------- */

static void take_bytes(struct floor *floor, struct client *client, const char *bytes, size_t size)
{
        static const char welcome[] = {0x20, 0x02, 0x00, 0x00}; /* CONNACK */

        if (floor->amqp)
                feed(client, bytes, size, floor->bytes);
        else if (!client->greeted && SSL_write(client->ssl, welcome, sizeof(welcome)) <= 0)
                client->over = true;
        client->greeted = true;
}

static void serve(struct floor *floor, struct client *client)
{
        char bytes[CHUNK];
        int got = 0;

        while (!client->over && (got = SSL_read(client->ssl, bytes, sizeof(bytes))) > 0)
                take_bytes(floor, client, bytes, (size_t)got);
        if (!client->over && SSL_get_error(client->ssl, got) == SSL_ERROR_WANT_READ)
                return;
        if (floor->amqp)
                pn_connection_driver_destroy(&client->driver);
        SSL_free(client->ssl);
        close(client->fd);
        free(client);
}

static void open_client(struct floor *floor)
{
        struct client *client = calloc(1, sizeof(*client));
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};

        if (!client)
                stop("out of memory");
        client->fd = accept4(floor->listener, NULL, NULL, SOCK_NONBLOCK);
        client->ssl = SSL_new(floor->tls);
        if (client->fd < 0 || !client->ssl || SSL_set_fd(client->ssl, client->fd) != 1)
                stop("a connection can't be taken");
        SSL_set_accept_state(client->ssl);
        if (floor->amqp)
                start_proton(client);
        (void)epoll_ctl(floor->epoll, EPOLL_CTL_ADD, client->fd, &event);
}

/* --- the start ------------------------------------------------------------------------------- */

static SSL_CTX *open_tls(const char *certificate, const char *key)
{
        SSL_CTX *tls = SSL_CTX_new(TLS_server_method());

        if (!tls || SSL_CTX_use_certificate_chain_file(tls, certificate) != 1 ||
            SSL_CTX_use_PrivateKey_file(tls, key, SSL_FILETYPE_PEM) != 1)
                stop("the certificate or its key can't be used");
        SSL_CTX_set_options(tls, SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_NO_TICKET);
        SSL_CTX_set_num_tickets(tls, 0);
        SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS);
        SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_OFF);
        return tls;
}

static int listen_somewhere(void)
{
        struct sockaddr_in name = {.sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t size = sizeof(name);
        int fd = socket(AF_INET, SOCK_STREAM, 0);

        if (fd < 0 || bind(fd, (struct sockaddr *)&name, size) != 0 || listen(fd, 1024) != 0 ||
            getsockname(fd, (struct sockaddr *)&name, &size) != 0)
                stop("can't listen");
        printf("%u\n", ntohs(name.sin_port));
        fflush(stdout);
        return fd;
}

int main(int argc, char **argv)
{
        static struct floor floor;
        struct epoll_event event = {.events = EPOLLIN};

        if (argc != 4)
                stop("usage: floor_hub mqtt|amqp CERTIFICATE KEY");
        floor.amqp = strcmp(argv[1], "amqp") == 0;
        floor.tls = open_tls(argv[2], argv[3]);
        floor.epoll = epoll_create1(0);
        floor.listener = listen_somewhere();
        (void)epoll_ctl(floor.epoll, EPOLL_CTL_ADD, floor.listener, &event);
        while (epoll_wait(floor.epoll, &event, 1, -1) == 1) {
                if (event.data.ptr)
                        serve(&floor, event.data.ptr);
                else
                        open_client(&floor);
        }
        return 0;
}
