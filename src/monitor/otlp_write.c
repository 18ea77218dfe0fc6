// SPDX-License-Identifier: MIT
#include "monitor/otlp_write.h"

#include <ctype.h>
#include <string.h>

#include "base/crypto.h"
#include "base/text.h"
#include "monitor/otlp_wire.h"

/* Fields of the messages, by the name of each message. */
enum {
        RESOURCE_OF_REQUEST = 1,
        REQUEST_RESOURCE = 1,
        REQUEST_SCOPE_ITEMS = 2,
        RESOURCE_ATTRIBUTES = 1,
        SCOPE = 1,
        SCOPE_NAME = 1,
        SCOPE_VERSION = 2,
        SCOPE_ITEM = 2,
        ATTRIBUTE_KEY = 1,
        ATTRIBUTE_VALUE = 2,
        VALUE_TEXT = 1,
        VALUE_INT = 3,
        SPAN_TRACE_ID = 1,
        SPAN_ID = 2,
        SPAN_PARENT_ID = 4,
        SPAN_NAME = 5,
        SPAN_KIND = 6,
        SPAN_START = 7,
        SPAN_END = 8,
        SPAN_ATTRIBUTES = 9,
        SPAN_STATUS = 15,
        STATUS_MESSAGE = 2,
        STATUS_CODE = 3,
        LOG_TIME = 1,
        LOG_SEVERITY = 2,
        LOG_SEVERITY_TEXT = 3,
        LOG_BODY = 5,
        LOG_ATTRIBUTES = 6,
        LOG_TRACE_ID = 9,
        LOG_OBSERVED = 11,
        LOG_EVENT_NAME = 12,
        METRIC_NAME = 1,
        METRIC_UNIT = 3,
        METRIC_GAUGE = 5,
        METRIC_SUM = 7,
        METRIC_HISTOGRAM = 9,
        DATA_POINT = 1,
        DATA_TEMPORALITY = 2,
        SUM_MONOTONIC = 3,
        POINT_START = 2,
        POINT_TIME = 3,
        POINT_INT = 6,
        POINT_ATTRIBUTES = 7,
        HISTOGRAM_COUNT = 4,
        HISTOGRAM_SUM = 5,
        HISTOGRAM_BUCKETS = 6,
        HISTOGRAM_BOUNDS = 7,
        HISTOGRAM_MIN = 11,
        HISTOGRAM_MAX = 12,
};

enum span_kind {
        SPAN_SERVER = 2,
        SPAN_CLIENT = 3,
        SPAN_PRODUCER = 4,
};

enum {
        STATUS_ERROR = 2,
        TEMPORALITY_DELTA = 1,
        TEMPORALITY_CUMULATIVE = 2,
};

/* --- lists of settings --------------------------------------------------------------------- */

#define BLANKS " \t"

static void add_trimmed(struct buf *out, const char *text, size_t size)
{
        size_t start = strspn(text, BLANKS);

        if (start > size)
                start = size;
        while (size > start && strchr(BLANKS, text[size - 1]))
                size--;
        text_url_unescape(out, text + start, size - start);
}

void otlp_pairs_each(const char *list,
                     void (*visit)(void *context, const char *name, const char *value),
                     void *context)
{
        while (list && *list) {
                CLEANUP(buf_wipe) struct buf name = BUF_INIT;
                CLEANUP(buf_wipe) struct buf value = BUF_INIT;
                size_t size = strcspn(list, ",");
                const char *equals = memchr(list, '=', size);

                if (equals) {
                        add_trimmed(&name, list, (size_t)(equals - list));
                        add_trimmed(&value, equals + 1, size - (size_t)(equals - list) - 1);
                        if (name.size > 0)
                                visit(context, buf_text(&name), buf_text(&value));
                }
                list += size + (list[size] == ',');
        }
}

/* --- attributes --------------------------------------------------------------------------- */

