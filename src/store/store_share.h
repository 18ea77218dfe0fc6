// SPDX-License-Identifier: MIT
/*
 * Who acts for which devices, where several processes share a store.
 *
 * A member is one run of a process. Devices fall into shards (store_shard.h), and each shard has at
 * most one owner among the members. A task is a job that one member has for all: it is owned as a
 * shard is, and has a negative number.
 *
 * A member owns for as long as its lease lasts, by its own clock, which also runs while the machine
 * sleeps. It makes the lease longer by a beat in the store. Who does not is left out by the others
 * when its lease is over for certain; its shards go to them. What has changed hands has a new
 * epoch.
 *
 * Laws:
 *   - of two members never both may act for a shard, whatever their clocks say, as long as the
 *     clocks' rates differ by less than a quarter;
 *   - nothing is awaited: who loses its lease is told as soon as a thread runs, but must ask
 *     store_may_act before whatever others can see.
 *
 * A store that is not shared (sqlite) has one member, which owns all, always.
 *
 * Threads: a shared store has a thread `store-share`, which calls the ear and must not be kept
 * waiting. All functions below only read or hand over, and may be called on every thread, except
 * the *_each ones, which wait for the store.
 */
#ifndef ISTHMUS_STORE_STORE_SHARE_H
#define ISTHMUS_STORE_STORE_SHARE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "store/store_shard.h"

struct store;

enum store_share_task {
        STORE_SHARE_REGISTRIES = -1, /* reads the networks' lists of devices */
        STORE_SHARE_UPKEEP = -2,     /* removes what has expired */
};

#define STORE_SHARE_TASKS 2

/* The first shard or task and the one behind the last. */
#define STORE_SHARD_FIRST (-STORE_SHARE_TASKS)
#define STORE_SHARD_END   STORE_SHARDS

/*
 * Told of changes, on the thread `store-share`; of a store that is not shared within
 * store_share_start. Any may be NULL. The sets are valid during the call.
 */
struct store_share_ear {
        /* They are this member's now: store_may_act says so already. */
        void (*gained)(void *context, const struct store_shards *shards);
        /*
         * Others are to have them: begin nothing new for their devices, await for a moment what is
         * under way, let go of their links, then call store_share_released.
         */
        void (*release)(void *context, const struct store_shards *shards);
        /*
         * They are not this member's any more: store_may_act denies it already. Also told of those
         * for which `release` was told before; not of those that store_share_released gave back.
         */
        void (*lost)(void *context, const struct store_shards *shards);
        /* A task is this member's from now on, or is not any more. */
        void (*task)(void *context, int task, bool held);
        /* So many members share the work, this one among them; told at first and when it changes.
         */
        void (*members)(void *context, int live);
        void *context;
};

/* Begins to take part; once. Until then, and without it, a shared store owns nothing. */
void store_share_start(struct store *store);

/*
 * May this process act for the shard, or the task, now? To be asked before everything that others
 * can see: sends, links, tokens, settlements, requests. Tens of nanoseconds.
 */
bool store_may_act(const struct store *store, int shard);

/* The same, with a second or more to go: before what can't be taken back. */
bool store_may_begin(const struct store *store, int shard);

/*
 * The number that a write for the shard or task has to carry, so that the store refuses it if the
 * shard has another owner by then. 0 = not this member's, or the store is not shared.
 */
int64_t store_share_epoch(const struct store *store, int shard);

/*
 * What `release` asked for is done. From here on this process may not act for them; what it has
 * handed to the store for them before is written first, then others may have them.
 */
void store_share_released(struct store *store, const struct store_shards *shards);

/*
 * Somebody else appears to act for the shard: does the store still say that it is ours? Answered on
 * the thread `store-share`; false also when the lease ends before the store has answered, and when
 * the store is closed. Of a store that is not shared: true, at once.
 */
void store_share_ask(struct store *store, int shard,
                     void (*answered)(void *context, int shard, bool ours), void *context);

/*
 * Is there a way to the hubs? Who has none, while another member has one, releases all and gets
 * nothing. It has one at first.
 */
void store_share_set_able(struct store *store, bool able);

/*
 * The process is about to end: `release` is told of all at once, and nothing is gained any more.
 * store_close gives back what is left, and leaves.
 */
void store_share_leave(struct store *store);

/* --- who else there is ----------------------------------------------------------------------- */

#define STORE_MEMBER_TEXT 128

/* Who owns a shard or a task, as far as this process knows. */
struct store_owner_name {
        char name[STORE_MEMBER_TEXT];
        char address[STORE_MEMBER_TEXT]; /* where it is reached */
};

/* False if nobody is known to own it, or the store is not shared. */
bool store_share_owner(struct store *store, int shard, struct store_owner_name *owner);

/* How this process is, as far as it knows. */
struct store_self {
        char name[STORE_MEMBER_TEXT];
        int members;      /* that live */
        int shards;       /* that it owns */
        int64_t lease_ms; /* for which it may act without a sign of the store; 0 = it may not */
};

/* False if the store is not shared. */
bool store_share_self(struct store *store, struct store_self *state);

struct store_member {
        int64_t number;
        const char *name;
        const char *address;
        const char *program; /* its version */
        int64_t process;
        const char *state; /* "live", "unable", "leaving", "gone" */
        int64_t beat;      /* grows while it lives */
        int64_t joined_ms; /* wall clock of the store */
        int64_t shards;    /* that it owns, without tasks */
        int64_t events;    /* that wait for their devices */
        int64_t oldest_ns; /* when the oldest of them arrived (wall clock); 0 = none */
};

/*
 * Each member that is not gone, in the order in which they joined; none in a store that is not
 * shared. Also for a store that was opened for reading.
 */
int store_members_each(struct store *store,
                       bool (*visit)(void *context, const struct store_member *member),
                       void *context) MUST_CHECK;

struct store_shard_row {
        int shard;     /* or a task */
        int64_t owner; /* a member's number; 0 = nobody */
        int64_t epoch;
};

/* Each shard and task, ascending; none in a store that is not shared. */
int store_shards_each(struct store *store,
                      bool (*visit)(void *context, const struct store_shard_row *row),
                      void *context) MUST_CHECK;

#endif
