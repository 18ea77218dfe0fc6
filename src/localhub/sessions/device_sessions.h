// SPDX-License-Identifier: MIT
/*
 * Devices that are connected to a hub, whatever protocol they speak: who owns an identity, direct
 * methods under way, and who is told of desired properties. A protocol embeds struct
 * device_session in what it knows of a device on a connection.
 *
 * Laws:
 *   - at most one session of an identity owns it: the one that connected last;
 *   - a method call (rule W9) waits for its device until its connect timeout, then for the answer
 *     until its response timeout, and ends exactly once;
 *   - desired properties (rule W10) are told to the owner if it has subscribed, and are not kept
 *     for others, who read them later.
 *
 * All on the thread of the hub's connections.
 */
#ifndef ISTHMUS_LOCALHUB_SESSIONS_DEVICE_SESSIONS_H
#define ISTHMUS_LOCALHUB_SESSIONS_DEVICE_SESSIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/crypto.h"
#include "base/list.h"
#include "base/table.h"
#include "base/timers.h"
#include "localhub/local_hub.h"
#include "localhub/registry/registry.h"

struct device_session;

/* What waits for a session. */
enum device_work {
        DEVICE_WORK_COMMANDS, /* in the command queue */
        DEVICE_WORK_METHODS,  /* device_session_next_call has them */
        DEVICE_WORK_TWIN,     /* device_session_next_patch has them */
};

/* Faults that a device orders for itself. */
enum device_injection {
        DEVICE_INJECT_TCP,      /* the socket is cut */
        DEVICE_INJECT_SHUTDOWN, /* the connection is closed in order */
        /* Of AMQP only: */
        DEVICE_INJECT_CONNECTION, /* closed with an error */
        DEVICE_INJECT_SESSION,    /* ended with an error */
        DEVICE_INJECT_CBS_REQUESTS,
        DEVICE_INJECT_CBS_RESPONSES,
        DEVICE_INJECT_TELEMETRY, /* the link is detached, and so in the following */
        DEVICE_INJECT_COMMANDS,
        DEVICE_INJECT_METHOD_REQUESTS,
        DEVICE_INJECT_METHOD_ANSWERS,
        DEVICE_INJECT_TWIN_REQUESTS,
        DEVICE_INJECT_TWIN_RESPONSES,
        /* Telemetry is refused for a while: */
        DEVICE_INJECT_THROTTLING,
        DEVICE_INJECT_QUOTA,
        DEVICE_INJECT_UNAUTHORIZED,
};

/* What a protocol does when it is told; none may touch other sessions. */
struct device_protocol {
        /* Something waits: it is to be fetched and sent when the connection has its turn. */
        void (*waiting)(struct device_session *session, enum device_work work);
        /* Another session owns the identity now: this one is to be disconnected. */
        void (*taken_over)(struct device_session *session);
        /* A fault happens that the device has ordered (device_injection.h). May be NULL. */
        void (*injected)(struct device_session *session, enum device_injection what,
                         const char *reason);
};

struct device_sessions {
        struct registry *registry;
        struct timers *timers;
        const int64_t *now_ms; /* steady, of this turn */
        struct table owners;   /* device_session by "HUB/ID" */
        struct list calls;     /* struct device_call */
        struct faults *faults; /* as `registry` */
        struct quotas *quotas; /* NULL = no limits */
        struct list injections;
};

struct device_session {
        struct device_sessions *all;
        const struct device_protocol *protocol;
        struct table_entry owner; /* in all->owners */
        int hub;
        char *key;      /* "HUB/ID" */
        const char *id; /* within it */
        char *model_id; /* as announced here or before; "" = none */
        char generation_id[REGISTRY_TAG_SIZE];
        enum telemetry_auth auth;
        const char *connection; /* its name, for the log */
        bool owns;
        bool takes_methods;
        bool twin_subscribed;
        struct list patches; /* desired properties to tell */
};

/* A direct method under way; texts and payload are its own. */
struct device_call {
        struct list_node node;
        struct device_sessions *all;
        struct timer timer;
        int hub;
        char *device_id;
        char *name;
        struct buf payload; /* JSON */
        int64_t response_ms;
        char uuid[CRYPTO_UUID_SIZE];
        struct device_session *sent_to; /* NULL = not sent yet */
        local_hub_method_done *done;
        void *context;
};

/* Both must stay; so must `registry`, which the caller sets before the first session. */
void device_sessions_init(struct device_sessions *all, struct timers *timers,
                          const int64_t *now_ms);
/* Ends all calls; the sessions are gone. */
void device_sessions_deinit(struct device_sessions *all);

/* The session that owns the identity; NULL = it is not connected. */
struct device_session *device_sessions_owner(const struct device_sessions *all, int hub,
                                             const char *device_id);

/* Tells the owner, if there is one, that messages wait in the command queue. */
void device_sessions_commands_wait(struct device_sessions *all, int hub, const char *device_id);

/* The desired properties have changed by this merge patch. */
void device_sessions_desired(struct device_sessions *all, int hub, const char *device_id,
                             const char *patch);

/* Takes a call over; `method` is copied. */
void device_sessions_invoke(struct device_sessions *all, int hub, const char *device_id,
                            const struct local_hub_method *method, local_hub_method_done *done,
                            void *context);

/* --- a session ------------------------------------------------------------------------------- */

/* Makes an unconnected one; `connection` must stay. */
void device_session_init(struct device_session *session, struct device_sessions *all,
                         const struct device_protocol *protocol, int hub, const char *device_id,
                         const char *connection);
void device_session_deinit(struct device_session *session);

/* It is connected (again), and owns its identity from now on. */
void device_session_connect(struct device_session *session);
void device_session_disconnect(struct device_session *session);

/* Can it take methods now? If not, those that it has got are lost. */
void device_session_take_methods(struct device_session *session, bool takes);

/* A call that waits for this session, which counts as sent now; NULL = none. */
struct device_call *device_session_next_call(struct device_session *session);

/* The answer to the call with this id (a UUID in any case); nothing happens if there is none. */
void device_session_answer(struct device_session *session, const char *uuid, int status,
                           const void *payload, size_t size);

/* Without a subscription, what waits to be told is dropped. */
void device_session_subscribe(struct device_session *session, bool subscribed);

/* The next patch to tell, the caller's to free; NULL = none. */
char *device_session_next_patch(struct device_session *session);

#endif