static void add_attribute(struct buf *out, int field, const char *name, const char *value)
{
        size_t attribute;
        size_t inner;

        if (!value)
                return;
        attribute = otlp_open(out, field);
        otlp_text(out, ATTRIBUTE_KEY, name);
        inner = otlp_open(out, ATTRIBUTE_VALUE);
        otlp_bytes(out, VALUE_TEXT, value, strlen(value));
        otlp_close(out, inner);
        otlp_close(out, attribute);
}

static void add_int_attribute(struct buf *out, const char *name, int64_t value)
{
        size_t attribute = otlp_open(out, SPAN_ATTRIBUTES);
        size_t inner;

        otlp_text(out, ATTRIBUTE_KEY, name);
        inner = otlp_open(out, ATTRIBUTE_VALUE);
        otlp_varint(out, VALUE_INT, (uint64_t)value);
        otlp_close(out, inner);
        otlp_close(out, attribute);
}

/* MessageId becomes isthmus.message_id. */
static void add_properties(struct buf *out, int field, const struct monitor_item *item)
{
        for (size_t i = 0; i < item->property_count; i++) {
                CLEANUP(buf_deinit) struct buf name = BUF_INIT;

                buf_add_text(&name, "isthmus.");
                for (const char *at = item->properties[i].name; *at; at++) {
                        if (isupper((unsigned char)*at) && at > item->properties[i].name)
                                buf_add_char(&name, '_');
                        buf_add_char(&name, (char)tolower((unsigned char)*at));
                }
                add_attribute(out, field, buf_text(&name), item->properties[i].value);
        }
}

static void add_id(struct buf *out, int field, const char *hex)
{
        CLEANUP(buf_deinit) struct buf bytes = BUF_INIT;

        if (hex[0] != '\0' && crypto_hex_decode(&bytes, hex, strlen(hex)))
                otlp_bytes(out, field, bytes.data, bytes.size);
}

/* --- a request ---------------------------------------------------------------------------- */

static void add_pair(void *context, const char *name, const char *value)
{
        add_attribute(context, RESOURCE_ATTRIBUTES, name, value);
}

static void add_resource(struct buf *out, const struct otlp_origin *origin)
{
        size_t resource = otlp_open(out, REQUEST_RESOURCE);

        add_attribute(out, RESOURCE_ATTRIBUTES, "service.name", origin->service);
        add_attribute(out, RESOURCE_ATTRIBUTES, "service.instance.id", origin->instance);
        add_attribute(out, RESOURCE_ATTRIBUTES, "service.version", ISTHMUS_VERSION);
        otlp_pairs_each(origin->attributes, add_pair, out);
        otlp_close(out, resource);
}

struct opened {
        size_t request;
        size_t items;
};

static struct opened open_request(struct buf *out, const struct otlp_origin *origin)
{
        struct opened opened;
        size_t scope;

        opened.request = otlp_open(out, RESOURCE_OF_REQUEST);
        add_resource(out, origin);
        opened.items = otlp_open(out, REQUEST_SCOPE_ITEMS);
        scope = otlp_open(out, SCOPE);
        otlp_text(out, SCOPE_NAME, "isthmus");
        otlp_text(out, SCOPE_VERSION, ISTHMUS_VERSION);
        otlp_close(out, scope);
        return opened;
}

static void close_request(struct buf *out, struct opened opened)
{
        otlp_close(out, opened.items);
        otlp_close(out, opened.request);
}

static void write_each(const struct otlp_origin *origin, struct monitor_item *const *items,
                       size_t count, void (*add)(struct buf *out, const struct monitor_item *item),
                       struct buf *out)
{
        struct opened opened = open_request(out, origin);

        for (size_t i = 0; i < count; i++)
                add(out, items[i]);
        close_request(out, opened);
}

/* --- traces ------------------------------------------------------------------------------- */

