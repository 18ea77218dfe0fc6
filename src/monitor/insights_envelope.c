// SPDX-License-Identifier: MIT
#include "monitor/insights_envelope.h"

#include <inttypes.h>

#include "base/clock.h"
#include "base/json/json_writer.h"
#include "base/utf8.h"
#include "monitor/insights_answer.h"

/* Longest texts, in characters; texts are cut to as many bytes, which are at least as many. */
#define NAME_MAX_SIZE    1024
#define URL_MAX_SIZE     2048
#define VALUE_MAX_SIZE   8192
#define MESSAGE_MAX_SIZE 32768
#define TAG_MAX_SIZE     256
#define TICKS_PER_SECOND INT64_C(10000000)
#define SECONDS_PER_DAY  INT64_C(86400)

static const struct {
        const char *kind;
        const char *type;
} kinds[] = {
        [MONITOR_REQUEST] = {"Request", "RequestData"},
        [MONITOR_DEPENDENCY] = {"RemoteDependency", "RemoteDependencyData"},
        [MONITOR_MESSAGE] = {"Message", "MessageData"},
        [MONITOR_FAILURE] = {"Exception", "ExceptionData"},
        [MONITOR_METRIC] = {"Metric", "MetricData"},
};

static void add_text(struct json_writer *writer, const char *name, const char *text, int most)
{
        if (!text)
                return;
        json_writer_name(writer, name);
        buf_add_json_string(writer->out, text, (size_t)utf8_cut(text, most));
}

static void add_number(struct json_writer *writer, const char *name, double number)
{
        json_writer_name(writer, name);
        buf_add_format(writer->out, "%.10g", number);
}

/* [D.]HH:MM:SS.fffffff */
static void add_duration(struct json_writer *writer, int64_t duration_ns)
{
        int64_t ticks = duration_ns > 0 ? duration_ns / 100 : 0;
        int64_t seconds = ticks / TICKS_PER_SECOND;
        int64_t days = seconds / SECONDS_PER_DAY;

        json_writer_name(writer, "duration");
        buf_add_char(writer->out, '"');
        if (days > 0)
                buf_add_format(writer->out, "%" PRId64 ".", days);
        buf_add_format(writer->out, "%02d:%02d:%02d.%07d\"", (int)(seconds / 3600 % 24),
                       (int)(seconds / 60 % 60), (int)(seconds % 60),
                       (int)(ticks % TICKS_PER_SECOND));
}

static void add_properties(struct json_writer *writer, const struct monitor_item *item)
{
        struct json_writer properties;

        json_writer_name(writer, "properties");
        json_writer_open(&properties, writer->out);
        for (size_t i = 0; i < item->property_count; i++)
                add_text(&properties, item->properties[i].name, item->properties[i].value,
                         VALUE_MAX_SIZE);
        json_writer_close(&properties);
}

static const char *severity(enum log_level level)
{
        switch (level) {
        case LOG_LEVEL_ERROR:
                return "Error";
        case LOG_LEVEL_WARN:
                return "Warning";
        case LOG_LEVEL_INFO:
                return "Information";
        case LOG_LEVEL_DEBUG:
                break;
        }
        return "Verbose";
}

static void add_request(struct json_writer *writer, const struct monitor_item *item)
{
        add_text(writer, "id", item->span, TAG_MAX_SIZE);
        add_text(writer, "name", item->name, NAME_MAX_SIZE);
        add_duration(writer, item->duration_ns);
        add_text(writer, "responseCode", item->result, NAME_MAX_SIZE);
        json_writer_bool(writer, "success", item->success);
        add_text(writer, "url", item->url, URL_MAX_SIZE);
        add_properties(writer, item);
}

static void add_dependency(struct json_writer *writer, const struct monitor_item *item)
{
        add_text(writer, "id", item->span, TAG_MAX_SIZE);
        add_text(writer, "name", item->name, NAME_MAX_SIZE);
        add_text(writer, "resultCode", item->result, NAME_MAX_SIZE);
        add_text(writer, "type", item->type, NAME_MAX_SIZE);
        add_text(writer, "target", item->target, NAME_MAX_SIZE);
        add_duration(writer, item->duration_ns);
        json_writer_bool(writer, "success", item->success);
        add_properties(writer, item);
}

static void add_message(struct json_writer *writer, const struct monitor_item *item)
{
        add_text(writer, "message", item->message, MESSAGE_MAX_SIZE);
        add_text(writer, "severityLevel", severity(item->level), TAG_MAX_SIZE);
        add_properties(writer, item);
}

