// SPDX-License-Identifier: MIT
#include "hub/wire.h"

#include <inttypes.h>
#include <string.h>

#include "base/crypto.h"

/* --- values ---------------------------------------------------------------------------------- */

static uint64_t big_endian(const uint8_t *bytes, size_t size)
{
        uint64_t number = 0;

        for (size_t i = 0; i < size; i++)
                number = number << 8 | bytes[i];
        return number;
}

static bool take(struct wire_bytes *from, size_t size, struct wire_bytes *taken)
{
        if (from->size < size)
                return false;
        *taken = (struct wire_bytes){.data = from->data, .size = size};
        from->data += size;
        from->size -= size;
        return true;
}

static bool take_number(struct wire_bytes *from, size_t size, uint64_t *number)
{
        struct wire_bytes bytes;

        if (!take(from, size, &bytes))
                return false;
        *number = big_endian(bytes.data, size);
        return true;
}

/* The bytes of a value behind its constructor: fixed width, variable width, compound, array. */
static bool take_content(struct wire_bytes *from, uint8_t code, struct wire_bytes *content)
{
        static const uint8_t fixed[] = {0, 1, 2, 4, 8, 16};
        unsigned width = code >> 4;
        uint64_t size = 0;

        if (width >= 4 && width <= 9)
                return take(from, fixed[width - 4], content);
        if (width < 0xa)
                return false;
        /* a, c and e have one byte of size; b, d and f have four. */
        return take_number(from, width % 2 == 0 ? 1 : 4, &size) && take(from, size, content);
}

static int64_t sign_extended(const struct wire_bytes *content)
{
        unsigned unused = 64 - 8 * (unsigned)content->size;

        return (int64_t)(big_endian(content->data, content->size) << unused) >> unused;
}

static double real_of(const struct wire_bytes *content)
{
        uint64_t bits = big_endian(content->data, content->size);
        uint32_t short_bits = (uint32_t)bits;
        double real;
        float short_real;

        if (content->size == sizeof(short_real)) {
                memcpy(&short_real, &short_bits, sizeof(short_real));
                return (double)short_real;
        }
        memcpy(&real, &bits, sizeof(real));
        return real;
}

static bool read_members(struct wire_value *value, uint8_t code)
{
        uint64_t count;

        if (!take_number(&value->bytes, code < 0xd0 ? 1 : 4, &count))
                return false;
        /* Every member has at least one byte: no count can promise more than there is. */
        value->count = (uint32_t)count;
        return count <= value->bytes.size;
}

/* Kinds by constructor (AMQP 1.0, part 1.6); what is not here is WIRE_OTHER. */
static enum wire_kind kind_of(uint8_t code)
{
        static const struct {
                uint8_t code;
                enum wire_kind kind;
        } rows[] = {
                {0x40, WIRE_NULL},      {0x41, WIRE_BOOL},     {0x42, WIRE_BOOL},
                {0x56, WIRE_BOOL},      {0x43, WIRE_UNSIGNED}, {0x44, WIRE_UNSIGNED},
                {0x50, WIRE_UNSIGNED},  {0x52, WIRE_UNSIGNED}, {0x53, WIRE_UNSIGNED},
                {0x60, WIRE_UNSIGNED},  {0x70, WIRE_UNSIGNED}, {0x80, WIRE_UNSIGNED},
                {0x51, WIRE_SIGNED},    {0x54, WIRE_SIGNED},   {0x55, WIRE_SIGNED},
                {0x61, WIRE_SIGNED},    {0x71, WIRE_SIGNED},   {0x81, WIRE_SIGNED},
                {0x83, WIRE_TIMESTAMP}, {0x72, WIRE_FLOAT},    {0x82, WIRE_DOUBLE},
                {0x98, WIRE_UUID},      {0xa0, WIRE_BINARY},   {0xb0, WIRE_BINARY},
                {0xa1, WIRE_STRING},    {0xb1, WIRE_STRING},   {0xa3, WIRE_SYMBOL},
                {0xb3, WIRE_SYMBOL},    {0x45, WIRE_LIST},     {0xc0, WIRE_LIST},
                {0xd0, WIRE_LIST},      {0xc1, WIRE_MAP},      {0xd1, WIRE_MAP},
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                if (rows[i].code == code)
                        return rows[i].kind;
        }
        return WIRE_OTHER;
}

static bool interpret(struct wire_value *value, uint8_t code)
{
        const struct wire_bytes *content = &value->bytes;

        value->kind = kind_of(code);
        switch (value->kind) {
        case WIRE_BOOL:
                value->number = code == 0x56 ? content->data[0] != 0 : code == 0x41;
                return true;
        case WIRE_UNSIGNED:
        case WIRE_TIMESTAMP:
                value->number = (int64_t)big_endian(content->data, content->size);
                return true;
        case WIRE_SIGNED:
                value->number = sign_extended(content);
                return true;
        case WIRE_FLOAT:
        case WIRE_DOUBLE:
                value->real = real_of(content);
                return true;
        case WIRE_LIST:
                return code == 0x45 || read_members(value, code);
        case WIRE_MAP:
                return read_members(value, code) && value->count % 2 == 0;
        default:
                return true;
        }
}

