// SPDX-License-Identifier: MIT
/* Telemetry as lines of JSON, for the control API and the file. */
#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/json/json.h"
#include "base/text.h"
#include "base/utf8.h"
#include "localhub/messages/telemetry_log.h"

/* Deeper bodies are shown as text. */
#define BODY_DEPTH 64

static void add_text(struct buf *out, const char *name, const char *text)
{
        buf_add_format(out, ",\"%s\":", name);
        buf_add_json_string(out, text, strlen(text));
}

static void add_text_if_any(struct buf *out, const char *name, const char *text)
{
        if (!text_is_empty(text))
                add_text(out, name, text);
}

static void add_properties(struct buf *out, const struct telemetry_record *record)
{
        buf_add_text(out, ",\"properties\":{");
        for (size_t i = 0; i < record->property_count; i++) {
                const struct property *property = &record->properties[i];

                if (i > 0)
                        buf_add_char(out, ',');
                buf_add_json_string(out, property->name, strlen(property->name));
                buf_add_char(out, ':');
                buf_add_json_string(out, property->value, strlen(property->value));
        }
        buf_add_char(out, '}');
}

static bool is_json(const struct telemetry_record *record)
{
        struct reason ignored = REASON_INIT;
        CLEANUP(json_cleanup) struct json_object *value = NULL;

        if (record->body_size == 0)
                return false;
        value = json_parse(record->body, record->body_size, BODY_DEPTH, JSON_STRICT, &ignored);
        return value != NULL;
}

/* As it was sent, so that numbers keep their digits. A raw line break is white space in JSON. */
static void add_json_body(struct buf *out, const struct telemetry_record *record)
{
        size_t start = out->size;

        buf_add(out, record->body, record->body_size);
        for (size_t i = start; i < out->size; i++) {
                if (out->data[i] == '\n' || out->data[i] == '\r')
                        out->data[i] = ' ';
        }
}

static void add_body(struct buf *out, const struct telemetry_record *record)
{
        if (is_json(record)) {
                buf_add_text(out, ",\"body\":");
                add_json_body(out, record);
        } else if (utf8_is_valid(record->body, record->body_size)) {
                buf_add_text(out, ",\"bodyText\":");
                buf_add_json_string(out, record->body, record->body_size);
        } else {
                buf_add_text(out, ",\"bodyBase64\":\"");
                crypto_base64_encode(out, record->body, record->body_size);
                buf_add_char(out, '"');
        }
}

void telemetry_record_write(struct buf *out, const struct telemetry_record *record)
{
        char time[CLOCK_TEXT_SIZE];

        clock_format_utc(time, record->enqueued_ms * CLOCK_NS_PER_MS, CLOCK_FRACTION);
        buf_add_format(out, "{\"sequence\":%llu", (unsigned long long)record->sequence);
        add_text(out, "enqueuedTimeUtc", time);
        add_text(out, "hub", record->hub);
        add_text(out, "deviceId", record->device_id);
        add_text_if_any(out, "moduleId", record->module_id);
        add_text(out, "connection", record->connection);
        add_text_if_any(out, "modelId", record->model_id);
        add_text_if_any(out, "messageId", record->message_id);
        add_text_if_any(out, "correlationId", record->correlation_id);
        add_text_if_any(out, "contentType", record->content_type);
        add_text_if_any(out, "contentEncoding", record->content_encoding);
        add_text_if_any(out, "component", record->component);
        add_properties(out, record);
        add_body(out, record);
        buf_add_char(out, '}');
}
