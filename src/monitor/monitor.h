// SPDX-License-Identifier: MIT
/*
 * Tells monitoring services (Application Insights, collectors of OTLP) what the gateway does:
 * requests, dependencies, failures, numbers. One operation per event, from webhook to hub, with an
 * id that its message id gives.
 *
 * Laws:
 *   - whoever tells something waits for nothing: it goes into bounded memory, and a thread of its
 *     own ("monitor") sends it (rule A6);
 *   - no payload, key, query or decoded member is told, and a device's id in failures only (A7);
 *   - without a service no packet leaves, and all of this costs nothing (rule A11).
 *
 * Every function may be called on every thread, and takes NULL for a monitor: then there is none.
 */
#ifndef ISTHMUS_MONITOR_MONITOR_H
#define ISTHMUS_MONITOR_MONITOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "azure/insights_string.h"
#include "base/error.h"
#include "base/log.h"
#include "base/reason.h"
#include "monitor/monitor_item.h"

struct monitor;

/* A collector of OTLP (OpenTelemetry's protocol over HTTP). Its texts must stay. */
struct monitor_otlp {
        const char *endpoint;   /* http(s)://host[:port][/path], to which /v1/traces is added */
        const char *headers;    /* "name=value,name=value"; or NULL */
        const char *service;    /* service.name */
        const char *attributes; /* further ones of the resource, in the same form; or NULL */
        bool delta;             /* numbers since the last time instead of since the beginning */
};

struct monitor_options {
        const struct insights_string *insights; /* NULL = not there (yet); copied */
        bool insights_later;             /* it is there: monitor_use_insights will say where */
        const struct monitor_otlp *otlp; /* NULL = not there; copied */
        bool by_identity;         /* Application Insights wants a token of Entra ID, of which */
        const char *identity;     /* identity of this machine; NULL = as the environment says */
        char *const *environment; /* of tokens, as `environ` */
        const char *trusted_certificates;   /* PEM file beside the system's; or NULL */
        const char *role;                   /* what this program is called; must stay */
        double operations_per_second;       /* that are told */
        bool tells_logs;                    /* lines of the log, too: */
        enum log_level logs;                /* least important ones */
        int64_t numbers_ms;                 /* between two tellings of the numbers */
        bool device_ids;                    /* in failures */
        int64_t (*oldest_s)(void *context); /* age of the event that waits longest, in seconds */
        void *context;
};

/*
 * NULL, and 0, if no service is configured. A negative errno with the reason if the certificates
 * can't be read.
 */
int monitor_start(const struct monitor_options *options, struct monitor **monitor,
                  struct reason *reason) MUST_CHECK;

/*
 * Application Insights is there from now on, of which monitor_start has heard; takes the texts.
 * Before monitor_stop; any thread; nothing if `monitor` is NULL.
 */
void monitor_use_insights(struct monitor *monitor, struct insights_string *insights);

/* Sends what waits, for at most two seconds, and ends the thread; `oldest_s` may be called once. */
void monitor_stop(struct monitor *monitor);

/* When nobody tells anything any more. */
void monitor_free(struct monitor *monitor);

/* What an operation's telling stands for, if it isn't told. */
#define MONITOR_UNTOLD (-1)

/*
 * An operation begins. For how many its telling stands, or MONITOR_UNTOLD, which then goes with it
 * to all that is told of it; 0 = that is still to be decided.
 */
int32_t monitor_begin(struct monitor *monitor, const char *message_id);

/* A webhook that was answered. All texts are copied. */
struct monitor_request {
        const char *route; /* of its network: never what the sender put behind it */
        int status;
        const char *answer; /* what became of it, as in isthmus_webhooks_total */
        const char *network;
        const char *application; /* or NULL */
        const char *message_id;  /* of its first event; NULL = none */
        const char *message_ids; /* of all, if there are several; or NULL */
        int64_t arrived_ns;      /* steady clock */
        int32_t stands_for;
};

void monitor_request(struct monitor *monitor, const struct monitor_request *request);

/* Something that was asked of another service. All texts are copied. */
struct monitor_dependency {
        const char *type;
        const char *target; /* host; never a device (rule A3) */
        const char *name;   /* with places for what differs: "PUT /registrations/{id}/register" */
        const char *result; /* "accepted", "429", ... */
        bool success;
        int64_t started_ns;     /* steady clock */
        const char *message_id; /* of the operation it belongs to; NULL = it is one of its own */
        const char *stage;
        const char *network;     /* or NULL */
        const char *application; /* or NULL */
        const char *device;      /* or NULL; told if it failed */
        int32_t stands_for;
};

void monitor_dependency(struct monitor *monitor, const struct monitor_dependency *dependency);

#endif
