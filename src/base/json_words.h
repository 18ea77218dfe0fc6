// SPDX-License-Identifier: MIT
/*
 * The words of a JSON text (texts, numbers, marks) by RFC 8259, sections 2, 6 and 7. json-c takes
 * more: NaN, Infinity, `1.`, `01`, names in single quotes, control characters in texts. How the
 * words may follow each other is left to json-c.
 */
#ifndef ISTHMUS_BASE_JSON_WORDS_H
#define ISTHMUS_BASE_JSON_WORDS_H

#include <stdbool.h>
#include <stddef.h>

/* Integers of up to this many digits always fit into 64 bits. */
#define JSON_WORDS_SAFE_DIGITS 18

struct json_words {
        const char *wrong; /* what is wrong with the first wrong word, or NULL */
        size_t offset;     /* of the wrong word */
        bool long_integer; /* a whole number has more than JSON_WORDS_SAFE_DIGITS digits */
};

struct json_words json_words_check(const char *text, size_t size);

/* One behind the text that starts at the quote `text[at]`. */
size_t json_words_skip_text(const char *text, size_t size, size_t at);

/* The end of the number at `at` (a digit or `-`); `*long_integer` as above, else untouched. */
size_t json_words_skip_number(const char *text, size_t size, size_t at, bool *long_integer);

#endif
