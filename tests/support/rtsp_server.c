// SPDX-License-Identifier: MIT
#include "support/rtsp_server.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"

struct test_rtsp_server {
        const struct buf *film;
        const struct test_digest *digest;
        enum test_rtsp_mood mood;
        int listener;
        int stop; /* an eventfd: readable from the stop on */
        uint16_t port;
        pthread_t thread;
};

struct client {
        const struct test_rtsp_server *server;
        int socket;
        struct buf input;
        uint16_t sequence;
        uint32_t time;
};

static void require(bool done, const char *what)
{
        if (done)
                return;
        perror(what);
        abort();
}

/* False when the server is to stop. */
static bool wait_for(const struct test_rtsp_server *server, int fd, short events)
{
        struct pollfd polled[] = {
                {.fd = server->stop, .events = POLLIN},
                {.fd = fd, .events = events},
        };

        while (poll(polled, 2, -1) < 0 && errno == EINTR)
                continue;
        return polled[0].revents == 0;
}

static bool send_all(const struct client *client, const void *bytes, size_t size)
{
        const char *at = bytes;

        while (size > 0) {
                ssize_t sent;

                if (!wait_for(client->server, client->socket, POLLOUT))
                        return false;
                sent = send(client->socket, at, size, MSG_NOSIGNAL | MSG_DONTWAIT);
                if (sent < 0)
                        return false;
                at += sent;
                size -= (size_t)sent;
        }
        return true;
}

static bool receive(struct client *client)
{
        char bytes[4096];
        ssize_t got;

        if (!wait_for(client->server, client->socket, POLLIN))
                return false;
        got = recv(client->socket, bytes, sizeof(bytes), 0);
        if (got <= 0)
                return false;
        buf_add(&client->input, bytes, (size_t)got);
        return true;
}

/* --- pictures ------------------------------------------------------------------------------ */

/* One unit; a picture (types 1 and 5) is the last of its moment. */
static bool send_unit(struct client *client, const char *unit, size_t size)
{
        int type = unit[0] & 0x1f;
        bool is_picture = type == 1 || type == 5;
        const uint8_t head[] = {
                '$',
                0,
                (uint8_t)((size + 12) >> 8),
                (uint8_t)(size + 12),
                0x80,
                (uint8_t)(is_picture ? 0x80 | 96 : 96),
                (uint8_t)(client->sequence >> 8),
                (uint8_t)client->sequence,
                (uint8_t)(client->time >> 24),
                (uint8_t)(client->time >> 16),
                (uint8_t)(client->time >> 8),
                (uint8_t)client->time,
                1,
                2,
                3,
                4,
        };

        client->sequence++;
        if (is_picture)
                client->time += 9000;
        return send_all(client, head, sizeof(head)) && send_all(client, unit, size);
}

static bool play_once(struct client *client)
{
        static const char mark[] = {0, 0, 1};
        const struct buf *film = client->server->film;
        const char *end = film->data + film->size;
        const char *unit = memmem(film->data, film->size, mark, sizeof(mark));

        while (unit) {
                const char *next;
                size_t size;

                unit += sizeof(mark);
                next = memmem(unit, (size_t)(end - unit), mark, sizeof(mark));
                size = (size_t)((next ? next : end) - unit);
                while (size > 0 && unit[size - 1] == 0)
                        size--;
                if (size > 0 && !send_unit(client, unit, size))
                        return false;
                unit = next;
        }
        return true;
}

static bool play(struct client *client)
{
        if (client->server->mood == TEST_RTSP_ENDS_AT_ONCE)
                return false;
        while (client->server->mood == TEST_RTSP_PLAYS) {
                if (!play_once(client))
                        return false;
        }
        return true;
}

/* --- requests ------------------------------------------------------------------------------ */

static const char description[] = "v=0\r\n"
                                  "o=- 0 0 IN IP4 127.0.0.1\r\n"
                                  "s=camera\r\n"
                                  "c=IN IP4 0.0.0.0\r\n"
                                  "t=0 0\r\n"
                                  "m=video 0 RTP/AVP 96\r\n"
                                  "a=rtpmap:96 H264/90000\r\n"
                                  "a=fmtp:96 packetization-mode=1\r\n"
                                  "a=control:track1\r\n";