/* Described values are passed over as a whole; their descriptor may not be described again. */
static bool pass_described(struct wire_bytes *from)
{
        for (int part = 0; part < 2; part++) {
                struct wire_bytes content;
                uint64_t code;

                if (!take_number(from, 1, &code) || code == 0 ||
                    !take_content(from, (uint8_t)code, &content))
                        return false;
        }
        return true;
}

bool wire_read(struct wire_bytes *from, struct wire_value *value)
{
        const uint8_t *start = from->data;
        uint64_t code;
        bool good;

        *value = (struct wire_value){.kind = WIRE_OTHER};
        if (!take_number(from, 1, &code))
                return false;
        if (code == 0)
                good = pass_described(from);
        else
                good = take_content(from, (uint8_t)code, &value->bytes) &&
                       interpret(value, (uint8_t)code);
        value->encoded = (struct wire_bytes){.data = start, .size = (size_t)(from->data - start)};
        return good;
}

bool wire_is_text(const struct wire_value *value, const char *text)
{
        return (value->kind == WIRE_STRING || value->kind == WIRE_SYMBOL) &&
               value->bytes.size == strlen(text) &&
               memcmp(value->bytes.data, text, value->bytes.size) == 0;
}

struct wire_value wire_map_find(struct wire_bytes members, uint32_t count, const char *key)
{
        struct wire_value name;
        struct wire_value value;

        for (uint32_t i = 0; i < count; i += 2) {
                if (!wire_read(&members, &name) || !wire_read(&members, &value))
                        break;
                if (wire_is_text(&name, key))
                        return value;
        }
        return (struct wire_value){.kind = WIRE_NULL};
}

void wire_add_text(struct buf *out, const struct wire_value *value)
{
        const uint8_t *b = value->bytes.data;

        switch (value->kind) {
        case WIRE_STRING:
        case WIRE_SYMBOL:
                buf_add(out, b, value->bytes.size);
                break;
        case WIRE_BINARY:
                crypto_base64_encode(out, b, value->bytes.size);
                break;
        case WIRE_BOOL:
                buf_add_text(out, value->number ? "true" : "false");
                break;
        case WIRE_UNSIGNED:
                buf_add_format(out, "%" PRIu64, (uint64_t)value->number);
                break;
        case WIRE_SIGNED:
        case WIRE_TIMESTAMP:
                buf_add_format(out, "%" PRId64, value->number);
                break;
        case WIRE_FLOAT:
                buf_add_format(out, "%.9g", value->real);
                break;
        case WIRE_DOUBLE:
                buf_add_format(out, "%.17g", value->real);
                break;
        case WIRE_UUID:
                for (size_t i = 0; i < 16; i++)
                        buf_add_format(out,
                                       i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x",
                                       b[i]);
                break;
        case WIRE_NULL:
        case WIRE_LIST:
        case WIRE_MAP:
        case WIRE_OTHER:
                break;
        }
}

/* --- messages -------------------------------------------------------------------------------- */

static bool take_section(struct wire_bytes *from, uint8_t *section, struct wire_value *value)
{
        struct wire_bytes descriptor;

        if (!take(from, 3, &descriptor) || descriptor.data[0] != 0x00 || descriptor.data[1] != 0x53)
                return false;
        *section = descriptor.data[2];
        return wire_read(from, value);
}

/* The fields of `properties` in their order; those that nobody here wants have no place. */
static bool read_properties(const struct wire_value *list, struct wire_message *message)
{
        struct wire_value unused;
        struct wire_value *const places[] = {
                &message->message_id,   &message->user_id,
                &message->to,           &unused,
                &message->reply_to,     &message->correlation_id,
                &message->content_type, &message->content_encoding,
                &message->expiry,
        };
        struct wire_bytes members = list->bytes;

        if (list->kind != WIRE_LIST)
                return false;
        for (uint32_t i = 0; i < list->count && i < ARRAY_SIZE(places); i++) {
                if (!wire_read(&members, places[i]))
                        return false;
        }
        return true;
}

static bool read_map(const struct wire_value *map, struct wire_bytes *members, uint32_t *count)
{
        if (map->kind != WIRE_MAP)
                return map->kind == WIRE_NULL;
        *members = map->bytes;
        *count = map->count;
        return true;
}

static bool read_section(uint8_t section, const struct wire_value *value,
                         struct wire_message *message)
{
        switch (section) {
        case WIRE_SECTION_HEADER:
                return true;
        case WIRE_SECTION_PROPERTIES:
                message->has_sections = true;
                return read_properties(value, message);
        case WIRE_SECTION_MESSAGE_ANNOTATIONS:
                message->has_sections = true;
                return read_map(value, &message->annotations, &message->annotation_count);
        case WIRE_SECTION_APPLICATION_PROPERTIES:
                message->has_sections = true;
                return read_map(value, &message->properties, &message->property_count);
        case WIRE_SECTION_DATA:
                if (message->data_count++ == 0)
                        message->data = value->bytes;
                return value->kind == WIRE_BINARY;
        case WIRE_SECTION_VALUE:
                message->value = *value;
                message->has_value = true;
                return true;
        default: /* delivery annotations, sequence, footer */
                message->has_sections = true;
                return section >= WIRE_SECTION_HEADER && section <= WIRE_SECTION_FOOTER;
        }
}

