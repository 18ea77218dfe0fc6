// SPDX-License-Identifier: MIT
/* Characters in UTF-8 (RFC 3629). */
#ifndef ISTHMUS_BASE_UTF8_H
#define ISTHMUS_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Length in bytes of the valid character at `text`, 0 if there is none within `size`. */
size_t utf8_length(const char *text, size_t size);

/* True if all `size` bytes are valid (no surrogates, no overlong forms). */
bool utf8_is_valid(const char *text, size_t size);

/* Bytes of `text`, at most `most`, that cut no character in two; for `%.*s`. */
int utf8_cut(const char *text, int most);

/*
 * Bytes from the start that are ASCII, but no control, no quote and no backslash: what most texts
 * are made of, and what stands in JSON as it is.
 */
size_t utf8_plain_length(const char *text, size_t size);

#endif
