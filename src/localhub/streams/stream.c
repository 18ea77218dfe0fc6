// SPDX-License-Identifier: MIT
#include "localhub/streams/stream.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/mem.h"
#include "localhub/streams/stream_inside.h"

#define KNOWN_WITHIN_MS 30000
#define ENDED_WITHIN_MS 2000
#define READS_PER_TURN  16
#define OUT_MAX         ((size_t)256 * 1024) /* beyond it nothing is read */
#define WRITE_MAX       (1 << 20)            /* at a time */
#define READ_FULL       4096                 /* after that many bytes more may be there already */

/* --- what a protocol may do ------------------------------------------------------------------ */

static void add_todo(struct stream *stream)
{
        if (stream->on_todo)
                return;
        stream->on_todo = true;
        list_push_back(&stream->server->todo, &stream->todo_node);
}

void stream_write(struct stream *stream, const void *bytes, size_t size)
{
        if (stream->over)
                return;
        if (stream->websocket)
                stream_websocket_write(stream, bytes, size);
        else
                buf_add(&stream->out, bytes, size);
        add_todo(stream);
}

size_t stream_waiting(const struct stream *stream)
{
        return stream->websocket ? stream_websocket_waiting(stream)
                                 : stream->out.size - stream->sent;
}

void stream_wake(struct stream *stream)
{
        stream->woken = true;
        add_todo(stream);
}

void stream_wake_when_sent(struct stream *stream)
{
        stream->wake_when_sent = true;
        add_todo(stream);
}

void stream_pause(struct stream *stream, bool paused)
{
        stream->paused = paused;
        add_todo(stream);
}

void stream_is_known(struct stream *stream)
{
        timers_stop(&stream->server->timers, &stream->timer);
}

void stream_end(struct stream *stream)
{
        if (stream->ending || stream->over)
                return;
        stream->ending = true;
        timers_start(&stream->server->timers, &stream->timer,
                     stream->server->now_ms + ENDED_WITHIN_MS);
        add_todo(stream);
}

void stream_cut(struct stream *stream)
{
        stream->over = true;
        add_todo(stream);
}

const char *stream_name(const struct stream *stream)
{
        return stream->name;
}

/* --- opening and closing --------------------------------------------------------------------- */

static void on_time(struct timer *timer)
{
        stream_cut(list_entry(timer, struct stream, timer));
}

static void read_name(struct stream *stream)
{
        struct sockaddr_storage address;
        socklen_t size = sizeof(address);
        char host[NI_MAXHOST];
        char port[NI_MAXSERV];

        if (getpeername(stream->watch.fd, (struct sockaddr *)&address, &size) == 0 &&
            getnameinfo((struct sockaddr *)&address, size, host, sizeof(host), port, sizeof(port),
                        NI_NUMERICHOST | NI_NUMERICSERV) == 0)
                snprintf(stream->name, sizeof(stream->name), "%.15s:%.5s", host, port);
}

static void watch(struct stream *stream, int operation, uint32_t events)
{
        struct epoll_event event = {.events = events, .data.ptr = &stream->watch};

        stream->events = events;
        if (epoll_ctl(stream->server->epoll, operation, stream->watch.fd, &event) != 0)
                stream_cut(stream);
}

static struct stream *stream_new(struct stream_server *server,
                                 const struct stream_protocol *protocol, int fd)
{
        struct stream *stream = mem_new(1, sizeof(*stream));
        int on = 1;

        stream->watch = (struct stream_watch){.kind = STREAM_WATCHED_CLIENT, .fd = fd};
        stream->server = server;
        stream->protocol = protocol;
        stream->timer.run = on_time;
        list_push_back(&server->streams, &stream->node);
        timers_start(&server->timers, &stream->timer, server->now_ms + KNOWN_WITHIN_MS);
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        read_name(stream);
        return stream;
}

static void begin(struct stream *stream, void *context, int hub)
{
        stream->client = stream->protocol->opened(context, stream, hub);
        watch(stream, EPOLL_CTL_ADD, EPOLLIN);
}

void stream_open(struct stream_server *server, const struct stream_listener *listener, int fd)
{
        struct stream *stream = stream_new(server, listener->protocol, fd);

        if (!listener->protocol->plain) {
                stream->ssl = SSL_new(server->tls);
                if (stream->ssl && SSL_set_fd(stream->ssl, fd) == 1)
                        SSL_set_accept_state(stream->ssl);
                else
                        stream_cut(stream);
        }
        begin(stream, listener->protocol->context, listener->hub);
}

int stream_dial(struct stream *near, const char *path)
{
        struct sockaddr_un name = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        snprintf(name.sun_path, sizeof(name.sun_path), "%s", path);
        if (fd >= 0) {
                stream_chain_bind(near, fd);
                (void)!connect(fd, (const struct sockaddr *)&name, sizeof(name));
        }
        return fd;
}

void stream_join(struct stream_server *server, const struct stream_protocol *protocol,
                 void *context, int fd)
{
        begin(stream_new(server, protocol, fd), context, -1);
}

void stream_server_adopt(struct stream_server *server, const struct stream_protocol *protocol,
                         int hub, int fd, const struct buf *first, const struct stream_owner *owner)
{
        struct stream *stream = stream_new(server, protocol, fd);

        stream->owner = *owner;
        buf_add(&stream->in, first->data, first->size);
        stream_chain_adopt(stream);
        if (!stream_websocket_open(stream))
                stream_cut(stream);
        begin(stream, protocol->context, hub);
        if (first->size > 0)
                stream_ready(stream, EPOLLIN);
}

