// SPDX-License-Identifier: MIT
#include "monitor/insights_target.h"

#include "monitor/insights_answer.h"
#include "monitor/insights_envelope.h"

/* Each item costs: of a number that has not changed there is nothing to add up. */
static bool wants(const struct monitor_item *item)
{
        const struct monitor_number *number = &item->number;

        if (item->kind != MONITOR_METRIC || number->form == MONITOR_GAUGE)
                return true;
        return number->form == MONITOR_SUM ? number->added > 0 : number->added_times.count > 0;
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
