// SPDX-License-Identifier: MIT
/*
 * The changes that no want of room refuses: what settles something that was accepted, which is
 * tried again until it is done, and what becomes of dead letters. A task may need more than one
 * transaction.
 *
 * All but store_task_new and store_tasks_refuse on the thread `store`.
 */
#ifndef ISTHMUS_STORE_STORE_TASK_H
#define ISTHMUS_STORE_STORE_TASK_H

#include "store/store_rows.h"
#include "store/store_state.h"

/* How far a task with dead letters has come. */
struct store_progress {
        size_t index; /* of letters->ids; or */
        int64_t id;   /* the next one below letters->end */
        int64_t end;
        size_t changed;
        bool remains; /* some are left that were asked for */
        bool more;    /* the task needs another transaction */
};

struct store_task {
        struct list_node node;
        enum store_task_kind {
                STORE_TASK_DEAD,
                STORE_TASK_PUT,
                STORE_TASK_REPLAY,
                STORE_TASK_DROP,
                STORE_TASK_TRIM,
                STORE_TASK_WRITE,
                STORE_TASK_CLAIM,
                STORE_TASK_RELEASE,
        } kind;
        int64_t id;
        struct store_put *put;         /* STORE_TASK_PUT */
        struct store_letters *letters; /* STORE_TASK_REPLAY, _DROP */
        struct store_progress made;    /* committed */
        struct store_progress making;  /* and with the transaction that is being written */
        struct store_rows rows;        /* STORE_TASK_REPLAY: the events of that transaction */
        struct store_claim *claim;     /* STORE_TASK_CLAIM */
        struct buf holder;             /* the value of who has it */
        struct store_record record;    /* _WRITE, _CLAIM, _RELEASE; points into `texts` */
        char texts[];                  /* STORE_TASK_DEAD: the reason */
};

/* With room for `texts_size` bytes behind it. */
struct store_task *store_task_new(enum store_task_kind kind, int64_t id, size_t texts_size);

/* Must its transaction be on disk before the task is answered? */
bool store_task_is_durable(const struct store_task *task);

/* Does it, or a first part of it, in the transaction that is being written. May be called again. */
int store_task_run(struct store *store, struct store_change *change, struct store_task *task,
                   size_t limit) MUST_CHECK;

/* In that transaction: stores the events of a put. */
int store_task_put(struct store *store, struct store_change *change,
                   struct store_put *put) MUST_CHECK;

/*
 * After the commit of a transaction in which it was run; store->state counts it already. True if
 * it has more; otherwise it is answered and freed.
 */
bool store_task_committed(struct store *store, struct store_task *task) MUST_CHECK;

/* Frees all, and answers those that somebody waits for. */
void store_tasks_refuse(struct list *tasks, int result);

/* Only those that change dead letters: somebody who asked for it can ask again. */
void store_tasks_refuse_letters(struct list *tasks, int result);

#endif
