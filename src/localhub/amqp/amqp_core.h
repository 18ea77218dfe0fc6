// SPDX-License-Identifier: MIT
/*
 * What the AMQP connections of the local hub share, and what one connection, one device on it and
 * one link are. Inside amqp_*.c only.
 *
 * One thread runs all of it. Handlers work on pn_event_t alone and reach nothing of another
 * connection but through its list of work and a wake-up, because proton allows a connection to be
 * touched only while its own events are handled. So two connection drivers joined in memory test
 * everything here without a socket.
 */
#ifndef ISTHMUS_LOCALHUB_AMQP_AMQP_CORE_H
#define ISTHMUS_LOCALHUB_AMQP_AMQP_CORE_H

#include <proton/delivery.h>
#include <proton/engine.h>
#include <proton/event.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/amqp/amqp_wire.h"
#include "base/buf.h"
#include "base/list.h"
#include "base/table.h"
#include "base/timers.h"
#include "localhub/amqp/link_address.h"
#include "localhub/gate/faults.h"
#include "localhub/messages/command_queue.h"
#include "localhub/messages/telemetry_log.h"
#include "localhub/registry/registry.h"
#include "localhub/sessions/device_sessions.h"
#include "localhub/x509/client_chain.h"

#define AMQP_CREDIT         1000 /* of a telemetry link; granted again when half is used */
#define AMQP_MESSAGE_MAX    1048576
#define AMQP_TELEMETRY_MAX  262144
#define AMQP_CONDITION_SIZE 96

struct amqp_link_type;
struct event_endpoint;
struct stream;

/* The kinds of links at an address: what the client sends on, what it receives on; NULL = none. */
struct amqp_link_types {
        const struct amqp_link_type *hub_receives;
        const struct amqp_link_type *hub_sends;
};

struct amqp_core {
        struct registry *registry;
        struct telemetry_log *telemetry;
        struct faults *faults;
        struct command_queue *commands;
        size_t tokens_per_connection;
        int64_t feedback_delay_ms;

        int64_t now_ms;  /* steady; set before each turn */
        int64_t wall_ms; /* wall clock; set before each turn */
        struct timers timers;
        struct list peers;
        struct device_sessions sessions;
        struct list feedback_links; /* amqp_link by feedback_node */
        struct amqp_link_types types[LINK_FUNCTION_COUNT];
        const char *provisioning;      /* socket of the provisioning service; NULL = none */
        struct event_endpoint *events; /* for the links of localhub/events; NULL = none */
        uint64_t last_number;          /* of connections, links, deliveries */
        struct buf scratch;            /* for building or reading a message */
        struct buf texts;              /* for texts of a message */
};

/* --- a connection ---------------------------------------------------------------------------- */

struct amqp_peer {
        struct list_node node;
        struct amqp_core *core;
        pn_connection_t *connection;
        void (*wake)(struct amqp_peer *peer); /* amqp_peer_work will be called for it */
        void *context;                        /* its maker's */
        struct stream *stream;                /* below it; NULL in tests */
        int hub;
        char *hub_id; /* "" = unknown */
        char id[REGISTRY_TAG_SIZE];
        const struct client_chain
                *chain; /* of the client's certificates, its maker's; NULL = none */
        int64_t opened_ms;
        uint64_t messages;
        size_t tokens;       /* distinct ones so far */
        bool cut;            /* to be cut at the next work */
        bool closed;         /* by us: the socket does not wait for the answer */
        bool detach_service; /* its service links have lost their right */
        char *registrant; /* user of SASL PLAIN, SCOPE/registrations/ID; NULL = another or none */
        char *password;   /* likewise: a token, not judged yet */
        struct table devices;
        struct list device_list;
        struct list work;  /* amqp_device by work_node */
        struct list links; /* amqp_link of no device */
        struct grant {
                struct timer timer;
                bool valid;
        } all_devices, service; /* what a policy's token allows here */
};

/* --- a device on a connection ---------------------------------------------------------------- */

enum amqp_work {
        AMQP_WORK_DETACH = 1,
        AMQP_WORK_COMMANDS = 2,
        AMQP_WORK_METHODS = 4,
        AMQP_WORK_TWIN = 8,
        AMQP_WORK_CREDIT = 16,
        AMQP_WORK_SETTLE = 32,
        AMQP_WORK_INJECTION = 64,
};

struct amqp_device {
        struct table_entry by_id; /* in peer->devices */
        struct device_session session;
        struct list_node node;
        struct list_node work_node;
        unsigned work; /* enum amqp_work; on peer->work unless 0 */
        struct amqp_peer *peer;
        bool has_token; /* one of its own, counted in peer->tokens */
        bool token_valid;
        struct timer expiry;
        struct list links;
        struct amqp_link *command_link;
        struct amqp_link *method_link;    /* requests go out on it */
        struct amqp_link *method_answers; /* answers come in on it */
        struct amqp_link *twin_link;      /* responses go out on it */
        char *detach_condition;           /* of AMQP_WORK_DETACH */
        char *detach_description;
        bool lose_token;                 /* AMQP_WORK_DETACH also ends its authorisation */
        enum device_injection injection; /* of AMQP_WORK_INJECTION */
        char *injection_reason;
};

