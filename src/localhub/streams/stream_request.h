// SPDX-License-Identifier: MIT
/*
 * One HTTP request to the server behind the HTTPS port, on behalf of a client of another protocol:
 * so that what provisioning decides is decided in one place.
 */
#ifndef ISTHMUS_LOCALHUB_STREAMS_STREAM_REQUEST_H
#define ISTHMUS_LOCALHUB_STREAMS_STREAM_REQUEST_H

#include "localhub/streams/stream.h"

struct stream_answer {
        int status;        /* 503 = the server can't be asked, or its answer makes no sense */
        int retry_after_s; /* 0 = not told */
        const char *body;
        size_t size;
};

/*
 * Sends a whole request, which asks for `Connection: close`, to the Unix domain socket at `path`.
 * `done` is called once, later, on the thread of the streams, also when the server goes.
 */
void stream_request(struct stream *near, const char *path, const struct buf *request,
                    void (*done)(void *context, const struct stream_answer *answer), void *context);

/* Takes an answer apart; pure. */
void stream_answer_read(const struct buf *bytes, struct stream_answer *answer);

#endif
