// SPDX-License-Identifier: MIT
/*
 * The pool from within, for the files that make it up: formatter_pool.c (calls come in, the
 * thread), formatter_workers.c (workers start, speak and end), formatter_dispatch.c (who gets
 * what); each uses only those after it. All functions on the thread "formatter".
 *
 * A request is on exactly one of: `incoming`, its file's `waiting`, `ready`, in `probation`, a
 * worker's `requests`.
 */
#ifndef ISTHMUS_FORMATTER_FORMATTER_POOL_H
#define ISTHMUS_FORMATTER_FORMATTER_POOL_H

#include <pthread.h>

#include "formatter/formatter.h"
#include "formatter/formatter_files.h"
#include "formatter/formatter_probation.h"
#include "formatter/formatter_process.h"
#include "formatter/formatter_request.h"
#include "formatter/formatter_worker.h"

/* What epoll says happened: that, or SOURCE_WORKER plus the worker's index. */
enum formatter_source {
        SOURCE_WAKE,
        SOURCE_FILES,
        SOURCE_WORKER
};

struct formatter_pool {
        char *program;
        struct formatter_process_options options;
        int64_t patience_ms;
        bool impatient; /* formatter_options */
        pthread_t thread;
        int epoll;
        int wake;

        pthread_mutex_t lock; /* for the next two */
        struct list incoming;
        bool stopping;

        /* Of the thread "formatter". */
        struct formatter_files *files;
        /* All but the last one share the calls; that one is for probation and runs only then. */
        struct formatter_worker *workers;
        int worker_count;
        struct list ready;
        struct formatter_probation *probation;
        int64_t call_ns; /* what a call takes: of the last ones, the latest count most */
        uint64_t last_id;
        int64_t look_ms;   /* when the folder is looked at next */
        bool used;         /* there was a call: from now on workers run */
        int failed_starts; /* in a row */
        int64_t start_ms;  /* not before that */
        struct reason start_reason;
};

static inline struct formatter_worker *formatter_pool_solitary(const struct formatter_pool *pool)
{
        return &pool->workers[pool->worker_count - 1];
}

/* --- formatter_workers.c --- */

/* Starts what is needed and not running, unless that failed just now. */
void formatter_workers_start(struct formatter_pool *pool);

/* Takes what a worker says; replaces it if that is the end. */
void formatter_workers_listen(struct formatter_pool *pool, struct formatter_worker *worker);

/* Sends what the workers are to get. */
void formatter_workers_send(struct formatter_pool *pool);

/* Ends workers that hang, and the one for probation if it is not needed any more. */
void formatter_workers_look(struct formatter_pool *pool);

/* When one of them has to be looked at or started; INT64_MAX = never. */
int64_t formatter_workers_look_at_ms(const struct formatter_pool *pool);

/* True if processes did not start for long enough to say that none can be had now. */
bool formatter_workers_are_lost(const struct formatter_pool *pool);

/* --- formatter_dispatch.c --- */

/*
 * The worker that is to have the next call: the first that will soon be done with what it has, or
 * else the one with the fewest calls, of those that take more; NULL if none does. Not the one for
 * probation.
 */
struct formatter_worker *formatter_dispatch_choose(const struct formatter_pool *pool,
                                                   int64_t now_ms);

/* Hands candidates and requests to workers. */
void formatter_dispatch(struct formatter_pool *pool);

/* A new candidate, to whoever is there; `context` is the pool. */
void formatter_dispatch_candidate(void *context, struct formatter_file *file);

/* Sends on, or answers, what waited for a version of this file, if that is decided. */
void formatter_dispatch_waiting(struct formatter_pool *pool, struct formatter_file *file);

#endif
