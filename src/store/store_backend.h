// SPDX-License-Identifier: MIT
/*
 * What a storage supplies to be a store: the operations alone. Queues, threads, group commit,
 * bounds and logging are in store.c and its helpers, the same for every backend.
 *
 * Two kinds of handles. The writer's is used by the thread `store` alone (open and close: by the
 * thread that opens and closes the store). A reader's is used by one thread; there may be many.
 *
 * Results: 0, a condition of store.h (STORE_E_FULL when the disk has no room, STORE_E_DAMAGED),
 * or a negative error number: -EAGAIN and -EBUSY if another writer was in the way, and trying again
 * may help. After a failure inside a transaction the caller calls `rollback`;
 * nothing of the transaction has happened then.
 */
#ifndef ISTHMUS_STORE_STORE_BACKEND_H
#define ISTHMUS_STORE_STORE_BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/reason.h"
#include "store/store.h"
#include "store/store_quotas.h"

/* How much there is, or by how much it changes. */
struct store_counts {
        int64_t events;
        int64_t bytes; /* of the events */
        int64_t dead_letters;
        int64_t dead_bytes;
};

/* By how much a transaction changes that. The backend counts events in and out with the two
 * functions below. */
struct store_change {
        struct store_counts counts;
        struct store_quotas *quotas; /* who holds how much; NULL = nobody asks */
        bool recount; /* set by a commit: something else has changed, too; count anew */
};

void store_change_add_event(struct store_change *change, const char *device, int64_t size);
void store_change_take_event(struct store_change *change, const char *device, int64_t size);

/* Dead letters from `id` on and before `end`, `limit` of them at a time. */
struct store_span {
        int64_t id; /* moves on */
        int64_t end;
        size_t limit;
        int64_t room;   /* replay: bytes that the events may take, less with each of them */
        size_t changed; /* set by the backend: so many, this time */
        bool more;      /* set by the backend: there are more of them */
        bool no_room;   /* set by the backend: because of `room` */
};

/* Dead letters that give way: those as old as `age_ms`, and more until `bytes` are gone. */
struct store_trim {
        int64_t age_ms; /* of the store's own time (store.h) */
        int64_t bytes;  /* less with each of them */
        size_t limit;
        size_t dropped; /* set by the backend: so many, this time */
        bool more;      /* set by the backend: call again */
};

/* A device with waiting events. */
struct store_device {
        const char *name;
        int64_t waiting;
        int64_t bytes; /* of the events */
};

/* A part of the events: what a reader reads at once. */
struct store_query {
        const char *device; /* NULL = of all */
        int shard;          /* or STORE_ANY_SHARD; the backend may ignore it */
        bool news;          /* only those of another purpose than STORE_UPLINK */
        int64_t after_id;
        size_t maximum;
};

#define STORE_ANY_SHARD (-1)

/* A part of the records. */
struct store_record_query {
        const char *kind;
        const char *after_key; /* NULL = from the first one on */
        int shard;             /* as above */
        size_t maximum;
};

/* Where the next look at a shard begins. */
struct store_cursor {
        int shard;
        int64_t position; /* 0 = at what is under way now */
};

/* A look at what is new, and at some of what is not (store_feed.h). */
struct store_look {
        const struct store_cursor *cursors;
        size_t count;
        size_t maximum; /* events */
        int64_t next;   /* set by the backend: the position of the next look */
        bool more;      /* set by the backend: `maximum` ended it */
};

/* Rows are valid during the call. */
typedef void (*store_event_row)(void *context, const struct store_event *event);
typedef void (*store_letter_row)(void *context, const struct store_dead_letter *letter);
typedef void (*store_device_row)(void *context, const struct store_device *device);
typedef void (*store_record_row)(void *context, const struct store_record *record);

struct store_share_backend;

struct store_backend {
        const char *name;

        /* NULL where a store is one process' alone (store_share_backend.h). */
        const struct store_share_backend *share;

        /* Where it is, for people; free with free(). */
        char *(*place)(const struct store_options *options);

        /*
         * store_migrate. NULL where `open` makes or upgrades the storage.
         */
        int (*migrate)(const struct store_options *options, const struct store_owner *owner,
                       struct reason *reason);

        /*
         * The one writer: a second one, of whichever process, is refused with STORE_E_LOCKED.
         * `options` stay the caller's, and are there until `close`.
         */
        int (*open)(const struct store_options *options, void **writer, struct reason *reason);
        void (*close)(void *writer);

        /*
         * One transaction at a time. Unless `durable`, the commit need not be on disk when it
         * returns, but must never be there without those before it.
         *
         * What `put`, `done` and `write` are told may be done at once or as late as the commit, as
         * long as events get their ids in the order of the calls. So ids, and what is added to
         * the change, count when `commit` has returned 0; `catch_up` does it now. That one is NULL
         * where all is done at once.
         */
        int (*begin)(void *writer, bool durable);
        int (*catch_up)(void *writer, struct store_change *change);
        int (*commit)(void *writer, struct store_change *change);
        void (*rollback)(void *writer);

