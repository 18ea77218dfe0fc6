// SPDX-License-Identifier: MIT
#include "base/amqp/amqp_wire.h"

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

static bool take(struct amqp_wire_bytes *from, size_t size, struct amqp_wire_bytes *taken)
{
        if (from->size < size)
                return false;
        *taken = (struct amqp_wire_bytes){.data = from->data, .size = size};
        from->data += size;
        from->size -= size;
        return true;
}

static bool take_number(struct amqp_wire_bytes *from, size_t size, uint64_t *number)
{
        struct amqp_wire_bytes bytes;

        if (!take(from, size, &bytes))
                return false;
        *number = big_endian(bytes.data, size);
        return true;
}

/* The bytes of a value behind its constructor: fixed width, variable width, compound, array. */
static bool take_content(struct amqp_wire_bytes *from, uint8_t code,
                         struct amqp_wire_bytes *content)
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

static int64_t sign_extended(const struct amqp_wire_bytes *content)
{
        unsigned unused = 64 - 8 * (unsigned)content->size;

        return (int64_t)(big_endian(content->data, content->size) << unused) >> unused;
}

static double real_of(const struct amqp_wire_bytes *content)
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

static bool read_members(struct amqp_wire_value *value, uint8_t code)
{
        uint64_t count;

        if (!take_number(&value->bytes, code < 0xd0 ? 1 : 4, &count))
                return false;
        /* Every member has at least one byte: no count can promise more than there is. */
        value->count = (uint32_t)count;
        return count <= value->bytes.size;
}

/* Kinds by constructor (AMQP 1.0, part 1.6); what is not here is AMQP_WIRE_OTHER. */
static enum amqp_wire_kind kind_of(uint8_t code)
{
        static const struct {
                uint8_t code;
                enum amqp_wire_kind kind;
        } rows[] = {
                {0x40, AMQP_WIRE_NULL},      {0x41, AMQP_WIRE_BOOL},     {0x42, AMQP_WIRE_BOOL},
                {0x56, AMQP_WIRE_BOOL},      {0x43, AMQP_WIRE_UNSIGNED}, {0x44, AMQP_WIRE_UNSIGNED},
                {0x50, AMQP_WIRE_UNSIGNED},  {0x52, AMQP_WIRE_UNSIGNED}, {0x53, AMQP_WIRE_UNSIGNED},
                {0x60, AMQP_WIRE_UNSIGNED},  {0x70, AMQP_WIRE_UNSIGNED}, {0x80, AMQP_WIRE_UNSIGNED},
                {0x51, AMQP_WIRE_SIGNED},    {0x54, AMQP_WIRE_SIGNED},   {0x55, AMQP_WIRE_SIGNED},
                {0x61, AMQP_WIRE_SIGNED},    {0x71, AMQP_WIRE_SIGNED},   {0x81, AMQP_WIRE_SIGNED},
                {0x83, AMQP_WIRE_TIMESTAMP}, {0x72, AMQP_WIRE_FLOAT},    {0x82, AMQP_WIRE_DOUBLE},
                {0x98, AMQP_WIRE_UUID},      {0xa0, AMQP_WIRE_BINARY},   {0xb0, AMQP_WIRE_BINARY},
                {0xa1, AMQP_WIRE_STRING},    {0xb1, AMQP_WIRE_STRING},   {0xa3, AMQP_WIRE_SYMBOL},
                {0xb3, AMQP_WIRE_SYMBOL},    {0x45, AMQP_WIRE_LIST},     {0xc0, AMQP_WIRE_LIST},
                {0xd0, AMQP_WIRE_LIST},      {0xc1, AMQP_WIRE_MAP},      {0xd1, AMQP_WIRE_MAP},
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                if (rows[i].code == code)
                        return rows[i].kind;
        }
        return AMQP_WIRE_OTHER;
}