static bool is_allowed(const struct client *client, const char *request, const char *method)
{
        struct test_http_request asked = {.headers = BUF_INIT};
        const char *target = request + strlen(method) + 1;
        bool allowed;

        if (!client->server->digest)
                return true;
        buf_add_text(&asked.headers, request);
        asked.method = mem_text(method);
        asked.target = mem_text_n(target, strcspn(target, " "));
        allowed = test_digest_check(client->server->digest, &asked);
        free(asked.method);
        free(asked.target);
        buf_deinit(&asked.headers);
        return allowed;
}

static bool answer(const struct client *client, const char *request, const char *status,
                   const char *headers, const char *body)
{
        const char *sequence = strstr(request, "CSeq: ");
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;

        buf_add_format(&text, "RTSP/1.0 %s\r\nCSeq: %d\r\n%sContent-Length: %zu\r\n\r\n%s", status,
                       sequence ? atoi(sequence + 6) : 0, headers, strlen(body), body);
        return send_all(client, text.data, text.size);
}

static bool refuse(const struct client *client, const char *request)
{
        CLEANUP(buf_deinit) struct buf asked = BUF_INIT;
        const char *header;
        char *end;

        test_digest_ask(client->server->digest, &asked);
        header = strstr(buf_text(&asked), "WWW-Authenticate");
        end = strstr(asked.data, "\r\n\r\n");
        end[2] = '\0';
        return answer(client, request, "401 Unauthorized", header, "");
}

static bool handle(struct client *client, const char *request)
{
        if (strncmp(request, "OPTIONS ", 8) == 0)
                return answer(client, request, "200 OK",
                              "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n", "");
        if (strncmp(request, "DESCRIBE ", 9) == 0)
                return is_allowed(client, request, "DESCRIBE")
                               ? answer(client, request, "200 OK",
                                        "Content-Type: application/sdp\r\n", description)
                               : refuse(client, request);
        if (strncmp(request, "SETUP ", 6) == 0)
                return answer(client, request, "200 OK",
                              "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 1\r\n",
                              "");
        if (strncmp(request, "PLAY ", 5) == 0)
                return answer(client, request, "200 OK", "Session: 1\r\n", "") && play(client);
        return answer(client, request, "200 OK", "", "");
}

static void serve(struct client *client)
{
        for (;;) {
                char *end = strstr(buf_text(&client->input), "\r\n\r\n");
                CLEANUP(mem_cleanup) char *request = NULL;
                size_t size;

                if (!end) {
                        if (!receive(client))
                                return;
                        continue;
                }
                size = (size_t)(end - client->input.data) + 4;
                request = mem_text_n(client->input.data, size);
                memmove(client->input.data, client->input.data + size,
                        client->input.size - size + 1);
                client->input.size -= size;
                if (client->server->mood != TEST_RTSP_IS_SILENT && !handle(client, request))
                        return;
        }
}

static void *run(void *context)
{
        struct test_rtsp_server *server = context;

        while (wait_for(server, server->listener, POLLIN)) {
                struct client client = {.server = server, .input = BUF_INIT};

                client.socket = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC);
                require(client.socket >= 0, "accept");
                serve(&client);
                close(client.socket);
                buf_deinit(&client.input);
        }
        return NULL;
}

/* --- life ---------------------------------------------------------------------------------- */

struct test_rtsp_server *test_rtsp_server_start(const struct buf *film,
                                                const struct test_digest *digest,
                                                enum test_rtsp_mood mood)
{
        struct test_rtsp_server *server = mem_new(1, sizeof(*server));
        struct sockaddr_in address = {.sin_family = AF_INET,
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t size = sizeof(address);

        *server = (struct test_rtsp_server){.film = film, .digest = digest, .mood = mood};
        server->stop = eventfd(0, EFD_CLOEXEC);
        server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        require(bind(server->listener, (struct sockaddr *)&address, size) == 0, "bind");
        require(listen(server->listener, 16) == 0, "listen");
        require(getsockname(server->listener, (struct sockaddr *)&address, &size) == 0,
                "getsockname");
        server->port = ntohs(address.sin_port);
        require(pthread_create(&server->thread, NULL, run, server) == 0, "pthread_create");
        return server;
}

void test_rtsp_server_stop(struct test_rtsp_server *server)
{
        require(eventfd_write(server->stop, 1) == 0, "eventfd_write");
        pthread_join(server->thread, NULL);
        close(server->listener);
        close(server->stop);
        free(server);
}

uint16_t test_rtsp_server_port(const struct test_rtsp_server *server)
{
        return server->port;
}
