// SPDX-License-Identifier: MIT
/* What the files stream*.c share. */
#ifndef ISTHMUS_LOCALHUB_STREAMS_STREAM_INSIDE_H
#define ISTHMUS_LOCALHUB_STREAMS_STREAM_INSIDE_H

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>

#include "base/buf.h"
#include "base/list.h"
#include "base/timers.h"
#include "localhub/streams/stream.h"

#define STREAM_READ_SIZE 65536

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
        void *client; /* the protocol's */
        SSL *ssl;
        struct buf out;
        size_t sent;        /* of `out` */
        uint32_t events;    /* that epoll waits for */
        struct timer timer; /* to be known, then to be ended */
        char name[64];
        bool wants_to_write; /* TLS does, whatever we have to say */
        bool on_todo;
        bool woken;
        bool wake_when_sent;
        bool ending; /* once all is sent */
        bool over;   /* to be freed at the end of the turn */
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
        bool stopping;
};

/* Takes a connected socket over. */
void stream_open(struct stream_server *server, const struct stream_listener *listener, int fd);

/* Its socket is ready for something. */
void stream_ready(struct stream *stream, uint32_t events);

/* Does what is to be done before the turn ends, and frees those that are over. */
void stream_finish_turn(struct stream_server *server);

/* Tells the protocol, and frees it. */
void stream_free(struct stream *stream);

#endif