/* --- a link ---------------------------------------------------------------------------------- */

struct amqp_link;

/* Why a link is refused. */
struct amqp_refusal {
        char condition[AMQP_CONDITION_SIZE]; /* "" = it is not */
        struct buf description;
        struct amqp_redirect {
                char host[REGISTRY_ADDRESS_SIZE]; /* "" = nowhere */
                uint16_t port;
                struct buf address;
        } redirect; /* where it is to be attached instead */
};

/* What a link is for; one table of functions per file. Functions may be NULL. */
struct amqp_link_type {
        bool hub_receives;
        bool for_service;  /* ends with the right ServiceConnect */
        int credit;        /* at first, if the hub receives */
        uint64_t max_size; /* of a message, if the hub receives */
        /* Looks whether the link may be attached: what becomes its `own`, or a refusal. */
        void *(*admit)(struct amqp_peer *peer, pn_link_t *handle,
                       const struct link_address *address, struct amqp_refusal *refusal);
        void (*opened)(struct amqp_link *link);
        /* A whole message; the function settles `delivery` or keeps it. */
        void (*message)(struct amqp_link *link, pn_delivery_t *delivery,
                        const struct amqp_wire_message *message);
        /* The same before it is taken apart, in place of `message`. */
        void (*bytes)(struct amqp_link *link, pn_delivery_t *delivery, const char *bytes,
                      size_t size);
        /* The client's word on a delivery of ours. */
        void (*outcome)(struct amqp_link *link, pn_delivery_t *delivery);
        void (*credit_came)(struct amqp_link *link);
        /* Its peer was woken; links of no device only. */
        void (*work)(struct amqp_link *link);
        void (*ended)(struct amqp_link *link);
};

struct amqp_link {
        struct list_node node; /* of device->links or peer->links */
        struct list_node feedback_node;
        const struct amqp_link_type *type; /* NULL = refused, waits for its end */
        pn_link_t *handle;
        struct amqp_peer *peer;
        struct amqp_device *device; /* NULL for links of the connection or the service */
        uint64_t number;
        void *own;          /* its type's */
        bool closing;       /* our DETACH is sent: nothing counts any more */
        bool on_feedback;   /* on core->feedback_links */
        struct list outbox; /* waits for credit */
        struct list slow;   /* dispositions that wait */
        struct list batch;  /* feedback sent and not yet accepted */
};

/* --- amqp_peer.c ----------------------------------------------------------------------------- */

struct amqp_peer *amqp_peer_new(struct amqp_core *core, int hub, pn_connection_t *connection,
                                void (*wake)(struct amqp_peer *peer), void *context);
/* Ends all that it has; proton's connection is the caller's. */
void amqp_peer_free(struct amqp_peer *peer);
/* Every event of its connection, but the end of the transport. */
void amqp_peer_handle(struct amqp_peer *peer, pn_event_t *event);
/* Does what was ordered, within the connection's events. */
void amqp_peer_work(struct amqp_peer *peer);
/* Orders that the connection be cut. */
void amqp_peer_cut(struct amqp_peer *peer);
/* Ends all that it has, and closes the connection. */
void amqp_peer_close(struct amqp_peer *peer);
/* The links of a session are gone. */
void amqp_peer_end_links(struct amqp_peer *peer, const pn_session_t *session);

/* --- amqp_sasl.c ----------------------------------------------------------------------------- */

/* Offers SASL to a client that begins with it; a server's transport, before its first byte. */
void amqp_sasl_offer(struct amqp_peer *peer, pn_transport_t *transport);

/* --- amqp_core.c ----------------------------------------------------------------------------- */

void amqp_core_init(struct amqp_core *core);
/* The peers are freed before. */
void amqp_core_deinit(struct amqp_core *core);
/* Runs what time has brought; returns when it wants to run next (steady ms). */
int64_t amqp_core_tick(struct amqp_core *core);
/* Messages wait in a mailbox: a device's, or a hub's file notifications. */
void amqp_core_commands_wait(struct amqp_core *core, int hub, const char *mailbox);
/* The client's changes of the registry. */
void amqp_core_registry_changed(struct amqp_core *core, enum registry_change change, int hub,
                                const char *device_id, const char *patch);
void amqp_core_faults_changed(struct amqp_core *core);

/* --- amqp_device.c --------------------------------------------------------------------------- */

struct amqp_device *amqp_device_find(struct amqp_peer *peer, const char *id);
struct amqp_device *amqp_device_make(struct amqp_peer *peer, const char *id);
void amqp_device_free(struct amqp_device *device);
void amqp_device_link_ended(struct amqp_device *device);
/* Orders work within the connection's events. */
void amqp_device_order(struct amqp_device *device, enum amqp_work work);
void amqp_device_order_detach(struct amqp_device *device, const char *condition,
                              const char *description, bool lose_token);
