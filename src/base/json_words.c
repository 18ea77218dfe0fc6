// SPDX-License-Identifier: MIT
#include "base/json_words.h"

static bool is_digit(const char *text, size_t size, size_t at)
{
        return at < size && text[at] >= '0' && text[at] <= '9';
}

static bool is_one_of(const char *text, size_t size, size_t at, char a, char b)
{
        return at < size && (text[at] == a || text[at] == b);
}

static size_t skip_digits(const char *text, size_t size, size_t at)
{
        while (is_digit(text, size, at))
                at++;
        return at;
}

size_t json_words_skip_text(const char *text, size_t size, size_t at)
{
        for (at++; at < size && text[at] != '"'; at++) {
                if (text[at] == '\\')
                        at++;
        }
        return at < size ? at + 1 : size;
}

size_t json_words_skip_number(const char *text, size_t size, size_t at, bool *long_integer)
{
        size_t start = is_one_of(text, size, at, '-', '-') ? at + 1 : at;
        size_t whole = skip_digits(text, size, start);

        at = whole;
        if (is_one_of(text, size, at, '.', '.'))
                at = skip_digits(text, size, at + 1);
        if (is_one_of(text, size, at, 'e', 'E')) {
                at++;
                if (is_one_of(text, size, at, '+', '-'))
                        at++;
                at = skip_digits(text, size, at);
        }
        if (at == whole && whole - start > JSON_WORDS_SAFE_DIGITS)
                *long_integer = true;
        return at;
}

/* A number whose end is known: has it a digit wherever it must have one? */
static const char *check_number(const char *text, size_t at, size_t end)
{
        if (text[at] == '-')
                at++;
        if (!is_digit(text, end, at))
                return "a number has no digit behind its sign";
        if (text[at] == '0' && is_digit(text, end, at + 1))
                return "a number starts with a needless 0";
        at = skip_digits(text, end, at);
        if (at < end && text[at] == '.' && !is_digit(text, end, at + 1))
                return "a number has no digit behind its point";
        if (!is_digit(text, end, end - 1))
                return "a number has no digit in its exponent";
        return NULL;
}

static const char *check_text(const char *text, size_t at, size_t end)
{
        for (; at < end; at++) {
                if ((unsigned char)text[at] < 0x20)
                        return "a control character in a text must be escaped";
        }
        return NULL;
}

/* White space, brackets, and the letters of true, false and null, which json-c checks. */
static bool is_mark(char c)
{
        switch (c) {
        case ' ':
        case '\t':
        case '\r':
        case '\n':
        case '{':
        case '}':
        case '[':
        case ']':
        case ':':
        case ',':
                return true;
        default:
                return c >= 'a' && c <= 'z';
        }
}

struct json_words json_words_check(const char *text, size_t size)
{
        struct json_words words = {.wrong = NULL};
        size_t at = 0;

        while (at < size && !words.wrong) {
                size_t end = at + 1;

                if (text[at] == '"') {
                        end = json_words_skip_text(text, size, at);
                        words.wrong = check_text(text, at, end);
                } else if (text[at] == '-' || is_digit(text, size, at)) {
                        end = json_words_skip_number(text, size, at, &words.long_integer);
                        words.wrong = check_number(text, at, end);
                } else if (!is_mark(text[at])) {
                        words.wrong = "unexpected character";
                }
                words.offset = at;
                at = end;
        }
        return words;
}
