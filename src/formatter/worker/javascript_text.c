// SPDX-License-Identifier: MIT
#include "formatter/worker/javascript_text.h"

#include <string.h>

#include "base/mem.h"

#define REPLACEMENT 0xfffdU

void javascript_string_cleanup(JSStringRef *string)
{
        if (*string)
                JSStringRelease(*string);
}

/* Valid UTF-8 only. */
static unsigned int read_utf8(const unsigned char *text, size_t *at)
{
        unsigned int first = text[*at];
        int more = first < 0x80 ? 0 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
        unsigned int code = more == 0 ? first : first & (0x3fU >> more);

        for ((*at)++; more > 0; more--)
                code = code << 6 | (text[(*at)++] & 63);
        return code;
}

JSStringRef javascript_string_of(const char *text, size_t size)
{
        CLEANUP(mem_cleanup) JSChar *units = NULL;
        size_t count = 0;

        /* The library keeps such a text in half the memory if it is ASCII. */
        if (!memchr(text, '\0', size))
                return JSStringCreateWithUTF8CString(text);
        units = mem_new(size, sizeof(*units));
        for (size_t at = 0; at < size;) {
                unsigned int code = read_utf8((const unsigned char *)text, &at);

                if (code >= 0x10000) {
                        units[count++] = (JSChar)(0xd800 + ((code - 0x10000) >> 10));
                        code = 0xdc00 + ((code - 0x10000) & 0x3ff);
                }
                units[count++] = (JSChar)code;
        }
        return JSStringCreateWithCharacters(units, count);
}

JSValueRef javascript_value_of(JSContextRef context, const char *text)
{
        CLEANUP(javascript_string_cleanup) JSStringRef string = NULL;

        if (!text)
                return NULL;
        string = JSStringCreateWithUTF8CString(text);
        return JSValueMakeString(context, string);
}

static bool is_high(unsigned int unit)
{
        return unit >= 0xd800 && unit <= 0xdbff;
}

static bool is_low(unsigned int unit)
{
        return unit >= 0xdc00 && unit <= 0xdfff;
}

static size_t write_utf8(char *out, unsigned int code)
{
        if (code < 0x80) {
                out[0] = (char)code;
                return 1;
        }
        if (code < 0x800) {
                out[0] = (char)(0xc0 | code >> 6);
                out[1] = (char)(0x80 | (code & 63));
                return 2;
        }
        if (code < 0x10000) {
                out[0] = (char)(0xe0 | code >> 12);
                out[1] = (char)(0x80 | (code >> 6 & 63));
                out[2] = (char)(0x80 | (code & 63));
                return 3;
        }
        out[0] = (char)(0xf0 | code >> 18);
        out[1] = (char)(0x80 | (code >> 12 & 63));
        out[2] = (char)(0x80 | (code >> 6 & 63));
        out[3] = (char)(0x80 | (code & 63));
        return 4;
}

void javascript_add_text(struct buf *out, JSStringRef string)
{
        const JSChar *units = JSStringGetCharactersPtr(string);
        size_t length = JSStringGetLength(string);

        buf_reserve(out, 3 * length + 1);
        for (size_t i = 0; i < length; i++) {
                unsigned int code = units[i];

                if (is_high(code) && i + 1 < length && is_low(units[i + 1]))
                        code = 0x10000 + ((code - 0xd800) << 10) + (units[++i] - 0xdc00U);
                else if (code == 0 || is_high(code) || is_low(code))
                        code = REPLACEMENT;
                out->size += write_utf8(out->data + out->size, code);
        }
        out->data[out->size] = '\0';
}

void javascript_add_bytes(struct buf *out, JSStringRef string)
{
        const JSChar *units = JSStringGetCharactersPtr(string);
        size_t length = JSStringGetLength(string);

        buf_reserve(out, length + 1);
        for (size_t i = 0; i < length; i++)
                out->data[out->size++] = (char)(unsigned char)units[i];
        out->data[out->size] = '\0';
}

/* JSON.stringify writes pairs as they are: whatever it escapes in d800..dfff stands alone. */
static void mend_escape(char *escape)
{
        if (escape[1] == 'u' && escape[2] == 'd' && strchr("89abcdef", escape[3]))
                memcpy(escape + 2, "fffd", 4);
}

int javascript_mend_json(char *json)
{
        bool quoted = false;
        int depth = 0;
        int deepest = 0;

        for (char *at = json; *at; at++) {
                if (*at == '\\') {
                        mend_escape(at);
                        at++;
                } else if (*at == '"') {
                        quoted = !quoted;
                } else if (!quoted && (*at == '{' || *at == '[')) {
                        depth++;
                        deepest = depth > deepest ? depth : deepest;
                } else if (!quoted && (*at == '}' || *at == ']')) {
                        depth--;
                }
        }
        return deepest;
}
