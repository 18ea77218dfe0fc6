// SPDX-License-Identifier: MIT
/* A collector of OTLP as services that items are sent to: one for each kind of its requests. */
#ifndef ISTHMUS_MONITOR_OTLP_TARGET_H
#define ISTHMUS_MONITOR_OTLP_TARGET_H

#include "monitor/monitor_target.h"

#define OTLP_SERVICES 3

/* Their `context` is a struct otlp_origin. */
extern const struct monitor_service otlp_services[OTLP_SERVICES];

#endif
