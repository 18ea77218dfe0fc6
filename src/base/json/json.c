// SPDX-License-Identifier: MIT
#include "base/json/json.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"

/* Integers with fewer digits fit into 64 bits. */
#define LONG_INTEGER_DIGITS 19

void json_cleanup(struct json_object **object)
{
        json_object_put(*object);
}

/* Adds the text with the exponent `e0` behind every long integer. */
static void mark_long_integers(struct buf *out, const struct json_scan *scan)
{
        size_t from = 0;

        for (size_t i = 0; i < scan->long_integers.size; i += sizeof(size_t)) {
                size_t end;

                memcpy(&end, scan->long_integers.data + i, sizeof(end));
                buf_add(out, scan->text + from, end - from);
                buf_add_text(out, "e0");
                from = end;
        }
        buf_add(out, scan->text + from, scan->size - from);
}

/* Takes the exponent away again, so that the number is written as it was read. */
static void unmark_number(struct json_object *value)
{
        const char *text = json_object_to_json_string(value);
        size_t digits = strspn(text, "-0123456789");

        if (digits >= LONG_INTEGER_DIGITS && strcmp(text + digits, "e0") == 0)
                json_object_set_serializer(value, json_object_userdata_to_json_string,
                                           mem_text_n(text, digits), json_object_free_userdata);
}

static void unmark_long_integers(struct json_object *value)
{
        if (json_object_is_type(value, json_type_double)) {
                unmark_number(value);
        } else if (json_object_is_type(value, json_type_array)) {
                for (size_t i = 0; i < json_object_array_length(value); i++)
                        unmark_long_integers(json_object_array_get_idx(value, i));
        } else if (json_object_is_type(value, json_type_object)) {
                json_object_object_foreach (value, name, member) {
                        (void)name;
                        unmark_long_integers(member);
                }
        }
}

/* `text` is valid and followed by a zero byte. */
static struct json_object *build(const char *text, size_t size, int depth)
{
        struct json_tokener *tokener = json_tokener_new_ex(depth + 1);
        struct json_object *value;

        if (!tokener)
                abort();
        /*
         * Not JSON_TOKENER_STRICT, which takes UTF-8 for control characters in json-c 0.18. With
         * its zero byte, without which a number at the end would not be complete.
         */
        value = json_tokener_parse_ex(tokener, text, (int)size + 1);
        json_tokener_free(tokener);
        return value;
}

static struct json_object *build_scanned(const struct json_scan *scan, int depth)
{
        CLEANUP(buf_deinit) struct buf marked = BUF_INIT;
        struct json_object *value;

        if (scan->long_integers.size == 0)
                return build(scan->text, scan->size, depth);
        mark_long_integers(&marked, scan);
        value = build(marked.data, marked.size, depth);
        unmark_long_integers(value);
        return value;
}

/* `scan` holds the limits. */
static struct json_object *parse(const char *text, size_t size, struct json_scan *scan,
                                 struct reason *reason)
{
        CLEANUP(mem_cleanup) char *copy = NULL;
        int depth = scan->depth;
        size_t values = scan->values;
        struct json_object *value = NULL;

        /* Nothing may have no address. */
        if (size == 0)
                text = "";
        if (size >= INT_MAX / 2 || memchr(text, '\0', size)) {
                reason_set(reason, "not valid JSON: it holds a zero byte or is too long");
                return NULL;
        }
        copy = mem_text_n(text, size);
        if (scan->style == JSON_RELAXED)
                json_relax(copy, size);
        scan->text = copy;
        scan->size = size;
        if (json_scan(scan)) {
                value = build_scanned(scan, depth);
                if (!value)
                        reason_set(reason, "not valid JSON: json-c refuses it");
        } else {
                json_scan_explain(scan, values, reason);
        }
        buf_deinit(&scan->long_integers);
        return value;
}

struct json_object *json_parse(const char *text, size_t size, int depth, enum json_style style,
                               struct reason *reason)
{
        struct json_scan scan = {.style = style, .depth = depth, .values = SIZE_MAX};

        return parse(text, size, &scan, reason);
}

struct json_object *json_parse_foreign(const char *text, size_t size, int depth, size_t values,
                                       struct reason *reason)
{
        struct json_scan scan = {.style = JSON_STRICT, .depth = depth, .values = values};

        return parse(text, size, &scan, reason);
}

struct json_object *json_member(struct json_object *object, const char *name)
{
        struct json_object *member = NULL;

        if (!json_object_is_type(object, json_type_object))
                return NULL;
        json_object_object_get_ex(object, name, &member);
        return member;
}

struct json_object *json_object_member(struct json_object *object, const char *name)
{
        struct json_object *member = json_member(object, name);

        return json_object_is_type(member, json_type_object) ? member : NULL;
}

const char *json_text_member(struct json_object *object, const char *name)
{
        struct json_object *member = json_member(object, name);
        const char *text;

        if (!json_object_is_type(member, json_type_string))
                return NULL;
        text = json_object_get_string(member);
        return strlen(text) == (size_t)json_object_get_string_len(member) ? text : NULL;
}

bool json_bool_member(struct json_object *object, const char *name, bool fall_back)
{
        struct json_object *member = json_member(object, name);

        return json_object_is_type(member, json_type_boolean) ? json_object_get_boolean(member) != 0
                                                              : fall_back;
}

bool json_int_member(struct json_object *object, const char *name, int64_t *number)
{
        struct json_object *member = json_member(object, name);
        double value;

        if (json_object_is_type(member, json_type_string))
                return text_to_int64(json_text_member(object, name), INT64_MIN, INT64_MAX, number);
        if (json_object_is_type(member, json_type_int)) {
                *number = json_object_get_int64(member);
                return true;
        }
        if (!json_object_is_type(member, json_type_double))
                return false;
        value = json_object_get_double(member);
        /* Doubles hold every whole number up to 2^53. */
        if (!(fabs(value) <= 9007199254740992.0) || value != floor(value))
                return false;
        *number = (int64_t)value;
        return true;
}

int64_t json_number_member(struct json_object *object, const char *name, int64_t fall_back)
{
        int64_t number;

        return json_int_member(object, name, &number) ? number : fall_back;
}

void json_add_text(struct json_object *object, const char *name, const char *text)
{
        if (!text_is_empty(text))
                json_object_object_add(object, name, json_object_new_string(text));
}

void json_add_int(struct json_object *object, const char *name, int64_t number)
{
        json_object_object_add(object, name, json_object_new_int64(number));
}

void json_add_bool(struct json_object *object, const char *name, bool value)
{
        json_object_object_add(object, name, json_object_new_boolean(value));
}

void json_write(struct buf *out, struct json_object *value)
{
        size_t length = 0;
        const char *text = json_object_to_json_string_length(
                value, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &length);

        buf_add(out, text, length);
}
