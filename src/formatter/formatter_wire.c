// SPDX-License-Identifier: MIT
#include "formatter/formatter_wire.h"

#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"

#define HEADER_SIZE 4
/* Stands for the size of a text that is absent. */
#define ABSENT UINT32_MAX

/* --- writing ------------------------------------------------------------------------------- */

static void add_number(struct buf *out, uint64_t number, int bytes)
{
        unsigned char text[8];

        for (int i = 0; i < bytes; i++)
                text[i] = (unsigned char)(number >> (8 * i));
        buf_add(out, text, (size_t)bytes);
}

static void add_bytes(struct buf *out, const void *bytes, size_t size)
{
        add_number(out, bytes ? size : ABSENT, 4);
        if (!bytes)
                return;
        buf_add(out, bytes, size);
        buf_add_char(out, '\0');
}

static void add_text(struct buf *out, const char *text)
{
        add_bytes(out, text, text ? strlen(text) : 0);
}

/* Begins a frame; end_frame writes its size once that is known. */
static size_t begin_frame(struct buf *out, enum formatter_frame_type type)
{
        size_t start = out->size;

        add_number(out, 0, HEADER_SIZE);
        add_number(out, type, 1);
        return start;
}

static void end_frame(struct buf *out, size_t start)
{
        size_t size = out->size - start - HEADER_SIZE;

        for (int i = 0; i < HEADER_SIZE; i++)
                out->data[start + (size_t)i] = (char)(unsigned char)(size >> (8 * i));
}

void formatter_wire_add_load(struct buf *out, const struct formatter_load *load)
{
        size_t start = begin_frame(out, FORMATTER_FRAME_LOAD);

        add_number(out, load->version, 8);
        add_text(out, load->name);
        add_bytes(out, load->source, load->source_size);
        end_frame(out, start);
}

void formatter_wire_add_unload(struct buf *out, uint64_t version)
{
        size_t start = begin_frame(out, FORMATTER_FRAME_UNLOAD);

        add_number(out, version, 8);
        end_frame(out, start);
}

void formatter_wire_add_ready(struct buf *out)
{
        end_frame(out, begin_frame(out, FORMATTER_FRAME_READY));
}

void formatter_wire_add_loaded(struct buf *out, const struct formatter_loaded *loaded)
{
        size_t start = begin_frame(out, FORMATTER_FRAME_LOADED);

        add_number(out, loaded->version, 8);
        add_number(out, loaded->good, 1);
        add_text(out, loaded->reason.text);
        end_frame(out, start);
}

void formatter_wire_add_input(struct buf *out, enum formatter_function function,
                              const struct formatter_input *input)
{
        add_number(out, function, 1);
        add_number(out, (uint64_t)(input->port - FORMATTER_NO_PORT), 4);
        add_number(out, (uint64_t)input->time_ns, 8);
        add_bytes(out, input->bytes, input->size);
        add_text(out, input->data);
        add_text(out, input->device);
        add_text(out, input->application);
        add_text(out, input->method);
}

void formatter_wire_add_call(struct buf *out, uint64_t id, uint64_t version,
                             const struct buf *input)
{
        size_t start = begin_frame(out, FORMATTER_FRAME_CALL);

        add_number(out, id, 8);
        add_number(out, version, 8);
        buf_add(out, input->data, input->size);
        end_frame(out, start);
}

void formatter_wire_add_result(struct buf *out, const struct formatter_wire_result *wire)
{
        const struct formatter_result *result = &wire->result;
        size_t start = begin_frame(out, FORMATTER_FRAME_RESULT);

        add_number(out, wire->id, 8);
        add_number(out, result->status, 1);
        add_number(out, (uint64_t)result->port, 4);
        add_number(out, (uint64_t)result->elapsed_ns, 8);
        add_number(out, (uint64_t)result->memory_bytes, 8);
        add_text(out, result->reason.text);
        add_text(out, result->data);
        add_bytes(out, result->bytes.data, result->bytes.size);
        add_text(out, result->warnings);
        add_number(out, result->property_count, 1);
        for (size_t i = 0; i < result->property_count; i++) {
                add_text(out, result->properties[i].name);
                add_text(out, result->properties[i].value);
        }
        end_frame(out, start);
}

/* --- reading ------------------------------------------------------------------------------- */

/* What is left of a frame; `broken` once something did not fit. */
struct reader {
        char *at;
        size_t left;
        bool broken;
};

static struct reader reader_of(const struct formatter_frame *frame)
{
        return (struct reader){.at = frame->fields, .left = frame->size};
}

static char *take(struct reader *reader, size_t size)
{
        char *bytes = reader->at;

        if (reader->broken || reader->left < size) {
                reader->broken = true;
                return NULL;
        }
        reader->at += size;
        reader->left -= size;
        return bytes;
}

static uint64_t take_number(struct reader *reader, int bytes)
{
        const char *text = take(reader, (size_t)bytes);
        uint64_t number = 0;

        for (int i = 0; text && i < bytes; i++)
                number |= (uint64_t)(unsigned char)text[i] << (8 * i);
        return number;
}

/* A number below `limit`. */
static int take_choice(struct reader *reader, int bytes, uint64_t limit)
{
        uint64_t number = take_number(reader, bytes);

        if (number >= limit)
                reader->broken = true;
        return reader->broken ? 0 : (int)number;
}

