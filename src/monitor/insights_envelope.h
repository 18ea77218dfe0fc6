// SPDX-License-Identifier: MIT
/*
 * An item as Application Insights takes it: an envelope in one line of JSON (rule A1).
 *
 * Source: the public interface description v2.1 of Azure/azure-rest-api-specs, and
 * https://learn.microsoft.com/azure/azure-monitor/app/data-model-complete
 */
#ifndef ISTHMUS_MONITOR_INSIGHTS_ENVELOPE_H
#define ISTHMUS_MONITOR_INSIGHTS_ENVELOPE_H

#include "base/buf.h"
#include "monitor/monitor_target.h"

/* What all envelopes of this process have. */
struct insights_origin {
        const char *key;      /* GUID */
        const char *role;     /* the node in the portal's map */
        const char *instance; /* which of several */
};

/* Adds the line with its line feed. */
void insights_envelope_write(const struct insights_origin *origin, const struct monitor_item *item,
                             struct buf *out);

/* As a service that items are sent to; its `context` is a struct insights_origin. */
extern const struct monitor_service insights_service;

#endif
