// SPDX-License-Identifier: MIT
#include "azure/hub/amqp_read.h"

#include <inttypes.h>
#include <proton/link.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* Section descriptors (AMQP 1.0, part 3.2). */
enum {
        SECTION_HEADER = 0x70,
        SECTION_DELIVERY_ANNOTATIONS = 0x71,
        SECTION_ANNOTATIONS = 0x72,
        SECTION_PROPERTIES = 0x73,
        SECTION_APPLICATION = 0x74,
        SECTION_DATA = 0x75,
        SECTION_SEQUENCE = 0x76,
        SECTION_VALUE = 0x77,
        SECTION_FOOTER = 0x78,
};

void amqp_reader_init(struct amqp_reader *reader)
{
        *reader = (struct amqp_reader){
                .scratch = pn_data(0),
                .annotations = pn_data(0),
                .properties = pn_data(0),
                .application = pn_data(0),
        };
}

void amqp_reader_deinit(struct amqp_reader *reader)
{
        pn_data_free(reader->scratch);
        pn_data_free(reader->annotations);
        pn_data_free(reader->properties);
        pn_data_free(reader->application);
        buf_deinit(&reader->body);
        buf_deinit(&reader->bytes);
}

/* Stands on the value behind the descriptor; false if the section is missing or odd. */
static bool enter_section(pn_data_t *data)
{
        pn_data_rewind(data);
        return pn_data_next(data) && pn_data_is_described(data) && pn_data_enter(data) &&
               pn_data_next(data) && pn_data_next(data);
}

static bool section_code(pn_data_t *data, uint64_t *code)
{
        pn_data_rewind(data);
        if (!pn_data_next(data) || !pn_data_is_described(data) || !pn_data_enter(data) ||
            !pn_data_next(data) || pn_data_type(data) != PN_ULONG)
                return false;
        *code = pn_data_get_ulong(data);
        return true;
}

static void keep(struct amqp_reader *reader, pn_data_t **section)
{
        pn_data_t *kept = reader->scratch;

        reader->scratch = *section;
        *section = kept;
}

static void read_body(struct amqp_reader *reader)
{
        pn_atom_t atom;

        if (!enter_section(reader->scratch)) {
                reader->odd_body = true;
                return;
        }
        atom = pn_data_get_atom(reader->scratch);
        if (atom.type == PN_BINARY || atom.type == PN_STRING)
                buf_add(&reader->body, atom.u.as_bytes.start, atom.u.as_bytes.size);
        else if (atom.type != PN_NULL)
                reader->odd_body = true;
}

static bool take_section(struct amqp_reader *reader)
{
        uint64_t code;

        if (!section_code(reader->scratch, &code))
                return false;
        switch (code) {
        case SECTION_ANNOTATIONS:
                keep(reader, &reader->annotations);
                return true;
        case SECTION_PROPERTIES:
                keep(reader, &reader->properties);
                return true;
        case SECTION_APPLICATION:
                keep(reader, &reader->application);
                return true;
        case SECTION_DATA:
        case SECTION_VALUE:
                read_body(reader);
                return true;
        case SECTION_SEQUENCE:
                reader->odd_body = true;
                return true;
        case SECTION_HEADER:
        case SECTION_DELIVERY_ANNOTATIONS:
        case SECTION_FOOTER:
                return true;
        default:
                return false;
        }
}

bool amqp_read(struct amqp_reader *reader, const char *bytes, size_t size)
{
        pn_data_clear(reader->annotations);
        pn_data_clear(reader->properties);
        pn_data_clear(reader->application);
        buf_clear(&reader->body);
        reader->odd_body = false;
        if (size == 0)
                return false;
        while (size > 0) {
                ssize_t used;

                pn_data_clear(reader->scratch);
                used = pn_data_decode(reader->scratch, bytes, size);
                if (used <= 0 || (size_t)used > size || !take_section(reader))
                        return false;
                bytes += used;
                size -= (size_t)used;
        }
        return true;
}

bool amqp_read_delivery(struct amqp_reader *reader, pn_delivery_t *delivery, size_t most)
{
        pn_link_t *link = pn_delivery_link(delivery);
        size_t size = pn_delivery_pending(delivery);
        bool good = size > 0 && size <= most && !pn_delivery_aborted(delivery);

        if (good) {
                buf_clear(&reader->bytes);
                buf_reserve(&reader->bytes, size);
                good = pn_link_recv(link, reader->bytes.data, size) == (ssize_t)size;
        }
        pn_link_advance(link);
        return good && amqp_read(reader, reader->bytes.data, size);
}

bool amqp_read_field(struct amqp_reader *reader, enum amqp_field field, pn_atom_t *value)
{
        pn_data_t *data = reader->properties;

        value->type = PN_NULL;
        if (!enter_section(data) || pn_data_type(data) != PN_LIST || !pn_data_enter(data))
                return false;
        for (unsigned i = 0; i <= (unsigned)field; i++) {
                if (!pn_data_next(data))
                        return false;
        }
        *value = pn_data_get_atom(data);
        return value->type != PN_NULL;
}

