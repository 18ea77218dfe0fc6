// SPDX-License-Identifier: MIT
/*
 * What the files of the server share. Law: libmicrohttpd is touched by the server's thread alone.
 * Whoever answers on another thread posts the exchange to it; a connection that waits is suspended
 * and is resumed by this thread only.
 */
#ifndef ISTHMUS_HTTP_HTTP_INSIDE_H
#define ISTHMUS_HTTP_HTTP_INSIDE_H

#include <microhttpd.h>
#include <pthread.h>

#include "base/list.h"
#include "base/timers.h"
#include "http/http_linger.h"
#include "http/http_places.h"
#include "http/http_server.h"
#include "http/http_tls.h"

/* How many notes of one kind were made in this second. */
struct http_brake {
        int64_t second; /* steady clock */
        int status;
        unsigned logged;
        int64_t unlogged;
};

/* One for each event, and 64 for the statuses of HTTP_REFUSED. */
#define HTTP_BRAKES (HTTP_EVENT_COUNT + 64)

/* Bodies whose memory is used again, and what one of them may have. */
#define HTTP_SPARE_BODIES   64
#define HTTP_SPARE_BODY_MAX 8192

struct http_server {
        struct http_server_options options;
        struct MHD_Daemon *daemon;
        struct MHD_Response *empty; /* the answer without a body, made once */
        struct http_tls *tls;       /* NULL = plain HTTP */
        uint16_t port;
        int listener;
        int epoll; /* of what wakes the thread */
        int waker; /* an eventfd, edge-triggered: it is never read */
        pthread_t thread;
        bool running; /* the creator's: the thread is to be joined */

        /* the thread's own */
        struct http_places places;
        struct http_linger linger;
        struct timers timers;
        struct list exchanges; /* whose connection is open */
        struct list upgraded;  /* connections that speak something else */
        size_t closing;        /* of them: libmicrohttpd does not wake up to finish with these */
        size_t handled;        /* exchanges that `handle` got and that are not answered */
        size_t waiting;        /* those of them in HTTP_WAITING */
        unsigned turn;         /* of libmicrohttpd: each time that it runs is one */
        int64_t turn_ms;       /* when it began; steady clock */
        size_t halves;         /* bodies of which a part came in this turn, but not the end */
        struct http_brake brakes[HTTP_BRAKES];
        int64_t unlogged; /* the sum of theirs */
        bool again;       /* libmicrohttpd has more to do, and does not wake up for it by itself */
        struct buf spare_bodies[HTTP_SPARE_BODIES]; /* empty ones that have memory */
        size_t spare_count;
        int64_t drained_by_ms; /* the last moment for answers to leave; 0 = it is not drained */
        bool stopping;

        pthread_mutex_t lock; /* guards what follows */
        pthread_cond_t drained;
        struct list posted;   /* exchanges that another thread answered or woke */
        struct list to_close; /* upgraded connections */
        bool drain;
        bool is_drained;
        bool stop;
        bool stopped; /* the thread has ended */
};

enum http_state {
        HTTP_BEGUN,     /* only the first line is known */
        HTTP_RECEIVING, /* admitted: it may send its body */
        HTTP_HANDLED,   /* in `handle` */
        HTTP_WAITING,   /* for its answer: libmicrohttpd asks again each time it runs */
        HTTP_HELD,      /* for its answer, for long or with its headers; suspended */
        HTTP_ANSWERED,  /* there is an answer, on its way to libmicrohttpd */
        HTTP_STREAMING,
        HTTP_PAUSED,  /* a stream that has nothing to say; suspended */
        HTTP_SENDING, /* libmicrohttpd has the answer */
};

struct http_field {
        char *name;
        char *value;
};

#define HTTP_EXTRA_HEADERS_MAX 128

struct http_exchange {
        struct http_server *server;
        struct MHD_Connection *connection; /* NULL = it is gone */
        struct http_place *place;
        struct list_node node;        /* of server->exchanges */
        struct list_node posted_node; /* guarded by the server's lock */
        struct timer timer;           /* of a pause */
        enum http_state state;        /* the thread's own */
        bool has_body;                /* its headers announce one */
        int64_t arrived_ns;           /* steady clock */

        /* the request */
        char method[24];
        char *raw;  /* its path as it came */
        char *path; /* decoded; the same as `raw` if nothing is escaped */
        char *segments[HTTP_SEGMENTS_MAX];
        size_t segment_count;
        struct buf body;
        unsigned turn; /* in which a part of the body came last */

        /* the answer */
        int status; /* 0 = the connection is closed instead */
        const char *type;
        struct buf answer;
        char *detail; /* of a problem; NULL = it is none */
        struct http_field *headers;
        size_t header_count;
        struct http_stream stream;   /* `read` is NULL: none */
        struct http_upgrade upgrade; /* `begin` is NULL: none, or it has begun */
        bool is_upgraded;
        bool stream_ended;
        size_t stream_sent; /* of `answer` */
};

/* --- http_server.c --------------------------------------------------------------------------- */

/* Any thread. */
void http_server_wake(struct http_server *server);

/* --- http_serve.c: libmicrohttpd's callbacks ------------------------------------------------- */

/* Starts libmicrohttpd at server->listener. */
bool http_serve_start(struct http_server *server);

/* NULL with a Unix domain socket. */
const struct sockaddr *http_serve_peer(struct MHD_Connection *connection);

/* Cuts off those who are late. */
void http_serve_cut(struct http_server *server);

/* --- http_exchange.c ------------------------------------------------------------------------- */

struct http_exchange *http_exchange_new(struct http_server *server, const char *uri,
                                        struct MHD_Connection *connection);
void http_exchange_free(struct http_exchange *exchange);

/* On the thread: the answer may leave. Frees an exchange whose connection is gone. */
void http_exchange_ready(struct http_exchange *exchange);

/* On the thread: what another thread posted. */
void http_exchange_take(struct http_exchange *exchange);

/* The one mover: a state comes after those before it in the enum; only a pause ends, too. */
void http_exchange_move(struct http_exchange *exchange, enum http_state state);

/* Suspends the connection, in HTTP_HELD or HTTP_PAUSED. */
void http_exchange_suspend(struct http_exchange *exchange, enum http_state state);

/* Has a connection that waits go on, in `state`: libmicrohttpd asks again for it. */
void http_exchange_resume(struct http_exchange *exchange, enum http_state state);

struct http_upgraded {
        struct http_server *server;
        struct MHD_UpgradeResponseHandle *handle; /* NULL = the server has closed it */
        struct list_node node;                    /* of server->upgraded */
        struct list_node close_node;              /* of server->to_close; guarded by its lock */
};

/* --- http_reply.c ---------------------------------------------------------------------------- */

/* Closes the upgraded connections whose owners want it, or all. */
void http_reply_close_upgraded(struct http_server *server, bool all);

/* Hands the answer to libmicrohttpd. */
enum MHD_Result http_reply_send(struct http_exchange *exchange);

/* A whole answer as bytes, for a connection that libmicrohttpd can't answer any more. */
void http_reply_write(struct buf *out, int status, const char *title, const char *detail);

/* --- http_note.c ----------------------------------------------------------------------------- */

void http_note_event(struct http_server *server, enum http_event event,
                     const struct sockaddr *address);
void http_note_refused(struct http_exchange *exchange);

/*
 * Tells how many of each kind were not logged, once their second is over; when it is to be called
 * again, INT64_MAX = not before the next note.
 */
int64_t http_note_rest(struct http_server *server);

#endif
