// SPDX-License-Identifier: MIT
/* What a service has made of the items that it was sent. */
#ifndef ISTHMUS_MONITOR_MONITOR_VERDICT_H
#define ISTHMUS_MONITOR_MONITOR_VERDICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/reason.h"

/* Items of one request. */
#define MONITOR_BATCH_MAX 250

enum monitor_fate {
        MONITOR_TAKEN,
        MONITOR_AGAIN, /* to be sent once more */
        MONITOR_LOST,  /* dropped, and counted */
};

struct monitor_verdict {
        enum monitor_fate fates[MONITOR_BATCH_MAX];
        bool failed;          /* the service is away, or has refused it */
        int64_t pause_ms;     /* nothing is to be sent for so long; -1 = for a while that grows */
        bool stop;            /* nothing is to be sent any more */
        char *moved_to;       /* where to send from now on, and at once; the caller's; or NULL */
        struct reason reason; /* if it failed */
};

static inline void monitor_verdict_all(struct monitor_verdict *verdict, size_t count,
                                       enum monitor_fate fate)
{
        for (size_t i = 0; i < count; i++)
                verdict->fates[i] = fate;
}

#endif
