// SPDX-License-Identifier: MIT
/*
 * How much of the store each device's waiting events take, and who may have more.
 *
 * The rule: while the store is at most half full, a device may hold any part of it. Beyond that it
 * may hold 2 * F * F / M bytes, where M is the store's bound and F what is free of it: a half of M
 * when the store is half full, an eighth at three quarters, a fiftieth at nine tenths. So who holds
 * most is refused first, and there is always room for one who holds little. A device of which
 * nothing waits is refused only when there is no room at all.
 *
 * The thread `store` alone, once the store is open.
 */
#ifndef ISTHMUS_STORE_STORE_QUOTAS_H
#define ISTHMUS_STORE_STORE_QUOTAS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/table.h"

struct store_quotas {
        struct table devices; /* struct quota; only those that hold something */
        struct list changed;  /* in the transaction that is being written */
};

void store_quotas_init(struct store_quotas *quotas);
void store_quotas_deinit(struct store_quotas *quotas);

/* The device holds so many bytes more, or less. Counts at once, until it is undone. */
void store_quotas_add(struct store_quotas *quotas, const char *device, int64_t bytes);

/* The transaction was committed, or has failed: what was added since the last one. */
void store_quotas_keep(struct store_quotas *quotas);
void store_quotas_undo(struct store_quotas *quotas);

/* May it hold so many bytes more, where `used` of `maximum` are used? */
bool store_quotas_allow(const struct store_quotas *quotas, const char *device, int64_t bytes,
                        int64_t used, int64_t maximum);

/* What it holds. */
int64_t store_quotas_held(const struct store_quotas *quotas, const char *device);

/*
 * It has been refused: true if that is worth a line in the log, because it was not said of this
 * device in the last ten minutes. `now_ns` is steady.
 */
bool store_quotas_tell(struct store_quotas *quotas, const char *device, int64_t now_ns);

#endif
