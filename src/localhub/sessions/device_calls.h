// SPDX-License-Identifier: MIT
/* The direct methods under way, for device_sessions.c. */
#ifndef ISTHMUS_LOCALHUB_SESSIONS_DEVICE_CALLS_H
#define ISTHMUS_LOCALHUB_SESSIONS_DEVICE_CALLS_H

#include "localhub/sessions/device_sessions.h"

/* Ends the calls that were sent to this session, or all (NULL), as lost. */
void device_calls_end(struct device_sessions *all, const struct device_session *session);

#endif
