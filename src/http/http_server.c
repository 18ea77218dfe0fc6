// SPDX-License-Identifier: MIT
#include "http/http_server.h"

#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/thread.h"
#include "http/http_inside.h"
#include "http/http_listen.h"

#define IDLE_MS     (INT64_C(75) * 1000)
#define WAIT_MAX_MS 60000
#define EVENTS_MAX  64

/* Longest wait when libmicrohttpd may have something to do that its callbacks don't tell. */
#define LOOK_AGAIN_MS 10

/* How long answers may take to leave when the server is drained, and how often it looks. */
#define LAST_WORDS_MS   1000
#define DRAIN_PERIOD_MS 20

/* --- the thread --------------------------------------------------------------------------- */

void http_server_wake(struct http_server *server)
{
        const uint64_t one = 1;

        if (write(server->waker, &one, sizeof(one)) < 0 && errno != EAGAIN)
                abort();
}

/* Connections that are open are served to the end; new ones wait for nobody. */
static void begin_to_drain(struct http_server *server)
{
        int listener = MHD_quiesce_daemon(server->daemon);

        server->drained_by_ms = clock_steady_ms() + LAST_WORDS_MS;
        if (listener >= 0)
                close(listener);
        server->listener = -1;
        if (server->options.socket)
                unlink(server->options.socket);
}

static struct http_exchange *next_posted(struct http_server *server)
{
        struct list_node *node;

        pthread_mutex_lock(&server->lock);
        node = list_pop_front(&server->posted);
        pthread_mutex_unlock(&server->lock);
        return node ? list_entry(node, struct http_exchange, posted_node) : NULL;
}

static void take_orders(struct http_server *server)
{
        bool drain;

        pthread_mutex_lock(&server->lock);
        drain = server->drain;
        server->stopping = server->stop;
        pthread_mutex_unlock(&server->lock);
        if (drain && server->drained_by_ms == 0)
                begin_to_drain(server);
}

/* All is answered, and the answers have left, or were given the time for it. */
static void tell_if_drained(struct http_server *server)
{
        if (server->drained_by_ms == 0 || server->handled > 0 ||
            (!list_is_empty(&server->exchanges) && clock_steady_ms() < server->drained_by_ms))
                return;
        pthread_mutex_lock(&server->lock);
        server->is_drained = true;
        pthread_cond_signal(&server->drained);
        pthread_mutex_unlock(&server->lock);
}

static int64_t soonest(int64_t a_ms, int64_t b_ms)
{
        return a_ms < b_ms ? a_ms : b_ms;
}

/* When something of ours is due, by the steady clock; lingering connections are looked after. */
static int64_t next_due(struct http_server *server, int64_t now_ms)
{
        int64_t most_ms = server->drained_by_ms > 0 ? DRAIN_PERIOD_MS : WAIT_MAX_MS;
        int64_t due_ms = now_ms + (server->closing > 0 ? soonest(most_ms, LOOK_AGAIN_MS) : most_ms);

        due_ms = soonest(due_ms, timers_next(&server->timers));
        due_ms = soonest(due_ms, http_places_due(&server->places));
        due_ms = soonest(due_ms, http_linger_run(&server->linger, now_ms));
        return soonest(due_ms, http_note_rest(server));
}

/* Milliseconds until something is due, for us or for libmicrohttpd. */
static int time_to_wait(struct http_server *server)
{
        int64_t now_ms = clock_steady_ms();
        int64_t wait_ms = next_due(server, now_ms) - now_ms;
        MHD_UNSIGNED_LONG_LONG limit;

        if (server->again || server->halves > 0 || wait_ms <= 0)
                return 0;
        if (MHD_get_timeout(server->daemon, &limit) != MHD_YES || limit >= (uint64_t)wait_ms)
                return (int)wait_ms;
        /* It says 0 because of those that wait as well, which are asked when they are answered. */
        return server->waiting > 0 ? (int)soonest(wait_ms, LOOK_AGAIN_MS) : (int)limit;
}

static void wait_for_events(struct http_server *server)
{
        struct epoll_event events[EVENTS_MAX];
        int count = epoll_wait(server->epoll, events, EVENTS_MAX, time_to_wait(server));

        for (int i = 0; i < count; i++) {
                if (events[i].data.ptr)
                        http_linger_read(&server->linger, events[i].data.ptr);
        }
}

/* What waits goes on waiting, for whoever has to answer it; its connection does not. */
static void let_go(struct http_exchange *exchange)
{
        if (exchange->state == HTTP_HELD || exchange->state == HTTP_PAUSED)
                http_exchange_resume(exchange, exchange->state);
}

/* Resumes what waits, so that libmicrohttpd closes it: `stopping` makes the callbacks refuse. */
static void close_connections(struct http_server *server)
{
        list_for_each (node, &server->exchanges)
                let_go(list_entry(node, struct http_exchange, node));
        http_reply_close_upgraded(server, true);
        MHD_run(server->daemon);
        MHD_stop_daemon(server->daemon); /* closes the listener, too */
        server->daemon = NULL;
        server->listener = -1;
        http_linger_deinit(&server->linger);
        while (server->timers.count > 0) {
                struct timer *timer = server->timers.heap[1];

                timers_stop(&server->timers, timer);
                http_exchange_free(list_entry(timer, struct http_exchange, timer));
        }
        timers_deinit(&server->timers);
}

static void run_library(struct http_server *server)
{
        server->again = false;
        server->halves = 0;
        server->turn++;
        server->turn_ms = clock_steady_ms();
        MHD_run(server->daemon);
}

