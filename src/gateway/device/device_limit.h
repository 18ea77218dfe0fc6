// SPDX-License-Identifier: MIT
/*
 * How many devices a gateway takes on (Limits.Devices). Each costs memory, rows of the store and a
 * registration at the provisioning service, and whoever has a key can invent ids.
 *
 * Law: what is known is never refused; beyond the limit nothing new becomes known.
 */
#ifndef ISTHMUS_GATEWAY_DEVICE_DEVICE_LIMIT_H
#define ISTHMUS_GATEWAY_DEVICE_DEVICE_LIMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/reason.h"
#include "base/table.h"

struct device_limit;

/* All functions: every thread. `maximum` 0 = no limit. */
struct device_limit *device_limit_new(int64_t maximum);

/* NULL is allowed. */
void device_limit_free(struct device_limit *limit);

/*
 * Is the device with this key known, or is there room for it? Then it is known from now on. Else
 * false with the reason, which is also counted, and logged (at most every ten seconds).
 */
bool device_limit_admit(struct device_limit *limit, const char *device_key, struct reason *reason);

/*
 * The device with this entry's key is known in any case, for example because the store holds it.
 * The entry, which is the device's, stays in place until it is removed or `limit` is freed.
 */
void device_limit_add(struct device_limit *limit, struct table_entry *entry);

/* It gives its place back. Nothing happens if it has none. */
void device_limit_remove(struct device_limit *limit, struct table_entry *entry);

#endif
