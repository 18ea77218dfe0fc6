// SPDX-License-Identifier: MIT
#include "base/metrics.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/mem.h"

/* Upper bounds in microseconds; Prometheus wants them cumulative and ending in +Inf. */
static const int64_t bounds_us[METRICS_BOUNDS] = {
        100,    250,    500,    1000,    2500,    5000,    10000,    25000,   50000,
        100000, 250000, 500000, 1000000, 2500000, 5000000, 10000000, 60000000};

struct histogram {
        atomic_int_least64_t buckets[ARRAY_SIZE(bounds_us) + 1];
        atomic_int_least64_t sum_ns;
        atomic_int_least64_t least_ns; /* with one added; 0 = none */
        atomic_int_least64_t most_ns;
};

struct description {
        const char *name;
        const char *help;
};

static atomic_int_least64_t counters[METRIC_COUNTER_COUNT];
static atomic_int_least64_t gauges[METRIC_GAUGE_COUNT];
static struct histogram histograms[METRIC_TIME_COUNT];

/* For the life of the process, as all numbers. */
static struct family {
        struct {
                char *label;
                bool value;
        } items[METRICS_LABELS_MAX];
        size_t count;
} families[METRIC_FAMILY_COUNT];
static pthread_mutex_t families_lock = PTHREAD_MUTEX_INITIALIZER;

#define DESCRIPTION_ROW(name, text, help) {text, help},
static const struct description counter_rows[] = {METRICS_COUNTERS(DESCRIPTION_ROW)};
static const struct description gauge_rows[] = {METRICS_GAUGES(DESCRIPTION_ROW)};
static const struct family_description {
        struct description row;
        const char *label;
} family_rows[METRIC_FAMILY_COUNT] = {
        [METRIC_HUB_CONNECTED] = {{"isthmus_hub_connected",
                                   "1 if devices are authorised at this hub, else 0"},
                                  "hub"},
        [METRIC_MEMBER] = {{"isthmus_member",
                            "1 if this gateway, which has this name, is heard of in the store that "
                            "several share, else 0"},
                           "name"},
};
static const struct description time_rows[] = {METRICS_TIMES(DESCRIPTION_ROW)};

void metrics_add(enum metrics_counter counter, int64_t amount)
{
        atomic_fetch_add_explicit(&counters[counter], amount, memory_order_relaxed);
}

void metrics_set(enum metrics_gauge gauge, int64_t value)
{
        atomic_store_explicit(&gauges[gauge], value, memory_order_relaxed);
}

void metrics_gauge_add(enum metrics_gauge gauge, int64_t amount)
{
        atomic_fetch_add_explicit(&gauges[gauge], amount, memory_order_relaxed);
}

int64_t metrics_counter_value(enum metrics_counter counter)
{
        return atomic_load_explicit(&counters[counter], memory_order_relaxed);
}

int64_t metrics_gauge_value(enum metrics_gauge gauge)
{
        return atomic_load_explicit(&gauges[gauge], memory_order_relaxed);
}

static void note_extremes(struct histogram *histogram, int64_t ns)
{
        int64_t least = atomic_load_explicit(&histogram->least_ns, memory_order_relaxed);
        int64_t most = atomic_load_explicit(&histogram->most_ns, memory_order_relaxed);

        while ((least == 0 || ns + 1 < least) &&
               !atomic_compare_exchange_weak_explicit(&histogram->least_ns, &least, ns + 1,
                                                      memory_order_relaxed, memory_order_relaxed))
                continue;
        while (ns > most &&
               !atomic_compare_exchange_weak_explicit(&histogram->most_ns, &most, ns,
                                                      memory_order_relaxed, memory_order_relaxed))
                continue;
}

int64_t metrics_bound_us(size_t bucket)
{
        return bounds_us[bucket];
}

void metrics_times_read(enum metrics_time time, bool forget, struct metrics_times *times)
{
        struct histogram *histogram = &histograms[time];
        int64_t least;

        times->count = 0;
        for (size_t i = 0; i < ARRAY_SIZE(histogram->buckets); i++) {
                times->buckets[i] = atomic_load(&histogram->buckets[i]);
                times->count += times->buckets[i];
        }
        times->sum_ns = atomic_load(&histogram->sum_ns);
        least = forget ? atomic_exchange(&histogram->least_ns, 0)
                       : atomic_load(&histogram->least_ns);
        times->most_ns =
                forget ? atomic_exchange(&histogram->most_ns, 0) : atomic_load(&histogram->most_ns);
        times->least_ns = least > 0 ? least - 1 : 0;
}

