// SPDX-License-Identifier: MIT
/* Cloud-to-device messages: one receiver link per device; each is settled by its owner. */
#ifndef ISTHMUS_AZURE_HUB_HUB_COMMANDS_H
#define ISTHMUS_AZURE_HUB_HUB_COMMANDS_H

#include <proton/delivery.h>

#include "azure/hub/hub_inside.h"

void hub_commands_init(struct hub_commands *commands);

void hub_commands_attach(struct hub_device *device);
void hub_commands_detach(struct hub_device *device);

/* Something has come in; it need not be whole yet. */
void hub_commands_receive(struct hub_device *device, pn_delivery_t *delivery);

/* Tells the owner what has arrived and what was lost. */
void hub_commands_tell(struct hub_device *device);

/* The device goes: what its owner holds stays valid, but can't be settled any more. */
void hub_commands_release(struct hub_device *device);

#endif
