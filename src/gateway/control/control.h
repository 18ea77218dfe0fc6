// SPDX-License-Identifier: MIT
/*
 * The running gateway's control socket: HTTP on a Unix domain socket in the data directory, which
 * only the gateway's user (and root) may open. `isthmus command`, `isthmus status` and
 * `curl --unix-socket` speak to it; docs/operating.md lists the calls.
 *
 * Threads: "control" (libmicrohttpd's) reads requests; they are answered on the thread "loop", what
 * is asked about the store (control_answers.h) at once, and what changes something on the store's
 * thread, once the change is on disk.
 */
#ifndef ISTHMUS_GATEWAY_CONTROL_CONTROL_H
#define ISTHMUS_GATEWAY_CONTROL_CONTROL_H

#include "base/error.h"
#include "base/reason.h"
#include "gateway/control/control_options.h"
#include "http/http_server.h"

/* The socket's name in the data directory. */
#define CONTROL_SOCKET "control.sock"

struct control;

int control_start(const struct control_options *options, struct control **control,
                  struct reason *reason) MUST_CHECK;

/*
 * Answers a call of the socket that came another way, as the request for this path; who may ask is
 * the caller's to know. In a server's `handle`; `path` must stay as long as the exchange.
 */
void control_take(struct control *control, struct http_exchange *exchange, const char *path);

/* Answers what is under way; before the thread "loop" ends. NULL is allowed. */
void control_stop(struct control *control);

#endif
