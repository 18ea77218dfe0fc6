// SPDX-License-Identifier: MIT
/* What a device may do with its twin (rule W10), whatever protocol it speaks. */
#ifndef ISTHMUS_LOCALHUB_SESSIONS_DEVICE_TWIN_H
#define ISTHMUS_LOCALHUB_SESSIONS_DEVICE_TWIN_H

#include "localhub/sessions/device_sessions.h"

struct device_answer {
        int status;      /* as HTTP's */
        int64_t version; /* of what was patched; 0 = nothing was */
        struct buf body; /* JSON text; empty = none. The caller's. */
};

/* `{"desired":{...},"reported":{...}}`, or why not. */
void device_twin_get(const struct device_session *session, struct device_answer *answer);

/* Merges JSON text into the reported properties. */
void device_twin_report(const struct device_session *session, const void *json, size_t size,
                        struct device_answer *answer);

/* The answer becomes this error. */
void device_answer_fail(struct device_answer *answer, int status, int code, const char *message);

/* Adds IoT Hub's text of an error (rule W11): JSON with code, tracking id, message and time. */
void device_error_text(struct buf *out, int code, const char *message);

#endif
