// SPDX-License-Identifier: MIT
/*
 * The loop of the streams: a turn takes what came for sockets, for the listeners and from other
 * threads, runs the timers, and then lets each stream that is concerned send what it has.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"
#include "localhub/streams/stream_inside.h"

#define BACKLOG     1024
#define EVENTS_MAX  256
#define ACCEPTS_MAX 64 /* in a turn */

struct task {
        struct list_node node;
        void (*run)(void *context);
        void *context;
        sem_t *done; /* NULL = nobody waits */
};

/* --- making one ------------------------------------------------------------------------------ */

static SSL_CTX *tls_new(const struct stream_server_options *options)
{
        SSL_CTX *tls = SSL_CTX_new(TLS_server_method());

        if (!tls)
                return NULL;
        SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION);
        SSL_CTX_set_options(tls, SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF);
        SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
        SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_OFF);
        SSL_CTX_set_read_ahead(tls, 1); /* a record with one call, not with two */
        stream_chain_ask(tls);
        if (SSL_CTX_use_certificate_chain_file(tls, options->certificate) == 1 &&
            SSL_CTX_use_PrivateKey_file(tls, options->key, SSL_FILETYPE_PEM) == 1 &&
            SSL_CTX_check_private_key(tls) == 1)
                return tls;
        SSL_CTX_free(tls);
        return NULL;
}

static void watch(struct stream_server *server, struct stream_watch *watched)
{
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = watched};

        (void)epoll_ctl(server->epoll, EPOLL_CTL_ADD, watched->fd, &event);
}

int stream_server_new(const struct stream_server_options *options, struct stream_server **server,
                      struct reason *reason)
{
        struct stream_server *made = mem_new(1, sizeof(*made));

        made->options = *options;
        list_init(&made->listeners);
        list_init(&made->streams);
        list_init(&made->todo);
        list_init(&made->tasks);
        pthread_mutex_init(&made->lock, NULL);
        made->now_ms = clock_steady_ms();
        made->read_buffer = mem_new(1, STREAM_READ_SIZE);
        made->epoll = epoll_create1(EPOLL_CLOEXEC);
        made->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
        made->waker = (struct stream_watch){.kind = STREAM_WATCHED_WAKER,
                                            .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
        made->tls = tls_new(options);
        if (made->epoll < 0 || made->spare < 0 || made->waker.fd < 0) {
                reason_set(reason, "there are too many open files");
                stream_server_free(made);
                return -EMFILE;
        }
        if (!made->tls) {
                reason_set(reason, "the certificate %s and the key %s can't be used",
                           options->certificate, options->key);
                stream_server_free(made);
                return -EINVAL;
        }
        watch(made, &made->waker);
        *server = made;
        return 0;
}

/* --- listening ------------------------------------------------------------------------------- */

static int listen_at(const char *address, uint16_t *port)
{
        struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(*port)};
        socklen_t size = sizeof(name);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        int on = 1;
        int error;

        if (fd >= 0 && inet_pton(AF_INET, address, &name.sin_addr) == 1 &&
            setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
            bind(fd, (struct sockaddr *)&name, size) == 0 && listen(fd, BACKLOG) == 0 &&
            getsockname(fd, (struct sockaddr *)&name, &size) == 0) {
                *port = ntohs(name.sin_port);
                return fd;
        }
        error = errno ? errno : EINVAL;
        if (fd >= 0)
                close(fd);
        return -error;
}

static const char *what_to_do(int error)
{
        if (error == EACCES)
                return "; ports below 1024 need a right (see the documentation of the local hub)";
        if (error == EADDRINUSE)
                return "; end the program that does, or choose another port (0: any)";
        return "";
}

int stream_server_listen(struct stream_server *server, const struct stream_protocol *protocol,
                         int hub, const char *address, uint16_t *port, struct reason *reason)
{
        struct stream_listener *listener;
        int fd = listen_at(address, port);

        if (fd < 0) {
                reason_set(reason, "can't listen at %s:%u: %s%s", address, *port, strerror(-fd),
                           what_to_do(-fd));
                return fd;
        }
        listener = mem_new(1, sizeof(*listener));
        listener->watch = (struct stream_watch){.kind = STREAM_WATCHED_LISTENER, .fd = fd};
        listener->protocol = protocol;
        listener->hub = hub;
        list_push_back(&server->listeners, &listener->node);
        watch(server, &listener->watch);
        return 0;
}

/* No descriptor is left: the spare one takes the connection, so that its client is not left to wait
 * and the listener does not call for ever. */
static void turn_away(struct stream_server *server, int listener)
{
        int fd;

        close(server->spare);
        fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0)
                close(fd);
        server->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
        log_warn("HUB_OUT_OF_FILES", "A connection was turned away: too many open files", LOG_END);
}

