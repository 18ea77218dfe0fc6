// SPDX-License-Identifier: MIT
/* The hub thread's timers: a binary heap by due time. Passive; its owner says what time it is. */
#ifndef ISTHMUS_AZURE_HUB_HUB_TIMERS_H
#define ISTHMUS_AZURE_HUB_HUB_TIMERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "azure/hub/hub_client.h"

struct hub_timers {
        struct hub_timer **heap; /* from index 1 */
        size_t count;
        size_t capacity;
};

void hub_timers_deinit(struct hub_timers *timers);

/* (Re)starts a timer for `due_ms`. */
void hub_timers_start(struct hub_timers *timers, struct hub_timer *timer, int64_t due_ms);
void hub_timers_stop(struct hub_timers *timers, struct hub_timer *timer);

/* When the next timer is due; -1 if none runs. */
int64_t hub_timers_next(const struct hub_timers *timers);

/* Runs what is due, at most once round: a timer that restarts itself at once holds nobody up. */
void hub_timers_run(struct hub_timers *timers, int64_t now_ms);

#endif
