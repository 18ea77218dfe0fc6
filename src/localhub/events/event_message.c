// SPDX-License-Identifier: MIT
#include "localhub/events/event_message.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/amqp/amqp_wire.h"
#include "base/text.h"

/* As IoT Hub tells how a device has proved who it is. */
static const char *const auth_methods[] = {
        [TELEMETRY_AUTH_KEY] = "{\"scope\":\"device\",\"type\":\"sas\",\"issuer\":\"iothub\","
                               "\"acceptingIpFilterRule\":null}",
        [TELEMETRY_AUTH_POLICY] = "{\"scope\":\"hub\",\"type\":\"sas\",\"issuer\":\"iothub\","
                                  "\"acceptingIpFilterRule\":null}",
        [TELEMETRY_AUTH_CERTIFICATE] = "{\"scope\":\"device\",\"type\":\"x509\",\"issuer\":"
                                       "\"iothub\",\"acceptingIpFilterRule\":null}",
};

/* Keys and values of the map so far. */
static uint32_t put_text(struct buf *out, const char *key, const char *text)
{
        if (text_is_empty(text))
                return 0;
        amqp_wire_put_symbol(out, key);
        amqp_wire_put_string(out, text);
        return 2;
}

static uint32_t put_time(struct buf *out, const char *key, int64_t wall_ms)
{
        amqp_wire_put_symbol(out, key);
        amqp_wire_put_timestamp(out, wall_ms);
        return 2;
}

static uint32_t put_number(struct buf *out, const char *key, int64_t number)
{
        amqp_wire_put_symbol(out, key);
        amqp_wire_put_long(out, number);
        return 2;
}

/* As a text. */
static uint32_t put_offset(struct buf *out, const char *key, int64_t offset)
{
        char text[24];

        snprintf(text, sizeof(text), "%" PRId64, offset);
        return put_text(out, key, text);
}

static void write_annotations(struct buf *out, const struct telemetry_record *record)
{
        uint32_t count = 0;
        size_t begin;

        amqp_wire_put_section(out, AMQP_WIRE_SECTION_MESSAGE_ANNOTATIONS);
        begin = amqp_wire_begin_map(out);
        count += put_number(out, "x-opt-sequence-number", record->number);
        count += put_offset(out, "x-opt-offset", record->offset);
        count += put_time(out, "x-opt-enqueued-time", record->enqueued_ms);
        count += put_text(out, "iothub-connection-device-id", record->device_id);
        count += put_text(out, "iothub-connection-module-id", record->module_id);
        count += put_text(out, "iothub-connection-auth-method", auth_methods[record->auth]);
        count += put_text(out, "iothub-connection-auth-generation-id", record->generation_id);
        count += put_time(out, "iothub-enqueuedtime", record->enqueued_ms);
        count += put_text(out, "iothub-message-source", "Telemetry");
        count += put_text(out, "dt-dataschema", record->model_id);
        count += put_text(out, "dt-subject", record->component);
        amqp_wire_end(out, begin, count);
}

static void put_symbol(struct buf *out, const char *text)
{
        amqp_wire_put_symbol(out, text_is_empty(text) ? NULL : text);
}

static void put_string(struct buf *out, const char *text)
{
        amqp_wire_put_string(out, text_is_empty(text) ? NULL : text);
}

static void write_properties(struct buf *out, const struct telemetry_record *record)
{
        size_t begin;

        /* Of a message without any there is no section. */
        if (text_is_empty(record->message_id) && text_is_empty(record->user_id) &&
            text_is_empty(record->correlation_id) && text_is_empty(record->content_type) &&
            text_is_empty(record->content_encoding))
                return;
        amqp_wire_put_section(out, AMQP_WIRE_SECTION_PROPERTIES);
        begin = amqp_wire_begin_list(out);
        put_string(out, record->message_id);
        if (text_is_empty(record->user_id))
                amqp_wire_put_null(out);
        else
                amqp_wire_put_binary(out, record->user_id, strlen(record->user_id));
        amqp_wire_put_null(out); /* to */
        amqp_wire_put_null(out); /* subject */
        amqp_wire_put_null(out); /* reply-to */
        put_string(out, record->correlation_id);
        put_symbol(out, record->content_type);
        put_symbol(out, record->content_encoding);
        amqp_wire_end(out, begin, 8);
}

static void write_application_properties(struct buf *out, const struct telemetry_record *record)
{
        size_t begin;

        if (record->property_count == 0)
                return;
        amqp_wire_put_section(out, AMQP_WIRE_SECTION_APPLICATION_PROPERTIES);
        begin = amqp_wire_begin_map(out);
        for (size_t i = 0; i < record->property_count; i++) {
                amqp_wire_put_string(out, record->properties[i].name);
                amqp_wire_put_string(out, record->properties[i].value);
        }
        amqp_wire_end(out, begin, (uint32_t)(2 * record->property_count));
}

static void write_progress(struct buf *out, const struct telemetry_partition *now, int64_t now_ms)
{
        uint32_t count = 0;
        size_t begin;

        amqp_wire_put_section(out, AMQP_WIRE_SECTION_DELIVERY_ANNOTATIONS);
        begin = amqp_wire_begin_map(out);
        count += put_number(out, "last_enqueued_sequence_number", now->last);
        count += put_offset(out, "last_enqueued_offset", now->offset);
        count += put_time(out, "last_enqueued_time_utc", now->last_ms);
        count += put_time(out, "runtime_info_retrieval_time_utc", now_ms);
        amqp_wire_end(out, begin, count);
}

void event_message_write(struct buf *out, const struct telemetry_record *record,
                         const struct telemetry_partition *now, int64_t now_ms)
{
        write_progress(out, now, now_ms);
        write_annotations(out, record);
        write_properties(out, record);
        write_application_properties(out, record);
        amqp_wire_put_data(out, record->body, record->body_size);
}
