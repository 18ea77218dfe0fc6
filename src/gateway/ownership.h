// SPDX-License-Identifier: MIT
/*
 * Which devices are this gateway's: all of them, unless it shares its store with others
 * (store_share.h). Shards come and go; what the store has of their devices is loaded when they
 * come, and forgotten when they leave. The start is that all come.
 *
 * Three questions are asked of each uplink on its way, and they differ. When it arrives:
 * device_table_owns, has its shard been loaded here (as the thread "loop" was told)? Before a step
 * for its device: the same, and `leaves`, is it about to go? At the moment of sending:
 * store_may_act, does the lease still hold, by the clock, also if this process has slept since it
 * was told?
 *
 * Laws:
 *   - nothing becomes of a device before all that the store has of it is loaded;
 *   - what came in before the shard does waits in the device's queue before what comes in later;
 *   - who lets go of a shard has closed its devices' links, and waited for that, before another
 *     gateway may have it;
 *   - what was loaded is forgotten when the shard is lost: it comes with the next gain.
 *
 * Threads: `takeover` (its own) reads the store and hands what it found to the thread "loop", where
 * all state is. It never holds the loop up, and waits for it.
 */
#ifndef ISTHMUS_GATEWAY_OWNERSHIP_H
#define ISTHMUS_GATEWAY_OWNERSHIP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/loop.h"
#include "base/reason.h"
#include "gateway/device/device.h"
#include "gateway/link/device_link.h"
#include "gateway/uplink/uplink_queue.h"
#include "store/store.h"
#include "store/store_share.h"

/* What is loaded and forgotten with shards: records of one kind. All on the thread "loop". */
struct ownership_part {
        const char *kind; /* "" = of none: `take` is not called */
        /* A record of a device in a shard that has come; valid during the call. */
        void (*take)(void *context, const struct store_record *record);
        /* Those were all records of the kind, and of those before; or NULL. */
        void (*taken)(void *context);
        /*
         * Of these shards nothing stays; they may be loaded again later. Their devices are parked
         * already (device_link_lose). Also what was taken only in part. NULL: nothing is kept.
         */
        void (*forget)(void *context, const struct store_shards *shards);
        void *context;
};

#define OWNERSHIP_PARTS 8

struct ownership_options {
        struct store *store;
        struct loop *loop;
        struct device_table *devices;
        struct uplink_queue *queue;
        struct device_link *link;
        struct hub_client *hubs;
        void (*members)(void *context, int live); /* so many share the work; on "loop" */
        /* This gateway reads the networks' listings for all, or does not any more; on "loop". */
        void (*lists)(void *context, bool lists);
        void *context;
        bool is_idle;                                 /* what waits in the store stays there */
        struct ownership_part parts[OWNERSHIP_PARTS]; /* in this order; one without kind ends it */
};

struct ownership;

struct ownership *ownership_new(void);

/* Hears who owns what; for store_open. Nothing is told before ownership_start. */
struct store_share_ear ownership_ear(struct ownership *ownership);

/*
 * Takes part from now on, and waits until what is this gateway's from the beginning has been taken
 * over; fails with the reason if that can't be read. Later failures are logged, and tried again.
 */
int ownership_start(struct ownership *ownership, const struct ownership_options *options,
                    struct reason *reason) MUST_CHECK;

/* Takes over nothing any more. Before the thread "loop" ends. */
void ownership_stop(struct ownership *ownership);

/* When no thread is left. NULL is allowed. */
void ownership_free(struct ownership *ownership);

#endif
