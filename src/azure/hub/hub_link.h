// SPDX-License-Identifier: MIT
/*
 * Sessions and links: how they are made, opened and ended.
 *
 * A few devices share a session, since an empty one costs proton more than a link does; Microsoft's
 * SDK for C has all devices of a connection on one. If the hub ends it, each of them gets one of
 * its own, so that the one that brings that about does it to itself alone from then on.
 */
#ifndef ISTHMUS_AZURE_HUB_HUB_LINK_H
#define ISTHMUS_AZURE_HUB_HUB_LINK_H

#include <proton/delivery.h>
#include <proton/engine.h>
#include <stddef.h>
#include <stdint.h>

#include "azure/hub/hub_inside.h"

/*
 * Begins a session. `is_joined`: further devices may join it; else it is for one device alone, or
 * for links of no device ($cbs).
 */
struct hub_session *hub_link_begin_session(struct hub_connection *connection, bool is_joined);

/* The device's links are ended: it leaves its session, if it has one, which ends with the last. */
void hub_link_leave_session(struct hub_device *device);

/* The hub has ended the session, after us, or the connection goes: frees ours, not proton's. */
void hub_link_forget_session(struct hub_connection *connection, struct hub_session *session);

/*
 * A link on the device's session, which it joins if need be: named after `name`, unique on its
 * connection, with the address /devices/ID and `path`. Not opened yet. Its context is the device
 * until it is ended.
 */
pn_link_t *hub_link_sender(struct hub_device *device, const char *name, const char *path);
pn_link_t *hub_link_receiver(struct hub_device *device, const char *name, const char *path);

/* Opens a link with its properties; `correlation` joins a pair of links, or is NULL. */
void hub_link_open(struct hub_device *device, pn_link_t *link, const char *correlation);

/*
 * Links were attached: if the hub has not opened them in time, the timer of `pause`, which is that
 * of these links, has the device try again.
 */
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
 * Close a link (NULL is allowed) or a session and free it once the hub has closed its side too:
 * proton asserts on an ATTACH for a link that was freed before. Contexts of a link's deliveries
 * must have been cleared. On a connection that is ending nothing is said of them: its CLOSE ends
 * all, and proton frees them with it.
 */
void hub_link_end(struct hub_connection *connection, pn_link_t *link);
void hub_link_end_session(struct hub_connection *connection, struct hub_session *session);

/* The hub has answered our close of the link: frees it. */
void hub_link_was_ended(struct hub_connection *connection, pn_link_t *link);

#endif