        /*
         * At the latest by the commit its id is set, or 0 if it is a duplicate. All of it stays
         * until then, as what the others are given does.
         */
        int (*put)(void *writer, struct store_event *event, struct store_change *change);
        /* `ids` ascend without repetition; one that is not there is no error, here and below. */
        int (*done)(void *writer, const int64_t *ids, size_t count, struct store_change *change);
        int (*dead)(void *writer, int64_t id, const char *reason, struct store_change *change);
        /* The rows are the events that they become. */
        int (*replay)(void *writer, struct store_span *span, struct store_change *change,
                      store_event_row row, void *context);
        int (*drop)(void *writer, struct store_span *span, struct store_change *change);
        /* The one that died first goes first. */
        int (*trim)(void *writer, struct store_trim *trim, struct store_change *change);
        /* At the latest by the commit, `fenced` is set if it was not written for that. */
        int (*write)(void *writer, struct store_record *record);
        /*
         * Writes the record if there is none of its kind and key. `holder`, which is empty, has the
         * value of the one that is there, at the latest by the commit.
         */
        int (*claim)(void *writer, const struct store_record *record, struct buf *holder);
        /* Deletes the record if it has this value, or begins with it and a line feed. */
        int (*release)(void *writer, const struct store_record *record,
                       struct store_change *change);

        /* The following are called outside a transaction. */

        /* As many bytes of events may go into one transaction. */
        size_t (*part_bytes)(void *writer);
        /* When the event that waits longest arrived (its arrived_ns); 0 if none waits. */
        int64_t (*oldest_ns)(void *writer);
        /*
         * These two are NULL where no room of a local disk is kept.
         *
         * A transaction failed with STORE_E_FULL: gives up room kept for settling.
         */
        void (*use_reserve)(void *writer);
        /* 0 once that room is kept again, so that puts may be taken; else STORE_E_FULL. */
        int (*make_room)(void *writer);
        /*
         * Upkeep, a little at a time; sets when to call it again, 0 = after the next transaction.
         * Of several processes one removes what has expired: who `tidies`.
         */
        int (*care)(void *writer, bool tidies, int64_t *again_ms);

        /* `options` are there until close_reader. */
        int (*open_reader)(const struct store_options *options, void **reader,
                           struct reason *reason);
        void (*close_reader)(void *reader);
        int (*count)(void *reader, struct store_counts *counts);
        /* Ascending. */
        int (*take)(void *reader, const struct store_query *query, store_event_row row,
                    void *context);
        /* Devices by their oldest event; of those shards, if it is not ignored. NULL = of all. */
        int (*devices)(void *reader, const struct store_shards *shards, store_device_row row,
                       void *context);
        /* Dead letters with an id above `after_id`, ascending. */
        int (*dead_letters)(void *reader, int64_t after_id, size_t maximum, store_letter_row row,
                            void *context);
        /* Live ones, by their keys. */
        int (*records)(void *reader, const struct store_record_query *query, store_record_row row,
                       void *context);
        /* Each kind of which there is a record, ascending; nothing but `kind` is set in the rows.
         */
        int (*kinds)(void *reader, store_record_row row, void *context);
        /*
         * These are NULL where nobody else uses the storage.
         *
         * The events of the shards from the cursors on: earlier transactions first, and within one
         * by their ids.
         */
        int (*look)(void *reader, struct store_look *look, store_event_row row, void *context);
        /* Hints to the other processes, on a thread of its own; what fails is left. */
        void *(*open_hints)(const struct store_options *options);
        void (*close_hints)(void *hints);
        void (*hint)(void *hints, const struct store_shards *shards);
        /*
         * Waits until there is a hint, which is added, or the descriptor `waker` can be read, which
         * is done, or the time is over.
         */
        void (*hear)(void *hints, int waker, int64_t timeout_ns, struct store_shards *shards);
        /*
         * Copies all that was committed when it begins into the file `path`, which exists and is
         * empty; the writer may go on meanwhile. Need not be on disk when it returns.
         * Counts what is in it. NULL where the storage has tools of its own for it.
         */
        int (*backup)(void *reader, const char *path, struct store_counts *counts,
                      struct reason *reason);
};

extern const struct store_backend store_backend_sqlite;
extern const struct store_backend store_backend_postgresql; /* if it is built */

/* The table, for the conformance suite; ends with NULL. */
extern const struct store_backend *const store_backends[];

/* By its name; NULL with the reason. */
const struct store_backend *store_backend_find(const char *name, struct reason *reason);

/* What an event counts against a bound: its bytes and about what keeping it costs. */
int64_t store_event_size(const struct store_event *event);

#endif
