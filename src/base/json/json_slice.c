// SPDX-License-Identifier: MIT
#include "base/json/json_slice.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json/json.h"
#include "base/json/json_unescape.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/utf8.h"

/* Doubles hold every whole number up to 2^53. */
#define MOST_EXACT 9007199254740992.0

/* Doubles hold each number of so many digits, and 10 to the power of so many less one. */
#define PLAIN_DIGITS 15

/* As deep as a valid slice may be; its depth was checked when it was scanned. */
#define SLICE_DEPTH 1000

/* --- texts -------------------------------------------------------------------------------- */

char *json_slice_text(const struct json_slice *slice)
{
        struct buf text = BUF_INIT;

        if (slice->kind != JSON_TEXT)
                return NULL;
        if (!slice->escaped)
                return mem_text_n(slice->at + 1, slice->size - 2);
        json_unescape(&text, slice->at + 1, slice->size - 2);
        if (!memchr(buf_text(&text), '\0', text.size))
                return buf_take(&text);
        buf_deinit(&text);
        return NULL;
}

bool json_slice_copy(const struct json_slice *slice, char *text, size_t size)
{
        CLEANUP(mem_cleanup) char *whole = NULL;

        if (slice->kind == JSON_TEXT && !slice->escaped) {
                if (slice->size - 2 >= size)
                        return false;
                memcpy(text, slice->at + 1, slice->size - 2);
                text[slice->size - 2] = '\0';
                return true;
        }
        whole = json_slice_text(slice);
        if (!whole || strlen(whole) >= size)
                return false;
        memcpy(text, whole, strlen(whole) + 1);
        return true;
}

/* --- other values ------------------------------------------------------------------------- */

bool json_slice_is_absent(const struct json_slice *slice)
{
        return slice->kind == JSON_ABSENT || slice->kind == JSON_NULL;
}

bool json_slice_is(const struct json_slice *slice, const char *text)
{
        size_t length = strlen(text);

        return slice->kind == JSON_TEXT && slice->size == length + 2 &&
               memcmp(slice->at + 1, text, length) == 0;
}

/*
 * Most numbers are of few digits: their value is `mantissa` / 10^`decimals`, both of which a double
 * holds exactly. False for any other.
 */
static bool read_plain(const struct json_slice *slice, int64_t *mantissa, unsigned *decimals)
{
        bool is_negative = slice->size > 0 && slice->at[0] == '-';
        bool has_point = false;

        *mantissa = 0;
        *decimals = 0;
        if (slice->kind != JSON_NUMBER || slice->size > PLAIN_DIGITS)
                return false;
        for (size_t i = is_negative; i < slice->size; i++) {
                char c = slice->at[i];

                if (c == '.') {
                        has_point = true;
                        continue;
                }
                if (c < '0' || c > '9')
                        return false;
                *mantissa = *mantissa * 10 + (c - '0');
                *decimals += has_point;
        }
        if (is_negative)
                *mantissa = -*mantissa;
        return true;
}

bool json_slice_int(const struct json_slice *slice, int64_t *number)
{
        CLEANUP(mem_cleanup) char *text = NULL;
        unsigned decimals;
        int64_t plain;
        double value;

        if (read_plain(slice, &plain, &decimals) && decimals == 0) {
                *number = plain;
                return true;
        }
        if (slice->kind == JSON_TEXT)
                text = json_slice_text(slice);
        else if (slice->kind == JSON_NUMBER)
                text = mem_text_n(slice->at, slice->size);
        if (!text)
                return false;
        if (text_to_int64(text, INT64_MIN, INT64_MAX, number))
                return true;
        if (slice->kind != JSON_NUMBER || !strpbrk(text, ".eE"))
                return false;
        value = strtod(text, NULL);
        if (!(fabs(value) <= MOST_EXACT) || value != floor(value))
                return false;
        *number = (int64_t)value;
        return true;
}

double json_slice_number(const struct json_slice *slice)
{
        static const double scales[PLAIN_DIGITS] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6, 1e7,
                                                    1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14};
        char text[64];
        int64_t mantissa;
        unsigned decimals;
        double value;

        if (read_plain(slice, &mantissa, &decimals) && mantissa != 0)
                return (double)mantissa / scales[decimals];
        if (slice->kind != JSON_NUMBER || slice->size >= sizeof(text))
                return (double)NAN;
        memcpy(text, slice->at, slice->size);
        text[slice->size] = '\0';
        value = strtod(text, NULL);
        return isfinite(value) ? value : (double)NAN;
}

void json_slice_read(const struct json_slice *slice, const struct json_want *want,
                     struct json_slice *slices)
{
        struct json_scan scan = {
                .text = slice->at,
                .size = slice->size,
                .style = JSON_STRICT,
                .depth = SLICE_DEPTH,
                .values = SIZE_MAX,
                .zero_names = true,
                .want = want,
                .slices = slices,
        };

        /* Only `null` is refused, and nothing is in it. */
        (void)!json_scan(&scan);
        buf_deinit(&scan.long_integers);
}

/* --- writing ------------------------------------------------------------------------------ */

