// SPDX-License-Identifier: MIT
#include "base/amqp/amqp_pad.h"

#include <string.h>

#define FRAME_HEAD 8  /* size, offset of the body, type, channel */
#define LIST_AT    11 /* behind the frame's head and a descriptor of three bytes */
#define NULL_BYTE  '\x40'

#define BEGIN           0x11
#define BEGIN_HANDLES   4 /* its fields before handle-max */
#define HANDLE_MAX      262143
#define HANDLE_MAX_SIZE 5
#define UINT_CODE       '\x70'

enum list_type {
        LIST_EMPTY = 0x45,
        LIST_SMALL = 0xc0,
        LIST_LARGE = 0xd0,
};

struct list_head {
        uint32_t size;  /* bytes of the constructor, with size and count */
        uint32_t bytes; /* of the fields */
        uint32_t count;
};

static uint32_t read_number(const uint8_t *bytes)
{
        return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 |
               bytes[3];
}

static void add_number(struct buf *out, uint32_t number)
{
        for (int shift = 24; shift >= 0; shift -= 8)
                buf_add_char(out, (char)(number >> shift & 0xff));
}

/* How many fields a performative has: open, begin, attach, flow, transfer, disposition, detach,
 * end, close; 0 = it is none. */
static uint32_t fields_of(uint8_t descriptor)
{
        static const uint8_t counts[] = {10, 8, 14, 11, 11, 6, 3, 1, 1};

        return descriptor >= 0x10 && (size_t)(descriptor - 0x10) < sizeof(counts)
                       ? counts[descriptor - 0x10]
                       : 0;
}

/* How much of a frame must be there before it can be judged, as far as is known; more than all of
 * it where it is broken. */
static size_t head_of(const struct amqp_pad *pad)
{
        const uint8_t *head = pad->head;

        if (pad->head_size < FRAME_HEAD || memcmp(head, "AMQP", 4) == 0 || head[4] != 2 ||
            head[5] != 0 || read_number(head) < LIST_AT + 1)
                return FRAME_HEAD;
        if (pad->head_size <= LIST_AT || head[8] != 0 || head[9] != 0x53 ||
            fields_of(head[10]) == 0)
                return LIST_AT + 1;
        if (head[LIST_AT] == LIST_SMALL)
                return LIST_AT + 3;
        return head[LIST_AT] == LIST_LARGE ? LIST_AT + 9 : LIST_AT + 1;
}

static bool is_judged(const struct amqp_pad *pad)
{
        size_t head = head_of(pad);

        return pad->head_size == head ||
               (head > FRAME_HEAD && pad->head_size == read_number(pad->head));
}

/* False if there is no list that could have more fields. */
static bool read_list(const struct amqp_pad *pad, struct list_head *list)
{
        const uint8_t *at = pad->head + LIST_AT;

        if (pad->head_size <= LIST_AT)
                return false;
        if (at[0] == LIST_EMPTY)
                *list = (struct list_head){.size = 1};
        else if (at[0] == LIST_SMALL)
                *list = (struct list_head){3, at[1] - 1U, at[2]};
        else if (at[0] == LIST_LARGE)
                *list = (struct list_head){9, read_number(at + 1) - 4, read_number(at + 5)};
        else
                return false;
        if (list->size + LIST_AT > pad->head_size)
                return false;
        return list->bytes <= read_number(pad->head) - LIST_AT - list->size &&
               list->count < fields_of(pad->head[10]);
}

static void add_list_head(struct buf *out, uint32_t bytes, uint32_t count, bool small)
{
        buf_add_char(out, (char)(small ? LIST_SMALL : LIST_LARGE));
        if (small) {
                buf_add_char(out, (char)(bytes + 1));
                buf_add_char(out, (char)count);
        } else {
                add_number(out, bytes + 4);
                add_number(out, count);
        }
}

static void add_fields(struct amqp_pad *pad, struct buf *out)
{
        if (pad->handle_max) {
                buf_add_char(out, UINT_CODE);
                add_number(out, HANDLE_MAX);
                pad->handle_max = false;
        }
        while (pad->nulls > 0) {
                buf_add_char(out, NULL_BYTE);
                pad->nulls--;
        }
}

/* Writes the head of a frame anew, for a list of `count` fields, of which `bytes` are to come. */
static void add_head(const struct amqp_pad *pad, uint32_t frame, const struct list_head *list,
                     uint32_t added, struct buf *out)
{
        uint32_t bytes = list->bytes + added;
        bool small = bytes < 255;

        add_number(out, frame - list->size + (small ? 3 : 9) + added);
        buf_add(out, pad->head + 4, LIST_AT - 4);
        add_list_head(out, bytes, fields_of(pad->head[10]), small);
}

/* The head is whole: it goes out, changed or not. */
static void begin_frame(struct amqp_pad *pad, uint32_t maximum, struct buf *out)
{
        bool is_frame = memcmp(pad->head, "AMQP", 4) != 0;
        uint32_t frame = is_frame ? read_number(pad->head) : FRAME_HEAD;
        struct list_head list;
        bool handles;
        uint32_t nulls;
        uint32_t added;

        if (is_frame && read_list(pad, &list)) {
                handles = pad->head[10] == BEGIN && list.count == BEGIN_HANDLES;
                nulls = fields_of(pad->head[10]) - list.count - (handles ? 1 : 0);
                added = nulls + (handles ? HANDLE_MAX_SIZE : 0);
                if (maximum == 0 || frame + added + 8 <= maximum) {
                        add_head(pad, frame, &list, added, out);
                        pad->before = list.bytes;
                        pad->after = frame - LIST_AT - list.size - list.bytes;
                        pad->nulls = (uint8_t)nulls;
                        pad->handle_max = handles;
                        if (pad->before == 0)
                                add_fields(pad, out);
                        pad->head_size = 0;
                        return;
                }
        }
        buf_add(out, pad->head, pad->head_size);
        pad->after = frame > pad->head_size ? frame - pad->head_size : 0;
        pad->head_size = 0;
}

/* Copies at most `*left` bytes; returns how many. */
static size_t copy(uint32_t *left, const uint8_t *bytes, size_t size, struct buf *out)
{
        size_t part = size < *left ? size : *left;

        buf_add(out, bytes, part);
        *left -= (uint32_t)part;
        return part;
}

void amqp_pad_add(struct amqp_pad *pad, uint32_t maximum, const void *bytes, size_t size,
                  struct buf *out)
{
        const uint8_t *at = bytes;
        const uint8_t *end = at + size;

        while (at < end) {
                if (pad->before > 0) {
                        at += copy(&pad->before, at, (size_t)(end - at), out);
                        if (pad->before == 0)
                                add_fields(pad, out);
                } else if (pad->after > 0) {
                        at += copy(&pad->after, at, (size_t)(end - at), out);
                } else {
                        pad->head[pad->head_size++] = *at++;
                        if (is_judged(pad))
                                begin_frame(pad, maximum, out);
                }
        }
}
