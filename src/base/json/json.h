// SPDX-License-Identifier: MIT
/*
 * JSON through json-c, with the limits and the strictness that input from outside needs.
 *
 * A text is checked against the grammar first (json_scan.h), then built with json-c. A fraction
 * keeps its text; so does an integer beyond 64 bits, which json-c would silently clamp: it is
 * handed to json-c as a number with the exponent `e0`, and written without it.
 */
#ifndef ISTHMUS_BASE_JSON_JSON_H
#define ISTHMUS_BASE_JSON_JSON_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json/json_scan.h"
#include "base/reason.h"

/* For `CLEANUP(json_cleanup) struct json_object *o`. */
void json_cleanup(struct json_object **object);

/*
 * Parses `size` bytes. Returns the value (the caller's, json_object_put), or NULL with the
 * `reason` saying what is wrong and at which line and column. More than `depth` nested arrays or
 * objects are refused. The JSON literal `null` is refused too: no caller has a use for it. Of
 * repeated members the last one wins.
 */
struct json_object *json_parse(const char *text, size_t size, int depth, enum json_style style,
                               struct reason *reason) MUST_CHECK;

/*
 * The same for a text from outside, in strict style and with at most `values` values: json-c makes
 * up to a kilobyte of memory from the two bytes of an empty object.
 */
struct json_object *json_parse_foreign(const char *text, size_t size, int depth, size_t values,
                                       struct reason *reason) MUST_CHECK;

/* Enough values for what a person or a device says; a usual webhook has some hundred. */
#define JSON_VALUES_USUAL ((size_t)20000)

/*
 * Member questions: absent, JSON `null` and an `object` that is NULL or no object all give the
 * fall-back, and so does a text with a zero character in it, which C would cut short. Returned
 * texts and objects belong to `object`.
 */
struct json_object *json_member(struct json_object *object, const char *name);
struct json_object *json_object_member(struct json_object *object, const char *name);
const char *json_text_member(struct json_object *object, const char *name);
bool json_bool_member(struct json_object *object, const char *name, bool fall_back);

/* A whole number, as JSON number or as text (64-bit numbers of protobuf JSON are texts). */
bool json_int_member(struct json_object *object, const char *name, int64_t *number);
int64_t json_number_member(struct json_object *object, const char *name, int64_t fall_back);

/* Members that are added to `object`; a text that is NULL or "" is not. */
void json_add_text(struct json_object *object, const char *name, const char *text);
void json_add_int(struct json_object *object, const char *name, int64_t number);
void json_add_bool(struct json_object *object, const char *name, bool value);

/* Adds the value as compact JSON text; slashes are not escaped. */
void json_write(struct buf *out, struct json_object *value);

#endif