void stream_free(struct stream *stream)
{
        struct stream_server *server = stream->server;

        stream->over = true;
        stream->protocol->ended(stream->client);
        timers_stop(&server->timers, &stream->timer);
        list_remove(&server->streams, &stream->node);
        if (stream->on_todo)
                list_remove(&server->todo, &stream->todo_node);
        stream_websocket_free(stream);
        SSL_free(stream->ssl);
        stream_chain_free(stream);
        /* An adopted socket is open elsewhere, too, so closing does not take it off. */
        (void)epoll_ctl(server->epoll, EPOLL_CTL_DEL, stream->watch.fd, NULL);
        if (stream->watch.fd >= 0)
                close(stream->watch.fd);
        if (stream->owner.closed)
                stream->owner.closed(stream->owner.context);
        buf_deinit(&stream->in);
        buf_deinit(&stream->out);
        free(stream);
}

/* --- bytes ----------------------------------------------------------------------------------- */

static ssize_t tls_result(struct stream *stream, int result)
{
        int error;

        if (result > 0)
                return result;
        error = SSL_get_error(stream->ssl, result);
        stream->wants_to_write = error == SSL_ERROR_WANT_WRITE;
        return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? STREAM_IO_LATER
                                                                             : STREAM_IO_OVER;
}

static ssize_t socket_result(ssize_t result)
{
        if (result > 0)
                return result;
        return result < 0 && (errno == EAGAIN || errno == EINTR) ? STREAM_IO_LATER : STREAM_IO_OVER;
}

ssize_t stream_io_read(struct stream *stream, void *bytes, size_t size)
{
        if (stream->in.size > 0) {
                size_t part = size < stream->in.size ? size : stream->in.size;

                memcpy(bytes, stream->in.data, part);
                stream->in.size -= part;
                memmove(stream->in.data, stream->in.data + part, stream->in.size);
                return (ssize_t)part;
        }
        if (!stream->ssl)
                return socket_result(recv(stream->watch.fd, bytes, size, 0));
        ERR_clear_error();
        return tls_result(stream, SSL_read(stream->ssl, bytes, (int)size));
}

ssize_t stream_io_write(struct stream *stream, const void *bytes, size_t size)
{
        if (!stream->ssl)
                return socket_result(send(stream->watch.fd, bytes, size, MSG_NOSIGNAL));
        ERR_clear_error();
        return tls_result(stream,
                          SSL_write(stream->ssl, bytes, size > WRITE_MAX ? WRITE_MAX : (int)size));
}

/* TLS reads ahead: what it holds already makes no socket readable. */
static bool holds_unread(const struct stream *stream)
{
        return stream->ssl && SSL_has_pending(stream->ssl);
}

static void receive(struct stream *stream)
{
        char *bytes = stream->server->read_buffer;

        for (int i = 0; i < READS_PER_TURN && !stream->over && !stream->ending && !stream->paused;
             i++) {
                ssize_t got = stream_io_read(stream, bytes, STREAM_READ_SIZE);

                stream->unread = false;
                if (got == STREAM_IO_OVER)
                        stream_cut(stream);
                if (got <= 0)
                        return;
                stream->protocol->received(stream->client, bytes, (size_t)got);
                stream->unread = holds_unread(stream);
                if (got < READ_FULL && !stream->unread)
                        return;
        }
}

static void send_waiting(struct stream *stream)
{
        while (!stream->over && stream_waiting(stream) > 0) {
                ssize_t sent = stream_io_write(stream, stream->out.data + stream->sent,
                                               stream_waiting(stream));

                if (sent == STREAM_IO_OVER)
                        stream_cut(stream);
                if (sent <= 0)
                        return;
                stream->sent += (size_t)sent;
        }
        buf_deinit(&stream->out); /* thousands of idle clients hold no memory for it */
        stream->sent = 0;
}

void stream_ready(struct stream *stream, uint32_t events)
{
        if (stream->ending && (events & (EPOLLERR | EPOLLHUP)))
                stream_cut(stream);
        else if (!stream->websocket)
                receive(stream);
        else if (!stream->ending && !stream_websocket_receive(stream))
                stream_end(stream);
        add_todo(stream);
}

/* --- the end of a turn ----------------------------------------------------------------------- */

static void end_in_order(struct stream *stream)
{
        if (stream->ssl && SSL_is_init_finished(stream->ssl))
                (void)SSL_shutdown(stream->ssl);
        stream_cut(stream);
}

static void wait_for_more(struct stream *stream)
{
        uint32_t events = 0;

        if (stream_waiting(stream) > 0 || stream->wants_to_write)
                events |= EPOLLOUT;
        if (stream_waiting(stream) <= OUT_MAX && !stream->ending && !stream->paused)
                events |= stream->unread ? EPOLLIN | EPOLLOUT : EPOLLIN; /* at once, if unread */
        if (events != stream->events)
                watch(stream, EPOLL_CTL_MOD, events);
}

static void finish(struct stream *stream)
{
        if (stream->woken && !stream->over) {
                stream->woken = false;
                stream->protocol->woken(stream->client);
        }
        if (!stream->over && !stream->websocket)
                send_waiting(stream);
        else if (!stream->over && !stream_websocket_send(stream))
                stream_cut(stream);
        if (!stream->over && stream->wake_when_sent && stream_waiting(stream) == 0) {
                stream->wake_when_sent = false;
                stream_wake(stream);
        }
        if (!stream->over && stream->ending && stream_waiting(stream) == 0 &&
            (!stream->websocket || stream_websocket_end(stream)))
                end_in_order(stream);
        if (!stream->over)
                wait_for_more(stream);
}

void stream_finish_turn(struct stream_server *server)
{
        struct list_node *node;

        while ((node = list_pop_front(&server->todo)) != NULL) {
                struct stream *stream = list_entry(node, struct stream, todo_node);

                stream->on_todo = false;
                finish(stream);
                if (stream->over)
                        stream_free(stream);
        }
}
