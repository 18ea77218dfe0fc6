// SPDX-License-Identifier: MIT
/*
 * Reported properties: a pair of links on the device's twin, joined by a correlation id, attached
 * when there is something to report (rule W10). One report at a time.
 */
#ifndef ISTHMUS_AZURE_HUB_HUB_TWIN_H
#define ISTHMUS_AZURE_HUB_HUB_TWIN_H

#include <proton/event.h>

#include "azure/hub/hub_inside.h"

void hub_twin_init(struct hub_twin *twin);
void hub_twin_deinit(struct hub_twin *twin);

/* Ends the links: a report that was not answered has outcome HUB_UNKNOWN. */
void hub_twin_detach(struct hub_device *device, const char *why);

/* The hub has ended one of the links: one without the other is of no use. */
void hub_twin_ended(struct hub_device *device, const struct hub_condition *condition);

/* Another event of one of the links. */
void hub_twin_event(struct hub_device *device, pn_event_t *event);

#endif
