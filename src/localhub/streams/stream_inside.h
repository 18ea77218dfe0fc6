// SPDX-License-Identifier: MIT
/* What the files stream*.c share. */
#ifndef ISTHMUS_LOCALHUB_STREAMS_STREAM_INSIDE_H
#define ISTHMUS_LOCALHUB_STREAMS_STREAM_INSIDE_H

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <wslay/wslay.h>

#include "base/buf.h"
#include "base/list.h"
#include "base/table.h"
#include "base/timers.h"
#include "localhub/streams/stream.h"

#define STREAM_READ_SIZE       65536
#define STREAM_CHAIN_NAME_SIZE 33
#define STREAM_NAME_SIZE       24 /* of an IPv4 address and a port */

/* What an event of epoll points to. */
struct stream_watch {
        enum stream_watched {
                STREAM_WATCHED_CLIENT,
                STREAM_WATCHED_LISTENER,
                STREAM_WATCHED_WAKER,
        } kind;
        int fd;
};

struct stream {
        struct stream_watch watch; /* first */
        struct stream_server *server;
        struct list_node node;      /* of server->streams */
        struct list_node todo_node; /* of server->todo */
        const struct stream_protocol *protocol;
        void *client;                      /* the protocol's */
        SSL *ssl;                          /* NULL = none: somebody else has taken TLS off */
        wslay_event_context_ptr websocket; /* NULL = the bytes are the protocol's */
        bool is_binary;                    /* the frame that is being read */
        bool close_queued;
        struct stream_owner owner; /* of a socket that was adopted */
        struct buf in;             /* what came before the stream began */
        struct buf out;
        size_t sent;        /* of `out` */
        uint32_t events;    /* that epoll waits for */
        struct timer timer; /* to be known, then to be ended */
        char name[STREAM_NAME_SIZE];
        bool chain_known;           /* TLS was asked for it */
        struct stream_shown *shown; /* certificates; NULL = none */
        bool wants_to_write;        /* TLS does, whatever we have to say */
        bool unread;                /* by us, of what TLS has read */
        bool on_todo;
        bool woken;
        bool wake_when_sent;
        bool paused; /* nothing is read */
        bool ending; /* once all is sent */
        bool over;   /* to be freed at the end of the turn */
};

/* What a client has shown. */
struct stream_shown {
        struct client_chain chain;
        char name[STREAM_CHAIN_NAME_SIZE]; /* of server->named; "" = not there */
        struct table_entry named;
        unsigned named_sockets;
};

struct stream_listener {
        struct stream_watch watch; /* first */
        struct list_node node;
        const struct stream_protocol *protocol;
        int hub;
};

struct stream_server {
        struct stream_server_options options;
        SSL_CTX *tls;
        int epoll;
        int spare; /* a descriptor to give up when there are no more */
        struct stream_watch waker;
        struct list listeners;
        struct list streams;
        struct list todo; /* streams with something to do before the turn ends */
        struct timers timers;
        int64_t now_ms; /* steady, of this turn */
        char *read_buffer;
        pthread_t thread;
        bool started;

        pthread_mutex_t lock; /* guards what follows */
        struct list tasks;
        struct table named; /* struct stream_shown by name */
        bool stopping;
};

/* Takes a connected socket over, with TLS. */
void stream_open(struct stream_server *server, const struct stream_listener *listener, int fd);

enum stream_io {
        STREAM_IO_LATER = 0, /* nothing can be read or written now */
        STREAM_IO_OVER = -1,
};

/* Bytes read or written, else an enum stream_io. */
ssize_t stream_io_read(struct stream *stream, void *bytes, size_t size);
ssize_t stream_io_write(struct stream *stream, const void *bytes, size_t size);

/* --- stream_websocket.c: false = the stream is over ------------------------------------------ */

bool stream_websocket_open(struct stream *stream);
void stream_websocket_write(struct stream *stream, const void *bytes, size_t size);
size_t stream_websocket_waiting(const struct stream *stream);
/* Sends a close frame, when all that was written is sent; false: it is still to be sent. */
bool stream_websocket_end(struct stream *stream);
bool stream_websocket_receive(struct stream *stream);
bool stream_websocket_send(struct stream *stream);
void stream_websocket_free(struct stream *stream);

/* --- stream_chain.c -------------------------------------------------------------------------- */

/* Asks clients for certificates. */
void stream_chain_ask(SSL_CTX *tls);
/* Names a socket that is not connected yet, if the client of `near` has shown certificates. */
void stream_chain_bind(struct stream *near, int fd);
/* Takes what the client has shown to the stream at the other end of this one's socket. */
void stream_chain_adopt(struct stream *stream);
void stream_chain_free(struct stream *stream);

/* A socket that is connected to a Unix domain socket on behalf of `near`, or not if nobody is
 * there; -1 = none. */
int stream_dial(struct stream *near, const char *path);

/* Takes a socket without TLS over, which is no hub's; one that is not connected ends at once.
 * `protocol` must stay, and is opened with this context. */
void stream_join(struct stream_server *server, const struct stream_protocol *protocol,
                 void *context, int fd);

/* Nothing is read, or again. */
void stream_pause(struct stream *stream, bool paused);

/* Its socket is ready for something. */
void stream_ready(struct stream *stream, uint32_t events);

/* Does what is to be done before the turn ends, and frees those that are over. */
void stream_finish_turn(struct stream_server *server);

/* Tells the protocol, and frees it. */
void stream_free(struct stream *stream);

#endif