/* The text at the start of `text`, with its quotes. */
static size_t string_size(const char *text, size_t size)
{
        size_t at = 1;

        while (at < size) {
                at += utf8_plain_length(text + at, size - at);
                if (at >= size)
                        break;
                if (text[at] == '"')
                        return at + 1;
                at += text[at] == '\\' ? 2 : 1;
        }
        return size;
}

/* One character that is not plain, as json-c escapes it. */
static void add_special(struct buf *out, char c)
{
        static const char meanings[] = "\b\f\n\r\t\"\\";
        static const char names[] = "bfnrt\"\\";
        const char *found = c != '\0' ? strchr(meanings, c) : NULL;

        if (found) {
                buf_add_char(out, '\\');
                buf_add_char(out, names[found - meanings]);
        } else if ((unsigned char)c < 0x20) {
                buf_add_format(out, "\\u%04x", (unsigned)c);
        } else {
                buf_add_char(out, c);
        }
}

/* A text with its quotes. */
static void write_string(struct buf *out, const char *text, size_t size)
{
        CLEANUP(buf_deinit) struct buf plain = BUF_INIT;
        size_t at = 0;

        if (!memchr(text, '\\', size)) {
                buf_add(out, text, size);
                return;
        }
        json_unescape(&plain, text + 1, size - 2);
        buf_add_char(out, '"');
        while (at < plain.size) {
                size_t length = utf8_plain_length(plain.data + at, plain.size - at);

                buf_add(out, plain.data + at, length);
                at += length;
                if (at < plain.size)
                        add_special(out, plain.data[at++]);
        }
        buf_add_char(out, '"');
}

static void write_compact(struct buf *out, const char *text, size_t size)
{
        size_t start = 0;
        size_t at = 0;

        buf_reserve(out, size);
        while (at < size) {
                size_t length = text[at] == '"' ? string_size(text + at, size - at) : 1;

                if (text[at] == '"' || (unsigned char)text[at] <= ' ') {
                        buf_add(out, text + start, at - start);
                        start = at + length;
                        if (text[at] == '"')
                                write_string(out, text + at, length);
                }
                at += length;
        }
        buf_add(out, text + start, size - start);
}

struct json_object *json_slice_tree(const struct json_slice *slice)
{
        if (json_slice_is_absent(slice))
                return NULL;
        return json_parse(slice->at, slice->size, SLICE_DEPTH, JSON_STRICT, NULL);
}

/* Through json-c, which knows what to do with repeated members. False if it can't hold them. */
static bool write_once(struct buf *out, const struct json_slice *slice)
{
        CLEANUP(json_cleanup) struct json_object *value = json_slice_tree(slice);

        if (value)
                json_write(out, value);
        return value != NULL;
}

void json_slice_write(const struct json_slice *slice, struct buf *out)
{
        if (slice->repeated && write_once(out, slice))
                return;
        if (slice->escaped || slice->spaced)
                write_compact(out, slice->at, slice->size);
        else
                buf_add(out, slice->at, slice->size);
}

/* --- walking ------------------------------------------------------------------------------ */

/* A list or an object at the start of `text`. */
static size_t nested_size(const char *text, size_t size)
{
        size_t depth = 0;
        size_t at = 0;

        while (at < size) {
                char c = text[at];

                if (c == '"') {
                        at += string_size(text + at, size - at);
                        continue;
                }
                at++;
                if (c == '{' || c == '[')
                        depth++;
                else if ((c == '}' || c == ']') && --depth == 0)
                        break;
        }
        return at;
}

/* A compact value at the start of `text`. */
static size_t value_size(const char *text, size_t size)
{
        size_t at = 0;

        if (text[0] == '"')
                return string_size(text, size);
        if (text[0] == '{' || text[0] == '[')
                return nested_size(text, size);
        while (at < size && text[at] != ',' && text[at] != ']' && text[at] != '}')
                at++;
        return at;
}

static struct json_slice slice_of(const char *text, size_t size)
{
        return (struct json_slice){
                .at = text,
                .size = size,
                .kind = json_kind_of(text[0]),
                .escaped = memchr(text, '\\', size) != NULL,
        };
}

struct json_walk json_walk_of(const char *text, size_t size)
{
        bool has_parts = size >= 2 && (text[0] == '{' || text[0] == '[');

        return (struct json_walk){.at = has_parts ? text + 1 : text + size, .end = text + size};
}

static size_t left(const struct json_walk *walk)
{
        return (size_t)(walk->end - walk->at);
}

bool json_walk_item(struct json_walk *walk, struct json_slice *value)
{
        size_t size;

        if (left(walk) > 0 && walk->at[0] == ',')
                walk->at++;
        size = left(walk) > 1 ? value_size(walk->at, left(walk)) : 0;
        if (size == 0)
                return false;
        *value = slice_of(walk->at, size);
        walk->at += size;
        return true;
}

bool json_walk_member(struct json_walk *walk, struct json_slice *name, struct json_slice *value)
{
        size_t size;

        if (left(walk) > 0 && walk->at[0] == ',')
                walk->at++;
        if (left(walk) < 2 || walk->at[0] != '"')
                return false;
        size = string_size(walk->at, left(walk));
        *name = slice_of(walk->at, size);
        walk->at += size;
        if (left(walk) == 0 || walk->at[0] != ':')
                return false;
        walk->at++;
        return json_walk_item(walk, value);
}
