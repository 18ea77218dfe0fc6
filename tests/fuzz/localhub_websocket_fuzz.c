// SPDX-License-Identifier: MIT
/* Frames of WebSockets from a client: what is passed on is no more than came in. */
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "fuzz/fuzz.h"
#include "localhub/streams/stream_inside.h"

static void received(void *client, const char *bytes, size_t size)
{
        struct buf *all = client;

        buf_add(all, bytes, size);
}

static void ended(void *client)
{
        (void)client;
}

/* Takes what the hub answers (pongs, a close frame) away. */
static void drain(int fd)
{
        char bytes[4096];

        while (recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
                ;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
        static const struct stream_protocol protocol = {.received = received, .ended = ended};
        struct stream_server server = {.epoll = -1};
        struct stream *stream = mem_new(1, sizeof(*stream));
        CLEANUP(buf_deinit) struct buf all = BUF_INIT;
        int pair[2];

        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0)
                abort();
        list_init(&server.streams);
        list_init(&server.todo);
        stream->server = &server;
        stream->watch.fd = pair[0];
        stream->protocol = &protocol;
        stream->client = &all;
        list_push_back(&server.streams, &stream->node);
        if (!stream_websocket_open(stream))
                abort();
        buf_add(&stream->in, bytes, size);
        while (stream_websocket_receive(stream) && stream->in.size > 0)
                drain(pair[1]);
        (void)stream_websocket_send(stream);
        drain(pair[1]);
        if (all.size > size)
                abort();
        stream_free(stream);
        timers_deinit(&server.timers);
        close(pair[1]);
        return 0;
}
