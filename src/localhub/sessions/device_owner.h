// SPDX-License-Identifier: MIT
/* What a session is, and which one of an identity's owns it: the one that connected last. */
#ifndef ISTHMUS_LOCALHUB_SESSIONS_DEVICE_OWNER_H
#define ISTHMUS_LOCALHUB_SESSIONS_DEVICE_OWNER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/table.h"
#include "base/timers.h"
#include "localhub/gate/faults.h"
#include "localhub/gate/quotas.h"
#include "localhub/messages/telemetry_log.h"
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

/* The session that owns the identity; NULL = it is not connected. */
struct device_session *device_owner_find(const struct device_sessions *all, int hub,
                                         const char *device_id);

/* The session owns its identity from now on; the one that did is told (`taken_over`). */
void device_owner_take(struct device_session *session);
void device_owner_give_up(struct device_session *session);

#endif
