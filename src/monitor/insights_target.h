// SPDX-License-Identifier: MIT
/* Application Insights as a service that items are sent to. */
#ifndef ISTHMUS_MONITOR_INSIGHTS_TARGET_H
#define ISTHMUS_MONITOR_INSIGHTS_TARGET_H

#include "monitor/monitor_target.h"

/* Its `context` is a struct insights_origin. */
extern const struct monitor_service insights_service;

#endif
