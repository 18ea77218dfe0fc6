// SPDX-License-Identifier: MIT
#include "base/utf8.h"

#include <endian.h>
#include <string.h>

static bool has_tail(const unsigned char *p, size_t count)
{
        for (size_t i = 1; i <= count; i++) {
                if ((p[i] & 0xc0) != 0x80)
                        return false;
        }
        return true;
}

size_t utf8_length(const char *text, size_t size)
{
        const unsigned char *p = (const unsigned char *)text;

        if (size == 0)
                return 0;
        if (p[0] < 0x80)
                return 1;
        if (p[0] >= 0xc2 && p[0] <= 0xdf && size >= 2 && has_tail(p, 1))
                return 2;
        if ((p[0] & 0xf0) == 0xe0 && size >= 3 && has_tail(p, 2)) {
                bool overlong = p[0] == 0xe0 && p[1] < 0xa0;
                bool surrogate = p[0] == 0xed && p[1] >= 0xa0;

                return overlong || surrogate ? 0 : 3;
        }
        if (p[0] >= 0xf0 && p[0] <= 0xf4 && size >= 4 && has_tail(p, 3)) {
                bool overlong = p[0] == 0xf0 && p[1] < 0x90;
                bool beyond = p[0] == 0xf4 && p[1] >= 0x90;

                return overlong || beyond ? 0 : 4;
        }
        return 0;
}

bool utf8_is_valid(const char *text, size_t size)
{
        size_t at = 0;

        while (at < size) {
                size_t length = utf8_length(text + at, size - at);

                if (length == 0)
                        return false;
                at += length;
        }
        return true;
}

int utf8_cut(const char *text, int most)
{
        int length = (int)strnlen(text, (size_t)most + 1);

        if (length <= most)
                return length;
        for (length = most; length > 0 && ((unsigned char)text[length] & 0xc0) == 0x80;)
                length--;
        return length;
}

#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

/*
 * The high bit of each of eight bytes that is below 0x20, above 0x7f, a quote or a backslash. Bits
 * above the lowest one may be wrong: what is borrowed for a byte is taken from the next.
 */
static uint64_t find_special(const char *text)
{
        uint64_t bytes;
        uint64_t quote;
        uint64_t backslash;

        memcpy(&bytes, text, sizeof(bytes));
        bytes = le64toh(bytes);
        quote = bytes ^ EACH('"');
        backslash = bytes ^ EACH('\\');
        return ((bytes - EACH(0x20)) | (quote - EACH(1)) | (backslash - EACH(1)) | bytes) &
               EACH(0x80);
}

size_t utf8_plain_length(const char *text, size_t size)
{
        size_t at = 0;

        for (; size - at >= sizeof(uint64_t); at += sizeof(uint64_t)) {
                uint64_t special = find_special(text + at);

                if (special)
                        return at + (size_t)__builtin_ctzll(special) / 8;
        }
        while (at < size && (unsigned char)text[at] >= 0x20 && (unsigned char)text[at] < 0x80 &&
               text[at] != '"' && text[at] != '\\')
                at++;
        return at;
}
