// SPDX-License-Identifier: MIT
/* The frames of WebSockets, by wslay: a stream's bytes are the payloads of binary messages. */
#include "localhub/streams/stream_inside.h"

/* A frame of a client: more than any packet of a protocol here. */
#define FRAME_MAX (UINT64_C(2) * 1024 * 1024)

static ssize_t on_read(wslay_event_context_ptr websocket, uint8_t *bytes, size_t size, int flags,
                       void *context)
{
        ssize_t got = stream_io_read(context, bytes, size);

        (void)flags;
        if (got > 0)
                return got;
        wslay_event_set_error(websocket, got == STREAM_IO_LATER ? WSLAY_ERR_WOULDBLOCK
                                                                : WSLAY_ERR_CALLBACK_FAILURE);
        return -1;
}

static ssize_t on_write(wslay_event_context_ptr websocket, const uint8_t *bytes, size_t size,
                        int flags, void *context)
{
        ssize_t sent = stream_io_write(context, bytes, size);

        (void)flags;
        if (sent > 0)
                return sent;
        wslay_event_set_error(websocket, sent == STREAM_IO_LATER ? WSLAY_ERR_WOULDBLOCK
                                                                 : WSLAY_ERR_CALLBACK_FAILURE);
        return -1;
}

static void on_frame(wslay_event_context_ptr websocket,
                     const struct wslay_event_on_frame_recv_start_arg *frame, void *context)
{
        struct stream *stream = context;

        (void)websocket;
        if (frame->opcode == WSLAY_TEXT_FRAME)
                stream_end(stream);
        if (frame->opcode == WSLAY_BINARY_FRAME)
                stream->is_binary = true;
        else if (frame->opcode != WSLAY_CONTINUATION_FRAME)
                stream->is_binary = false;
}

static void on_part(wslay_event_context_ptr websocket,
                    const struct wslay_event_on_frame_recv_chunk_arg *part, void *context)
{
        struct stream *stream = context;

        (void)websocket;
        if (stream->is_binary && part->data_length > 0 && !stream->over && !stream->ending)
                stream->protocol->received(stream->client, (const char *)part->data,
                                           part->data_length);
}

bool stream_websocket_open(struct stream *stream)
{
        static const struct wslay_event_callbacks callbacks = {
                .recv_callback = on_read,
                .send_callback = on_write,
                .on_frame_recv_start_callback = on_frame,
                .on_frame_recv_chunk_callback = on_part,
        };

        if (wslay_event_context_server_init(&stream->websocket, &callbacks, stream) != 0)
                return false;
        wslay_event_config_set_no_buffering(stream->websocket, 1);
        wslay_event_config_set_max_recv_msg_length(stream->websocket, FRAME_MAX);
        return true;
}

void stream_websocket_write(struct stream *stream, const void *bytes, size_t size)
{
        const struct wslay_event_msg message = {
                .opcode = WSLAY_BINARY_FRAME, .msg = bytes, .msg_length = size};

        (void)wslay_event_queue_msg(stream->websocket, &message);
}

size_t stream_websocket_waiting(const struct stream *stream)
{
        size_t size = wslay_event_get_queued_msg_length(stream->websocket);

        return size > 0 || !wslay_event_want_write(stream->websocket) ? size : 1;
}

/* wslay sends control frames before messages that wait, and nothing after a close frame. */
bool stream_websocket_end(struct stream *stream)
{
        if (!stream->close_queued) {
                stream->close_queued = true;
                (void)wslay_event_queue_close(stream->websocket, WSLAY_CODE_NORMAL_CLOSURE, NULL,
                                              0);
        }
        return !stream_websocket_send(stream) || !wslay_event_want_write(stream->websocket);
}

bool stream_websocket_receive(struct stream *stream)
{
        return wslay_event_recv(stream->websocket) == 0 &&
               !wslay_event_get_close_received(stream->websocket) &&
               wslay_event_get_read_enabled(stream->websocket);
}

bool stream_websocket_send(struct stream *stream)
{
        return wslay_event_send(stream->websocket) == 0;
}

void stream_websocket_free(struct stream *stream)
{
        if (stream->websocket)
                wslay_event_context_free(stream->websocket);
}
