// SPDX-License-Identifier: MIT
#include "monitor/monitor_numbers.h"

#include <string.h>

#include "base/clock.h"
#include "base/error.h"

/* Where a number comes from. */
enum source {
        COUNTER,
        GAUGE,
        OLDEST,
        END_TO_END,
};

static const struct {
        const char *name;
        const char *unit;
        const char *dimension; /* or NULL */
        const char *value;
        enum source source;
        int which;
} rows[] = {
        {"isthmus.webhooks", "{request}", "Answer", "stored", COUNTER, METRIC_WEBHOOK_STORED},
        {"isthmus.webhooks", "{request}", "Answer", "ignored", COUNTER, METRIC_WEBHOOK_IGNORED},
        {"isthmus.webhooks", "{request}", "Answer", "malformed", COUNTER, METRIC_WEBHOOK_MALFORMED},
        {"isthmus.webhooks", "{request}", "Answer", "unauthorized", COUNTER,
         METRIC_WEBHOOK_UNAUTHORIZED},
        {"isthmus.webhooks", "{request}", "Answer", "forbidden", COUNTER, METRIC_WEBHOOK_FORBIDDEN},
        {"isthmus.webhooks", "{request}", "Answer", "untrusted", COUNTER, METRIC_WEBHOOK_UNTRUSTED},
        {"isthmus.webhooks", "{request}", "Answer", "too_large", COUNTER, METRIC_WEBHOOK_TOO_LARGE},
        {"isthmus.webhooks", "{request}", "Answer", "unavailable", COUNTER, METRIC_WEBHOOK_REFUSED},
        {"isthmus.events_accepted", "{event}", NULL, NULL, COUNTER, METRIC_EVENT_SENT},
        {"isthmus.events_dead", "{event}", NULL, NULL, COUNTER, METRIC_EVENT_DEAD},
        {"isthmus.events_waiting", "{event}", NULL, NULL, GAUGE, METRIC_STORE_EVENTS},
        {"isthmus.oldest_event_seconds", "s", NULL, NULL, OLDEST, 0},
        {"isthmus.devices", "{device}", "State", "known", GAUGE, METRIC_DEVICES_KNOWN},
        {"isthmus.devices", "{device}", "State", "connected", GAUGE, METRIC_DEVICES_CONNECTED},
        {"isthmus.devices", "{device}", "State", "refused", GAUGE, METRIC_DEVICES_REFUSED},
        {"isthmus.hub_connections", "{connection}", NULL, NULL, GAUGE, METRIC_HUB_CONNECTIONS},
        {"isthmus.registrations", "{registration}", "Result", "assigned", COUNTER,
         METRIC_DPS_REGISTERED},
        {"isthmus.registrations", "{registration}", "Result", "refused", COUNTER,
         METRIC_DPS_REFUSED},
        {"isthmus.commands_settled", "{command}", "Outcome", "completed", COUNTER,
         METRIC_COMMAND_COMPLETED},
        {"isthmus.commands_settled", "{command}", "Outcome", "abandoned", COUNTER,
         METRIC_COMMAND_ABANDONED},
        {"isthmus.commands_settled", "{command}", "Outcome", "rejected", COUNTER,
         METRIC_COMMAND_REJECTED},
        {"isthmus.webhook_to_accepted_seconds", "s", NULL, NULL, END_TO_END, 0},
};

_Static_assert(ARRAY_SIZE(rows) <= MONITOR_NUMBERS_MAX, "each number costs");

void monitor_numbers_init(struct monitor_numbers *numbers)
{
        memset(numbers, 0, sizeof(*numbers));
        numbers->since_ns = numbers->last_ns = clock_wall_ns();
}

static void fill_times(struct monitor_numbers *numbers, struct monitor_number *number)
{
        metrics_times_read(METRIC_WEBHOOK_TO_ACCEPTED, true, &number->times);
        number->form = MONITOR_TIMES;
        number->added_times = number->times;
        number->added_times.count -= numbers->times.count;
        number->added_times.sum_ns -= numbers->times.sum_ns;
        for (size_t i = 0; i < ARRAY_SIZE(number->times.buckets); i++)
                number->added_times.buckets[i] -= numbers->times.buckets[i];
        numbers->times = number->times;
}

/* False if there is nothing new to be told of it. */
static bool fill(struct monitor_numbers *numbers, size_t row, int64_t oldest_s,
                 struct monitor_number *number)
{
        number->name = rows[row].name;
        number->unit = rows[row].unit;
        number->since_ns = numbers->since_ns;
        number->last_ns = numbers->last_ns;
        switch (rows[row].source) {
        case COUNTER:
                number->form = MONITOR_SUM;
                number->total = metrics_counter_value((enum metrics_counter)rows[row].which);
                number->added = number->total - numbers->totals[row];
                numbers->totals[row] = number->total;
                return number->total > 0;
        case GAUGE:
                number->form = MONITOR_GAUGE;
                number->total = metrics_gauge_value((enum metrics_gauge)rows[row].which);
                return true;
        case OLDEST:
                number->form = MONITOR_GAUGE;
                number->total = oldest_s;
                return true;
        case END_TO_END:
                fill_times(numbers, number);
                break;
        }
        return number->times.count > 0;
}

size_t monitor_numbers_read(struct monitor_numbers *numbers, int64_t oldest_s,
                            struct monitor_item *items[MONITOR_NUMBERS_MAX])
{
        int64_t now_ns = clock_wall_ns();
        size_t count = 0;

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                struct monitor_item *item = monitor_item_new(MONITOR_METRIC);

                if (!fill(numbers, i, oldest_s, &item->number)) {
                        monitor_item_release(item);
                        continue;
                }
                item->time_ns = now_ns;
                if (rows[i].dimension)
                        monitor_item_add(item, rows[i].dimension, rows[i].value);
                monitor_item_seal(item);
                items[count++] = item;
        }
        numbers->last_ns = now_ns;
        return count;
}