void metrics_observe(enum metrics_time time, int64_t duration_ns)
{
        struct histogram *histogram = &histograms[time];
        int64_t ns = duration_ns > 0 ? duration_ns : 0;
        size_t bucket = 0;

        while (bucket < ARRAY_SIZE(bounds_us) && ns > bounds_us[bucket] * 1000)
                bucket++;
        atomic_fetch_add_explicit(&histogram->buckets[bucket], 1, memory_order_relaxed);
        atomic_fetch_add_explicit(&histogram->sum_ns, ns, memory_order_relaxed);
        note_extremes(histogram, ns);
}

/* The head stands once per family: rows that differ only in labels follow each other. */
static void write_head(struct buf *out, const struct description *row, const char *type)
{
        size_t length = strcspn(row->name, "{");

        if (row->help[0] == '\0')
                return;
        buf_add_format(out, "# HELP %.*s %s\n", (int)length, row->name, row->help);
        buf_add_format(out, "# TYPE %.*s %s\n", (int)length, row->name, type);
}

void metrics_set_label(enum metrics_family family, const char *label, bool value)
{
        struct family *of = &families[family];
        size_t i = 0;

        pthread_mutex_lock(&families_lock);
        while (i < of->count && strcmp(of->items[i].label, label) != 0)
                i++;
        if (i == of->count && i < METRICS_LABELS_MAX)
                of->items[of->count++].label = mem_text(label);
        if (i < of->count)
                of->items[i].value = value;
        pthread_mutex_unlock(&families_lock);
}

/* What stands in a label's quotes. */
static void add_label(struct buf *out, const char *text)
{
        for (; *text; text++) {
                if (*text == '"' || *text == '\\')
                        buf_add_char(out, '\\');
                if (*text == '\n')
                        buf_add_text(out, "\\n");
                else
                        buf_add_char(out, *text);
        }
}

static void write_family(struct buf *out, enum metrics_family number)
{
        const struct family_description *description = &family_rows[number];
        const struct family *family = &families[number];

        pthread_mutex_lock(&families_lock);
        if (family->count > 0)
                write_head(out, &description->row, "gauge");
        for (size_t i = 0; i < family->count; i++) {
                buf_add_format(out, "%s{%s=\"", description->row.name, description->label);
                add_label(out, family->items[i].label);
                buf_add_format(out, "\"} %d\n", family->items[i].value);
        }
        pthread_mutex_unlock(&families_lock);
}

static void write_histogram(struct buf *out, const char *name, struct histogram *histogram)
{
        int64_t total = 0;

        for (size_t i = 0; i < ARRAY_SIZE(bounds_us); i++) {
                total += atomic_load(&histogram->buckets[i]);
                buf_add_format(out, "%s_bucket{le=\"%g\"} %" PRId64 "\n", name,
                               (double)bounds_us[i] / 1e6, total);
        }
        total += atomic_load(&histogram->buckets[ARRAY_SIZE(bounds_us)]);
        buf_add_format(out, "%s_bucket{le=\"+Inf\"} %" PRId64 "\n", name, total);
        buf_add_format(out, "%s_sum %.9f\n", name, (double)atomic_load(&histogram->sum_ns) / 1e9);
        buf_add_format(out, "%s_count %" PRId64 "\n", name, total);
}

void metrics_write_gauge(struct buf *out, const char *name, const char *help, int64_t value)
{
        const struct description row = {name, help};

        write_head(out, &row, "gauge");
        buf_add_format(out, "%s %" PRId64 "\n", name, value);
}

void metrics_write(struct buf *out)
{
        for (size_t i = 0; i < METRIC_COUNTER_COUNT; i++) {
                write_head(out, &counter_rows[i], "counter");
                buf_add_format(out, "%s %" PRId64 "\n", counter_rows[i].name,
                               metrics_counter_value((enum metrics_counter)i));
        }
        for (size_t i = 0; i < METRIC_GAUGE_COUNT; i++) {
                metrics_write_gauge(out, gauge_rows[i].name, gauge_rows[i].help,
                                    metrics_gauge_value((enum metrics_gauge)i));
        }
        for (size_t i = 0; i < METRIC_TIME_COUNT; i++) {
                write_head(out, &time_rows[i], "histogram");
                write_histogram(out, time_rows[i].name, &histograms[i]);
        }
        for (size_t i = 0; i < METRIC_FAMILY_COUNT; i++)
                write_family(out, (enum metrics_family)i);
}
