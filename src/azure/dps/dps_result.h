// SPDX-License-Identifier: MIT
/* What becomes of a registration. */
#ifndef ISTHMUS_AZURE_DPS_DPS_RESULT_H
#define ISTHMUS_AZURE_DPS_DPS_RESULT_H

#include <stdint.h>

#include "base/reason.h"

enum dps_status {
        DPS_ASSIGNED,
        DPS_DISABLED,     /* the enrolment is disabled */
        DPS_FAILED,       /* the service says no: error_code and reason */
        DPS_UNAUTHORIZED, /* 401: wrong key, expired, or blocked / waiting for approval (400209) */
        DPS_NOT_FOUND,    /* 404: no such ID scope or enrolment */
        DPS_UNAVAILABLE,  /* unreachable, 429 or 5xx until the deadline: try again later */
};

struct dps_result {
        enum dps_status status;
        const char *assigned_hub; /* DPS_ASSIGNED only; host or host:port */
        const char *device_id;    /* DPS_ASSIGNED only; may differ from the registration id */
        int error_code;           /* the service's, for example 401002; 0 = none */
        int64_t retry_after_ms;   /* -1 = not said */
        int64_t clock_ahead_ms;   /* our wall clock less the Date of the last answer; 0 = no Date */
        struct reason reason;     /* for people, unless assigned */
};

#endif
