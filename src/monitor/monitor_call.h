// SPDX-License-Identifier: MIT
/* A request by HTTP as a dependency: what is remembered of it until it is answered. */
#ifndef ISTHMUS_MONITOR_MONITOR_CALL_H
#define ISTHMUS_MONITOR_MONITOR_CALL_H

#include "http/client/http_client.h"
#include "http/client/http_watch.h"
#include "monitor/monitor.h"

struct monitor_call;

/*
 * A request is sent now. NULL without a monitor; the caller's to give to monitor_call_end or to
 * free(). Of the URL the host and the template of its path are kept (rule A3): what follows the
 * name of a collection, or has a digit or a dot in it, becomes `{id}`.
 */
struct monitor_call *monitor_call_begin(struct monitor *monitor, const char *method,
                                        const char *url);

/*
 * It was answered with a status, or not; frees the call. `operation` is a UUID, or NULL. NULL for a
 * call is allowed.
 */
void monitor_call_end(struct monitor *monitor, struct monitor_call *call, enum http_failure failure,
                      int status, const char *operation);

/*
 * For those who send requests and know no monitor: tells each, as an operation of its own, as a
 * dependency of MONITOR_TYPE_HTTP, _QUEUE or _BLOB. Nobody is told without a monitor.
 */
struct http_watch monitor_call_watch(struct monitor *monitor, const char *type);

#endif
