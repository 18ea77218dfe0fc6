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

#include "azure/hub/hub_client.h"
#include "base/error.h"
#include "base/loop.h"
#include "base/reason.h"
#include "conf/settings.h"
#include "gateway/command/command_ledger.h"
#include "gateway/device/device.h"
#include "gateway/link/device_link.h"
#include "gateway/provision/device_bulk.h"
#include "gateway/uplink/uplink_queue.h"
#include "gateway/uplink/uplink_recent.h"
#include "http/http_server.h"
#include "store/store.h"

/* The socket's name in the data directory. */
#define CONTROL_SOCKET "control.sock"

/* The parts of the gateway that requests are about. */
struct control_options {
        const char *directory; /* the data directory; its lock must be held */
        const struct settings *settings;
        struct store *store;
        struct loop *loop;
        struct hub_client *hubs;
        struct uplink_queue *queue;
        struct device_table *devices;
        struct command_ledger *ledger;
        struct device_link *link;
        struct device_bulk *bulk;
        struct device_provision *provision;
        struct uplink_recent *recent;
};

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
