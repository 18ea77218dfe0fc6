// SPDX-License-Identifier: MIT
/*
 * The connections of devices and services as streams of bytes, whatever is below them: sockets
 * with TLS, or WebSockets. All of them, and all protocols above them, run on one thread; nothing
 * here blocks.
 *
 * Laws: a protocol's functions are called on the server's thread only, never from inside of a
 * function that the protocol calls; `ended` is the last one, and comes exactly once.
 */
#ifndef ISTHMUS_LOCALHUB_STREAMS_STREAM_H
#define ISTHMUS_LOCALHUB_STREAMS_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/reason.h"
#include "localhub/x509/client_chain.h"

struct stream;
struct stream_server;

/* What speaks over a stream. */
struct stream_protocol {
        /* Somebody has connected to this listener's hub; returns what `client` is below. */
        void *(*opened)(void *context, struct stream *stream, int hub);
        /* Some bytes came: at least one. */
        void (*received)(void *client, const char *bytes, size_t size);
        /* As stream_wake or stream_wake_when_sent has asked for. */
        void (*woken)(void *client);
        /* It is over; `stream` is not valid afterwards. */
        void (*ended)(void *client);
        void *context;
        bool plain; /* what connects to its listeners speaks no TLS */
};

/* Sends bytes when the other side takes them; copies. */
void stream_write(struct stream *stream, const void *bytes, size_t size);

/* Bytes that are written and not sent yet. A stream with very many is not read from. */
size_t stream_waiting(const struct stream *stream);

/* Has `woken` called in this turn. */
void stream_wake(struct stream *stream);

/* Has `woken` called once all that waits is sent. */
void stream_wake_when_sent(struct stream *stream);

/* What the other side had to say at first has been said; until then it has half a minute. */
void stream_is_known(struct stream *stream);

/* Closes when all that was written is sent, but after two seconds at the latest. */
void stream_end(struct stream *stream);

/* Closes without sending what waits. */
void stream_cut(struct stream *stream);

/* Address and port of the other side, as text. */
const char *stream_name(const struct stream *stream);

/* The certificates that the client has shown in TLS; NULL = none. As long as the stream. */
const struct client_chain *stream_chain(struct stream *stream);

/* --- the server ------------------------------------------------------------------------------ */

struct stream_server_options {
        const char *thread;      /* its name, at most 15 characters; must stay */
        const char *certificate; /* PEM files: chain and key */
        const char *key;
        /* A turn begins: the clocks are to be read. */
        void (*turn)(void *context);
        /* Runs what time has brought, and says when it wants to run next; steady ms. */
        int64_t (*tick)(void *context);
        void *context;
};

int stream_server_new(const struct stream_server_options *options, struct stream_server **server,
                      struct reason *reason) MUST_CHECK;

/*
 * Listens at "address:port" for clients of one hub with one protocol, which must stay; `*port`
 * becomes the real one. The thread that made the server.
 */
int stream_server_listen(struct stream_server *server, const struct stream_protocol *protocol,
                         int hub, const char *address, uint16_t *port,
                         struct reason *reason) MUST_CHECK;

/* Whose socket a stream is on. */
struct stream_owner {
        void (*closed)(void *context); /* once, when the stream is over; NULL = nobody */
        void *context;
};

/*
 * Speaks WebSocket (RFC 6455, framed by wslay) with a client whose handshake is done; `protocol`
 * must stay. `fd` is not blocking, has no TLS, and is closed by the stream; `first` came from it
 * already. On the server's thread.
 */
void stream_server_adopt(struct stream_server *server, const struct stream_protocol *protocol,
                         int hub, int fd, const struct buf *first,
                         const struct stream_owner *owner);

/*
 * The certificates of a client whose bytes are passed on to a Unix domain socket, by the name that
 * its end there has (getpeername, without the zero byte): a copy. False = none. Any thread.
 */
bool stream_server_find_chain(struct stream_server *server, const char *name,
                              struct client_chain *chain) MUST_CHECK;

/* Takes connections from now on. */
void stream_server_start(struct stream_server *server);

/* Cuts all streams, joins the thread, runs what was posted. NULL is allowed. */
void stream_server_free(struct stream_server *server);

/* Runs `run(context)` on the server's thread, in the order of the posts. Any thread. */
void stream_server_post(struct stream_server *server, void (*run)(void *context), void *context);

/* The same, and waits until it has run. Any thread but the server's. */
void stream_server_call(struct stream_server *server, void (*run)(void *context), void *context);

#endif
