// SPDX-License-Identifier: MIT
/*
 * How a process takes part in a store that is shared, for store_share.c (what callers call) and
 * share_thread.c (the thread `store-share`).
 *
 * What callers ask for is noted under the mutex and found by the thread; what the thread knows it
 * publishes in atomics, and under the mutex.
 */
#ifndef ISTHMUS_STORE_SHARE_SHARE_INSIDE_H
#define ISTHMUS_STORE_SHARE_SHARE_INSIDE_H

#include <pthread.h>
#include <stdatomic.h>

#include "store/share/share_rules.h"
#include "store/store_state.h"

#define STORE_THREAD_SHARE "store-share"

/* A call of store_share_ask. */
struct share_question {
        struct list_node node;
        int shard;
        void (*answered)(void *context, int shard, bool ours);
        void *context;
};

struct store_share {
        struct store *store;
        const struct store_share_backend *backend;
        void *handle; /* the backend's */
        char name[STORE_MEMBER_TEXT];
        pthread_t thread;
        bool is_started; /* store_share_start was called */
        int waker;       /* an eventfd: the thread is to look at what follows */

        /*
         * For every thread. They are written so that who reads the deadline first and then whether
         * it acts never takes the one of an earlier time with the other of a later one for good.
         */
        atomic_int_least64_t deadline_ns; /* clock_boot_ns */
        atomic_bool acts[STORE_SHARE_ROWS];
        atomic_int_least64_t epochs[STORE_SHARE_ROWS];

        pthread_mutex_t mutex;      /* guards the following */
        struct store_shards ending; /* `release` was told, and no answer came */
        struct store_shards let_go; /* it came, but what is under way is not written yet */
        struct store_shards released;
        bool leaves;
        bool closes;
        bool is_able;
        struct list questions;           /* struct share_question */
        struct store_owner_name *owners; /* of each row; the name is "" if nobody is known */

        /* The thread's alone. */
        struct share_rules rules;
        struct store_share_answer answer;
        struct list open_questions; /* to be answered after the next look */
        int members;                /* as the ear was told */
        bool is_away;               /* the last statement was not answered */

        /* share_health.c */
        int64_t health_at_ns;     /* steady; of the next look at the storage's health */
        int64_t warned_of;        /* the process that the log names */
        int64_t warned_of_writer; /* the same, of the feed */
        int64_t rows_again;       /* that the feed had read at the last look */
        int64_t rows_new;
};

void share_wake(struct store_share *share);

/* Tells of what keeps the storage from being tidied, and the feed from being short. */
void share_look_at_health(struct store_share *share);

/* `context` is the struct store_share. */
void *share_run(void *context);

#endif
