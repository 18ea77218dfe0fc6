// SPDX-License-Identifier: MIT
/* What a webhook tells of the way back to its device, until the device's owner has heard it. */
#ifndef ISTHMUS_GATEWAY_DEVICE_DOWNLINK_HEARD_H
#define ISTHMUS_GATEWAY_DEVICE_DOWNLINK_HEARD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/reason.h"
#include "networks/downlink.h"

struct downlink_heard {
        struct downlink_way way; /* base_url NULL: it must not be used, and `reason` says why */
        struct reason reason;
        bool is_named; /* the settings name its host: they don't leave it to the webhook */
};

void downlink_heard_free(struct downlink_heard *heard);

/*
 * In a store that several gateways share, what was heard goes to the device's owner as the last
 * member of the event's record (event_encode): adds it there.
 */
void downlink_heard_add(const struct downlink_heard *heard, struct buf *record);

/* Adds a record without that member, which holds a key: as it may be shown to people. */
void downlink_heard_hide(const char *record, size_t size, struct buf *out);

/* What was added to a record that event_decode has read; NULL if nothing was. The caller's. */
struct downlink_heard *downlink_heard_find(const char *record, size_t size);

#endif
