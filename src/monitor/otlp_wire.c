// SPDX-License-Identifier: MIT
#include "monitor/otlp_wire.h"

#include <endian.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum wire_type {
        VARINT = 0,
        FIXED64 = 1,
        BYTES = 2,
        FIXED32 = 5,
};

/* A message's length is written before its content is known: so many bytes are kept for it. */
#define LENGTH_SIZE 5

static void add_varint(struct buf *out, uint64_t value)
{
        for (; value >= 0x80; value >>= 7)
                buf_add_char(out, (char)(value | 0x80));
        buf_add_char(out, (char)value);
}

static void add_key(struct buf *out, int field, enum wire_type type)
{
        add_varint(out, (uint64_t)field << 3 | (uint64_t)type);
}

void otlp_packed64(struct buf *out, uint64_t value)
{
        uint64_t little = htole64(value);

        buf_add(out, &little, sizeof(little));
}

void otlp_varint(struct buf *out, int field, uint64_t value)
{
        add_key(out, field, VARINT);
        add_varint(out, value);
}

void otlp_fixed64(struct buf *out, int field, uint64_t value)
{
        add_key(out, field, FIXED64);
        otlp_packed64(out, value);
}

uint64_t otlp_double_bits(double value)
{
        uint64_t bits;

        memcpy(&bits, &value, sizeof(bits));
        return bits;
}

void otlp_double(struct buf *out, int field, double value)
{
        otlp_fixed64(out, field, otlp_double_bits(value));
}

void otlp_bytes(struct buf *out, int field, const void *bytes, size_t size)
{
        add_key(out, field, BYTES);
        add_varint(out, size);
        buf_add(out, bytes, size);
}

void otlp_text(struct buf *out, int field, const char *text)
{
        if (text && text[0] != '\0')
                otlp_bytes(out, field, text, strlen(text));
}

size_t otlp_open(struct buf *out, int field)
{
        static const char room[LENGTH_SIZE];

        add_key(out, field, BYTES);
        buf_add(out, room, sizeof(room));
        return out->size;
}

/* In all of its bytes: a varint may be longer than it must be. */
void otlp_close(struct buf *out, size_t opened)
{
        size_t length = out->size - opened;

        for (size_t i = 0; i < LENGTH_SIZE; i++) {
                bool last = i == LENGTH_SIZE - 1;

                out->data[opened - LENGTH_SIZE + i] =
                        (char)((length >> 7 * i & 0x7f) | (last ? 0 : 0x80));
        }
}

/* --- reading ------------------------------------------------------------------------------ */

struct reading {
        const unsigned char *at;
        const unsigned char *end;
};

static bool read_varint(struct reading *reading, uint64_t *value)
{
        *value = 0;
        for (int shift = 0; shift < 64 && reading->at < reading->end; shift += 7) {
                unsigned char byte = *reading->at++;

                *value |= (uint64_t)(byte & 0x7f) << shift;
                if (!(byte & 0x80))
                        return true;
        }
        return false;
}

/* The next field: its number, and its value or content. False at the end, or at what is none. */
static bool read_field(struct reading *reading, uint64_t *field, uint64_t *value,
                       struct reading *content)
{
        static const uint64_t sizes[] = {[FIXED64] = 8, [FIXED32] = 4};
        uint64_t key;
        uint64_t size;

        if (!read_varint(reading, &key))
                return false;
        *field = key >> 3;
        *value = 0;
        *content = (struct reading){reading->at, reading->at};
        switch (key & 7) {
        case VARINT:
                return read_varint(reading, value);
        case BYTES:
                if (!read_varint(reading, &size))
                        return false;
                break;
        case FIXED64:
        case FIXED32:
                size = sizes[key & 7];
                break;
        default:
                return false;
        }
        if (size > (uint64_t)(reading->end - reading->at))
                return false;
        *content = (struct reading){reading->at, reading->at + size};
        reading->at += size;
        return true;
}

uint64_t otlp_read_rejected(const char *bytes, size_t size, char *message, size_t message_size)
{
        struct reading answer = {(const unsigned char *)bytes, (const unsigned char *)bytes + size};
        struct reading partial = {NULL, NULL};
        struct reading content;
        uint64_t rejected = 0;
        uint64_t field;
        uint64_t value;

        message[0] = '\0';
        while (read_field(&answer, &field, &value, &content)) {
                if (field == 1)
                        partial = content;
        }
        while (read_field(&partial, &field, &value, &content)) {
                if (field == 1)
                        rejected = value;
                else if (field == 2)
                        snprintf(message, message_size, "%.*s", (int)(content.end - content.at),
                                 (const char *)content.at);
        }
        return rejected;
}
