// SPDX-License-Identifier: MIT
/* Small, strict questions about text: numbers, cases, percent escapes, printing. */
#ifndef ISTHMUS_BASE_TEXT_H
#define ISTHMUS_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"

/* Equal without regard to ASCII case; NULL equals only NULL. */
bool text_equal_nocase(const char *a, const char *b);

/* Equal; NULL equals only NULL. */
bool text_equal(const char *a, const char *b);

/* Makes ASCII letters small, in place. */
void text_lower(char *text);

/* Length of the text without `suffix`, if it ends in that and is longer. */
size_t text_size_without(const char *text, const char *suffix);

/* True for NULL and for "". */
bool text_is_empty(const char *text);

/* Decimal digits only (an optional '-' first), whole text, within [min, max]. */
bool text_to_int64(const char *text, int64_t min, int64_t max, int64_t *number);

/*
 * Adds `text` with every byte but `A-Z a-z 0-9 - _ . ~` as an upper-case percent escape
 * (RFC 3986 unreserved), as IoT Hub's resource URIs and URL path segments want it.
 */
void text_url_escape(struct buf *out, const char *text);

/* The value of a hexadecimal digit in any case; -1 if it is none. */
int text_hex_digit(char c);

/* Adds the decoded form of a percent-escaped text; an escape that is none stays as it is. */
void text_url_unescape(struct buf *out, const char *text, size_t size);

/*
 * Adds text from outside so that it stays on one line and gives a terminal no orders: each
 * control character (C0 with ESC and line feed, DEL, C1), each line or paragraph separator, each
 * character that turns the direction of writing, and each broken byte becomes '?'.
 */
void text_add_printable(struct buf *out, const char *text, size_t size);

/*
 * As text_add_printable for JSON text: those characters become escapes (`\u009b`), so it stays
 * the same JSON. Line feeds stay; inside of its strings JSON has none.
 */
void text_add_printable_json(struct buf *out, const char *json, size_t size);

#endif
