// SPDX-License-Identifier: MIT
/*
 * The pool from within, for the files that make it up: formatter_pool.c (calls come in, the
 * thread), formatter_crew.c (workers start, speak and end), formatter_deal.c (who gets what). All
 * functions on the thread "formatter".
 *
 * A request is on exactly one of: `incoming`, its file's `waiting`, `ready`, `suspects`, a worker's
 * `requests`.
 */
#ifndef ISTHMUS_FORMATTER_FORMATTER_POOL_H
#define ISTHMUS_FORMATTER_FORMATTER_POOL_H

#include <pthread.h>

#include "formatter/formatter.h"
#include "formatter/formatter_files.h"
#include "formatter/formatter_process.h"
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
        pthread_t thread;
        int epoll;
        int wake;

        pthread_mutex_t lock; /* for the next two */
        struct list incoming;
        bool stopping;

        /* Of the thread "formatter". */
        struct formatter_files *files;
        struct formatter_worker *workers;
        int worker_count;
        struct list ready;
        struct list suspects; /* each killed a worker; to be run alone */
        uint64_t last_id;
        int64_t look_ms;   /* when the folder is looked at next */
        bool used;         /* there was a call: from now on workers run */
        int failed_starts; /* in a row */
        int64_t start_ms;  /* not before that */
        struct reason start_reason;
};

static inline struct formatter_request *formatter_request_of(struct list_node *node)
{
        return list_entry(node, struct formatter_request, node);
}

/* Calls `done` and frees the request, which is on no list. */
void formatter_pool_answer(struct formatter_request *request,
                           const struct formatter_result *result);
void formatter_pool_answer_failure(struct formatter_request *request, enum formatter_status status,
                                   const struct reason *reason);
void formatter_pool_answer_all(struct list *requests, enum formatter_status status,
                               const struct reason *reason);

/* Sends on, or answers, what waited for a version of this file, if that is decided. */
void formatter_pool_release_waiting(struct formatter_pool *pool, struct formatter_file *file);

/* --- formatter_crew.c --- */

/* Starts what is not running, unless that failed just now. */
void formatter_crew_start(struct formatter_pool *pool);

/* Takes what a worker says; replaces it if that is the end. */
void formatter_crew_listen(struct formatter_pool *pool, struct formatter_worker *worker);

/* Sends what the workers are to get. */
void formatter_crew_send(struct formatter_pool *pool);

/* Ends workers that hang. */
void formatter_crew_look(struct formatter_pool *pool);

/* True if processes did not start for long enough that nobody should wait for them. */
bool formatter_crew_is_lost(const struct formatter_pool *pool);

/* --- formatter_deal.c --- */

/* Hands candidates and requests to workers, and sends. */
void formatter_deal(struct formatter_pool *pool);

/* A new candidate, to whoever is there; `context` is the pool. */
void formatter_deal_candidate(void *context, struct formatter_file *file);

#endif
