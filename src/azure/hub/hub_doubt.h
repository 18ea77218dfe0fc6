// SPDX-License-Identifier: MIT
/*
 * Does a hub refuse a device, or does it refuse everybody, because our clock or the hub is wrong?
 *
 * A refusal is the device's own if the hub has accepted a token within the last seconds, or has
 * few devices. Otherwise it is suspected: the refused device waits for three seconds, and a ready
 * device renews its token to see if that is accepted. If five devices were refused by then, the hub
 * is doubted: their owners are told HUB_REFUSAL_COMMON, no token is sent but that of one device
 * after the other (the newest that the hub has not heard of, else one that was refused), and at
 * once when such a one comes or the clock was set. When one is accepted, all try again. Doubt
 * ends after a quarter of an hour (two minutes if the hub does not speak of tokens): then all
 * refusals are the devices' own until a token is accepted.
 */
#ifndef ISTHMUS_AZURE_HUB_HUB_DOUBT_H
#define ISTHMUS_AZURE_HUB_HUB_DOUBT_H

#include <stdbool.h>

#include "azure/hub/hub_inside.h"

/* Can the trust in a hub go from one to the other? */
bool hub_doubt_can_follow(enum hub_trust before, enum hub_trust after);

void hub_doubt_init(struct hub *hub);
void hub_doubt_deinit(struct hub *hub);

/* The hub does not want a device: says so to its owner, or has it wait for what others hear. */
void hub_doubt_refused(struct hub_device *device, enum hub_refusal refusal, const char *why);

/* The hub refuses to renew the token of a ready device; true if that is the device's own. */
bool hub_doubt_judge_renewal(struct hub_device *device, enum hub_refusal refusal);

/* A token was accepted. */
void hub_doubt_accepted(struct hub *hub);

/* A token of this device waits to be sent. */
void hub_doubt_asked(struct hub_device *device);

/* The wall clock was set. */
void hub_doubt_clock_was_set(struct hub *hub);

/* The device is closed. */
void hub_doubt_forget(const struct hub_device *device);

#endif
