// SPDX-License-Identifier: MIT
#include "base/json/json_unescape.h"

#include <string.h>

#define REPLACEMENT "\xef\xbf\xbd"

static unsigned hex_value(char c)
{
        if (c <= '9')
                return (unsigned)(c - '0');
        return (unsigned)((c | 0x20) - 'a') + 10;
}

static unsigned hex4(const char *digits)
{
        return hex_value(digits[0]) << 12 | hex_value(digits[1]) << 8 | hex_value(digits[2]) << 4 |
               hex_value(digits[3]);
}

static void add_utf8(struct buf *out, unsigned code)
{
        if (code < 0x80) {
                buf_add_char(out, (char)code);
        } else if (code < 0x800) {
                buf_add_char(out, (char)(0xc0 | code >> 6));
                buf_add_char(out, (char)(0x80 | (code & 0x3f)));
        } else if (code < 0x10000) {
                buf_add_char(out, (char)(0xe0 | code >> 12));
                buf_add_char(out, (char)(0x80 | (code >> 6 & 0x3f)));
                buf_add_char(out, (char)(0x80 | (code & 0x3f)));
        } else {
                buf_add_char(out, (char)(0xf0 | code >> 18));
                buf_add_char(out, (char)(0x80 | (code >> 12 & 0x3f)));
                buf_add_char(out, (char)(0x80 | (code >> 6 & 0x3f)));
                buf_add_char(out, (char)(0x80 | (code & 0x3f)));
        }
}

/* Adds what the `\u` at the start stands for; returns how many bytes it and its other half take. */
static size_t add_unicode(struct buf *out, const char *text, size_t size)
{
        unsigned code = hex4(text + 2);
        unsigned low = size >= 12 && text[6] == '\\' && text[7] == 'u' ? hex4(text + 8) : 0;

        if (code >= 0xd800 && code <= 0xdbff && low >= 0xdc00 && low <= 0xdfff) {
                add_utf8(out, 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00));
                return 12;
        }
        if (code >= 0xd800 && code <= 0xdfff)
                buf_add_text(out, REPLACEMENT);
        else
                add_utf8(out, code);
        return 6;
}

void json_unescape(struct buf *out, const char *text, size_t size)
{
        static const char names[] = "bfnrt";
        static const char meanings[] = "\b\f\n\r\t";
        size_t at = 0;

        while (at < size) {
                const char *backslash = memchr(text + at, '\\', size - at);
                size_t plain = backslash ? (size_t)(backslash - text) - at : size - at;
                const char *name;

                buf_add(out, text + at, plain);
                at += plain;
                if (!backslash)
                        return;
                name = strchr(names, text[at + 1]);
                if (text[at + 1] == 'u') {
                        at += add_unicode(out, text + at, size - at);
                        continue;
                }
                buf_add_char(out, name ? meanings[name - names] : text[at + 1]);
                at += 2;
        }
}