static bool interpret(struct amqp_wire_value *value, uint8_t code)
{
        const struct amqp_wire_bytes *content = &value->bytes;

        value->kind = kind_of(code);
        switch (value->kind) {
        case AMQP_WIRE_BOOL:
                value->number = code == 0x56 ? content->data[0] != 0 : code == 0x41;
                return true;
        case AMQP_WIRE_UNSIGNED:
        case AMQP_WIRE_TIMESTAMP:
                value->number = (int64_t)big_endian(content->data, content->size);
                return true;
        case AMQP_WIRE_SIGNED:
                value->number = sign_extended(content);
                return true;
        case AMQP_WIRE_FLOAT:
        case AMQP_WIRE_DOUBLE:
                value->real = real_of(content);
                return true;
        case AMQP_WIRE_LIST:
                return code == 0x45 || read_members(value, code);
        case AMQP_WIRE_MAP:
                return read_members(value, code) && value->count % 2 == 0;
        default:
                return true;
        }
}

/* Described values are passed over as a whole; their descriptor may not be described again. */
static bool pass_described(struct amqp_wire_bytes *from)
{
        for (int part = 0; part < 2; part++) {
                struct amqp_wire_bytes content;
                uint64_t code;

                if (!take_number(from, 1, &code) || code == 0 ||
                    !take_content(from, (uint8_t)code, &content))
                        return false;
        }
        return true;
}

bool amqp_wire_read(struct amqp_wire_bytes *from, struct amqp_wire_value *value)
{
        const uint8_t *start = from->data;
        uint64_t code;
        bool good;

        *value = (struct amqp_wire_value){.kind = AMQP_WIRE_OTHER};
        if (!take_number(from, 1, &code))
                return false;
        if (code == 0)
                good = pass_described(from);
        else
                good = take_content(from, (uint8_t)code, &value->bytes) &&
                       interpret(value, (uint8_t)code);
        value->encoded =
                (struct amqp_wire_bytes){.data = start, .size = (size_t)(from->data - start)};
        return good;
}

struct amqp_wire_bytes amqp_wire_bytes_of(const struct buf *buf)
{
        return (struct amqp_wire_bytes){.data = (const uint8_t *)buf->data, .size = buf->size};
}

bool amqp_wire_int(const struct amqp_wire_value *value, int64_t *number)
{
        *number = value->number;
        return value->kind == AMQP_WIRE_SIGNED || value->kind == AMQP_WIRE_TIMESTAMP ||
               (value->kind == AMQP_WIRE_UNSIGNED && value->number >= 0);
}

bool amqp_wire_is_text(const struct amqp_wire_value *value, const char *text)
{
        return (value->kind == AMQP_WIRE_STRING || value->kind == AMQP_WIRE_SYMBOL) &&
               value->bytes.size == strlen(text) &&
               memcmp(value->bytes.data, text, value->bytes.size) == 0;
}

struct amqp_wire_value amqp_wire_map_find(struct amqp_wire_bytes members, uint32_t count,
                                          const char *key)
{
        struct amqp_wire_value name;
        struct amqp_wire_value value;

        for (uint32_t i = 0; i < count; i += 2) {
                if (!amqp_wire_read(&members, &name) || !amqp_wire_read(&members, &value))
                        break;
                if (amqp_wire_is_text(&name, key))
                        return value;
        }
        return (struct amqp_wire_value){.kind = AMQP_WIRE_NULL};
}

void amqp_wire_add_text(struct buf *out, const struct amqp_wire_value *value)
{
        const uint8_t *b = value->bytes.data;

        switch (value->kind) {
        case AMQP_WIRE_STRING:
        case AMQP_WIRE_SYMBOL:
                buf_add(out, b, value->bytes.size);
                break;
        case AMQP_WIRE_BINARY:
                crypto_base64_encode(out, b, value->bytes.size);
                break;
        case AMQP_WIRE_BOOL:
                buf_add_text(out, value->number ? "true" : "false");
                break;
        case AMQP_WIRE_UNSIGNED:
                buf_add_format(out, "%" PRIu64, (uint64_t)value->number);
                break;
        case AMQP_WIRE_SIGNED:
        case AMQP_WIRE_TIMESTAMP:
                buf_add_format(out, "%" PRId64, value->number);
                break;
        case AMQP_WIRE_FLOAT:
                buf_add_format(out, "%.9g", value->real);
                break;
        case AMQP_WIRE_DOUBLE:
                buf_add_format(out, "%.17g", value->real);
                break;
        case AMQP_WIRE_UUID:
                for (size_t i = 0; i < 16; i++)
                        buf_add_format(out,
                                       i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x",
                                       b[i]);
                break;
        case AMQP_WIRE_NULL:
        case AMQP_WIRE_LIST:
        case AMQP_WIRE_MAP:
        case AMQP_WIRE_OTHER:
                break;
        }
}

