// SPDX-License-Identifier: MIT
/*
 * What an answer of the Device Provisioning Service says: the result of an operation or an error.
 * Pure; made for hostile input.
 */
#ifndef ISTHMUS_AZURE_DPS_DPS_ANSWER_H
#define ISTHMUS_AZURE_DPS_DPS_ANSWER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/reason.h"

enum dps_answer_status {
        DPS_ANSWER_NONE,      /* no status: an error document */
        DPS_ANSWER_ASSIGNING, /* also "unassigned": known, not assigned yet */
        DPS_ANSWER_ASSIGNED,
        DPS_ANSWER_FAILED,
        DPS_ANSWER_DISABLED,
};

/* Texts are NULL when absent, empty or longer than anything the service says. */
struct dps_answer {
        enum dps_answer_status status;
        char *operation_id;
        char *assigned_hub; /* host or host:port */
        char *device_id;    /* a valid one */
        int error_code;     /* 0 = none */
        char *message;      /* one line of printable text */
        char *tracking_id;  /* of an error, for Microsoft's support */
};

#define DPS_ANSWER_INIT ((struct dps_answer){.status = DPS_ANSWER_NONE})

/*
 * Reads a body. False, with the reason, if it is no JSON object, has a status that nobody knows,
 * or says "assigned" without a hub and a device id that can be used, or "assigning" with an
 * operation id that can't. The caller calls dps_answer_deinit in both cases.
 */
bool dps_answer_parse(struct dps_answer *answer, const char *body, size_t size,
                      struct reason *reason) MUST_CHECK;

void dps_answer_deinit(struct dps_answer *answer);

#endif
