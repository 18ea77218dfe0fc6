// SPDX-License-Identifier: MIT
/* Sessions and links: how they are made, opened and ended. */
#ifndef ISTHMUS_AZURE_HUB_HUB_LINK_H
#define ISTHMUS_AZURE_HUB_HUB_LINK_H

#include <proton/delivery.h>
#include <proton/engine.h>
#include <stddef.h>
#include <stdint.h>

#include "azure/hub/hub_inside.h"

/*
 * A link on the device's session, which is opened if need be: named after `name`, unique on its
 * connection, with the address /devices/ID and `path`. Not opened yet.
 */
pn_link_t *hub_link_sender(struct hub_device *device, const char *name, const char *path);
pn_link_t *hub_link_receiver(struct hub_device *device, const char *name, const char *path);

/* Opens a link with its properties; `correlation` joins a pair of links, or is NULL. */
void hub_link_open(struct hub_device *device, pn_link_t *link, const char *correlation);

/* Links were attached: the hub must open them in time. `pause` is their own. */
void hub_link_expect_open(struct hub_device *device, struct hub_pause *pause);

struct hub_pair_kind {
        const char *name;        /* of both links, up to "-in" and "-out" */
        const char *path;        /* behind /devices/ID */
        const char *correlation; /* what the joining id begins with */
        uint64_t max_size;       /* of a message that comes in */
        int window;              /* of those, at a time */
        pn_snd_settle_mode_t settling;
};

/* Makes and opens the two links, unless that is done. */
void hub_link_attach_pair(struct hub_device *device, struct hub_pair *pair,
                          const struct hub_pair_kind *kind);
void hub_link_end_pair(struct hub_connection *connection, struct hub_pair *pair);

/* Sends on a link that has credit; `number` is the delivery's tag. Settling is the caller's. */
pn_delivery_t *hub_link_send(struct hub_connection *connection, pn_link_t *link, uint64_t number,
                             const struct buf *message);

/*
 * A whole message, settled, with credit for the next one; it stays until that. NULL if there is
 * none yet, or none that can be read, or one longer than `most` bytes.
 */
const struct amqp_inbox *hub_link_receive(struct hub_client *client, pn_delivery_t *delivery,
                                          size_t most);

/*
 * Close a link or a session (NULL is allowed) and free it once the hub has closed its side too:
 * proton asserts on an ATTACH for a link that was freed before. Contexts of a link's deliveries
 * must have been cleared.
 */
void hub_link_end(struct hub_connection *connection, pn_link_t *link);
void hub_link_end_session(struct hub_connection *connection, pn_session_t *session);

#endif
