// SPDX-License-Identifier: MIT
/* Direct methods: a pair of links per device, joined by a correlation id. */
#ifndef ISTHMUS_AZURE_HUB_HUB_METHODS_H
#define ISTHMUS_AZURE_HUB_HUB_METHODS_H

#include <proton/delivery.h>

#include "azure/hub/hub_inside.h"

void hub_methods_init(struct hub_methods *methods);

void hub_methods_attach(struct hub_device *device);
void hub_methods_detach(struct hub_device *device);

/* Something has come in; it need not be whole yet. */
void hub_methods_receive(struct hub_device *device, pn_delivery_t *delivery);

/* Tells the owner what has arrived. */
void hub_methods_tell(struct hub_device *device);

#endif
