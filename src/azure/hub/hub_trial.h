// SPDX-License-Identifier: MIT
/*
 * What has become so far of a message that its owner sends again and again, known by its token: a
 * device keeps it for the message or report that failed last.
 *
 * It is given up only if it is the one that fails: while it was tried, the hub has accepted others.
 *
 * A message that was under way at two losses of a connection in a row makes its device a suspect.
 * The suspects of a hub are spread over up to 16 connections of their own, so that with a few each
 * is alone, and send one message at a time. The first message that the hub accepts brings a suspect
 * back to the others; one that has lost a connection on which nothing else was under way stays
 * until ten were accepted. Five such losses end the trial.
 */
#ifndef ISTHMUS_AZURE_HUB_HUB_TRIAL_H
#define ISTHMUS_AZURE_HUB_HUB_TRIAL_H

#include <stdbool.h>
#include <stddef.h>

#include "azure/hub/hub_inside.h"

/* Tries until a message is given up: with the usual pauses some five minutes. */
#define HUB_TRIAL_MOST_TRIES 10

/* Losses of a connection until a device is a suspect, and until its message is given up. */
#define HUB_TRIAL_SUSPECT_LOSSES 2
#define HUB_TRIAL_MOST_LOSSES    5

/* Connections for suspects, per hub. */
#define HUB_TRIAL_CONNECTIONS 16

/*
 * One more try has failed for no known reason: ends the send with `outcome`, or as HUB_REJECTED
 * with a reason that says so if it is not to be tried again.
 */
void hub_trial_failed(struct hub_send *send, enum hub_outcome outcome, const char *why);

/* A connection is lost, and its devices are still on it: looks at what is under way. */
void hub_trial_lost(struct hub_connection *connection);

/* The hub has accepted it: ends it. A suspect may leave its connection by that. */
void hub_trial_accepted(struct hub_send *send);

bool hub_trial_is_suspect(const struct hub_device *device);

/* How many suspects may sit on one connection. */
size_t hub_trial_share(const struct hub *hub);

/* The device is closed. */
void hub_trial_forget(struct hub_device *device);

#endif
