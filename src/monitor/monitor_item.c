// SPDX-License-Identifier: MIT
#include "monitor/monitor_item.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/crypto.h"
#include "base/mem.h"

#define OPERATION_BYTES ((MONITOR_OPERATION_SIZE - 1) / 2)
#define SPAN_BYTES      ((MONITOR_SPAN_SIZE - 1) / 2)

struct monitor_item *monitor_item_new(enum monitor_kind kind)
{
        struct monitor_item *item = mem_new(1, sizeof(*item));

        item->kind = kind;
        item->stands_for = 1;
        item->success = true;
        atomic_init(&item->holders, 1);
        return item;
}

void monitor_item_add(struct monitor_item *item, const char *name, const char *value)
{
        struct monitor_property *property = &item->properties[item->property_count];

        if (!value || item->property_count == MONITOR_PROPERTIES_MAX ||
            strlen(name) >= sizeof(property->name))
                return;
        strcpy(property->name, name);
        property->value = mem_text(value);
        item->property_count++;
}

static size_t length_of(const char *text)
{
        return text ? strlen(text) + 1 : 0;
}

void monitor_item_seal(struct monitor_item *item)
{
        item->size = sizeof(*item) + length_of(item->name) + length_of(item->operation_name) +
                     length_of(item->result) + length_of(item->type) + length_of(item->target) +
                     length_of(item->url) + length_of(item->message);
        for (size_t i = 0; i < item->property_count; i++)
                item->size += length_of(item->properties[i].value);
}

void monitor_item_hold(struct monitor_item *item)
{
        atomic_fetch_add(&item->holders, 1);
}

void monitor_item_release(struct monitor_item *item)
{
        if (atomic_fetch_sub(&item->holders, 1) > 1)
                return;
        for (size_t i = 0; i < item->property_count; i++)
                free(item->properties[i].value);
        free(item->name);
        free(item->operation_name);
        free(item->result);
        free(item->type);
        free(item->target);
        free(item->url);
        free(item->message);
        free(item);
}

static void draw(char *hex, size_t bytes)
{
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;
        uint8_t drawn[OPERATION_BYTES];

        crypto_random(drawn, bytes);
        crypto_hex_encode(&text, drawn, bytes);
        memcpy(hex, buf_text(&text), text.size + 1);
}

void monitor_operation_of(const char *message_id, char operation[MONITOR_OPERATION_SIZE])
{
        size_t length = 0;

        for (; message_id && *message_id && length < MONITOR_OPERATION_SIZE - 1; message_id++) {
                if (*message_id != '-')
                        operation[length++] = *message_id;
        }
        operation[length] = '\0';
        if (length < MONITOR_OPERATION_SIZE - 1)
                draw(operation, OPERATION_BYTES);
}

void monitor_span_of(const char *message_id, const char *stage, char span[MONITOR_SPAN_SIZE])
{
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;
        uint8_t digest[CRYPTO_SHA256_SIZE];

        if (!message_id) {
                draw(span, SPAN_BYTES);
                return;
        }
        buf_add_format(&text, "%s %s", message_id, stage);
        crypto_sha256(text.data, text.size, digest);
        buf_clear(&text);
        crypto_hex_encode(&text, digest, SPAN_BYTES);
        memcpy(span, buf_text(&text), MONITOR_SPAN_SIZE);
}