bool wire_message_read(const void *bytes, size_t size, struct wire_message *message)
{
        struct wire_bytes from = {.data = bytes, .size = size};

        *message = (struct wire_message){.data_count = 0};
        while (from.size > 0) {
                struct wire_value value;
                uint8_t section;

                if (!take_section(&from, &section, &value) ||
                    !read_section(section, &value, message))
                        return false;
        }
        return true;
}

bool wire_next_data(struct wire_bytes *from, struct wire_bytes *data)
{
        while (from->size > 0) {
                struct wire_value value;
                uint8_t section;

                if (!take_section(from, &section, &value))
                        return false;
                if (section == WIRE_SECTION_DATA) {
                        *data = value.bytes;
                        return true;
                }
        }
        return false;
}

bool wire_is_batch(const void *bytes, size_t size, const struct wire_message *message)
{
        struct wire_bytes from = {.data = bytes, .size = size};
        struct wire_bytes data;
        struct wire_message inner;

        if (message->has_sections || message->has_value || message->data_count == 0)
                return false;
        while (wire_next_data(&from, &data)) {
                if (data.size == 0 || !wire_message_read(data.data, data.size, &inner))
                        return false;
        }
        return true;
}

/* --- writing --------------------------------------------------------------------------------- */

static void put_code(struct buf *out, uint8_t code)
{
        buf_add(out, &code, 1);
}

static void put_number(struct buf *out, uint64_t number, size_t size)
{
        uint8_t bytes[8];

        for (size_t i = 0; i < size; i++)
                bytes[i] = (uint8_t)(number >> (8 * (size - 1 - i)));
        buf_add(out, bytes, size);
}

static void put_variable(struct buf *out, uint8_t short_code, const void *bytes, size_t size)
{
        bool is_short = size < 256;

        put_code(out, is_short ? short_code : (uint8_t)(short_code + 0x10));
        put_number(out, size, is_short ? 1 : 4);
        buf_add(out, bytes, size);
}

void wire_put_null(struct buf *out)
{
        put_code(out, 0x40);
}

void wire_put_string(struct buf *out, const char *text)
{
        if (text)
                put_variable(out, 0xa1, text, strlen(text));
        else
                wire_put_null(out);
}

void wire_put_symbol(struct buf *out, const char *text)
{
        if (text)
                put_variable(out, 0xa3, text, strlen(text));
        else
                wire_put_null(out);
}

void wire_put_binary(struct buf *out, const void *bytes, size_t size)
{
        put_variable(out, 0xa0, bytes, size);
}

void wire_put_ubyte(struct buf *out, uint8_t number)
{
        put_code(out, 0x50);
        put_number(out, number, 1);
}

void wire_put_int(struct buf *out, int32_t number)
{
        put_code(out, 0x71);
        put_number(out, (uint32_t)number, 4);
}

void wire_put_long(struct buf *out, int64_t number)
{
        put_code(out, 0x81);
        put_number(out, (uint64_t)number, 8);
}

void wire_put_ulong(struct buf *out, uint64_t number)
{
        put_code(out, 0x80);
        put_number(out, number, 8);
}

void wire_put_timestamp(struct buf *out, int64_t wall_ms)
{
        put_code(out, 0x83);
        put_number(out, (uint64_t)wall_ms, 8);
}

void wire_put_uuid(struct buf *out, const uint8_t uuid[16])
{
        put_code(out, 0x98);
        buf_add(out, uuid, 16);
}

void wire_put_encoded(struct buf *out, struct wire_bytes encoded)
{
        if (encoded.size > 0)
                buf_add(out, encoded.data, encoded.size);
        else
                wire_put_null(out);
}

static size_t begin_compound(struct buf *out, uint8_t code)
{
        static const uint8_t room[8] = {0};
        size_t begin;

        put_code(out, code);
        begin = out->size;
        buf_add(out, room, sizeof(room));
        return begin;
}

size_t wire_begin_list(struct buf *out)
{
        return begin_compound(out, 0xd0);
}

size_t wire_begin_map(struct buf *out)
{
        return begin_compound(out, 0xd1);
}

void wire_end(struct buf *out, size_t begin, uint32_t count)
{
        uint64_t sizes = (uint64_t)(out->size - begin - 4) << 32 | count;

        for (size_t i = 0; i < 8; i++)
                out->data[begin + i] = (char)(uint8_t)(sizes >> (56 - 8 * i));
}

void wire_put_section(struct buf *out, enum wire_section section)
{
        put_code(out, 0x00);
        put_code(out, 0x53);
        put_code(out, (uint8_t)section);
}

void wire_put_data(struct buf *out, const void *bytes, size_t size)
{
        wire_put_section(out, WIRE_SECTION_DATA);
        wire_put_binary(out, bytes, size);
}
