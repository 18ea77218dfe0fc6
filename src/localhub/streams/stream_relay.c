// SPDX-License-Identifier: MIT
#include "localhub/streams/stream_relay.h"

#include <stdlib.h>

#include "base/mem.h"
#include "localhub/streams/stream_inside.h"

/* While more than this waits to be passed on, nothing is read from its other end. */
#define WAITING_MAX ((size_t)256 * 1024)

/* One end; the other one is NULL when it is over, or not dialled yet. */
struct end {
        struct stream *stream;
        struct end *other;
        const char *path; /* of a front that has said nothing yet; else NULL */
};

static void dial(struct end *front);

static void on_received(void *context, const char *bytes, size_t size)
{
        struct end *end = context;

        if (end->path)
                dial(end);
        if (!end->other)
                return;
        stream_write(end->other->stream, bytes, size);
        if (stream_waiting(end->other->stream) <= WAITING_MAX)
                return;
        stream_pause(end->stream, true);
        stream_wake_when_sent(end->other->stream);
}

/* All has been sent to this end. */
static void on_woken(void *context)
{
        struct end *end = context;

        if (end->other)
                stream_pause(end->other->stream, false);
}

static void on_ended(void *context)
{
        struct end *end = context;

        if (end->other) {
                end->other->other = NULL;
                stream_end(end->other->stream);
        }
        free(end);
}

static struct end *end_new(struct stream *stream)
{
        struct end *end = mem_new(1, sizeof(*end));

        end->stream = stream;
        return end;
}

static void *on_back_opened(void *context, struct stream *stream, int hub)
{
        struct end *front = context;
        struct end *back = end_new(stream);

        (void)hub;
        stream_is_known(stream);
        back->other = front;
        front->other = back;
        return back;
}

/* Not before TLS is done: the server may ask who it is. */
static void dial(struct end *front)
{
        const char *path = front->path;
        static const struct stream_protocol back = {
                .opened = on_back_opened,
                .received = on_received,
                .woken = on_woken,
                .ended = on_ended,
        };

        front->path = NULL;
        stream_is_known(front->stream); /* the server has deadlines of its own */
        stream_join(front->stream->server, &back, front, stream_dial(front->stream, path));
}

static void *on_front_opened(void *context, struct stream *stream, int hub)
{
        struct end *front = end_new(stream);

        (void)hub;
        front->path = context;
        return front;
}

struct stream_protocol stream_relay_protocol(const char *path)
{
        return (struct stream_protocol){
                .opened = on_front_opened,
                .received = on_received,
                .woken = on_woken,
                .ended = on_ended,
                .context = (void *)(uintptr_t)path,
        };
}
