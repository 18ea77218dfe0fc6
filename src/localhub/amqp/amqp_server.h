// SPDX-License-Identifier: MIT
/*
 * The AMQP side of the local hub on sockets: one listener per hub over TLS, all connections on the
 * thread "hub-amqp".
 */
#ifndef ISTHMUS_LOCALHUB_AMQP_AMQP_SERVER_H
#define ISTHMUS_LOCALHUB_AMQP_AMQP_SERVER_H

#include <stdint.h>

#include "base/error.h"
#include "base/reason.h"
#include "localhub/amqp/amqp_core.h"

struct amqp_server;

struct amqp_server_options {
        struct amqp_core *core;  /* initialised; the server's thread owns it until the stop */
        const char *certificate; /* PEM files: chain and key */
        const char *key;
};

int amqp_server_new(const struct amqp_server_options *options, struct amqp_server **server,
                    struct reason *reason) MUST_CHECK;

/* Listens for one hub at "address:port"; `*port` becomes the real one. Before the start. */
int amqp_server_listen(struct amqp_server *server, int hub, const char *address, uint16_t *port,
                       struct reason *reason) MUST_CHECK;

/* Takes connections from now on. */
void amqp_server_start(struct amqp_server *server);

/* Cuts all connections, joins the thread, runs what was posted. NULL is allowed. */
void amqp_server_free(struct amqp_server *server);

/* Runs `run(context)` on the thread "hub-amqp", in the order of the posts. Any thread. */
void amqp_server_post(struct amqp_server *server, void (*run)(void *context), void *context);

/* The same, and waits until it has run. Any thread but "hub-amqp". */
void amqp_server_call(struct amqp_server *server, void (*run)(void *context), void *context);

#endif
