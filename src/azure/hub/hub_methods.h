// SPDX-License-Identifier: MIT
/* Direct methods: a pair of links per device, joined by a correlation id. */
#ifndef ISTHMUS_AZURE_HUB_HUB_METHODS_H
#define ISTHMUS_AZURE_HUB_HUB_METHODS_H

#include <proton/engine.h>
#include <stdbool.h>

#include "azure/hub/hub_core.h"

struct hub_device;

/* The lists hold struct hub_method with what belongs to it. */
struct hub_methods {
        pn_link_t *requests;
        pn_link_t *answers;
        uint64_t answered;   /* counts delivery tags */
        struct list arrived; /* its owner is to be told */
        struct list held;    /* its owner answers */
};

void hub_methods_init(struct hub_methods *methods);

void hub_methods_attach(struct hub_device *device);
void hub_methods_detach(struct hub_device *device);
void hub_methods_event(struct hub_device *device, pn_event_t *event);

/* Tells the owner what has arrived. */
void hub_methods_tell(struct hub_device *device);

#endif
