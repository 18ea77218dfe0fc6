// SPDX-License-Identifier: MIT
#include "base/json_scan.h"

#include <string.h>

#include "base/text.h"

static bool scan_value(struct json_scan *scan);

static bool fail_at(struct json_scan *scan, const char *fault)
{
        scan->fault = fault;
        return false;
}

static bool refuse_at(struct json_scan *scan, const char *fault)
{
        scan->unfit = true;
        return fail_at(scan, fault);
}

static char here(const struct json_scan *scan)
{
        return scan->text[scan->at];
}

static bool take(struct json_scan *scan, char wanted)
{
        if (here(scan) != wanted)
                return false;
        scan->at++;
        return true;
}

/* The end of the comment that starts here, or 0 if it is none or has none. */
static size_t comment_end(const struct json_scan *scan)
{
        const char *start = scan->text + scan->at;
        const char *end;

        if (start[1] == '/')
                return scan->at + strcspn(start, "\n");
        end = start[1] == '*' ? strstr(start + 2, "*/") : NULL;
        return end ? (size_t)(end + 2 - scan->text) : 0;
}

static void erase(struct json_scan *scan, size_t from, size_t end)
{
        for (size_t i = from; i < end; i++) {
                if (scan->text[i] != '\n')
                        scan->text[i] = ' ';
        }
}

static bool skip_blank(struct json_scan *scan)
{
        for (;;) {
                size_t end;

                scan->at += strspn(scan->text + scan->at, " \t\r\n");
                if (here(scan) != '/' || scan->style != JSON_RELAXED)
                        return true;
                end = comment_end(scan);
                if (end == 0)
                        return fail_at(scan, "a comment that is not closed");
                erase(scan, scan->at, end);
                scan->at = end;
        }
}

static bool scan_hex4(struct json_scan *scan, bool *is_zero)
{
        size_t digits = strspn(scan->text + scan->at, "0123456789abcdefABCDEF");

        if (digits < 4) {
                scan->at += digits;
                return fail_at(scan, "\\u wants four hex digits");
        }
        *is_zero = memcmp(scan->text + scan->at, "0000", 4) == 0;
        scan->at += 4;
        return true;
}

/* Behind a backslash. */
static bool scan_escape(struct json_scan *scan, bool is_name)
{
        bool is_zero = false;

        if (here(scan) == '\0' || !strchr("\"\\/bfnrtu", here(scan)))
                return fail_at(scan, "an escape that JSON does not know");
        scan->at++;
        if (scan->text[scan->at - 1] != 'u')
                return true;
        if (!scan_hex4(scan, &is_zero))
                return false;
        /* json-c would cut the name there and so make it another one. */
        return is_zero && is_name ? refuse_at(scan, "U+0000 in a name") : true;
}

