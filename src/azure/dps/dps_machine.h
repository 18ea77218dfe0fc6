// SPDX-License-Identifier: MIT
/*
 * One registration as a pure state machine: an answer goes in, what to do next comes out. No
 * sockets, no clock, no randomness of its own.
 *
 *   register --assigning--> poll --assigning--> poll ... --assigned, failed, disabled--> done
 *
 * - "assigned" may come at once, as the answer to the register.
 * - 401, 403, 404, 400 and other 4xx are final. A 404 to a poll means that the service has
 *   forgotten the operation; it is registered anew, once.
 * - 429, 408, 5xx, a lost connection and an answer that makes no sense are tried again later, in
 *   the same state: after Retry-After where it is given, else with doubling pauses and jitter.
 * - "assigning" is looked at again after Retry-After, without one after two seconds (the service
 *   allows five polls in ten seconds).
 * - Whatever could only be done after the deadline is not waited for: the end is DPS_UNAVAILABLE.
 */
#ifndef ISTHMUS_AZURE_DPS_DPS_MACHINE_H
#define ISTHMUS_AZURE_DPS_DPS_MACHINE_H

#include "azure/dps/dps_answer.h"
#include "azure/dps/dps_result.h"
#include "http/client/http_answer.h"

enum dps_step {
        DPS_STEP_REGISTER,
        DPS_STEP_POLL, /* the machine's operation_id */
        DPS_STEP_DONE,
};

struct dps_machine {
        int64_t deadline_ms;
        char *operation_id; /* NULL: nothing is registered */
        int failures;       /* in a row */
        bool started_over;
        struct dps_answer answer; /* the last one; the result's texts are its */
};

/* What to do next. */
struct dps_next {
        enum dps_step step;
        int64_t delay_ms;         /* before it */
        bool throttled;           /* the service said 429 */
        struct dps_result result; /* DPS_STEP_DONE */
        struct reason trouble;    /* why something is tried again later; "" if all is well */
};

/* The first step is DPS_STEP_REGISTER, at once. `deadline_ms` is a steady time. */
void dps_machine_init(struct dps_machine *machine, int64_t deadline_ms);
void dps_machine_deinit(struct dps_machine *machine);

/*
 * Takes the answer to the last step. `chance` is any random number: it spreads the pauses.
 * `next->result` is valid until the machine is used again.
 */
void dps_machine_take(struct dps_machine *machine, const struct http_answer *answer, int64_t now_ms,
                      uint32_t chance, struct dps_next *next);

#endif
