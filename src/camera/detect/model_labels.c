// SPDX-License-Identifier: MIT
#include "camera/detect/model_labels.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/file.h"

#define MODEL_BYTES_MAX ((size_t)1 << 30)

/* Numbers of fields in onnx.proto. */
#define FIELD_GRAPH    7
#define FIELD_METADATA 14
#define FIELD_KEY      1
#define FIELD_VALUE    2

/* How a field's value is written (https://protobuf.dev/programming-guides/encoding/). */
enum wire_type {
        WIRE_VARINT = 0,
        WIRE_EIGHT_BYTES = 1,
        WIRE_BYTES = 2,
        WIRE_FOUR_BYTES = 5,
};

struct reader {
        const uint8_t *at;
        const uint8_t *end;
};

struct field {
        uint64_t number;
        const uint8_t *bytes; /* of WIRE_BYTES; else NULL */
        size_t size;
};

static bool read_varint(struct reader *reader, uint64_t *number)
{
        *number = 0;
        for (unsigned int shift = 0; shift < 64 && reader->at < reader->end; shift += 7) {
                uint8_t byte = *reader->at++;

                *number |= (uint64_t)(byte & 0x7f) << shift;
                if (!(byte & 0x80))
                        return true;
        }
        return false;
}

static bool skip(struct reader *reader, uint64_t size)
{
        if (size > (uint64_t)(reader->end - reader->at))
                return false;
        reader->at += size;
        return true;
}

static bool read_field(struct reader *reader, struct field *field)
{
        uint64_t tag;
        uint64_t number;

        if (!read_varint(reader, &tag))
                return false;
        *field = (struct field){.number = tag >> 3};
        switch (tag & 7) {
        case WIRE_VARINT:
                return read_varint(reader, &number);
        case WIRE_EIGHT_BYTES:
                return skip(reader, 8);
        case WIRE_FOUR_BYTES:
                return skip(reader, 4);
        case WIRE_BYTES:
                if (!read_varint(reader, &number))
                        return false;
                field->bytes = reader->at;
                field->size = (size_t)number;
                return skip(reader, number);
        default:
                return false;
        }
}

/* An entry of the metadata; adds its value if its key is that one. */
static bool read_entry(const struct field *entry, const char *key, struct buf *out)
{
        struct reader reader = {.at = entry->bytes, .end = entry->bytes + entry->size};
        struct field found_key = {.bytes = NULL};
        struct field value = {.bytes = NULL};

        while (reader.at < reader.end) {
                struct field field;

                if (!read_field(&reader, &field))
                        return false;
                if (field.number == FIELD_KEY)
                        found_key = field;
                else if (field.number == FIELD_VALUE)
                        value = field;
        }
        if (found_key.bytes && found_key.size == strlen(key) &&
            memcmp(found_key.bytes, key, found_key.size) == 0 && value.bytes) {
                buf_clear(out);
                buf_add(out, value.bytes, value.size);
        }
        return true;
}

int model_metadata(const void *bytes, size_t size, const char *key, struct buf *out,
                   struct reason *reason)
{
        struct reader reader = {.at = bytes, .end = (const uint8_t *)bytes + size};
        bool has_graph = false;
        bool is_good = true;

        while (is_good && reader.at < reader.end) {
                struct field field;

                is_good = read_field(&reader, &field);
                if (!is_good || !field.bytes)
                        continue;
                has_graph = has_graph || field.number == FIELD_GRAPH;
                if (field.number == FIELD_METADATA)
                        is_good = read_entry(&field, key, out);
        }
        if (is_good && has_graph)
                return 0;
        buf_clear(out);
        reason_set(reason, "this is no ONNX model, or a damaged one");
        return LABELS_E_BAD;
}

int model_labels_read(const char *path, struct labels *labels, struct reason *reason)
{
        CLEANUP(buf_deinit) struct buf model = BUF_INIT;
        CLEANUP(buf_deinit) struct buf names = BUF_INIT;
        int result;

        if (file_read(path, MODEL_BYTES_MAX, &model, reason) != 0)
                return LABELS_E_BAD;
        result = model_metadata(model.data, model.size, "names", &names, reason);
        if (result == 0 && names.size == 0) {
                labels_coco(labels);
                return 0;
        }
        if (result == 0)
                result = labels_read_metadata(buf_text(&names), labels, reason);
        if (result != 0)
                reason_prefix(reason, "%s", path);
        return result;
}
