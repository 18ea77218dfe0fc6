// SPDX-License-Identifier: MIT
#include "base/text.h"
#include "base/utf8.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

bool text_equal_nocase(const char *a, const char *b)
{
        if (!a || !b)
                return a == b;
        return strcasecmp(a, b) == 0;
}

size_t text_size_without(const char *text, const char *suffix)
{
        size_t size = strlen(text);
        size_t less = strlen(suffix);

        return size > less && strcmp(text + size - less, suffix) == 0 ? size - less : size;
}

bool text_equal(const char *a, const char *b)
{
        if (!a || !b)
                return a == b;
        return strcmp(a, b) == 0;
}

void text_lower(char *text)
{
        for (; *text; text++) {
                if (*text >= 'A' && *text <= 'Z')
                        *text = (char)(*text - 'A' + 'a');
        }
}

bool text_is_empty(const char *text)
{
        return !text || text[0] == '\0';
}

bool text_to_int64(const char *text, int64_t min, int64_t max, int64_t *number)
{
        const char *digits = text && text[0] == '-' ? text + 1 : text;
        char *end = NULL;
        long long value;

        if (text_is_empty(digits) || strspn(digits, "0123456789") != strlen(digits))
                return false;
        errno = 0;
        value = strtoll(text, &end, 10);
        if (errno != 0 || *end != '\0' || value < min || value > max)
                return false;
        *number = value;
        return true;
}

static bool is_unreserved(char c)
{
        return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
               c == '-' || c == '_' || c == '.' || c == '~';
}

void text_url_escape(struct buf *out, const char *text)
{
        while (*text) {
                size_t length = 0;

                while (is_unreserved(text[length]))
                        length++;
                buf_add(out, text, length);
                text += length;
                if (*text)
                        buf_add_format(out, "%%%02X", (unsigned char)*text++);
        }
}

int text_hex_digit(char c)
{
        if (c >= '0' && c <= '9')
                return c - '0';
        if (c >= 'a' && c <= 'f')
                return c - 'a' + 10;
        if (c >= 'A' && c <= 'F')
                return c - 'A' + 10;
        return -1;
}

void text_url_unescape(struct buf *out, const char *text, size_t size)
{
        for (size_t i = 0; i < size; i++) {
                int high = text[i] == '%' && i + 2 < size ? text_hex_digit(text[i + 1]) : -1;
                int low = high >= 0 ? text_hex_digit(text[i + 2]) : -1;

                if (low < 0) {
                        buf_add_char(out, text[i]);
                        continue;
                }
                buf_add_char(out, (char)(high * 16 + low));
                i += 2;
        }
}

/* The character at `text`, which is `length` bytes long and valid. */
static unsigned code_point(const char *text, size_t length)
{
        static const unsigned char masks[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
        unsigned code = (unsigned char)text[0] & masks[length];

        for (size_t i = 1; i < length; i++)
                code = code << 6 | ((unsigned char)text[i] & 0x3f);
        return code;
}

/* https://www.unicode.org/reports/tr9/ names the characters that turn the direction. */
static bool is_order(unsigned code)
{
        static const struct {
                unsigned first;
                unsigned last;
        } orders[] = {
                {0x0000, 0x001f}, {0x007f, 0x009f}, {0x061c, 0x061c}, {0x200e, 0x200f},
                {0x2028, 0x202e}, {0x2066, 0x206f}, {0xfff9, 0xfffb},
        };

        for (size_t i = 0; i < ARRAY_SIZE(orders); i++) {
                if (code >= orders[i].first && code <= orders[i].last)
                        return true;
        }
        return false;
}

void text_add_printable(struct buf *out, const char *text, size_t size)
{
        for (size_t at = 0; at < size;) {
                size_t length = utf8_length(text + at, size - at);

                if (length == 0 || is_order(code_point(text + at, length)))
                        buf_add_char(out, '?');
                else
                        buf_add(out, text + at, length);
                at += length > 0 ? length : 1;
        }
}

void text_add_printable_json(struct buf *out, const char *json, size_t size)
{
        for (size_t at = 0; at < size;) {
                size_t length = utf8_length(json + at, size - at);
                unsigned code = length > 0 ? code_point(json + at, length) : 0xfffd;

                if (length == 0 || (is_order(code) && code != '\n'))
                        buf_add_format(out, "\\u%04x", code);
                else
                        buf_add(out, json + at, length);
                at += length > 0 ? length : 1;
        }
}