bool amqp_wire_add_plain(struct buf *out, const struct amqp_wire_value *value)
{
        switch (value->kind) {
        case AMQP_WIRE_BINARY:
                buf_add(out, value->bytes.data, value->bytes.size);
                return true;
        case AMQP_WIRE_NULL:
        case AMQP_WIRE_LIST:
        case AMQP_WIRE_MAP:
        case AMQP_WIRE_OTHER:
                return false;
        default:
                amqp_wire_add_text(out, value);
                return true;
        }
}

/* --- messages -------------------------------------------------------------------------------- */

static bool take_section(struct amqp_wire_bytes *from, uint8_t *section,
                         struct amqp_wire_value *value)
{
        struct amqp_wire_value descriptor;
        uint64_t code;

        /* A descriptor is a ulong, mostly in its shortest form. */
        if (!take_number(from, 1, &code) || code != 0 || !amqp_wire_read(from, &descriptor) ||
            descriptor.kind != AMQP_WIRE_UNSIGNED || descriptor.number < 0 ||
            descriptor.number > UINT8_MAX)
                return false;
        *section = (uint8_t)descriptor.number;
        return amqp_wire_read(from, value);
}

/* The fields of `properties` in their order; those that nobody here wants have no place. */
static bool read_properties(const struct amqp_wire_value *list, struct amqp_wire_message *message)
{
        struct amqp_wire_value unused;
        struct amqp_wire_value *const places[] = {
                &message->message_id,   &message->user_id,
                &message->to,           &unused,
                &message->reply_to,     &message->correlation_id,
                &message->content_type, &message->content_encoding,
                &message->expiry,
        };
        struct amqp_wire_bytes members = list->bytes;

        if (list->kind != AMQP_WIRE_LIST)
                return false;
        for (uint32_t i = 0; i < list->count && i < ARRAY_SIZE(places); i++) {
                if (!amqp_wire_read(&members, places[i]))
                        return false;
        }
        return true;
}

static bool read_map(const struct amqp_wire_value *map, struct amqp_wire_bytes *members,
                     uint32_t *count)
{
        if (map->kind != AMQP_WIRE_MAP)
                return map->kind == AMQP_WIRE_NULL;
        *members = map->bytes;
        *count = map->count;
        return true;
}

static bool read_section(uint8_t section, const struct amqp_wire_value *value,
                         struct amqp_wire_message *message)
{
        switch (section) {
        case AMQP_WIRE_SECTION_HEADER:
                return true;
        case AMQP_WIRE_SECTION_PROPERTIES:
                message->has_sections = true;
                return read_properties(value, message);
        case AMQP_WIRE_SECTION_MESSAGE_ANNOTATIONS:
                message->has_sections = true;
                return read_map(value, &message->annotations, &message->annotation_count);
        case AMQP_WIRE_SECTION_APPLICATION_PROPERTIES:
                message->has_sections = true;
                return read_map(value, &message->properties, &message->property_count);
        case AMQP_WIRE_SECTION_DATA:
                if (message->data_count++ == 0)
                        message->data = value->bytes;
                return value->kind == AMQP_WIRE_BINARY;
        case AMQP_WIRE_SECTION_VALUE:
                message->value = *value;
                message->has_value = true;
                return true;
        default: /* delivery annotations, sequence, footer */
                message->has_sequence |= section == AMQP_WIRE_SECTION_SEQUENCE;
                message->has_sections = true;
                return section >= AMQP_WIRE_SECTION_HEADER && section <= AMQP_WIRE_SECTION_FOOTER;
        }
}

bool amqp_wire_message_read(const void *bytes, size_t size, struct amqp_wire_message *message)
{
        struct amqp_wire_bytes from = {.data = bytes, .size = size};

        *message = (struct amqp_wire_message){.data_count = 0};
        while (from.size > 0) {
                struct amqp_wire_value value;
                uint8_t section;

                if (!take_section(&from, &section, &value) ||
                    !read_section(section, &value, message))
                        return false;
        }
        return true;
}

