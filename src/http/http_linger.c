// SPDX-License-Identifier: MIT
#include "http/http_linger.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"

/* How many, how long and for how many bytes; who sends more may miss the answer. */
#define LINGER_MAX   32
#define LINGER_MS    2000
#define LINGER_BYTES ((size_t)64 * 1024 * 1024)

struct http_lingering {
        struct list_node node;
        int socket;
        int64_t until_ms;
        size_t received;
};

void http_linger_init(struct http_linger *linger, int epoll)
{
        list_init(&linger->sockets);
        linger->epoll = epoll;
}

static void end(struct http_linger *linger, struct http_lingering *lingering)
{
        list_remove(&linger->sockets, &lingering->node);
        close(lingering->socket);
        free(lingering);
}

void http_linger_deinit(struct http_linger *linger)
{
        list_for_each_safe (node, &linger->sockets)
                end(linger, list_entry(node, struct http_lingering, node));
}

void http_linger_add(struct http_linger *linger, int socket, int64_t now_ms)
{
        struct epoll_event event = {.events = EPOLLIN};
        struct http_lingering *lingering;

        if (linger->sockets.count >= LINGER_MAX)
                return;
        lingering = mem_new(1, sizeof(*lingering));
        lingering->until_ms = now_ms + LINGER_MS;
        lingering->socket = fcntl(socket, F_DUPFD_CLOEXEC, 0);
        shutdown(socket, SHUT_WR);
        event.data.ptr = lingering;
        list_push_back(&linger->sockets, &lingering->node);
        if (lingering->socket < 0 ||
            epoll_ctl(linger->epoll, EPOLL_CTL_ADD, lingering->socket, &event) != 0)
                end(linger, lingering);
}

void http_linger_read(struct http_linger *linger, struct http_lingering *lingering)
{
        char dropped[65536];
        ssize_t size = recv(lingering->socket, dropped, sizeof(dropped), MSG_DONTWAIT);

        if (size < 0 && (errno == EAGAIN || errno == EINTR))
                return;
        if (size > 0)
                lingering->received += (size_t)size;
        if (size <= 0 || lingering->received > LINGER_BYTES)
                end(linger, lingering);
}

int64_t http_linger_run(struct http_linger *linger, int64_t now_ms)
{
        list_for_each_safe (node, &linger->sockets) {
                struct http_lingering *lingering = list_entry(node, struct http_lingering, node);

                if (lingering->until_ms > now_ms)
                        return lingering->until_ms;
                end(linger, lingering);
        }
        return INT64_MAX;
}
