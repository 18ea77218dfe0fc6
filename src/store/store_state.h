// SPDX-License-Identifier: MIT
/*
 * The inside of a store, shared by store.c (what callers call), store_writer.c (the thread `store`)
 * and store_reader.c (the thread `store-read`).
 *
 * A thing handed to the store is in `inbox` (guarded by the mutex) until the thread `store` moves
 * it to `work` (its own). What both threads and callers touch is guarded by the mutex, and says so.
 */
#ifndef ISTHMUS_STORE_STORE_STATE_H
#define ISTHMUS_STORE_STORE_STATE_H

#include <pthread.h>
#include <stdbool.h>

#include "store/store_backend.h"
#include "store/store_ids.h"

#define STORE_THREAD_WRITER "store"
#define STORE_THREAD_READER "store-read"

/* What the thread `store` has to do. `tasks` and `done` are never refused, only tried again. */
struct store_work {
        struct list puts;   /* struct store_put */
        struct list writes; /* struct store_write */
        struct list tasks;  /* struct store_task */
        struct store_ids done;
        /* Came after store_close began: to be answered STORE_E_CLOSED. */
        struct list late;
        struct list late_writes;
};

struct store {
        const struct store_backend *backend;
        struct store_options options; /* with texts of its own */
        char *place;                  /* for the log */
        bool read_only;               /* no threads, no writer */
        struct store_spill *spill;    /* NULL = none */
        struct store_share *share;    /* NULL = the store is not shared, or only read */
        struct store_feed *feed;      /* NULL = puts are answered with their ids */
        void *writer;                 /* the backend's handles */
        void *reader;
        size_t part_bytes; /* of events in one transaction */
        pthread_t writer_thread;
        pthread_t reader_thread;

        pthread_mutex_t mutex; /* guards the following */
        pthread_cond_t writer_wakes;
        pthread_cond_t reader_wakes;
        struct store_work inbox;
        struct list takes;           /* struct store_take */
        int64_t lazy_since_ns;       /* steady; the oldest thing in inbox that may wait; 0 = none */
        struct store_ids leaving;    /* done or dead, still in `inbox` */
        struct store_ids committing; /* done or dead, in `work` */
        struct store_state state;
        size_t awaited;   /* puts and writes in `inbox` */
        size_t gather;    /* the writer waits for so many of them */
        int64_t pause_ns; /* between commits that begin; 0 = none */
        bool writer_waits;
        bool closing;

        /* The thread `store`'s alone. */
        struct store_work work;
        bool work_is_last;   /* nothing comes after it */
        bool uncounted;      /* what it holds must be counted anew */
        int64_t count_at_ns; /* steady: others may have changed it by then */
        bool bounded;        /* options.maximum_bytes is reached */
        enum store_trouble {
                STORE_TROUBLE_NONE,
                STORE_TROUBLE_FULL,   /* the disk has no room: puts are refused, draining goes on */
                STORE_TROUBLE_BROKEN, /* the disk fails */
                STORE_TROUBLE_AWAY,   /* the connection is lost */
        } trouble;
        /* Steady times before which what failed is not tried again. */
        int64_t room_again_ns;
        int64_t settle_again_ns;
        int64_t care_at_ns;      /* the backend has upkeep to do; 0 = none */
        int64_t began_ns;        /* steady: the last commit */
        int64_t gather_until_ns; /* steady; with `gather` above 1 */
        struct store_quotas quotas;
        int64_t trim_at_ns; /* steady: dead letters are looked at for their age */
        int64_t dropped;    /* dead letters that gave way and that the log does not tell of yet */
};

/* In share/. With a storage that is shared; then the process owns nothing as yet. */
void store_share_open(struct store *store);
/* Gives back all there is, leaves, ends the thread. */
void store_share_close(struct store *store);

/* The threads. `context` is the store. */
void *store_writer_run(void *context);
void *store_reader_run(void *context);

/* Counts what the store holds; sets `uncounted` if that fails. On the thread `store`. */
void store_count_anew(struct store *store);

/* In the metrics; those of a spill are not those of the store. */
void store_show_totals(const struct store *store);

/* Answers what came too late. */
void store_writer_refuse_late(struct store_work *work);

/* Answers all that are left with STORE_E_CLOSED. */
void store_takes_refuse(struct list *takes);

#endif
