// SPDX-License-Identifier: MIT
/*
 * The lists of OpenTelemetry's settings: "name=value,name=value", values percent-escaped, blanks
 * around both allowed (as in W3C's baggage).
 */
#ifndef ISTHMUS_MONITOR_OTLP_PAIRS_H
#define ISTHMUS_MONITOR_OTLP_PAIRS_H

#include "base/error.h"
#include "base/reason.h"

/* Calls `visit` with each; both texts are valid during the call. NULL is an empty list. */
void otlp_pairs_each(const char *list,
                     void (*visit)(void *context, const char *name, const char *value),
                     void *context);

#endif
