// SPDX-License-Identifier: MIT
/* A device's session and what its links have in common. */
#ifndef ISTHMUS_AZURE_HUB_HUB_LINKS_H
#define ISTHMUS_AZURE_HUB_HUB_LINKS_H

#include <proton/engine.h>
#include <stdbool.h>

#include "azure/hub/hub_core.h"

struct hub_device;

/*
 * A link on the device's session, which is opened if need be: named after `name`, unique on its
 * connection, with the address /devices/ID and `path`. Not opened yet.
 */
pn_link_t *hub_links_sender(struct hub_device *device, const char *name, const char *path);
pn_link_t *hub_links_receiver(struct hub_device *device, const char *name, const char *path);

/* Opens a link with its properties; `correlation` joins a pair of links, or is NULL. */
void hub_links_open(struct hub_device *device, pn_link_t *link, const char *correlation);

/* Attaches the links that are wanted and missing. */
void hub_links_attach(struct hub_device *device);

/* True if the time for a link to be opened by the hub is over and it has not been. */
bool hub_links_are_unanswered(const struct hub_device *device);

/* Ends all links and the session. */
void hub_links_detach(struct hub_device *device, const char *why);

/* An event of the session or one of the links. */
void hub_links_event(struct hub_device *device, pn_event_t *event);

#endif
