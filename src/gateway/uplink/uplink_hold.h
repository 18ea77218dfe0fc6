// SPDX-License-Identifier: MIT
/*
 * Who has brought events and wants to know when nothing of them waits any more: each was accepted
 * by a hub, or became a dead letter.
 *
 * Law: `done` is called once per hold, and not before every event of it has left the queue, also
 * one that had been stored before and still waits. In a store that gateways share an event may
 * leave at another one: there the store is looked into.
 */
#ifndef ISTHMUS_GATEWAY_UPLINK_UPLINK_HOLD_H
#define ISTHMUS_GATEWAY_UPLINK_UPLINK_HOLD_H

#include <stdbool.h>

#include "base/list.h"
#include "store/store.h"

struct uplink_holds;
struct uplink_hold;

/* `is_shared`: gateways share the store. */
struct uplink_holds *uplink_holds_new(struct store *store, bool is_shared);

/* When no thread is left. Calls nobody; NULL is allowed. */
void uplink_holds_free(struct uplink_holds *holds);

/*
 * Before the events (struct uplink_event) are stored: takes note of them. Any thread. `done` is
 * called on any thread, perhaps in uplink_hold_stored.
 */
struct uplink_hold *uplink_hold_begin(struct uplink_holds *holds, const struct list *events,
                                      void (*done)(void *context), void *context);

/*
 * They are stored. `any_known`: one or more of them had been stored before, so it is looked up
 * which of those still wait.
 */
void uplink_hold_stored(struct uplink_hold *hold, bool any_known);

/*
 * Looks which events have left at other gateways, if the store is shared. To be called from time to
 * time while there are holds, and not while something is in a spill, which it does not see. Any
 * thread.
 */
void uplink_holds_look(struct uplink_holds *holds);

/* They could not be stored: forgets the hold. */
void uplink_hold_drop(struct uplink_hold *hold);

/* An event has left the queue for good; `holds` NULL: nobody wants to know. Any thread. */
void uplink_holds_left(struct uplink_holds *holds, const char *message_id);

#endif
