// SPDX-License-Identifier: MIT
#include "monitor/otlp_write.h"

#include "monitor/insights_answer.h"
#include "monitor/otlp_wire.h"

static bool wants_traces(const struct monitor_item *item)
{
        return item->kind == MONITOR_REQUEST || item->kind == MONITOR_DEPENDENCY;
}

static bool wants_logs(const struct monitor_item *item)
{
        return item->kind == MONITOR_MESSAGE || item->kind == MONITOR_FAILURE;
}

static bool wants_metrics(const struct monitor_item *item)
{
        return item->kind == MONITOR_METRIC;
}

/* Which ones were not taken nobody says: so many of them count as lost. */
static void read_taken(const struct http_answer *answer, size_t count,
                       struct monitor_verdict *verdict)
{
        char message[200];
        uint64_t rejected = otlp_read_rejected(buf_text(&answer->body), answer->body.size, message,
                                               sizeof(message));

        if (rejected == 0)
                return;
        verdict->failed = true;
        reason_set(&verdict->reason, "%llu items were refused: %s", (unsigned long long)rejected,
                   message);
        for (size_t i = 0; i < count && i < rejected; i++)
                verdict->fates[i] = MONITOR_LOST;
}

/* Rule O2. */
static void read_answer(const struct http_answer *answer, size_t count, int64_t wall_ms,
                        struct monitor_verdict *verdict)
{
        switch (answer->failure == HTTP_OK ? answer->status : 0) {
        case 200:
                read_taken(answer, count, verdict);
                return;
        case 0:
        case 429:
        case 502:
        case 503:
        case 504:
                insights_answer_wait(answer, count, wall_ms, verdict);
                return;
        default:
                monitor_verdict_all(verdict, count, MONITOR_LOST);
                verdict->failed = true;
                reason_set(&verdict->reason, "answered %d", answer->status);
                return;
        }
}

#define SERVICE(what, function)                                                                    \
        {                                                                                          \
                .name = "OTLP " what, .path = "/v1/" what, .type = "application/x-protobuf",       \
                .sent = METRIC_OTLP_SENT, .dropped = METRIC_OTLP_DROPPED,                          \
                .wants = wants_##function, .write = otlp_write_##function, .read = read_answer     \
        }

const struct monitor_service otlp_services[OTLP_SERVICES] = {
        SERVICE("traces", traces),
        SERVICE("logs", logs),
        SERVICE("metrics", metrics),
};
