// SPDX-License-Identifier: MIT
/* The few numbers of base/metrics.h that monitors are told, again and again. */
#ifndef ISTHMUS_MONITOR_MONITOR_NUMBERS_H
#define ISTHMUS_MONITOR_MONITOR_NUMBERS_H

#include <stddef.h>
#include <stdint.h>

#include "monitor/monitor_item.h"

/* Numbers that are told at a time, at most: rule A4 pays for each. */
#define MONITOR_NUMBERS_MAX 25

/* What was told the last time. Of one thread. */
struct monitor_numbers {
        int64_t since_ns; /* wall clock */
        int64_t last_ns;
        int64_t totals[MONITOR_NUMBERS_MAX];
        struct metrics_times times;
};

void monitor_numbers_init(struct monitor_numbers *numbers);

/*
 * Makes an item of each; of what has never been counted, none. The
 * items are the caller's; their number comes back. `oldest_s`: age of the event that waits longest.
 */
size_t monitor_numbers_read(struct monitor_numbers *numbers, int64_t oldest_s,
                            struct monitor_item *items[MONITOR_NUMBERS_MAX]);

#endif