bool amqp_map_find(pn_data_t *data, const char *key, pn_atom_t *value)
{
        size_t length = strlen(key);

        value->type = PN_NULL;
        if (pn_data_type(data) != PN_MAP || !pn_data_enter(data))
                return false;
        while (pn_data_next(data)) {
                pn_atom_t name = pn_data_get_atom(data);
                bool is_text = name.type == PN_STRING || name.type == PN_SYMBOL;

                if (!pn_data_next(data))
                        break;
                if (is_text && name.u.as_bytes.size == length &&
                    memcmp(name.u.as_bytes.start, key, length) == 0) {
                        *value = pn_data_get_atom(data);
                        return true;
                }
        }
        return false;
}

bool amqp_read_annotation(struct amqp_reader *reader, const char *key, pn_atom_t *value)
{
        value->type = PN_NULL;
        return enter_section(reader->annotations) && amqp_map_find(reader->annotations, key, value);
}

bool amqp_read_application(struct amqp_reader *reader, const char *key, pn_atom_t *value)
{
        value->type = PN_NULL;
        return enter_section(reader->application) && amqp_map_find(reader->application, key, value);
}

bool amqp_atom_int(const pn_atom_t *atom, int64_t *number)
{
        switch (atom->type) {
        case PN_UBYTE:
                *number = atom->u.as_ubyte;
                return true;
        case PN_BYTE:
                *number = (int64_t)atom->u.as_byte;
                return true;
        case PN_USHORT:
                *number = atom->u.as_ushort;
                return true;
        case PN_SHORT:
                *number = atom->u.as_short;
                return true;
        case PN_UINT:
                *number = atom->u.as_uint;
                return true;
        case PN_INT:
                *number = atom->u.as_int;
                return true;
        case PN_LONG:
                *number = atom->u.as_long;
                return true;
        case PN_TIMESTAMP:
                *number = atom->u.as_timestamp;
                return true;
        case PN_ULONG:
                *number = (int64_t)atom->u.as_ulong;
                return atom->u.as_ulong <= INT64_MAX;
        default:
                return false;
        }
}

static void add_uuid(struct buf *out, const pn_uuid_t *uuid)
{
        for (size_t i = 0; i < sizeof(uuid->bytes); i++) {
                if (i == 4 || i == 6 || i == 8 || i == 10)
                        buf_add_char(out, '-');
                buf_add_format(out, "%02x", (unsigned)(unsigned char)uuid->bytes[i]);
        }
}

bool amqp_atom_text(const pn_atom_t *atom, struct buf *out)
{
        int64_t number;

        switch (atom->type) {
        case PN_STRING:
        case PN_SYMBOL:
        case PN_BINARY:
                buf_add(out, atom->u.as_bytes.start, atom->u.as_bytes.size);
                return true;
        case PN_BOOL:
                buf_add_text(out, atom->u.as_bool ? "true" : "false");
                return true;
        case PN_ULONG:
                buf_add_format(out, "%" PRIu64, atom->u.as_ulong);
                return true;
        case PN_FLOAT:
                buf_add_format(out, "%.9g", (double)atom->u.as_float);
                return true;
        case PN_DOUBLE:
                buf_add_format(out, "%.17g", atom->u.as_double);
                return true;
        case PN_UUID:
                add_uuid(out, &atom->u.as_uuid);
                return true;
        default:
                if (!amqp_atom_int(atom, &number))
                        return false;
                buf_add_format(out, "%" PRId64, number);
                return true;
        }
}

/* Adds an atom as a C string, up to the first zero byte in it; false if it has no text. */
static bool add_text(struct buf *texts, const pn_atom_t *atom)
{
        size_t start = texts->size;

        if (!amqp_atom_text(atom, texts))
                return false;
        buf_add_char(texts, '\0');
        texts->size = start + strlen(texts->data + start) + 1;
        return true;
}

/* The next pair of a map; false at its end. `*good` says if it was added to the texts. */
static bool next_pair(pn_data_t *data, struct buf *texts, bool *good)
{
        size_t before = texts->size;
        pn_atom_t atom;

        if (!pn_data_next(data))
                return false;
        atom = pn_data_get_atom(data);
        *good = (atom.type == PN_STRING || atom.type == PN_SYMBOL) && add_text(texts, &atom);
        if (!pn_data_next(data))
                return false;
        atom = pn_data_get_atom(data);
        *good = *good && add_text(texts, &atom);
        if (!*good)
                texts->size = before;
        return true;
}

void amqp_properties_read(struct amqp_properties *properties, struct amqp_reader *reader)
{
        pn_data_t *data = reader->application;
        const char *text;
        bool good;

        *properties = (struct amqp_properties){.texts = BUF_INIT};
        if (!enter_section(data) || pn_data_type(data) != PN_MAP)
                return;
        pn_data_enter(data);
        while (next_pair(data, &properties->texts, &good))
                properties->count += good;
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
