// SPDX-License-Identifier: MIT
/* Growable bytes, always followed by a zero byte, so that text in it is a C string. */
#ifndef ISTHMUS_BASE_BUF_H
#define ISTHMUS_BASE_BUF_H

#include <stdarg.h>
#include <stddef.h>

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

/* Makes room for `size` further bytes. */
void buf_reserve(struct buf *buf, size_t size);

void buf_add(struct buf *buf, const void *bytes, size_t size);
void buf_add_text(struct buf *buf, const char *text);
void buf_add_char(struct buf *buf, char character);
void buf_add_format(struct buf *buf, const char *format, ...) PRINTF_LIKE(2, 3);
void buf_add_values(struct buf *buf, const char *format, va_list values) PRINTF_LIKE(2, 0);

/* Adds text as a JSON string with its quotes; invalid UTF-8 becomes U+FFFD. */
void buf_add_json_string(struct buf *buf, const char *text, size_t size);

/* The bytes as a C string; never NULL, valid until the buffer changes. */
const char *buf_text(const struct buf *buf);

/* Hands the memory over to the caller (free with free()) and leaves the buffer empty. */
char *buf_take(struct buf *buf);

#endif