/* Detaches now all links; within the connection's events. */
void amqp_device_detach(struct amqp_device *device);
void amqp_device_set_token(struct amqp_device *device, int64_t expires_s);

/* --- amqp_link.c ----------------------------------------------------------------------------- */

void amqp_link_attach(struct amqp_peer *peer, pn_link_t *handle);
/* Goes to the value of this name (a symbol) in a map that is all of the data; false = there is
 * none. */
bool amqp_map_find(pn_data_t *data, const char *name);
/* The properties that came with ATTACH, standing at the value of this one; NULL = there is none. */
pn_data_t *amqp_link_property(pn_link_t *handle, const char *name);
/* Refuses with the JSON text of an error code. */
void amqp_refuse(struct amqp_refusal *refusal, const char *condition, int code, const char *text);
/* The link has this place of its device from now on; the one that had it is detached. */
void amqp_link_take_place(struct amqp_link **place, struct amqp_link *link);

/* Sends DETACH with an error; `description` NULL = the condition's usual text. */
void amqp_link_detach(struct amqp_link *link, const char *condition, const char *description);
/* The link is gone or goes with its session or connection. Frees it. */
void amqp_link_end(struct amqp_link *link);
void amqp_link_delivery(struct amqp_link *link, pn_delivery_t *delivery);
void amqp_link_flow(struct amqp_link *link);
/* Sends, or keeps until there is credit. Too many kept = false, the link is detached. */
bool amqp_link_send(struct amqp_link *link, const struct buf *message);
/* The link of this type in the same session, else any of the connection; NULL = none. */
struct amqp_link *amqp_link_partner(struct amqp_link *link, const struct amqp_link_type *type);
/* Begins the answer to a request: its properties, and a status as application properties. */
void amqp_answer_begin(struct buf *out, const struct amqp_wire_message *request, int status,
                       const char *description);
/* Grants credit up to the type's again, unless a fault withholds it. */
void amqp_link_grant(struct amqp_link *link);
/* Sends now with this tag; there is credit. The delivery is the caller's to settle. */
pn_delivery_t *amqp_link_transfer(struct amqp_link *link, const void *tag, size_t tag_size,
                                  const struct buf *message);

/* Settles a delivery of the client: PN_ACCEPTED, or rejected with an error. */
void amqp_accept(pn_delivery_t *delivery);
void amqp_reject(pn_delivery_t *delivery, const char *condition, const char *description);
void amqp_reject_undecoded(pn_delivery_t *delivery);

/* --- amqp_error.c ---------------------------------------------------------------------------- */

/* Sets an error with description and info map; an empty description gets the condition's text. */
void amqp_error_set(pn_condition_t *to, const char *condition, const char *description);
/* Likewise, with a number of seconds after which to try again; 0 = not told. */
void amqp_error_retry(pn_condition_t *to, const char *condition, const char *description,
                      int retry_after_s);
/* A link's properties: a tracking id. */
void amqp_error_track(pn_data_t *properties);
/* Says in the info map of an error where to go instead. */
void amqp_error_redirect(pn_condition_t *to, const struct amqp_redirect *redirect);

/* --- the kinds of links ---------------------------------------------------------------------- */

extern const struct amqp_link_type amqp_cbs_requests, amqp_cbs_responses;
extern const struct amqp_link_type amqp_telemetry;
extern const struct amqp_link_type amqp_commands;
extern const struct amqp_link_type amqp_method_requests, amqp_method_answers;
extern const struct amqp_link_type amqp_twin_requests, amqp_twin_responses;
extern const struct amqp_link_type amqp_service_commands, amqp_service_feedback;
extern const struct amqp_link_type amqp_service_uploads;

/* amqp_cbs.c: grants what a token allows, as if it had been put on `$cbs`; false if it is bad. */
bool amqp_cbs_take_token(struct amqp_peer *peer, const char *token, size_t size);

/* amqp_injection.c: orders a fault, and has it happen within the connection's events. */
void amqp_injection_order(struct amqp_device *device, enum device_injection what,
                          const char *reason);
void amqp_injection_happen(struct amqp_device *device);

/* amqp_telemetry.c: sends the dispositions whose time has come. */
void amqp_telemetry_settle(struct amqp_device *device);

/* amqp_commands.c: sends the commands that wait for the device of this link. */
void amqp_commands_push(struct amqp_link *link);

/* Notifications of uploads wait at a hub: services that listen are to get them. */
void amqp_uploads_wait(struct amqp_core *core, int hub);

/* amqp_methods.c: sends what waits for this device. */
void amqp_methods_push(struct amqp_device *device);

/* amqp_twin.c: sends what waits for this device. */
void amqp_twin_push(struct amqp_device *device);

/* amqp_service.c: looks whether feedback is due; `*next_ms` is lowered to when to look again. */
void amqp_service_check(struct amqp_core *core, int64_t *next_ms);

#endif
