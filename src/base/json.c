// SPDX-License-Identifier: MIT
#include "base/json.h"

#include <limits.h>
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"

/* Integers of up to this many digits always fit into 64 bits. */
#define SAFE_DIGITS 18

void json_cleanup(struct json_object **object)
{
        json_object_put(*object);
}

void json_position(const char *text, size_t size, size_t offset, int *line, int *column)
{
        size_t end = offset < size ? offset : size;

        *line = 1;
        *column = 1;
        for (size_t i = 0; i < end; i++) {
                if (text[i] == '\n') {
                        (*line)++;
                        *column = 1;
                } else {
                        (*column)++;
                }
        }
}

/* The end of the string literal that starts at `at`, one behind its closing quote. */
static size_t skip_string(const char *text, size_t size, size_t at)
{
        for (at++; at < size && text[at] != '"'; at++) {
                if (text[at] == '\\')
                        at++;
        }
        return at < size ? at + 1 : size;
}

static size_t count_digits(const char *text, size_t size, size_t at)
{
        size_t start = at;

        while (at < size && text[at] >= '0' && text[at] <= '9')
                at++;
        return at - start;
}

/* True if the digits before `at` are an integer, not part of a fraction or an exponent. */
static bool is_whole(const char *text, size_t size, size_t start, size_t at)
{
        char before = start > 0 ? text[start - 1] : ' ';
        char after = at < size ? text[at] : ' ';

        if (before == '-' || before == '+')
                before = start > 1 ? text[start - 2] : ' ';
        return before != '.' && before != 'e' && before != 'E' && after != '.' && after != 'e' &&
               after != 'E';
}

/* Finds the next whole number that may not fit 64 bits from `*at` on; true with its end. */
static bool next_long_integer(const char *text, size_t size, size_t *at)
{
        size_t i = *at;

        while (i < size) {
                if (text[i] == '"') {
                        i = skip_string(text, size, i);
                } else if (text[i] >= '0' && text[i] <= '9') {
                        size_t start = i;

                        i += count_digits(text, size, i);
                        if (i - start > SAFE_DIGITS && is_whole(text, size, start, i)) {
                                *at = i;
                                return true;
                        }
                } else {
                        i++;
                }
        }
        return false;
}

/* Adds a copy of the text in which long integers carry the exponent `e0`; false if none does. */
static bool mark_long_integers(struct buf *out, const char *text, size_t size)
{
        size_t from = 0;
        size_t at = 0;

        while (next_long_integer(text, size, &at)) {
                buf_add(out, text + from, at - from);
                buf_add_text(out, "e0");
                from = at;
        }
        if (from == 0)
                return false;
        buf_add(out, text + from, size - from);
        return true;
}

static int tokener_flags(enum json_style style)
{
        int strict = JSON_TOKENER_STRICT | JSON_TOKENER_ALLOW_TRAILING_CHARS;

        return (style == JSON_STRICT ? strict : JSON_TOKENER_ALLOW_TRAILING_CHARS) |
               JSON_TOKENER_VALIDATE_UTF8;
}

/* White space (and, when relaxed, comments) up to `size`? */
static bool is_blank(const char *text, size_t size)
{
        return strspn(text, " \t\r\n") >= size;
}

static void explain(struct json_tokener *tokener, enum json_tokener_error error, const char *text,
                    size_t size, struct reason *reason)
{
        int line;
        int column;

        json_position(text, size, json_tokener_get_parse_end(tokener), &line, &column);
        if (error == json_tokener_continue)
                reason_set(reason, "the JSON text ends too early, at line %d column %d", line,
                           column);
        else
                reason_set(reason, "not valid JSON at line %d column %d: %s", line, column,
                           json_tokener_error_desc(error));
}

static struct json_object *run_tokener(const char *text, size_t size, int depth,
                                       enum json_style style, struct reason *reason)
{
        struct json_tokener *tokener = json_tokener_new_ex(depth + 1);
        struct json_object *value = NULL;
        enum json_tokener_error error;
        size_t end;

        json_tokener_set_flags(tokener, tokener_flags(style));
        value = json_tokener_parse_ex(tokener, text, (int)size);
        error = json_tokener_get_error(tokener);
        /* A number at the very end is complete only with the zero byte behind it. */
        if (error == json_tokener_continue)
                value = json_tokener_parse_ex(tokener, "", 1);
        if (error == json_tokener_continue &&
            json_tokener_get_error(tokener) == json_tokener_success)
                error = json_tokener_success;
        end = json_tokener_get_parse_end(tokener);
        if (error != json_tokener_success) {
                explain(tokener, error, text, size, reason);
        } else if (!value) {
                reason_set(reason, "the JSON text is null, which says nothing");
        } else if (end < size && style == JSON_STRICT && !is_blank(text + end, size - end)) {
                reason_set(reason, "there is more text behind the JSON value");
                json_object_put(value);
                value = NULL;
        }
        json_tokener_free(tokener);
        return value;
}

struct json_object *json_parse(const char *text, size_t size, int depth, enum json_style style,
                               struct reason *reason)
{
        CLEANUP(buf_deinit) struct buf marked = BUF_INIT;
        CLEANUP(mem_cleanup) char *copy = NULL;

        if (size >= INT_MAX || memchr(text, '\0', size)) {
                reason_set(reason, "not valid JSON: it holds a zero byte or is too long");
                return NULL;
        }
        /* Configuration has no such numbers, and its comments may hold odd quotes. */
        if (style == JSON_STRICT && mark_long_integers(&marked, text, size))
                return run_tokener(marked.data, marked.size, depth, style, reason);
        copy = mem_text_n(text, size);
        return run_tokener(copy, size, depth, style, reason);
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

        return json_object_is_type(member, json_type_string) ? json_object_get_string(member)
                                                             : NULL;
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
                return text_to_int64(json_object_get_string(member), INT64_MIN, INT64_MAX, number);
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

void json_write(struct buf *out, struct json_object *value)
{
        size_t length = 0;
        const char *text = json_object_to_json_string_length(
                value, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &length);

        buf_add(out, text, length);
}
