// SPDX-License-Identifier: MIT
/*
 * The file `lock` in a store's directory: held (flock) by the one process that writes there, with
 * its pid inside for people. The system lets go of it when the process ends, however it ends.
 */
#ifndef ISTHMUS_STORE_SQLITE_STORE_LOCK_H
#define ISTHMUS_STORE_SQLITE_STORE_LOCK_H

#include "base/error.h"
#include "base/reason.h"

/*
 * Makes `directory` (0700) and its parents if missing, closes it to other users, and takes the
 * lock. Returns 0 with the descriptor for store_lock_release, STORE_E_LOCKED or a negative error
 * number with the reason.
 */
int store_lock_take(const char *directory, int *lock, struct reason *reason) MUST_CHECK;

void store_lock_release(int lock);

#endif
