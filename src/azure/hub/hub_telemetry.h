// SPDX-License-Identifier: MIT
/* Device-to-cloud messages: one sender link per device, attached at its first send. */
#ifndef ISTHMUS_AZURE_HUB_HUB_TELEMETRY_H
#define ISTHMUS_AZURE_HUB_HUB_TELEMETRY_H

#include <proton/engine.h>
#include <stdbool.h>
#include <stdint.h>

#include "azure/hub/hub_inside.h"

void hub_telemetry_init(struct hub_telemetry *telemetry);

/* Attaches the link unless there is one. */
void hub_telemetry_attach(struct hub_device *device);

/* How long to wait still for credit on its link, 0 = not any longer; -1 if nobody waits for it. */
int64_t hub_telemetry_patience_ms(const struct hub_device *device);

/*
 * Ends the link if nothing was sent on it for as long as the options say; the next send attaches
 * it.
 */
void hub_telemetry_rest(struct hub_device *device);

/* Ends the link: what was not answered has outcome HUB_UNKNOWN. */
void hub_telemetry_detach(struct hub_device *device, const char *why);

/* The hub has ended the link or the session, and says why. */
void hub_telemetry_ended(struct hub_device *device, const struct hub_condition *condition);

/* True, once, if its owner waited for credit and there is some now. */
bool hub_telemetry_take_room(struct hub_device *device);

/* Another event of the link. */
void hub_telemetry_event(struct hub_device *device, pn_event_t *event);

/* Its oldest send was not answered in time. */
void hub_telemetry_timed_out(struct hub_device *device);

#endif