/* By OpenTelemetry's names for what HTTP and messages have. */
static void add_conventions(struct buf *out, const struct monitor_item *item)
{
        bool is_hub = text_equal(item->type, MONITOR_TYPE_HUB);
        size_t method = item->name ? strcspn(item->name, " ") : 0;
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;
        int64_t status;

        if (item->name && item->name[method] == ' ') {
                buf_add(&text, item->name, method);
                add_attribute(out, SPAN_ATTRIBUTES, "http.request.method", buf_text(&text));
                add_attribute(out, SPAN_ATTRIBUTES,
                              item->kind == MONITOR_REQUEST ? "http.route" : "url.template",
                              item->name + method + 1);
        }
        if (is_hub)
                add_attribute(out, SPAN_ATTRIBUTES, "messaging.system", "iothub");
        if (!is_hub && text_to_int64(item->result, 100, 599, &status))
                add_int_attribute(out, "http.response.status_code", status);
        else
                add_attribute(out, SPAN_ATTRIBUTES, "isthmus.result", item->result);
        add_attribute(out, SPAN_ATTRIBUTES, "server.address", item->target);
        if (item->stands_for > 1)
                add_int_attribute(out, "isthmus.stands_for", item->stands_for);
}

static enum span_kind kind_of(const struct monitor_item *item)
{
        if (item->kind == MONITOR_REQUEST)
                return SPAN_SERVER;
        return text_equal(item->type, MONITOR_TYPE_HUB) ? SPAN_PRODUCER : SPAN_CLIENT;
}

static void add_span(struct buf *out, const struct monitor_item *item)
{
        size_t span = otlp_open(out, SCOPE_ITEM);
        size_t status;

        add_id(out, SPAN_TRACE_ID, item->operation);
        add_id(out, SPAN_ID, item->span);
        add_id(out, SPAN_PARENT_ID, item->parent);
        otlp_text(out, SPAN_NAME, item->name);
        otlp_varint(out, SPAN_KIND, (uint64_t)kind_of(item));
        otlp_fixed64(out, SPAN_START, (uint64_t)item->time_ns);
        otlp_fixed64(out, SPAN_END, (uint64_t)(item->time_ns + item->duration_ns));
        add_conventions(out, item);
        add_properties(out, SPAN_ATTRIBUTES, item);
        if (!item->success) {
                status = otlp_open(out, SPAN_STATUS);
                otlp_text(out, STATUS_MESSAGE, item->result);
                otlp_varint(out, STATUS_CODE, STATUS_ERROR);
                otlp_close(out, status);
        }
        otlp_close(out, span);
}

void otlp_write_traces(const void *context, struct monitor_item *const *items, size_t count,
                       struct buf *out)
{
        write_each(context, items, count, add_span, out);
}

/* --- logs --------------------------------------------------------------------------------- */

static void add_line(struct buf *out, const struct monitor_item *item)
{
        bool is_error = item->level == LOG_LEVEL_ERROR;
        size_t line = otlp_open(out, SCOPE_ITEM);
        size_t body;

        otlp_fixed64(out, LOG_TIME, (uint64_t)item->time_ns);
        otlp_varint(out, LOG_SEVERITY, is_error ? 17 : 13);
        otlp_text(out, LOG_SEVERITY_TEXT, is_error ? "ERROR" : "WARN");
        body = otlp_open(out, LOG_BODY);
        otlp_text(out, VALUE_TEXT, item->message);
        otlp_close(out, body);
        add_properties(out, LOG_ATTRIBUTES, item);
        add_id(out, LOG_TRACE_ID, item->operation);
        otlp_fixed64(out, LOG_OBSERVED, (uint64_t)item->time_ns);
        otlp_text(out, LOG_EVENT_NAME, item->name);
        otlp_close(out, line);
}

void otlp_write_logs(const void *context, struct monitor_item *const *items, size_t count,
                     struct buf *out)
{
        write_each(context, items, count, add_line, out);
}

