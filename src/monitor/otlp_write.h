// SPDX-License-Identifier: MIT
/*
 * Items as OpenTelemetry has them: requests of its protocol in protocol buffers (rule O1).
 *
 * Source: https://opentelemetry.io/docs/specs/otlp/ and the messages of
 * https://github.com/open-telemetry/opentelemetry-proto
 */
#ifndef ISTHMUS_MONITOR_OTLP_WRITE_H
#define ISTHMUS_MONITOR_OTLP_WRITE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "monitor/monitor_target.h"

/* What all requests of this process have. */
struct otlp_origin {
        const char *service;    /* service.name */
        const char *instance;   /* service.instance.id */
        const char *attributes; /* "name=value,name=value", percent-escaped; or NULL */
        bool delta;             /* numbers are told since the last time, not since the beginning */
};

/*
 * Calls `visit` with each of a list of OpenTelemetry's settings: "name=value,name=value", values
 * percent-escaped, blanks around both allowed (as in W3C's baggage). Both texts are valid during
 * the call; NULL is an empty list.
 */
void otlp_pairs_each(const char *list,
                     void (*visit)(void *context, const char *name, const char *value),
                     void *context);

/* Each adds one request with all items, which are of its kinds. `context` is an otlp_origin. */
void otlp_write_traces(const void *context, struct monitor_item *const *items, size_t count,
                       struct buf *out);
void otlp_write_logs(const void *context, struct monitor_item *const *items, size_t count,
                     struct buf *out);
void otlp_write_metrics(const void *context, struct monitor_item *const *items, size_t count,
                        struct buf *out);

#define OTLP_SERVICES 3

/* A collector as services that items are sent to, one for each kind of request; as above. */
extern const struct monitor_service otlp_services[OTLP_SERVICES];

#endif
