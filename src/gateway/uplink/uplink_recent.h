// SPDX-License-Identifier: MIT
/*
 * What became of the last events of all devices, for whoever wants to watch one: in memory, without
 * their content. All on the thread "loop".
 */
#ifndef ISTHMUS_GATEWAY_UPLINK_UPLINK_RECENT_H
#define ISTHMUS_GATEWAY_UPLINK_UPLINK_RECENT_H

#include <stdint.h>

#include "base/buf.h"
#include "gateway/device/device.h"
#include "gateway/device/uplink_event.h"

/* Events that are remembered. */
#define UPLINK_RECENT_MAX 1024

struct uplink_recent;

struct uplink_recent *uplink_recent_new(void);

/* NULL is allowed. */
void uplink_recent_free(struct uplink_recent *recent);

/* An event has ended so: "accepted", "dead"; or will be tried again. NULL is allowed. */
void uplink_recent_note(struct uplink_recent *recent, const struct device *device,
                        const struct uplink_event *event, const char *outcome);

/*
 * Adds `{"events":[...]}`, the newest first: of one device (its key), or of all (NULL), at most
 * `limit`.
 */
void uplink_recent_write(const struct uplink_recent *recent, const char *device_key, size_t limit,
                         struct buf *out);

#endif
