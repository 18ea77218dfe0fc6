// SPDX-License-Identifier: MIT
#include "base/json.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/json_words.h"
#include "base/mem.h"
#include "base/text.h"

/* Behind a whole number it makes json-c keep the digits; it changes no value. */
#define LONG_MARK "e0"

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

/* Adds a copy of the text in which long integers carry the exponent `e0`. */
static void mark_long_integers(struct buf *out, const char *text, size_t size)
{
        size_t from = 0;
        size_t at = 0;

        while (at < size) {
                bool is_long = false;

                if (text[at] == '"')
                        at = json_words_skip_text(text, size, at);
                else if (text[at] == '-' || (text[at] >= '0' && text[at] <= '9'))
                        at = json_words_skip_number(text, size, at, &is_long);
                else
                        at++;
                if (is_long) {
                        buf_add(out, text + from, at - from);
                        buf_add_text(out, LONG_MARK);
                        from = at;
                }
        }
        buf_add(out, text + from, size - from);
}

static int tokener_flags(enum json_style style)
{
        int strict = JSON_TOKENER_STRICT | JSON_TOKENER_ALLOW_TRAILING_CHARS;

        return (style == JSON_STRICT ? strict : JSON_TOKENER_ALLOW_TRAILING_CHARS) |
               JSON_TOKENER_VALIDATE_UTF8;
}

static bool is_blank(const char *text, size_t size)
{
        for (size_t i = 0; i < size; i++) {
                if (!memchr(" \t\r\n", text[i], 4))
                        return false;
        }
        return true;
}

/* `end` is where json-c stopped. */
static void explain(enum json_tokener_error error, const char *text, size_t size, size_t end,
                    struct reason *reason)
{
        int line;
        int column;

        json_position(text, size, end, &line, &column);
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
        end = json_tokener_get_parse_end(tokener);
        /* A number at the very end is complete only with the zero byte behind it. */
        if (error == json_tokener_continue) {
                value = json_tokener_parse_ex(tokener, "", 1);
                if (json_tokener_get_error(tokener) == json_tokener_success)
                        error = json_tokener_success;
                end = size;
        }
        if (error != json_tokener_success) {
                explain(error, text, size, end, reason);
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

static struct json_object *parse_strict(const char *text, size_t size, int depth,
                                        struct reason *reason)
{
        CLEANUP(buf_deinit) struct buf marked = BUF_INIT;
        struct json_words words = json_words_check(text, size);
        int line;
        int column;

        if (words.wrong) {
                json_position(text, size, words.offset, &line, &column);
                reason_set(reason, "not valid JSON at line %d column %d: %s", line, column,
                           words.wrong);
                return NULL;
        }
        if (!words.long_integer)
                return run_tokener(text, size, depth, JSON_STRICT, reason);
        mark_long_integers(&marked, text, size);
        return run_tokener(marked.data, marked.size, depth, JSON_STRICT, reason);
}

struct json_object *json_parse(const char *text, size_t size, int depth, enum json_style style,
                               struct reason *reason)
{
        if (size >= INT_MAX || memchr(text, '\0', size)) {
                reason_set(reason, "not valid JSON: it holds a zero byte or is too long");
                return NULL;
        }
        /* Configuration has no such numbers, and its comments may hold odd quotes. */
        if (style == JSON_STRICT)
                return parse_strict(text, size, depth, reason);
        return run_tokener(text, size, depth, style, reason);
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

/* A whole number as it was written, without the mark that json_parse gave it. */
static bool long_integer(struct json_object *value, int64_t *number)
{
        char digits[32];
        size_t length;

        snprintf(digits, sizeof(digits), "%s", json_object_get_string(value));
        length = strlen(digits);
        if (length > strlen(LONG_MARK) && text_equal(digits + length - 2, LONG_MARK))
                digits[length - 2] = '\0';
        return text_to_int64(digits, INT64_MIN, INT64_MAX, number);
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
        if (!(fabs(value) <= 9007199254740992.0))
                return long_integer(member, number);
        if (value != floor(value))
                return false;
        *number = (int64_t)value;
        return true;
}

/* One behind the digits of a long integer at `at` that carries the mark; 0 if none does. */
static size_t marked_digits_end(const char *text, size_t at, size_t end)
{
        size_t mark = strlen(LONG_MARK);
        bool is_long = false;

        if (end - at <= mark || memcmp(text + end - mark, LONG_MARK, mark) != 0)
                return 0;
        json_words_skip_number(text, end - mark, at, &is_long);
        return is_long ? end - mark : 0;
}

/* Adds the text without the marks that json_parse put behind long integers. */
static void add_without_marks(struct buf *out, const char *text, size_t size)
{
        size_t from = 0;
        size_t at = 0;

        while (at < size) {
                size_t start = at;
                size_t digits_end = 0;
                bool is_long;

                if (text[at] == '"') {
                        at = json_words_skip_text(text, size, at);
                } else if (text[at] == '-' || (text[at] >= '0' && text[at] <= '9')) {
                        at = json_words_skip_number(text, size, at, &is_long);
                        digits_end = marked_digits_end(text, start, at);
                } else {
                        at++;
                }
                if (digits_end > 0) {
                        buf_add(out, text + from, digits_end - from);
                        from = at;
                }
        }
        buf_add(out, text + from, size - from);
}

void json_write(struct buf *out, struct json_object *value)
{
        size_t length = 0;
        const char *text = json_object_to_json_string_length(
                value, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &length);

        if (memmem(text, length, LONG_MARK, strlen(LONG_MARK)))
                add_without_marks(out, text, length);
        else
                buf_add(out, text, length);
}
