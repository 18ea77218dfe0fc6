// SPDX-License-Identifier: MIT
/* All that one store holds, brought into another one, perhaps of another kind. */
#ifndef ISTHMUS_STORE_STORE_COPY_H
#define ISTHMUS_STORE_STORE_COPY_H

#include "store/store.h"

struct store_copied {
        int64_t events;
        int64_t dead_letters;
        int64_t records;
        int64_t doubles; /* events and dead letters that were there already, by their message ids */
};

/*
 * Records, dead letters, then events in their order. Both are open, by store_open, and nobody else
 * writes. What was interrupted is begun again: what is there is recognised by its message id, for
 * seven days of the store's time. Dead letters get new ids and have died now. Waits, on the calling
 * thread. Returns 0 or a negative error number with the reason.
 */
int store_copy(struct store *from, struct store *to, struct store_copied *copied,
               struct reason *reason) MUST_CHECK;

#endif
