// SPDX-License-Identifier: MIT
#include "localhub/amqp/amqp_server.h"

#include <proton/connection.h>
#include <proton/listener.h>
#include <proton/netaddr.h>
#include <proton/proactor.h>
#include <proton/ssl.h>
#include <proton/transport.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/thread.h"

/* What IoT Hub announces (rule W4); proton announces half of what it is
 * told. */
#define CHANNEL_MAX     8191
#define FRAME_MAX       65536
#define IDLE_TIMEOUT_MS (2 * 240000)
#define BACKLOG         1024

struct task {
        struct list_node node;
        void (*run)(void *context);
        void *context;
        sem_t *done; /* NULL = nobody waits */
};

struct listening {
        struct list_node node;
        int hub;
        uint16_t port;
        char fault[160]; /* "" = it listens */
};

struct amqp_server {
        struct amqp_core *core;
        pn_proactor_t *proactor;
        pn_ssl_domain_t *domain;
        struct list listeners;
        pthread_t thread;
        bool started;
        int64_t timeout_ms; /* when the proactor's timeout is set to, steady; INT64_MAX = none */

        pthread_mutex_t lock; /* guards what follows */
        struct list tasks;
        bool stopping;
};

int amqp_server_new(const struct amqp_server_options *options, struct amqp_server **server,
                    struct reason *reason)
{
        struct amqp_server *made = mem_new(1, sizeof(*made));

        made->core = options->core;
        made->timeout_ms = INT64_MAX;
        list_init(&made->listeners);
        list_init(&made->tasks);
        pthread_mutex_init(&made->lock, NULL);
        made->proactor = pn_proactor();
        made->domain = pn_ssl_domain(PN_SSL_MODE_SERVER);
        if (!made->domain || pn_ssl_domain_set_credentials(made->domain, options->certificate,
                                                           options->key, NULL) != 0) {
                reason_set(reason, "the certificate %s and the key %s can't be used",
                           options->certificate, options->key);
                amqp_server_free(made);
                return -EINVAL;
        }
        *server = made;
        return 0;
}

/* --- connections --------------------------------------------------------------------------- */

static void wake_peer(struct amqp_peer *peer)
{
        pn_connection_wake(peer->connection);
}

static void accept_connection(struct amqp_server *server, pn_listener_t *listener)
{
        const struct listening *listening = pn_listener_get_context(listener);
        pn_connection_t *connection = pn_connection();
        pn_transport_t *transport = pn_transport();
        struct amqp_peer *peer =
                amqp_peer_new(server->core, listening->hub, connection, wake_peer, server);
        struct fault fault;

        pn_transport_set_server(transport);
        pn_transport_set_channel_max(transport, CHANNEL_MAX);
        pn_transport_set_max_frame(transport, FRAME_MAX);
        pn_transport_set_idle_timeout(transport, IDLE_TIMEOUT_MS);
        amqp_sasl_offer(peer, transport);
        if (pn_ssl_init(pn_ssl(transport), server->domain, NULL) != 0)
                log_warn("HUB_TLS_UNUSABLE", "A connection can't be given TLS", LOG_END);
        pn_connection_set_context(connection, peer);
        pn_listener_accept2(listener, connection, transport);
        if (faults_apply(server->core->faults, FAULT_CONNECT, peer->hub_id, "", &fault))
                amqp_peer_cut(peer);
}

static void note_address(struct amqp_peer *peer, pn_event_t *event)
{
        const pn_netaddr_t *address = pn_transport_remote_addr(pn_event_transport(event));

        if (address)
                pn_netaddr_str(address, peer->name, sizeof(peer->name));
}

static void handle_connection(pn_event_t *event)
{
        pn_connection_t *connection = pn_event_connection(event);
        struct amqp_peer *peer = connection ? pn_connection_get_context(connection) : NULL;

        if (!peer)
                return;
        if (pn_event_type(event) == PN_CONNECTION_REMOTE_OPEN)
                note_address(peer, event);
        if (pn_event_type(event) != PN_TRANSPORT_CLOSED) {
                amqp_peer_handle(peer, event);
                return;
        }
        pn_connection_set_context(connection, NULL);
        amqp_peer_free(peer);
}

/* --- the thread ---------------------------------------------------------------------------- */

static void run_tasks(struct amqp_server *server)
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

static void read_clocks(struct amqp_core *core)
{
        core->now_ms = clock_steady_ms();
        core->wall_ms = clock_wall_ms();
}

static void note_listener_end(pn_listener_t *listener)
{
        struct listening *listening = pn_listener_get_context(listener);

        if (listening)
                snprintf(listening->fault, sizeof(listening->fault), "%s",
                         pn_condition_get_description(pn_listener_condition(listener)));
}

static void note_listener_open(pn_listener_t *listener)
{
        struct listening *listening = pn_listener_get_context(listener);
        char port[16] = "";
        int64_t number = 0;

        pn_netaddr_host_port(pn_listener_addr(listener), NULL, 0, port, sizeof(port));
        if (text_to_int64(port, 1, 65535, &number))
                listening->port = (uint16_t)number;
}

