// SPDX-License-Identifier: MIT
/* Cloud-to-device messages: one receiver link per device; each is settled by its owner. */
#ifndef ISTHMUS_AZURE_HUB_HUB_COMMANDS_H
#define ISTHMUS_AZURE_HUB_HUB_COMMANDS_H

#include <proton/engine.h>
#include <stdbool.h>

#include "azure/hub/hub_core.h"

struct hub_device;

/* The lists hold struct hub_command with what belongs to it. */
struct hub_commands {
        pn_link_t *link;
        struct list arrived; /* its owner is to be told */
        struct list held;    /* its owner settles it */
        struct list lost;    /* its owner is to be told that the lock is gone */
};

void hub_commands_init(struct hub_commands *commands);

void hub_commands_attach(struct hub_device *device);
void hub_commands_detach(struct hub_device *device);
void hub_commands_event(struct hub_device *device, pn_event_t *event);

/* Tells the owner what has arrived and what was lost. */
void hub_commands_tell(struct hub_device *device);

/* The device goes: what its owner holds stays valid, but can't be settled any more. */
void hub_commands_release(struct hub_device *device);

#endif
