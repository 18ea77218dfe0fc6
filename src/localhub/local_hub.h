// SPDX-License-Identifier: MIT
/*
 * The local hub in one piece: registry, telemetry log, faults, cloud-to-device queues, and one
 * AMQP endpoint per hub, all on the thread "hub-devices". The provisioning endpoint and the control
 * API are built on top of this by the command `isthmus hub`.
 *
 * All functions may be called on every thread, except where said.
 */
#ifndef ISTHMUS_LOCALHUB_LOCAL_HUB_H
#define ISTHMUS_LOCALHUB_LOCAL_HUB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/reason.h"
#include "localhub/gate/faults.h"
#include "localhub/gate/quotas.h"
#include "localhub/messages/command_queue.h"
#include "localhub/messages/telemetry_log.h"
#include "localhub/registry/registry.h"
#include "localhub/sessions/device_calls.h"
#include "localhub/x509/client_chain.h"

#define LOCAL_HUB_THREAD "hub-devices"

struct local_hub;

struct local_hub_endpoint {
        const char *id;      /* `hub1` */
        const char *address; /* what DPS and connection strings say; NULL = `localhost:PORT` */
        uint16_t port;       /* of AMQP; 0 = any free one */
        uint16_t mqtt_port;  /* 0 = any free one */
        bool shares;         /* the ports of the first one: clients name the hub they mean */
        int weight;          /* for evenly weighted allocation */
};

struct local_hub_options {
        const char *directory;   /* of the registry; NULL = keep nothing */
        const char *id_scope;    /* NULL = the one kept, else a new one */
        const char *listen;      /* IP address; NULL = 127.0.0.1 */
        const char *certificate; /* PEM files: chain and key of the server */
        const char *key;
        const struct local_hub_endpoint *endpoints;
        size_t endpoint_count;
        struct telemetry_log_options telemetry; /* its first number is the hub's affair */
        const char *const *consumer_groups;     /* besides $Default */
        size_t consumer_group_count;
        int plain_amqp_port;       /* of AMQP without TLS; 0 = none, -1 = any free one */
        int64_t lock_ms;           /* cloud-to-device lock; 0 = 60 s */
        int64_t feedback_delay_ms; /* until a feedback batch leaves; 0 = 1 s (Azure: 15 s) */
        int max_delivery_count;    /* 0 = 10 */
        int tokens_per_connection; /* 0 = 1000 */
        const char *sku;           /* F1, S1, S2 or S3, whose limits hold; NULL = no limits */
        int64_t units;
};

/* Listens and runs when it returns 0. Copies the options. */
int local_hub_new(const struct local_hub_options *options, struct local_hub **hub,
                  struct reason *reason) MUST_CHECK;

/* Cuts the connections, joins the threads, writes the registry. NULL is allowed. */
void local_hub_free(struct local_hub *hub);

/* The parts; valid as long as the hub. */
struct registry *local_hub_registry(struct local_hub *hub);
struct telemetry_log *local_hub_telemetry(struct local_hub *hub);
struct faults *local_hub_faults(struct local_hub *hub);
struct quotas *local_hub_quotas(struct local_hub *hub); /* NULL = no limits */

/*
 * Takes HTTPS at "address:port" and passes it on, without TLS, to the server at a Unix domain
 * socket, whose path must stay; `*port` becomes the real one. The thread that made the hub.
 */
int local_hub_serve_https(struct local_hub *hub, const char *address, uint16_t *port,
                          const char *path, struct reason *reason) MUST_CHECK;

/* As stream_server_find_chain, for what came over HTTPS; `hub` is a struct local_hub. */
bool local_hub_find_chain(void *hub, const char *name, struct client_chain *chain) MUST_CHECK;

/* --- connections from elsewhere --------------------------------------------------------------- */

enum local_hub_protocol {
        LOCAL_HUB_AMQP,
        LOCAL_HUB_MQTT,
};

/* A client whose WebSocket handshake is done. */
struct local_hub_socket {
        int socket;                    /* not blocking, without TLS; the hub closes it */
        const struct buf *first;       /* what came from it already */
        void (*closed)(void *context); /* once, when it is over; on the thread "hub-devices" */
        void *context;
};

/* Takes it in as one of a hub's connections. */
void local_hub_adopt(struct local_hub *hub, int hub_index, enum local_hub_protocol protocol,
                     const struct local_hub_socket *socket);

/* --- cloud-to-device messages ---------------------------------------------------------------- */

/* Queues a message; `message_id` says under which id. */
int local_hub_send_command(struct local_hub *hub, int hub_index, const char *device_id,
                           const struct local_hub_command *command,
                           char message_id[LOCAL_HUB_MESSAGE_ID_SIZE],
                           struct reason *reason) MUST_CHECK;

/* The queue itself; valid as long as the hub. */
struct command_queue *local_hub_commands(struct local_hub *hub);

/* Messages of a device wait again, or a lock's time runs: what the queue was told elsewhere. */
void local_hub_commands_changed(struct local_hub *hub, int hub_index, const char *device_id);

/* --- direct methods -------------------------------------------------------------------------- */

/* Copies everything; the answer comes through `done`, also when the hub ends before it. */
void local_hub_invoke_method(struct local_hub *hub, int hub_index, const char *device_id,
                             const struct local_hub_method *method, local_hub_method_done *done,
                             void *context);

/* --- connections ----------------------------------------------------------------------------- */

struct local_hub_connection {
        char id[REGISTRY_TAG_SIZE]; /* as in telemetry_record.connection */
        int hub;
        char peer[64]; /* IP address and port */
        int64_t opened_ms;
        size_t tokens;
        size_t devices; /* with links now */
        uint64_t messages;
};

/* Copies the list of open connections; returns how many there are, which may exceed `max`. */
size_t local_hub_connection_list(struct local_hub *hub, struct local_hub_connection *list,
                                 size_t max);

/*
 * Faults that happen at once. `hub_index` -1 = every hub, `device_id` NULL = every device; done
 * when they return: how many connections or links were hit.
 */
size_t local_hub_cut_connections(struct local_hub *hub, int hub_index, const char *device_id);

/* Detaches the links of a device, or of all, with an AMQP error; `description` may be NULL. */
size_t local_hub_detach_links(struct local_hub *hub, int hub_index, const char *device_id,
                              const char *condition, const char *description);

#endif
