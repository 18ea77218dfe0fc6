// SPDX-License-Identifier: MIT
/*
 * What has become so far of a message that its owner sends again and again, known by its token. It
 * is given up when it is the one that fails: while it was tried, the hub has accepted others.
 */
#ifndef ISTHMUS_AZURE_HUB_HUB_TRIAL_H
#define ISTHMUS_AZURE_HUB_HUB_TRIAL_H

#include <stdbool.h>
#include <stdint.h>

/* Tries until a message is given up: with the usual pauses some five minutes. */
#define HUB_TRIAL_MOST_TRIES 10

struct hub_trial {
        uint64_t token;
        uint64_t accepted; /* what the hub had accepted when the first try failed */
        int tries;         /* that failed; 0 = no trial */
};

/*
 * One more try of `token` has failed for no known reason; `accepted` counts what the hub has
 * accepted of any device. True if it is to be given up.
 */
bool hub_trial_failed(struct hub_trial *trial, uint64_t token, uint64_t accepted);

/* It was accepted, or given up. */
void hub_trial_ended(struct hub_trial *trial, uint64_t token);

#endif