static void accept_clients(struct stream_server *server, const struct stream_listener *listener)
{
        for (int i = 0; i < ACCEPTS_MAX; i++) {
                int fd = accept4(listener->watch.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

                if (fd >= 0) {
                        stream_open(server, listener, fd);
                } else {
                        if (errno == EMFILE || errno == ENFILE)
                                turn_away(server, listener->watch.fd);
                        return;
                }
        }
}

/* --- the thread ------------------------------------------------------------------------------ */

static void run_tasks(struct stream_server *server)
{
        struct list tasks;
        struct list_node *node;

        list_init(&tasks);
        pthread_mutex_lock(&server->lock);
        list_splice_back(&tasks, &server->tasks);
        pthread_mutex_unlock(&server->lock);
        while ((node = list_pop_front(&tasks))) {
                struct task *task = list_entry(node, struct task, node);
                sem_t *done = task->done;

                task->run(task->context);
                free(task);
                if (done)
                        sem_post(done);
        }
}

static void take_event(struct stream_server *server, const struct epoll_event *event)
{
        struct stream_watch *watched = event->data.ptr;
        uint64_t count;

        switch (watched->kind) {
        case STREAM_WATCHED_CLIENT:
                stream_ready((struct stream *)(void *)watched, event->events);
                break;
        case STREAM_WATCHED_LISTENER:
                accept_clients(server, (struct stream_listener *)(void *)watched);
                break;
        case STREAM_WATCHED_WAKER:
                (void)!read(server->waker.fd, &count, sizeof(count));
                run_tasks(server);
                break;
        }
}

/* Runs what is due; returns for how long to wait then, -1 = for ever. */
static int tick(struct stream_server *server)
{
        int64_t next_ms = server->options.tick(server->options.context);

        timers_run(&server->timers, server->now_ms);
        if (timers_next(&server->timers) < next_ms)
                next_ms = timers_next(&server->timers);
        if (next_ms == INT64_MAX)
                return -1;
        if (next_ms <= server->now_ms)
                return 1;
        return next_ms - server->now_ms > 60000 ? 60000 : (int)(next_ms - server->now_ms);
}

static void *run(void *context)
{
        struct stream_server *server = context;
        struct epoll_event events[EVENTS_MAX];
        int wait_ms = 0;
        bool stopping = false;

        thread_enter(server->options.thread);
        while (!stopping) {
                int count = epoll_wait(server->epoll, events, EVENTS_MAX, wait_ms);

                server->now_ms = clock_steady_ms();
                server->options.turn(server->options.context);
                for (int i = 0; i < count; i++)
                        take_event(server, &events[i]);
                stream_finish_turn(server);
                wait_ms = tick(server);
                if (server->todo.count > 0) {
                        stream_finish_turn(server);
                        wait_ms = 0;
                }
                pthread_mutex_lock(&server->lock);
                stopping = server->stopping;
                pthread_mutex_unlock(&server->lock);
        }
        return NULL;
}

/* --- start and stop -------------------------------------------------------------------------- */

void stream_server_start(struct stream_server *server)
{
        server->started = true;
        thread_start(&server->thread, run, server);
}

static void wake_thread(struct stream_server *server)
{
        uint64_t one = 1;

        (void)!write(server->waker.fd, &one, sizeof(one));
}

static void stop_thread(struct stream_server *server)
{
        if (!server->started)
                return;
        pthread_mutex_lock(&server->lock);
        server->stopping = true;
        pthread_mutex_unlock(&server->lock);
        wake_thread(server);
        pthread_join(server->thread, NULL);
}

static void close_all(struct stream_server *server)
{
        const int files[] = {server->epoll, server->spare, server->waker.fd};
        struct list_node *node;

        while ((node = list_pop_front(&server->listeners))) {
                struct stream_listener *listener = list_entry(node, struct stream_listener, node);

                close(listener->watch.fd);
                free(listener);
        }
        for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
                if (files[i] >= 0)
                        close(files[i]);
        }
}

void stream_server_free(struct stream_server *server)
{
        if (!server)
                return;
        stop_thread(server);
        run_tasks(server);
        list_for_each_safe (node, &server->streams)
                stream_free(list_entry(node, struct stream, node));
        close_all(server);
        timers_deinit(&server->timers);
        table_deinit(&server->named);
        SSL_CTX_free(server->tls);
        pthread_mutex_destroy(&server->lock);
        free(server->read_buffer);
        free(server);
}

static void add_task(struct stream_server *server, void (*run_task)(void *context), void *context,
                     sem_t *done)
{
        struct task *task = mem_new(1, sizeof(*task));

        task->run = run_task;
        task->context = context;
        task->done = done;
        pthread_mutex_lock(&server->lock);
        list_push_back(&server->tasks, &task->node);
        pthread_mutex_unlock(&server->lock);
        wake_thread(server);
}

void stream_server_post(struct stream_server *server, void (*run_task)(void *context),
                        void *context)
{
        add_task(server, run_task, context, NULL);
}

void stream_server_call(struct stream_server *server, void (*run_task)(void *context),
                        void *context)
{
        sem_t done;

        sem_init(&done, 0, 0);
        add_task(server, run_task, context, &done);
        while (sem_wait(&done) != 0)
                continue;
        sem_destroy(&done);
}
