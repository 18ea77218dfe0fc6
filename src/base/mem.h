// SPDX-License-Identifier: MIT
/*
 * The one way to get memory.
 *
 * None of these functions returns NULL: when memory runs out the program ends at once. That is
 * safe here because nothing is acknowledged before it is on disk, so a restart loses nothing,
 * while half-working without memory could. Sizes that come from outside are checked against a
 * configured limit before they get here.
 *
 * Ownership: `x_new` gives an object to its caller, `x_free` takes it back, accepts NULL and
 * returns nothing. An embedded part has `x_init` and `x_deinit`.
 */
#ifndef ISTHMUS_BASE_MEM_H
#define ISTHMUS_BASE_MEM_H

#include <stddef.h>

#include "base/error.h"

/* Zeroed memory of `count` times `size` bytes; free with free(). */
void *mem_new(size_t count, size_t size) __attribute__((malloc, returns_nonnull));

/* As realloc of `count` times `size` bytes; what is added is not zeroed. */
void *mem_resize(void *old, size_t count, size_t size) __attribute__((returns_nonnull));

/*
 * An array of `count` elements with room for one more, for arrays that grow by one at a time: there
 * is room for the next power of two.
 */
void *mem_grow(void *array, size_t count, size_t size) __attribute__((returns_nonnull));

/* A copy of a text; NULL gives NULL. */
char *mem_text(const char *text);

/* A copy of `size` bytes with a zero byte behind them. */
char *mem_text_n(const char *bytes, size_t size) __attribute__((returns_nonnull));

/* A text made by a printf format. */
char *mem_format(const char *format, ...) PRINTF_LIKE(1, 2) __attribute__((returns_nonnull));

/* For `CLEANUP(mem_cleanup) char *p`: frees the pointer that the variable holds. */
void mem_cleanup(void *pointer_to_pointer);

/* Overwrites secrets before they are freed; the compiler can't drop it. */
void mem_wipe(void *bytes, size_t size);

#endif