/* --- metrics ------------------------------------------------------------------------------ */

static void add_times(struct buf *out, const struct monitor_item *item, bool delta)
{
        const struct monitor_number *number = &item->number;
        const struct metrics_times *times = delta ? &number->added_times : &number->times;
        size_t packed;

        otlp_fixed64(out, HISTOGRAM_COUNT, (uint64_t)times->count);
        otlp_double(out, HISTOGRAM_SUM, (double)times->sum_ns / 1e9);
        packed = otlp_open(out, HISTOGRAM_BUCKETS);
        for (size_t i = 0; i <= METRICS_BOUNDS; i++)
                otlp_packed64(out, (uint64_t)times->buckets[i]);
        otlp_close(out, packed);
        packed = otlp_open(out, HISTOGRAM_BOUNDS);
        for (size_t i = 0; i < METRICS_BOUNDS; i++)
                otlp_packed64(out, otlp_double_bits((double)metrics_bound_us(i) / 1e6));
        otlp_close(out, packed);
        add_properties(out, 9, item);
        /* Extremes of all time nobody keeps. */
        if (delta) {
                otlp_double(out, HISTOGRAM_MIN, (double)times->least_ns / 1e9);
                otlp_double(out, HISTOGRAM_MAX, (double)times->most_ns / 1e9);
        }
}

static void add_point(struct buf *out, const struct monitor_item *item, bool delta)
{
        const struct monitor_number *number = &item->number;
        size_t point = otlp_open(out, DATA_POINT);

        otlp_fixed64(out, POINT_START, (uint64_t)(delta ? number->last_ns : number->since_ns));
        otlp_fixed64(out, POINT_TIME, (uint64_t)item->time_ns);
        if (number->form == MONITOR_TIMES) {
                add_times(out, item, delta);
        } else {
                /* sfixed64 */
                otlp_fixed64(out, POINT_INT,
                             (uint64_t)(number->form == MONITOR_SUM && delta ? number->added
                                                                             : number->total));
                add_properties(out, POINT_ATTRIBUTES, item);
        }
        otlp_close(out, point);
}

/* Points of one metric, and at one moment, follow each other. */
static bool is_of_metric(const struct monitor_item *item, const struct monitor_item *first)
{
        return item->number.name == first->number.name && item->time_ns == first->time_ns;
}

/* Adds one metric; how many items it took. */
static size_t add_metric(struct buf *out, struct monitor_item *const *items, size_t count,
                         bool delta)
{
        static const int fields[] = {[MONITOR_SUM] = METRIC_SUM,
                                     [MONITOR_GAUGE] = METRIC_GAUGE,
                                     [MONITOR_TIMES] = METRIC_HISTOGRAM};
        const struct monitor_number *number = &items[0]->number;
        size_t metric = otlp_open(out, SCOPE_ITEM);
        size_t data;
        size_t taken = 0;

        otlp_text(out, METRIC_NAME, number->name);
        otlp_text(out, METRIC_UNIT, number->unit);
        data = otlp_open(out, fields[number->form]);
        for (; taken < count && is_of_metric(items[taken], items[0]); taken++)
                add_point(out, items[taken], delta);
        if (number->form != MONITOR_GAUGE)
                otlp_varint(out, DATA_TEMPORALITY,
                            delta ? TEMPORALITY_DELTA : TEMPORALITY_CUMULATIVE);
        if (number->form == MONITOR_SUM)
                otlp_varint(out, SUM_MONOTONIC, 1);
        otlp_close(out, data);
        otlp_close(out, metric);
        return taken;
}

void otlp_write_metrics(const void *context, struct monitor_item *const *items, size_t count,
                        struct buf *out)
{
        const struct otlp_origin *origin = context;
        struct opened opened = open_request(out, origin);

        for (size_t i = 0; i < count;)
                i += add_metric(out, items + i, count - i, origin->delta);
        close_request(out, opened);
}