bool amqp_wire_next_data(struct amqp_wire_bytes *from, struct amqp_wire_bytes *data)
{
        while (from->size > 0) {
                struct amqp_wire_value value;
                uint8_t section;

                if (!take_section(from, &section, &value))
                        return false;
                if (section == AMQP_WIRE_SECTION_DATA) {
                        *data = value.bytes;
                        return true;
                }
        }
        return false;
}

bool amqp_wire_is_batch(const void *bytes, size_t size, const struct amqp_wire_message *message)
{
        struct amqp_wire_bytes from = {.data = bytes, .size = size};
        struct amqp_wire_bytes data;
        struct amqp_wire_message inner;

        if (message->has_sections || message->has_value || message->data_count == 0)
                return false;
        while (amqp_wire_next_data(&from, &data)) {
                if (data.size == 0 || !amqp_wire_message_read(data.data, data.size, &inner))
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

void amqp_wire_put_null(struct buf *out)
{
        put_code(out, 0x40);
}

void amqp_wire_put_string(struct buf *out, const char *text)
{
        if (text)
                put_variable(out, 0xa1, text, strlen(text));
        else
                amqp_wire_put_null(out);
}

void amqp_wire_put_symbol(struct buf *out, const char *text)
{
        if (text)
                put_variable(out, 0xa3, text, strlen(text));
        else
                amqp_wire_put_null(out);
}

void amqp_wire_put_binary(struct buf *out, const void *bytes, size_t size)
{
        put_variable(out, 0xa0, bytes, size);
}

void amqp_wire_put_bool(struct buf *out, bool value)
{
        put_code(out, value ? 0x41 : 0x42);
}

void amqp_wire_put_ubyte(struct buf *out, uint8_t number)
{
        put_code(out, 0x50);
        put_number(out, number, 1);
}

void amqp_wire_put_int(struct buf *out, int32_t number)
{
        put_code(out, 0x71);
        put_number(out, (uint32_t)number, 4);
}

void amqp_wire_put_long(struct buf *out, int64_t number)
{
        put_code(out, 0x81);
        put_number(out, (uint64_t)number, 8);
}

void amqp_wire_put_ulong(struct buf *out, uint64_t number)
{
        put_code(out, 0x80);
        put_number(out, number, 8);
}

void amqp_wire_put_timestamp(struct buf *out, int64_t wall_ms)
{
        put_code(out, 0x83);
        put_number(out, (uint64_t)wall_ms, 8);
}

void amqp_wire_put_uuid(struct buf *out, const uint8_t uuid[16])
{
        put_code(out, 0x98);
        buf_add(out, uuid, 16);
}

void amqp_wire_put_encoded(struct buf *out, struct amqp_wire_bytes encoded)
{
        if (encoded.size > 0)
                buf_add(out, encoded.data, encoded.size);
        else
                amqp_wire_put_null(out);
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

size_t amqp_wire_begin_list(struct buf *out)
{
        return begin_compound(out, 0xd0);
}

size_t amqp_wire_begin_map(struct buf *out)
{
        return begin_compound(out, 0xd1);
}

void amqp_wire_end(struct buf *out, size_t begin, uint32_t count)
{
        uint64_t sizes = (uint64_t)(out->size - begin - 4) << 32 | count;

        for (size_t i = 0; i < 8; i++)
                out->data[begin + i] = (char)(uint8_t)(sizes >> (56 - 8 * i));
}

void amqp_wire_put_strings(struct buf *out, const char *const *texts, uint32_t count)
{
        size_t begin = begin_compound(out, 0xf0);

        put_code(out, 0xb1);
        for (uint32_t i = 0; i < count; i++) {
                put_number(out, strlen(texts[i]), 4);
                buf_add_text(out, texts[i]);
        }
        amqp_wire_end(out, begin, count);
}

void amqp_wire_put_section(struct buf *out, enum amqp_wire_section section)
{
        put_code(out, 0x00);
        put_code(out, 0x53);
        put_code(out, (uint8_t)section);
}

void amqp_wire_put_data(struct buf *out, const void *bytes, size_t size)
{
        amqp_wire_put_section(out, AMQP_WIRE_SECTION_DATA);
        amqp_wire_put_binary(out, bytes, size);
}