static void handle_event(struct amqp_server *server, pn_event_t *event)
{
        switch (pn_event_type(event)) {
        case PN_LISTENER_OPEN:
                note_listener_open(pn_event_listener(event));
                break;
        case PN_LISTENER_CLOSE:
                note_listener_end(pn_event_listener(event));
                break;
        case PN_LISTENER_ACCEPT:
                accept_connection(server, pn_event_listener(event));
                break;
        case PN_PROACTOR_TIMEOUT:
                server->timeout_ms = INT64_MAX;
                break;
        case PN_PROACTOR_INTERRUPT:
                run_tasks(server);
                break;
        default:
                handle_connection(event);
                break;
        }
}

/* Runs what time has brought, and asks to be called when more of it is due. */
static void tick(struct amqp_server *server)
{
        int64_t next_ms = amqp_core_tick(server->core);
        int64_t wait_ms = next_ms - server->core->now_ms;

        if (next_ms == INT64_MAX || next_ms == server->timeout_ms)
                return;
        server->timeout_ms = next_ms;
        if (wait_ms > INT32_MAX)
                wait_ms = INT32_MAX;
        pn_proactor_set_timeout(server->proactor, wait_ms > 0 ? (pn_millis_t)wait_ms : 1);
}

/* One batch of events; false when the server is to end. */
static bool turn(struct amqp_server *server)
{
        pn_event_batch_t *batch = pn_proactor_wait(server->proactor);
        pn_event_t *event;
        bool stopping;

        read_clocks(server->core);
        while ((event = pn_event_batch_next(batch)))
                handle_event(server, event);
        pn_proactor_done(server->proactor, batch);
        tick(server);
        pthread_mutex_lock(&server->lock);
        stopping = server->stopping;
        pthread_mutex_unlock(&server->lock);
        return !stopping;
}

static void *run(void *context)
{
        thread_enter(LOCAL_HUB_THREAD);
        while (turn(context))
                continue;
        return NULL;
}

/* --- start and stop ------------------------------------------------------------------------ */

int amqp_server_listen(struct amqp_server *server, int hub, const char *address, uint16_t *port,
                       struct reason *reason)
{
        struct listening *listening = mem_new(1, sizeof(*listening));
        pn_listener_t *listener = pn_listener();
        char text[80];

        listening->hub = hub;
        list_push_back(&server->listeners, &listening->node);
        pn_listener_set_context(listener, listening);
        snprintf(text, sizeof(text), "%s:%u", address, *port);
        pn_proactor_listen(server->proactor, listener, text, BACKLOG);
        while (listening->port == 0 && listening->fault[0] == '\0')
                turn(server);
        if (listening->port == 0) {
                reason_set(reason, "can't listen for AMQP at %s: %s", text, listening->fault);
                return -EADDRINUSE;
        }
        *port = listening->port;
        return 0;
}

void amqp_server_start(struct amqp_server *server)
{
        server->started = true;
        thread_start(&server->thread, run, server);
}

static void stop_thread(struct amqp_server *server)
{
        if (!server->started)
                return;
        pthread_mutex_lock(&server->lock);
        server->stopping = true;
        pthread_mutex_unlock(&server->lock);
        pn_proactor_interrupt(server->proactor);
        pthread_join(server->thread, NULL);
}

void amqp_server_free(struct amqp_server *server)
{
        struct list_node *node;

        if (!server)
                return;
        stop_thread(server);
        run_tasks(server);
        list_for_each_safe (peer_node, &server->core->peers) {
                struct amqp_peer *peer = list_entry(peer_node, struct amqp_peer, node);

                pn_connection_set_context(peer->connection, NULL);
                amqp_peer_free(peer);
        }
        pn_proactor_free(server->proactor);
        if (server->domain)
                pn_ssl_domain_free(server->domain);
        while ((node = list_pop_front(&server->listeners)))
                free(list_entry(node, struct listening, node));
        pthread_mutex_destroy(&server->lock);
        free(server);
}

static void add_task(struct amqp_server *server, void (*run_task)(void *context), void *context,
                     sem_t *done)
{
        struct task *task = mem_new(1, sizeof(*task));

        task->run = run_task;
        task->context = context;
        task->done = done;
        pthread_mutex_lock(&server->lock);
        list_push_back(&server->tasks, &task->node);
        pthread_mutex_unlock(&server->lock);
        pn_proactor_interrupt(server->proactor);
}

void amqp_server_post(struct amqp_server *server, void (*run_task)(void *context), void *context)
{
        add_task(server, run_task, context, NULL);
}

void amqp_server_call(struct amqp_server *server, void (*run_task)(void *context), void *context)
{
        sem_t done;

        sem_init(&done, 0, 0);
        add_task(server, run_task, context, &done);
        while (sem_wait(&done) != 0)
                continue;
        sem_destroy(&done);
}
