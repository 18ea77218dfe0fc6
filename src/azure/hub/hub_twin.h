// SPDX-License-Identifier: MIT
/*
 * The device's twin: a pair of links, joined by a correlation id, attached when there is something
 * to report or desired properties are to be followed (rule W10). One report at a time.
 */
#ifndef ISTHMUS_AZURE_HUB_HUB_TWIN_H
#define ISTHMUS_AZURE_HUB_HUB_TWIN_H

#include <proton/event.h>
#include <stdbool.h>

#include "azure/hub/hub_inside.h"

void hub_twin_free(struct hub_device *device);

void hub_twin_stop_timers(struct hub_device *device);

/* Is it one of its links? */
bool hub_twin_has(const struct hub_device *device, const pn_link_t *link);

/* Follows desired properties, if its owner wants that and no pause runs. */
void hub_twin_follow(struct hub_device *device);

/* Tells the owner of desired properties. */
void hub_twin_tell(struct hub_device *device);

/* Ends the links: a report that was not answered has outcome HUB_UNKNOWN. */
void hub_twin_detach(struct hub_device *device, const char *why);

/* The hub has ended one of the links: one without the other is of no use. */
void hub_twin_ended(struct hub_device *device, const struct hub_condition *condition);

/* Another event of one of the links. */
void hub_twin_event(struct hub_device *device, pn_event_t *event);

#endif
