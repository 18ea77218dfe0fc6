// SPDX-License-Identifier: MIT
#include "monitor/insights_target.h"

#include "monitor/insights_answer.h"
#include "monitor/insights_envelope.h"

static bool wants(enum monitor_kind kind)
{
        (void)kind;
        return true;
}

static void write_lines(const void *context, struct monitor_item *const *items, size_t count,
                        struct buf *out)
{
        for (size_t i = 0; i < count; i++)
                insights_envelope_write(context, items[i], out);
}

const struct monitor_service insights_service = {
        .name = "Application Insights",
        .path = "/v2.1/track",
        .type = "application/x-json-stream",
        .gzip = true,
        .sent = METRIC_INSIGHTS_SENT,
        .dropped = METRIC_INSIGHTS_DROPPED,
        .wants = wants,
        .write = write_lines,
        .read = insights_answer_read,
};
