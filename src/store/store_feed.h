// SPDX-License-Identifier: MIT
/*
 * The feed of a shared store (store.h): how events that others have put come to the process whose
 * the devices are.
 *
 * Ids become visible in another order than they were given, so what is new can't be told by them.
 * The cursor of a shard is a number of a transaction: what a look at the store did not see was put
 * by a transaction whose number is not below the lowest that was under way at that look. So the
 * next look begins there, and sees some events again; those are known by their ids.
 *
 * Laws:
 *   - of an event that was put before another one was, the feed tells first;
 *   - looks and takes are made one after another, on the same connection: so what a take gave that
 *     keeps is known to the next look;
 *   - hints only make it faster: once a second it looks whatever was hinted.
 */
#ifndef ISTHMUS_STORE_STORE_FEED_H
#define ISTHMUS_STORE_STORE_FEED_H

#include "store/store_part.h"
#include "store/store_state.h"

/* NULL if the store is not shared, or nobody is to be told of what is found. */
struct store_feed *store_feed_new(struct store *store);

/* With the threads of the store running, and before they end. NULL is allowed. */
void store_feed_start(struct store_feed *feed);
void store_feed_stop(struct store_feed *feed);

void store_feed_free(struct store_feed *feed);

/* --- the thread `store` -------------------------------------------------------------------- */

/* The part was committed: what it put is new. */
void store_feed_note(struct store_feed *feed, const struct store_part *part);

/* --- the thread `store-read` --------------------------------------------------------------- */

/* With the store's mutex held: when it is to look next; 0 = never, 1 = now. */
int64_t store_feed_due_ns(const struct store_feed *feed);

/* Begins what waits to begin, looks at what is due, and tells. */
void store_feed_run(struct store_feed *feed);

/* A take that keeps gave these. */
void store_feed_know(struct store_feed *feed, const struct store_event *events, size_t count);

#endif
