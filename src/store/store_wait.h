// SPDX-License-Identifier: MIT
/* When the thread `store` writes: at once what somebody waits for, with company where it is many.
 */
#ifndef ISTHMUS_STORE_STORE_WAIT_H
#define ISTHMUS_STORE_STORE_WAIT_H

#include "store/store_state.h"

/*
 * Waits until it is time to write and moves what there is to do into `work`. False when the store
 * closes and nothing is left. On the thread `store`.
 */
bool store_wait_for_work(struct store *store);

/* Is there something that is tried until it is done? */
bool store_work_has_settling(const struct store_work *work);

#endif
