// SPDX-License-Identifier: MIT
#include "azure/hub/amqp_message.h"

#include <proton/link.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* --- received -------------------------------------------------------------------------------- */

void amqp_inbox_deinit(struct amqp_inbox *inbox)
{
        buf_deinit(&inbox->bytes);
        buf_deinit(&inbox->joined);
}

static void join_data(struct amqp_inbox *inbox, struct amqp_wire_bytes message)
{
        struct amqp_wire_bytes data;

        buf_clear(&inbox->joined);
        while (amqp_wire_next_data(&message, &data))
                buf_add(&inbox->joined, data.data, data.size);
        inbox->body = (struct amqp_wire_bytes){.data = (const uint8_t *)buf_text(&inbox->joined),
                                               .size = inbox->joined.size};
}

bool amqp_inbox_read(struct amqp_inbox *inbox, const void *bytes, size_t size)
{
        const struct amqp_wire_message *message = &inbox->message;
        const struct amqp_wire_value *value = &inbox->message.value;

        if (size == 0 || !amqp_wire_message_read(bytes, size, &inbox->message))
                return false;
        inbox->body = message->data;
        inbox->odd_body = message->has_sequence;
        if (message->data_count > 1)
                join_data(inbox, (struct amqp_wire_bytes){.data = bytes, .size = size});
        if (message->has_value &&
            (value->kind == AMQP_WIRE_STRING || value->kind == AMQP_WIRE_BINARY))
                inbox->body = value->bytes;
        else if (message->has_value && value->kind != AMQP_WIRE_NULL)
                inbox->odd_body = true;
        return true;
}

bool amqp_inbox_take(struct amqp_inbox *inbox, pn_delivery_t *delivery, size_t most)
{
        pn_link_t *link = pn_delivery_link(delivery);
        size_t size = pn_delivery_pending(delivery);
        bool good = size > 0 && size <= most && !pn_delivery_aborted(delivery);

        if (good) {
                buf_clear(&inbox->bytes);
                buf_reserve(&inbox->bytes, size);
                good = pn_link_recv(link, inbox->bytes.data, size) == (ssize_t)size;
        }
        pn_link_advance(link);
        return good && amqp_inbox_read(inbox, inbox->bytes.data, size);
}

struct amqp_wire_value amqp_inbox_annotation(const struct amqp_inbox *inbox, const char *key)
{
        return amqp_wire_map_find(inbox->message.annotations, inbox->message.annotation_count, key);
}

struct amqp_wire_value amqp_inbox_property(const struct amqp_inbox *inbox, const char *key)
{
        return amqp_wire_map_find(inbox->message.properties, inbox->message.property_count, key);
}

/* Adds a value as a C string, up to the first zero byte in it; false if it has no text. */
static bool add_text(struct buf *texts, const struct amqp_wire_value *value)
{
        size_t start = texts->size;

        if (!amqp_wire_add_plain(texts, value))
                return false;
        buf_add_char(texts, '\0');
        texts->size = start + strlen(texts->data + start) + 1;
        return true;
}

static bool add_pair(struct buf *texts, const struct amqp_wire_value *name,
                     const struct amqp_wire_value *value)
{
        size_t before = texts->size;

        if ((name->kind == AMQP_WIRE_STRING || name->kind == AMQP_WIRE_SYMBOL) &&
            add_text(texts, name) && add_text(texts, value))
                return true;
        texts->size = before;
        return false;
}

void amqp_properties_read(struct amqp_properties *properties, const struct amqp_inbox *inbox)
{
        struct amqp_wire_bytes members = inbox->message.properties;
        const char *text;

        *properties = (struct amqp_properties){.texts = BUF_INIT};
        for (uint32_t i = 0; i < inbox->message.property_count; i += 2) {
                struct amqp_wire_value name;
                struct amqp_wire_value value;

                if (!amqp_wire_read(&members, &name) || !amqp_wire_read(&members, &value))
                        break;
                properties->count += add_pair(&properties->texts, &name, &value);
        }
        properties->list = mem_new(properties->count + 1, sizeof(properties->list[0]));
        text = buf_text(&properties->texts);
        for (size_t i = 0; i < properties->count; i++) {
                properties->list[i].name = text;
                text += strlen(text) + 1;
                properties->list[i].value = text;
                text += strlen(text) + 1;
        }
}

void amqp_properties_deinit(struct amqp_properties *properties)
{
        free(properties->list);
        buf_deinit(&properties->texts);
}

/* --- sent ------------------------------------------------------------------------------------ */

void amqp_message_fields(struct buf *out, const struct amqp_fields *fields)
{
        size_t begin;

        amqp_wire_put_section(out, AMQP_WIRE_SECTION_PROPERTIES);
        begin = amqp_wire_begin_list(out);
        amqp_wire_put_string(out, fields->message_id);
        amqp_wire_put_null(out); /* user-id */
        amqp_wire_put_string(out, fields->to);
        amqp_wire_put_null(out); /* subject */
        amqp_wire_put_string(out, fields->reply_to);
        amqp_wire_put_encoded(out, fields->correlation_id);
        amqp_wire_put_symbol(out, fields->content_type);
        amqp_wire_put_symbol(out, fields->content_encoding);
        amqp_wire_end(out, begin, 8);
}

void amqp_message_event(struct buf *out, const struct hub_message *event)
{
        CLEANUP(buf_deinit) struct buf correlation = BUF_INIT;
        struct amqp_fields fields = {
                .message_id = event->message_id,
                .content_type = event->content_type,
                .content_encoding = event->content_encoding,
        };
        size_t begin;

        if (event->correlation_id != NULL) {
                amqp_wire_put_string(&correlation, event->correlation_id);
                fields.correlation_id = amqp_wire_bytes_of(&correlation);
        }
        amqp_message_fields(out, &fields);
        if (event->property_count > 0) {
                amqp_wire_put_section(out, AMQP_WIRE_SECTION_APPLICATION_PROPERTIES);
                begin = amqp_wire_begin_map(out);
                for (size_t i = 0; i < event->property_count; i++) {
                        amqp_wire_put_string(out, event->properties[i].name);
                        amqp_wire_put_string(out, event->properties[i].value);
                }
                amqp_wire_end(out, begin, (uint32_t)event->property_count * 2);
        }
        amqp_wire_put_data(out, event->body, event->body_size);
}
