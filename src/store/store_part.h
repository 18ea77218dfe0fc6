// SPDX-License-Identifier: MIT
/* One transaction of the thread `store`: a part of its work that fits into the log. */
#ifndef ISTHMUS_STORE_STORE_PART_H
#define ISTHMUS_STORE_STORE_PART_H

#include "store/store_task.h"

struct store_part {
        struct list puts;    /* struct store_put, here and below */
        struct list refused; /* beyond the bound of the store */
        struct list greedy;  /* of devices that hold more than their share */
        struct list writes;
        struct list tasks;
        size_t done_count; /* the first ones of work.done */
        struct store_change change;
        bool is_caught_up; /* `change` has all that the backend was told before the puts */
        int64_t stored;
        int64_t duplicates;
};

/* Moves as much of the work as one transaction should hold into the part. */
void store_part_select(struct store *store, struct store_part *part);

/*
 * Writes it. On success all of it is committed but the puts in `refused` and `greedy`, and what
 * tasks have more. On failure nothing has happened, and the part can be run again.
 */
int store_part_run(struct store *store, struct store_part *part) MUST_CHECK;

#endif
