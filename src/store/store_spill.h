// SPDX-License-Identifier: MIT
/*
 * The spill of a store on a server: a store on the local disk that takes the puts while the server
 * is away, so that a webhook can be answered; what it holds is moved when the server is back.
 *
 * Laws:
 *   - while the spill holds anything all puts go there, so that the order of arrival stays;
 *   - what it has taken is answered 0 with the ids 0; the feed tells of it when it is in the store
 *     itself;
 *   - an event leaves it after the commit that moved it. What was moved twice because of a crash
 *     between the two is recognised for an hour by its message id.
 *
 * Outcomes that are owed (struct store_put) never go there: they wait in memory, as on a full disk.
 */
#ifndef ISTHMUS_STORE_STORE_SPILL_H
#define ISTHMUS_STORE_STORE_SPILL_H

#include "store/store_state.h"

/* Opens it; what an earlier run left in it is moved first. */
int store_spill_open(struct store *store, struct reason *reason) MUST_CHECK;

/* After the thread `store` has ended. NULL is allowed. */
void store_spill_close(struct store_spill *spill);

/*
 * With the mutex held: true if a put goes there. It is counted, and store_spill_put must follow.
 * Any thread.
 */
bool store_spill_claim(struct store_spill *spill);

/* Takes a put that was claimed. Any thread. */
void store_spill_put(struct store_spill *spill, struct store_put *put);

/* The server is away: from now on it takes the puts, and these. On the thread `store`. */
void store_spill_begin(struct store *store, struct list *puts);

/*
 * Adds a task that moves some of what it holds, before everything else; or ends it, if it is empty.
 * On the thread `store`, while the server is there.
 */
void store_spill_move(struct store *store);

/* With the mutex held, on the thread `store`: when store_spill_move has something to do; 0 = never.
 */
int64_t store_spill_due_ns(const struct store *store);

/* How many events it holds; `full` if it takes puts and has no room for them. Any thread. */
int64_t store_spill_held(struct store *store, bool *full);

#endif
