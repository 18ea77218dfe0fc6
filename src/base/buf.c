// SPDX-License-Identifier: MIT
#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/utf8.h"

void buf_deinit(struct buf *buf)
{
        free(buf->data);
        *buf = BUF_INIT;
}

void buf_wipe(struct buf *buf)
{
        mem_wipe(buf->data, buf->capacity);
        buf_deinit(buf);
}

void buf_clear(struct buf *buf)
{
        buf->size = 0;
        if (buf->data)
                buf->data[0] = '\0';
}

void buf_trim_end(struct buf *buf, const char *characters)
{
        while (buf->size > 0 && buf->data[buf->size - 1] != '\0' &&
               strchr(characters, buf->data[buf->size - 1]))
                buf->data[--buf->size] = '\0';
}

void buf_grow(struct buf *buf, size_t size)
{
        size_t need = buf->size + size + 1;
        size_t capacity = buf->capacity ? buf->capacity : 64;

        while (capacity < need)
                capacity *= 2;
        buf->data = mem_resize(buf->data, capacity, 1);
        buf->data[buf->size] = '\0';
        buf->capacity = capacity;
}

void buf_add_int(struct buf *buf, int64_t number)
{
        uint64_t rest = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
        char digits[20];
        size_t at = sizeof(digits);

        do
                digits[--at] = (char)('0' + rest % 10);
        while ((rest /= 10) > 0);
        if (number < 0)
                digits[--at] = '-';
        buf_add(buf, digits + at, sizeof(digits) - at);
}

void buf_add_values(struct buf *buf, const char *format, va_list values)
{
        va_list again;
        int length;

        va_copy(again, values);
        length = vsnprintf(NULL, 0, format, again);
        va_end(again);
        if (length <= 0)
                return;
        buf_reserve(buf, (size_t)length);
        vsnprintf(buf->data + buf->size, (size_t)length + 1, format, values);
        buf->size += (size_t)length;
}

void buf_add_format(struct buf *buf, const char *format, ...)
{
        va_list values;

        va_start(values, format);
        buf_add_values(buf, format, values);
        va_end(values);
}

/* Adds the character at `text`, which is not plain; returns how many bytes it took. */
static size_t add_json_character(struct buf *buf, const char *text, size_t size)
{
        unsigned char c = (unsigned char)text[0];
        size_t length = utf8_length(text, size);

        if (length == 0) {
                buf_add_text(buf, "\xef\xbf\xbd");
                return 1;
        }
        if (c == '"' || c == '\\')
                buf_add_format(buf, "\\%c", c);
        else if (c < 0x20)
                buf_add_format(buf, "\\u%04x", c);
        else
                buf_add(buf, text, length);
        return length;
}

void buf_add_json_string(struct buf *buf, const char *text, size_t size)
{
        size_t at = 0;

        buf_reserve(buf, size + 2);
        buf_add_char(buf, '"');
        while (at < size) {
                size_t plain = utf8_plain_length(text + at, size - at);

                buf_add(buf, text + at, plain);
                at += plain;
                if (at < size)
                        at += add_json_character(buf, text + at, size - at);
        }
        buf_add_char(buf, '"');
}

const char *buf_text(const struct buf *buf)
{
        return buf->data ? buf->data : "";
}

char *buf_take(struct buf *buf)
{
        char *data = buf->data ? buf->data : mem_text_n("", 0);

        *buf = BUF_INIT;
        return data;
}
