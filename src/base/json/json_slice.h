// SPDX-License-Identifier: MIT
/* Values where they stand in a valid JSON text: read and written without a tree. */
#ifndef ISTHMUS_BASE_JSON_JSON_SLICE_H
#define ISTHMUS_BASE_JSON_JSON_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/json/json_scan.h"

/* Absent, or the JSON `null`, which counts as absent everywhere. */
bool json_slice_is_absent(const struct json_slice *slice);

/*
 * The text as a C string, the caller's; NULL if it is no text, or has a zero character in it,
 * which C would cut short.
 */
char *json_slice_text(const struct json_slice *slice);

/* The same into `text`, which has `size` bytes; false if it is longer, too. */
bool json_slice_copy(const struct json_slice *slice, char *text, size_t size);

/* Is it this text, written without escapes? */
bool json_slice_is(const struct json_slice *slice, const char *text);

/* A whole number, as JSON number or as text: as json_int_member. */
bool json_slice_int(const struct json_slice *slice, int64_t *number);

/* A number that a double can hold; NAN if it is none. */
double json_slice_number(const struct json_slice *slice);

/* Finds what is wanted of a value that was scanned already; `slices` are all absent before. */
void json_slice_read(const struct json_slice *slice, const struct json_want *want,
                     struct json_slice *slices);

/* The value as a tree, the caller's; NULL if it is absent, or U+0000 is in a name in it. */
struct json_object *json_slice_tree(const struct json_slice *slice) MUST_CHECK;

/*
 * Adds the value as json_write would: compact, with what may stand as it is not escaped, and of
 * members with the same name the last one in the first one's place. A `whole` slice only; where
 * U+0000 is in a name, repeated members stay.
 */
void json_slice_write(const struct json_slice *slice, struct buf *out);

/* --- the parts of lists and objects that json_slice_write or json_write has written ------- */

/* Where a walk stands: set `at` behind the opening bracket, and `end` behind the value. */
struct json_walk {
        const char *at;
        const char *end;
};

/* A walk through a value's parts; through none if it is no list or object. */
struct json_walk json_walk_of(const char *text, size_t size);

/* The next member: its name with its quotes, and its value. False if there is none. */
bool json_walk_member(struct json_walk *walk, struct json_slice *name, struct json_slice *value);

/* The next item of a list. */
bool json_walk_item(struct json_walk *walk, struct json_slice *value);

#endif
