// SPDX-License-Identifier: MIT
/* Growable bytes, always followed by a zero byte, so that text in it is a C string. */
#ifndef ISTHMUS_BASE_BUF_H
#define ISTHMUS_BASE_BUF_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/error.h"

struct buf {
        char *data;
        size_t size;
        size_t capacity;
};

#define BUF_INIT ((struct buf){.data = NULL, .size = 0, .capacity = 0})

/* Frees the memory; the buffer is empty and usable afterwards. */
void buf_deinit(struct buf *buf);

/* As buf_deinit, and overwrites what a key or a token leaves behind. */
void buf_wipe(struct buf *buf);

/* Empties the buffer and keeps its memory. */
void buf_clear(struct buf *buf);

/* Drops what of `characters` stands at its end. */
void buf_trim_end(struct buf *buf, const char *characters);

/* Makes room for `size` further bytes, which there is not. */
void buf_grow(struct buf *buf, size_t size);

/* Makes room for `size` further bytes. */
static inline void buf_reserve(struct buf *buf, size_t size)
{
        if (size >= buf->capacity - buf->size)
                buf_grow(buf, size);
}

static inline void buf_add(struct buf *buf, const void *bytes, size_t size)
{
        buf_reserve(buf, size);
        if (size > 0)
                memcpy(buf->data + buf->size, bytes, size);
        buf->size += size;
        buf->data[buf->size] = '\0';
}

static inline void buf_add_text(struct buf *buf, const char *text)
{
        buf_add(buf, text, strlen(text));
}

static inline void buf_add_char(struct buf *buf, char character)
{
        buf_reserve(buf, 1);
        buf->data[buf->size++] = character;
        buf->data[buf->size] = '\0';
}

/* Adds a whole number in decimal digits. */
void buf_add_int(struct buf *buf, int64_t number);

void buf_add_format(struct buf *buf, const char *format, ...) PRINTF_LIKE(2, 3);
void buf_add_values(struct buf *buf, const char *format, va_list values) PRINTF_LIKE(2, 0);

/* Adds text as a JSON string with its quotes; invalid UTF-8 becomes U+FFFD. */
void buf_add_json_string(struct buf *buf, const char *text, size_t size);

/* The bytes as a C string; never NULL, valid until the buffer changes. */
const char *buf_text(const struct buf *buf);

/* Hands the memory over to the caller (free with free()) and leaves the buffer empty. */
char *buf_take(struct buf *buf);

#endif
