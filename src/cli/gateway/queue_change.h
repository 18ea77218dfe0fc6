// SPDX-License-Identifier: MIT
/* How `isthmus queue` replays and drops dead letters: by the running gateway, or by itself. */
#ifndef ISTHMUS_CLI_GATEWAY_QUEUE_CHANGE_H
#define ISTHMUS_CLI_GATEWAY_QUEUE_CHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/reason.h"
#include "store/store.h"

struct queue_change {
        bool replay;        /* else drop */
        const int64_t *ids; /* ascending; NULL = all */
        size_t count;
        /* What has come of it. */
        size_t changed;
        int64_t left;
        bool more; /* the store is full, and not all could be replayed */
};

/*
 * Asks the gateway that runs with this data directory; without one, opens the store itself. 0, or
 * not with the reason; `changed` counts also then.
 */
int queue_change_run(const struct store_options *options, struct queue_change *change,
                     struct reason *reason) MUST_CHECK;

#endif