static char *take_bytes(struct reader *reader, size_t *size)
{
        uint64_t announced = take_number(reader, 4);
        char *bytes;

        *size = 0;
        if (reader->broken || announced == ABSENT)
                return NULL;
        bytes = take(reader, (size_t)announced + 1);
        if (!bytes || bytes[announced] != '\0') {
                reader->broken = true;
                return NULL;
        }
        *size = (size_t)announced;
        return bytes;
}

/* UTF-8 without a zero character, or NULL where it is absent. */
static char *take_text(struct reader *reader)
{
        size_t size;
        char *text = take_bytes(reader, &size);

        if (!text || (!memchr(text, '\0', size) && utf8_is_valid(text, size)))
                return text;
        reader->broken = true;
        return NULL;
}

static char *take_present_text(struct reader *reader)
{
        char *text = take_text(reader);

        if (!text)
                reader->broken = true;
        return text;
}

static void take_reason(struct reader *reader, struct reason *reason)
{
        const char *text = take_present_text(reader);

        *reason = REASON_INIT;
        if (text && text[0])
                reason_set(reason, "%s", text);
}

static bool is_whole(const struct reader *reader)
{
        return !reader->broken && reader->left == 0;
}

int formatter_frame_next(char *bytes, size_t size, struct formatter_frame *frame, size_t *taken)
{
        struct reader reader = {.at = bytes, .left = size};
        uint64_t announced = take_number(&reader, HEADER_SIZE);

        if (reader.broken)
                return -EAGAIN;
        if (announced == 0 || announced > FORMATTER_FRAME_LIMIT)
                return -EPROTO;
        if (reader.left < announced)
                return -EAGAIN;
        frame->type = (enum formatter_frame_type)take_number(&reader, 1);
        frame->fields = reader.at;
        frame->size = (size_t)announced - 1;
        *taken = HEADER_SIZE + (size_t)announced;
        return 0;
}

bool formatter_wire_read_load(const struct formatter_frame *frame, struct formatter_load *load)
{
        struct reader reader = reader_of(frame);

        load->version = take_number(&reader, 8);
        load->name = take_present_text(&reader);
        load->source = take_bytes(&reader, &load->source_size);
        return is_whole(&reader) && load->source && utf8_is_valid(load->source, load->source_size);
}

bool formatter_wire_read_unload(const struct formatter_frame *frame, uint64_t *version)
{
        struct reader reader = reader_of(frame);

        *version = take_number(&reader, 8);
        return is_whole(&reader);
}

bool formatter_wire_read_loaded(const struct formatter_frame *frame,
                                struct formatter_loaded *loaded)
{
        struct reader reader = reader_of(frame);

        loaded->version = take_number(&reader, 8);
        loaded->good = take_choice(&reader, 1, 2) != 0;
        take_reason(&reader, &loaded->reason);
        return is_whole(&reader);
}

static void take_input(struct reader *reader, enum formatter_function *function,
                       struct formatter_input *input)
{
        *function = (enum formatter_function)take_choice(reader, 1, FORMATTER_FUNCTIONS);
        input->port = take_choice(reader, 4, INT32_MAX) + FORMATTER_NO_PORT;
        input->time_ns = (int64_t)take_number(reader, 8);
        input->bytes = (const uint8_t *)take_bytes(reader, &input->size);
        input->data = take_text(reader);
        input->device = take_text(reader);
        input->application = take_text(reader);
        input->method = take_text(reader);
}

bool formatter_wire_read_call(const struct formatter_frame *frame, struct formatter_wire_call *call)
{
        struct reader reader = reader_of(frame);

        call->id = take_number(&reader, 8);
        call->version = take_number(&reader, 8);
        take_input(&reader, &call->function, &call->input);
        return is_whole(&reader);
}

char *formatter_wire_device(const struct buf *text)
{
        struct reader reader = {.at = text->data, .left = text->size};
        enum formatter_function function;
        struct formatter_input input;

        take_input(&reader, &function, &input);
        if (!input.device)
                return NULL;
        return mem_format("%s/%s", input.application ? input.application : "", input.device);
}

static void take_properties(struct reader *reader, struct formatter_wire_result *wire)
{
        int count = take_choice(reader, 1, FORMATTER_PROPERTY_LIMIT + 1);

        wire->result.property_count = (size_t)count;
        wire->result.properties = wire->properties;
        for (int i = 0; i < count; i++) {
                wire->properties[i].name = take_present_text(reader);
                wire->properties[i].value = take_present_text(reader);
        }
}

bool formatter_wire_read_result(const struct formatter_frame *frame,
                                struct formatter_wire_result *wire)
{
        struct reader reader = reader_of(frame);
        struct formatter_result *result = &wire->result;

        wire->id = take_number(&reader, 8);
        result->status = (enum formatter_status)take_choice(&reader, 1, FORMATTER_STOPPED + 1);
        result->port = take_choice(&reader, 4, 256);
        result->elapsed_ns = (int64_t)(take_number(&reader, 8) & INT64_MAX);
        result->memory_bytes = (int64_t)(take_number(&reader, 8) & INT64_MAX);
        take_reason(&reader, &result->reason);
        result->data = take_text(&reader);
        result->bytes = BUF_INIT;
        result->bytes.data = take_bytes(&reader, &result->bytes.size);
        result->warnings = take_text(&reader);
        take_properties(&reader, wire);
        return is_whole(&reader);
}