/* Most of what texts are made of: ASCII but for controls, the quote and the backslash. */
static bool is_plain(unsigned char c)
{
        return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

/* A character that is not plain. */
static bool scan_special(struct json_scan *scan, bool is_name)
{
        size_t length;

        if (take(scan, '\\'))
                return scan_escape(scan, is_name);
        if ((unsigned char)here(scan) < 0x20)
                return fail_at(scan, "a control character in a text, or no quote at its end");
        length = text_utf8_length(scan->text + scan->at, scan->size - scan->at);
        scan->at += length;
        return length > 0 ? true : fail_at(scan, "a byte that is not valid UTF-8");
}

/* Behind the opening quote. */
static bool scan_string(struct json_scan *scan, bool is_name)
{
        for (;;) {
                while (is_plain((unsigned char)here(scan)))
                        scan->at++;
                if (take(scan, '"'))
                        return true;
                if (!scan_special(scan, is_name))
                        return false;
        }
}

static bool scan_digits(struct json_scan *scan)
{
        size_t count = strspn(scan->text + scan->at, "0123456789");

        scan->at += count;
        return count > 0 ? true : fail_at(scan, "a digit is missing in a number");
}

static bool fits_int64(const char *digits, size_t count, bool negative)
{
        const char *limit = negative ? "9223372036854775808" : "9223372036854775807";
        size_t limit_count = strlen(limit);

        return count < limit_count || (count == limit_count && memcmp(digits, limit, count) <= 0);
}

static bool scan_number(struct json_scan *scan)
{
        bool negative = take(scan, '-');
        size_t start = scan->at;
        bool whole = true;

        if (!scan_digits(scan))
                return false;
        if (scan->text[start] == '0' && scan->at - start > 1)
                return fail_at(scan, "a number that starts with a zero");
        if (take(scan, '.')) {
                whole = false;
                if (!scan_digits(scan))
                        return false;
        }
        if (here(scan) == 'e' || here(scan) == 'E') {
                whole = false;
                scan->at++;
                if (here(scan) == '+' || here(scan) == '-')
                        scan->at++;
                if (!scan_digits(scan))
                        return false;
        }
        if (whole && !fits_int64(scan->text + start, scan->at - start, negative))
                buf_add(&scan->long_integers, &scan->at, sizeof(scan->at));
        return true;
}

static bool scan_word(struct json_scan *scan)
{
        static const char *const words[] = {"true", "false", "null"};

        for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
                size_t length = strlen(words[i]);

                if (strncmp(scan->text + scan->at, words[i], length) == 0) {
                        scan->at += length;
                        return true;
                }
        }
        return fail_at(scan, "a value was expected");
}

static bool scan_member(struct json_scan *scan)
{
        if (!take(scan, '"'))
                return fail_at(scan, "a member's name in double quotes was expected");
        if (!scan_string(scan, true) || !skip_blank(scan))
                return false;
        if (!take(scan, ':'))
                return fail_at(scan, "a colon was expected");
        return skip_blank(scan) && scan_value(scan);
}

/* Behind the opening bracket. */
static bool scan_items(struct json_scan *scan, char close)
{
        size_t comma = 0;

        if (!skip_blank(scan))
                return false;
        while (!take(scan, close)) {
                if (!(close == '}' ? scan_member(scan) : scan_value(scan)) || !skip_blank(scan))
                        return false;
                if (take(scan, close))
                        return true;
                comma = scan->at;
                if (!take(scan, ','))
                        return fail_at(scan, close == '}' ? "a comma or } was expected"
                                                          : "a comma or ] was expected");
                if (!skip_blank(scan))
                        return false;
                if (here(scan) == close && scan->style == JSON_STRICT)
                        return fail_at(scan, "a value was expected behind the comma");
                if (here(scan) == close)
                        scan->text[comma] = ' ';
        }
        return true;
}

static bool scan_value(struct json_scan *scan)
{
        char c = here(scan);
        bool good;

        if (scan->values == 0)
                return refuse_at(scan, "there are too many values");
        scan->values--;
        if (c == '{' || c == '[') {
                if (scan->depth == 0)
                        return refuse_at(scan, "arrays and objects are nested too deep");
                scan->depth--;
                scan->at++;
                good = scan_items(scan, c == '{' ? '}' : ']');
                scan->depth++;
                return good;
        }
        if (take(scan, '"'))
                return scan_string(scan, false);
        if (c == '-' || (c >= '0' && c <= '9'))
                return scan_number(scan);
        return scan_word(scan);
}

bool json_scan(struct json_scan *scan)
{
        if (scan->style == JSON_RELAXED && strncmp(scan->text, "\xef\xbb\xbf", 3) == 0)
                erase(scan, 0, 3);
        if (!skip_blank(scan))
                return false;
        if (strncmp(scan->text + scan->at, "null", 4) == 0)
                return fail_at(scan, "the value is null, which says nothing");
        if (!scan_value(scan) || !skip_blank(scan))
                return false;
        if (scan->at < scan->size)
                return fail_at(scan, "there is more text behind the value");
        return true;
}