static void *run(void *context)
{
        struct http_server *server = context;
        struct http_exchange *exchange;

        thread_enter(server->options.thread);
        http_tls_enter(server->tls);
        for (take_orders(server); !server->stopping; take_orders(server)) {
                while ((exchange = next_posted(server)))
                        http_exchange_take(exchange);
                timers_run(&server->timers, clock_steady_ms());
                http_reply_close_upgraded(server, false);
                http_serve_cut(server);
                run_library(server);
                tell_if_drained(server);
                wait_for_events(server);
        }
        close_connections(server);
        return NULL;
}

/* --- start and stop ----------------------------------------------------------------------- */

static int open_listener(struct http_server *server, struct reason *reason)
{
        server->listener =
                server->options.socket
                        ? http_listen_at_path(server->options.socket, reason)
                        : http_listen_at_port(server->options.host, &server->port, reason);
        return server->listener < 0 ? server->listener : 0;
}

static bool watch(struct http_server *server, int socket, uint32_t events)
{
        struct epoll_event event = {.events = events};

        return epoll_ctl(server->epoll, EPOLL_CTL_ADD, socket, &event) == 0;
}

/* Everything but the thread. */
static int set_up(struct http_server *server, struct reason *reason)
{
        const struct http_server_options *options = &server->options;
        int result;

        if (options->certificate) {
                server->tls = http_tls_new(options->certificate, options->private_key, reason);
                if (!server->tls)
                        return 1;
        }
        result = open_listener(server, reason);
        if (result != 0)
                return result;
        server->epoll = epoll_create1(EPOLL_CLOEXEC);
        server->waker = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        http_linger_init(&server->linger, server->epoll);
        if (watch(server, server->waker, EPOLLIN | EPOLLET) && http_serve_start(server) &&
            watch(server, MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd,
                  EPOLLIN))
                return 0;
        reason_set(reason, "the HTTP server can't start: %s", strerror(errno));
        return -EIO;
}

static struct http_server *make_server(const struct http_server_options *options)
{
        struct http_server *server = mem_new(1, sizeof(*server));
        struct http_places *places = &server->places;

        server->options = *options;
        server->port = options->port;
        server->listener = server->epoll = server->waker = -1;
        list_init(&server->exchanges);
        list_init(&server->posted);
        list_init(&server->to_close);
        list_init(&server->upgraded);
        http_places_init(places);
        places->most = options->maximum_connections;
        places->most_per_address = options->maximum_per_address;
        places->patience_ms[HTTP_WAIT_HEADERS] = options->header_timeout_ms;
        places->patience_ms[HTTP_WAIT_BODY] = options->request_timeout_ms;
        places->patience_ms[HTTP_WAIT_NEXT] = options->idle_ms > 0 ? options->idle_ms : IDLE_MS;
        places->patience_ms[HTTP_WAIT_LINGER] = IDLE_MS;
        pthread_mutex_init(&server->lock, NULL);
        pthread_cond_init(&server->drained, NULL);
        server->empty = MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
        return server;
}

int http_server_start(const struct http_server_options *options, struct http_server **server,
                      struct reason *reason)
{
        struct http_server *made = make_server(options);
        int result = set_up(made, reason);

        if (result != 0) {
                http_server_free(made);
                return result;
        }
        made->running = true;
        thread_start(&made->thread, run, made);
        *server = made;
        return 0;
}

uint16_t http_server_port(const struct http_server *server)
{
        return server->port;
}

int http_server_set_certificate(struct http_server *server, const char *certificate,
                                const char *private_key, struct reason *reason)
{
        return http_tls_set(server->tls, certificate, private_key, reason);
}

void http_server_drain(struct http_server *server)
{
        pthread_mutex_lock(&server->lock);
        server->drain = true;
        pthread_mutex_unlock(&server->lock);
        http_server_wake(server);
        pthread_mutex_lock(&server->lock);
        while (!server->is_drained)
                pthread_cond_wait(&server->drained, &server->lock);
        pthread_mutex_unlock(&server->lock);
}

void http_server_stop(struct http_server *server)
{
        struct list_node *node;

        if (!server->running)
                return;
        pthread_mutex_lock(&server->lock);
        server->stop = true;
        pthread_mutex_unlock(&server->lock);
        http_server_wake(server);
        pthread_join(server->thread, NULL);
        server->running = false;
        if (server->options.socket)
                unlink(server->options.socket);
        pthread_mutex_lock(&server->lock);
        server->stopped = true;
        while ((node = list_pop_front(&server->posted)))
                http_exchange_free(list_entry(node, struct http_exchange, posted_node));
        while ((node = list_pop_front(&server->to_close)))
                free(list_entry(node, struct http_upgraded, close_node));
        pthread_mutex_unlock(&server->lock);
}

void http_server_free(struct http_server *server)
{
        if (!server)
                return;
        http_server_stop(server);
        if (server->daemon)
                MHD_stop_daemon(server->daemon);
        else if (server->listener >= 0)
                close(server->listener);
        if (server->epoll >= 0)
                close(server->epoll);
        if (server->waker >= 0)
                close(server->waker);
        while (server->spare_count > 0)
                buf_deinit(&server->spare_bodies[--server->spare_count]);
        MHD_destroy_response(server->empty);
        http_tls_free(server->tls);
        pthread_cond_destroy(&server->drained);
        pthread_mutex_destroy(&server->lock);
        free(server);
}
