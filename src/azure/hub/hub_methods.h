// SPDX-License-Identifier: MIT
/* Direct methods: a pair of links per device, joined by a correlation id. */
#ifndef ISTHMUS_AZURE_HUB_HUB_METHODS_H
#define ISTHMUS_AZURE_HUB_HUB_METHODS_H

#include <proton/event.h>

#include "azure/hub/hub_inside.h"

void hub_methods_init(struct hub_methods *methods);

void hub_methods_attach(struct hub_device *device);
void hub_methods_detach(struct hub_device *device);
void hub_methods_event(struct hub_device *device, pn_event_t *event);

/* Tells the owner what has arrived. */
void hub_methods_tell(struct hub_device *device);

#endif
