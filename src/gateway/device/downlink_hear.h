// SPDX-License-Identifier: MIT
/* What a webhook tells of the way back to its device. Every thread. */
#ifndef ISTHMUS_GATEWAY_DEVICE_DOWNLINK_HEAR_H
#define ISTHMUS_GATEWAY_DEVICE_DOWNLINK_HEAR_H

#include <stdbool.h>

#include "base/reason.h"
#include "conf/settings.h"
#include "networks/downlink.h"
#include "networks/network.h"

struct downlink_heard {
        struct downlink_way way; /* without base_url: it must not be followed */
        struct reason reason;    /* why not */
        bool is_named; /* the settings name its host: they don't leave it to the webhook */
};

/* NULL if it tells nothing, or nothing that is needed. The caller's. */
struct downlink_heard *downlink_hear(const struct settings *settings, const struct webhook *webhook,
                                     const struct event *event);
void downlink_heard_free(struct downlink_heard *heard);

#endif