static void add_failure(struct json_writer *writer, const struct monitor_item *item)
{
        struct json_writer one;

        json_writer_name(writer, "exceptions");
        buf_add_char(writer->out, '[');
        json_writer_open(&one, writer->out);
        add_text(&one, "typeName", item->name, NAME_MAX_SIZE);
        add_text(&one, "message", item->message, MESSAGE_MAX_SIZE);
        json_writer_bool(&one, "hasFullStack", false);
        add_text(&one, "stack", "", NAME_MAX_SIZE);
        json_writer_close(&one);
        buf_add_char(writer->out, ']');
        add_text(writer, "severityLevel", severity(item->level), TAG_MAX_SIZE);
        add_text(writer, "problemId", item->name, NAME_MAX_SIZE);
        add_properties(writer, item);
}

static void add_metric(struct json_writer *writer, const struct monitor_item *item)
{
        const struct monitor_number *number = &item->number;
        const struct metrics_times *times = &number->added_times;
        struct json_writer one;

        json_writer_name(writer, "metrics");
        buf_add_char(writer->out, '[');
        json_writer_open(&one, writer->out);
        add_text(&one, "name", number->name, NAME_MAX_SIZE);
        if (number->form == MONITOR_TIMES) {
                add_number(&one, "value", (double)times->sum_ns / 1e9);
                json_writer_int(&one, "count", times->count);
                add_number(&one, "min", (double)times->least_ns / 1e9);
                add_number(&one, "max", (double)times->most_ns / 1e9);
        } else {
                json_writer_int(&one, "value",
                                number->form == MONITOR_SUM ? number->added : number->total);
                json_writer_int(&one, "count", 1);
        }
        json_writer_close(&one);
        buf_add_char(writer->out, ']');
        add_properties(writer, item);
}

static void add_tags(struct json_writer *writer, const struct insights_origin *origin,
                     const struct monitor_item *item)
{
        struct json_writer tags;

        json_writer_name(writer, "tags");
        json_writer_open(&tags, writer->out);
        add_text(&tags, "ai.cloud.role", origin->role, TAG_MAX_SIZE);
        add_text(&tags, "ai.cloud.roleInstance", origin->instance, TAG_MAX_SIZE);
        add_text(&tags, "ai.application.ver", ISTHMUS_VERSION, TAG_MAX_SIZE);
        add_text(&tags, "ai.internal.sdkVersion", "isthmus:" ISTHMUS_VERSION, TAG_MAX_SIZE);
        if (item->operation[0] != '\0')
                add_text(&tags, "ai.operation.id", item->operation, TAG_MAX_SIZE);
        if (item->parent[0] != '\0')
                add_text(&tags, "ai.operation.parentId", item->parent, TAG_MAX_SIZE);
        add_text(&tags, "ai.operation.name", item->operation_name, TAG_MAX_SIZE);
        json_writer_close(&tags);
}

static void add_data(struct json_writer *writer, const struct monitor_item *item)
{
        static void (*const adders[])(struct json_writer * writer,
                                      const struct monitor_item *item) = {
                [MONITOR_REQUEST] = add_request, [MONITOR_DEPENDENCY] = add_dependency,
                [MONITOR_MESSAGE] = add_message, [MONITOR_FAILURE] = add_failure,
                [MONITOR_METRIC] = add_metric,
        };
        struct json_writer data;
        struct json_writer base;

        json_writer_name(writer, "data");
        json_writer_open(&data, writer->out);
        add_text(&data, "baseType", kinds[item->kind].type, TAG_MAX_SIZE);
        json_writer_name(&data, "baseData");
        json_writer_open(&base, writer->out);
        json_writer_int(&base, "ver", 2);
        adders[item->kind](&base, item);
        json_writer_close(&base);
        json_writer_close(&data);
}

void insights_envelope_write(const struct insights_origin *origin, const struct monitor_item *item,
                             struct buf *out)
{
        struct json_writer writer;
        char time[CLOCK_TEXT_SIZE];

        clock_format_utc(time, item->time_ns / CLOCK_NS_PER_MS * CLOCK_NS_PER_MS, CLOCK_FRACTION);
        json_writer_open(&writer, out);
        json_writer_int(&writer, "ver", 1);
        json_writer_name(&writer, "name");
        buf_add_format(out, "\"Microsoft.ApplicationInsights.%s\"", kinds[item->kind].kind);
        add_text(&writer, "time", time, TAG_MAX_SIZE);
        add_number(&writer, "sampleRate", 100.0 / item->stands_for);
        add_text(&writer, "iKey", origin->key, TAG_MAX_SIZE);
        add_tags(&writer, origin, item);
        add_data(&writer, item);
        json_writer_close(&writer);
        buf_add_char(out, '\n');
}

/* --- the service --------------------------------------------------------------------------- */

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
