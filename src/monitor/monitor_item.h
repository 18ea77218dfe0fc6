// SPDX-License-Identifier: MIT
/* One thing that is told to a monitor. It does not change once it is made, so that several of them
 * may hold it. */
#ifndef ISTHMUS_MONITOR_MONITOR_ITEM_H
#define ISTHMUS_MONITOR_MONITOR_ITEM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/log.h"
#include "base/metrics.h"

enum monitor_kind {
        MONITOR_REQUEST,
        MONITOR_DEPENDENCY,
        MONITOR_MESSAGE, /* a line of the log */
        MONITOR_FAILURE, /* a line of the log that is a failure */
        MONITOR_METRIC,
};

#define MONITOR_OPERATION_SIZE 33 /* 32 hex digits: a trace id of W3C */
#define MONITOR_SPAN_SIZE      17

/* A line of the log has few fields; what is more is left out. */
#define MONITOR_PROPERTIES_MAX 10

/* Stages of an operation, which its spans are named after. */
#define MONITOR_WEBHOOK  "webhook"
#define MONITOR_SEND     "send"
#define MONITOR_REGISTER "register"
#define MONITOR_CALL     "call"

#define MONITOR_TYPE_HUB   "Azure IoT Hub"
#define MONITOR_TYPE_HTTP  "Http"
#define MONITOR_TYPE_QUEUE "Azure queue"
#define MONITOR_TYPE_BLOB  "Azure blob"

struct monitor_property {
        char name[32];
        char *value;
};

/* A number of which nothing is sampled. */
struct monitor_number {
        const char *name; /* "isthmus.webhooks"; static */
        const char *unit; /* UCUM's, as OTLP wants it; static */
        enum {
                MONITOR_SUM,   /* only grows */
                MONITOR_GAUGE, /* as it is now */
                MONITOR_TIMES, /* durations */
        } form;
        int64_t total; /* MONITOR_SUM: since the process began; MONITOR_GAUGE: the value */
        int64_t added; /* MONITOR_SUM: since the last time */
        struct metrics_times times; /* MONITOR_TIMES: since the process began */
        struct metrics_times added_times;
        int64_t since_ns; /* wall clock: when the process began */
        int64_t last_ns;  /* wall clock: of the last time */
};

struct monitor_item {
        enum monitor_kind kind;
        atomic_int holders;
        size_t size;         /* in memory, roughly */
        int64_t time_ns;     /* wall clock: when it began */
        int64_t duration_ns; /* of requests and dependencies */
        int32_t stands_for;  /* so many of its like, with itself */
        bool success;
        enum log_level level;
        char operation[MONITOR_OPERATION_SIZE]; /* "" = none */
        char span[MONITOR_SPAN_SIZE];
        char parent[MONITOR_SPAN_SIZE]; /* "" = none */
        char *name;           /* of a request or dependency; of a line of the log its id */
        char *operation_name; /* or NULL */
        char *result;         /* status or condition */
        char *type;           /* of a dependency */
        char *target;         /* of a dependency */
        char *url;            /* of a request; or NULL */
        char *message;        /* of a line of the log */
        struct monitor_property properties[MONITOR_PROPERTIES_MAX];
        size_t property_count;
        struct monitor_number number; /* MONITOR_METRIC */
};

/* Held once. */
struct monitor_item *monitor_item_new(enum monitor_kind kind);

/* Copies; a NULL value is left out. */
void monitor_item_add(struct monitor_item *item, const char *name, const char *value);

/* Sets `size`; when all is there. */
void monitor_item_seal(struct monitor_item *item);

/* One holder more; any thread. */
void monitor_item_hold(struct monitor_item *item);

/* One less; the last one frees it. Any thread. */
void monitor_item_release(struct monitor_item *item);

/* A message id's operation id (rule A2); one that is drawn by chance for NULL. */
void monitor_operation_of(const char *message_id, char operation[MONITOR_OPERATION_SIZE]);

/* The span id of one stage of an operation: always the same one (rule A2). By chance for NULL. */
void monitor_span_of(const char *message_id, const char *stage, char span[MONITOR_SPAN_SIZE]);

#endif
