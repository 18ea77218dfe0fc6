// SPDX-License-Identifier: MIT
/* Device-to-cloud messages: one sender link per device, attached at its first send. */
#ifndef ISTHMUS_AZURE_HUB_HUB_TELEMETRY_H
#define ISTHMUS_AZURE_HUB_HUB_TELEMETRY_H

#include <proton/engine.h>
#include <stdbool.h>
#include <stdint.h>

#include "azure/hub/hub_condition.h"
#include "azure/hub/hub_core.h"

struct hub_device;

/* A message that was sent, until its owner has been told the outcome. */
struct hub_send {
        struct hub_device *device;
        struct list_node device_node;     /* of telemetry.in_flight, then of device->ended */
        struct list_node connection_node; /* of connection->in_flight while it is unsettled */
        pn_delivery_t *delivery;          /* NULL once it has ended */
        uint64_t token;
        int64_t sent_ms;
        enum hub_outcome outcome;
        char *reason; /* or NULL */
};

struct hub_telemetry {
        pn_link_t *link;
        struct list in_flight; /* in the order of sending */
        uint64_t sent;         /* counts delivery tags */
        bool wanted;           /* its owner waits for credit */
        int64_t wanted_ms;     /* since when */
};

void hub_telemetry_init(struct hub_telemetry *telemetry);

/* Attaches the link unless there is one. */
void hub_telemetry_attach(struct hub_device *device);

/* How long to wait still for credit on its link, 0 = not any longer; -1 if nobody waits for it. */
int64_t hub_telemetry_patience_ms(const struct hub_device *device);

/* Ends the link: what was not answered has outcome HUB_UNKNOWN. */
void hub_telemetry_detach(struct hub_device *device, const char *why);

/* The hub has ended the link or the session, and says why. */
void hub_telemetry_ended(struct hub_device *device, const struct hub_condition *condition);

/* The token of what has been under way longest; false if nothing is. */
bool hub_telemetry_under_way(const struct hub_device *device, uint64_t *token);

/* That is not to be tried again; nothing happens if nothing is under way. */
void hub_telemetry_reject(struct hub_device *device, const char *why);

/* An event of the link. */
void hub_telemetry_event(struct hub_device *device, pn_event_t *event);

/* Its oldest send was not answered in time. */
void hub_telemetry_timed_out(struct hub_device *device);

void hub_send_free(struct hub_send *send);

#endif
