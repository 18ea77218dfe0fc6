// SPDX-License-Identifier: MIT
/* Reads what Application Insights answers to a request with items (rule A5). Pure. */
#ifndef ISTHMUS_MONITOR_INSIGHTS_ANSWER_H
#define ISTHMUS_MONITOR_INSIGHTS_ANSWER_H

#include <stddef.h>
#include <stdint.h>

#include "http/client/http_client.h"
#include "monitor/monitor_verdict.h"

/* `verdict` is zero; `count` items were sent. `wall_ms` is for dates in Retry-After. */
void insights_answer_read(const struct http_answer *answer, size_t count, int64_t wall_ms,
                          struct monitor_verdict *verdict);

/* The same for statuses that mean the same in OTLP: no answer, and answers that ask to wait. */
void insights_answer_wait(const struct http_answer *answer, size_t count, int64_t wall_ms,
                          struct monitor_verdict *verdict);

#endif
