// SPDX-License-Identifier: MIT
/* A blocking HTTP client for tests: one request a connection, without TLS. */
#ifndef ISTHMUS_TESTS_WEB_CLIENT_H
#define ISTHMUS_TESTS_WEB_CLIENT_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/json/json.h"
#include "base/mem.h"

struct web_server {
        uint16_t port;
        const char *socket; /* a Unix domain socket; NULL = the port */
};

struct web_answer {
        int status; /* 0 = the connection ended without an answer */
        char *head;
        char *body;
        struct json_object *json; /* of the body; NULL if it is none */
};

static inline void web_answer_deinit(struct web_answer *answer)
{
        free(answer->head);
        free(answer->body);
        json_object_put(answer->json);
}

/* The socket, or -1. Reading from it ends after 20 seconds. */
static inline int web_connect_to(int family, const struct sockaddr *address, socklen_t size)
{
        struct timeval limit = {.tv_sec = 20};
        int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
        if (connect(fd, address, size) == 0)
                return fd;
        close(fd);
        return -1;
}

static inline int web_connect(uint16_t port)
{
        struct sockaddr_in address = {
                .sin_family = AF_INET,
                .sin_port = htons(port),
                .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
        };

        return web_connect_to(AF_INET, (struct sockaddr *)&address, sizeof(address));
}

static inline int web_connect_socket(const char *path)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};

        snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
        return web_connect_to(AF_UNIX, (struct sockaddr *)&address, sizeof(address));
}

static inline void web_send(int fd, const char *bytes, size_t size)
{
        while (size > 0) {
                ssize_t sent = send(fd, bytes, size, MSG_NOSIGNAL);

                if (sent <= 0)
                        return;
                bytes += sent;
                size -= (size_t)sent;
        }
}

static inline void web_read_plain(int fd, const struct buf *request, struct buf *out)
{
        char chunk[4096];
        ssize_t got;

        web_send(fd, request->data, request->size);
        while ((got = recv(fd, chunk, sizeof(chunk), 0)) > 0)
                buf_add(out, chunk, (size_t)got);
}

/* Undoes chunked transfer encoding in place. */
static inline void web_join_chunks(char *body)
{
        char *from = body;
        char *to = body;

        for (;;) {
                char *line_end;
                size_t size = strtoul(from, &line_end, 16);

                if (size == 0 || strncmp(line_end, "\r\n", 2) != 0 || strlen(line_end + 2) < size)
                        break;
                memmove(to, line_end + 2, size);
                to += size;
                from = line_end + 2 + size + 2;
        }
        *to = '\0';
}

static inline struct web_answer web_answer_of(const struct buf *received)
{
        struct web_answer answer = {.status = 0};
        const char *end = strstr(buf_text(received), "\r\n\r\n");

        if (!end || sscanf(buf_text(received), "HTTP/1.1 %d", &answer.status) != 1)
                return answer;
        answer.head = mem_text_n(received->data, (size_t)(end - received->data) + 2);
        answer.body = mem_text(end + 4);
        if (strstr(answer.head, "Transfer-Encoding: chunked"))
                web_join_chunks(answer.body);
        answer.json = json_parse(answer.body, strlen(answer.body), 32, JSON_STRICT, NULL);
        return answer;
}

/* The whole request as bytes; `Connection: close` must be among its headers. */
static inline struct web_answer web_exchange(const struct web_server *server,
                                             const struct buf *request)
{
        CLEANUP(buf_deinit) struct buf received = BUF_INIT;
        int fd = server->socket ? web_connect_socket(server->socket) : web_connect(server->port);

        if (fd < 0)
                return (struct web_answer){.status = 0};
        web_read_plain(fd, request, &received);
        close(fd);
        return web_answer_of(&received);
}

/* `headers` and `body` may be NULL; each header line ends in "\r\n". */
static inline struct web_answer web_request(const struct web_server *server, const char *method,
                                            const char *target, const char *headers,
                                            const char *body)
{
        CLEANUP(buf_deinit) struct buf request = BUF_INIT;

        buf_add_format(&request, "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n%s",
                       method, target, headers ? headers : "");
        if (body)
                buf_add_format(&request, "Content-Length: %zu\r\n", strlen(body));
        buf_add_format(&request, "\r\n%s", body ? body : "");
        return web_exchange(server, &request);
}

/* The value of a header as the caller's text; NULL if absent. */
static inline char *web_header(const struct web_answer *answer, const char *name)
{
        size_t length = strlen(name);

        for (const char *line = answer->head; line && *line;) {
                const char *next = strstr(line, "\r\n");

                if (strncasecmp(line, name, length) == 0 && line[length] == ':') {
                        const char *value = line + length + 1 + strspn(line + length + 1, " ");

                        return mem_text_n(value, (size_t)(next - value));
                }
                line = next ? next + 2 : NULL;
        }
        return NULL;
}

#endif
