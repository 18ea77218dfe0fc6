// SPDX-License-Identifier: MIT
#include "base/json/json_scan.h"

#include <string.h>

#include "base/json/json_unescape.h"
#include "base/utf8.h"

/* No name that is wanted is longer. */
#define NAME_MAX_SIZE 64

static bool scan_value(struct json_scan *scan, const struct json_want *want);

static bool fail_at(struct json_scan *scan, const char *fault)
{
        bool comment =
                scan->style == JSON_RELAXED && scan->at < scan->size && scan->text[scan->at] == '/';

        scan->fault = comment ? "a comment that is not closed" : fault;
        return false;
}

static bool refuse_at(struct json_scan *scan, const char *fault)
{
        scan->unfit = true;
        return fail_at(scan, fault);
}

static char here(const struct json_scan *scan)
{
        return scan->at < scan->size ? scan->text[scan->at] : '\0';
}

static bool take(struct json_scan *scan, char wanted)
{
        if (here(scan) != wanted || scan->at >= scan->size)
                return false;
        scan->at++;
        return true;
}

static bool is_blank(char c)
{
        return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static void skip_blanks(struct json_scan *scan)
{
        do
                scan->at++;
        while (scan->at < scan->size && is_blank(scan->text[scan->at]));
        scan->blanks++;
}

/* Most texts have none. */
static inline void skip_blank(struct json_scan *scan)
{
        if (scan->at < scan->size && is_blank(scan->text[scan->at]))
                skip_blanks(scan);
}

/* --- texts -------------------------------------------------------------------------------- */

static bool is_hex_digit(char c)
{
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool scan_hex4(struct json_scan *scan, bool *is_zero)
{
        size_t start = scan->at;

        while (scan->at - start < 4 && is_hex_digit(here(scan)))
                scan->at++;
        if (scan->at - start < 4)
                return fail_at(scan, "\\u wants four hex digits");
        *is_zero = memcmp(scan->text + start, "0000", 4) == 0;
        return true;
}

/* Behind a backslash. */
static bool scan_escape(struct json_scan *scan, bool is_name)
{
        bool is_zero = false;

        scan->escapes++;
        if (here(scan) == '\0' || !strchr("\"\\/bfnrtu", here(scan)))
                return fail_at(scan, "an escape that JSON does not know");
        scan->at++;
        if (scan->text[scan->at - 1] != 'u')
                return true;
        if (!scan_hex4(scan, &is_zero))
                return false;
        /* json-c would cut the name there and so make it another one. */
        return is_zero && is_name && !scan->zero_names ? refuse_at(scan, "U+0000 in a name") : true;
}

/* A character that is not plain. */
static bool scan_special(struct json_scan *scan, bool is_name)
{
        size_t length;

        if (take(scan, '\\'))
                return scan_escape(scan, is_name);
        if ((unsigned char)here(scan) < 0x20)
                return fail_at(scan, "a control character in a text, or no quote at its end");
        length = utf8_length(scan->text + scan->at, scan->size - scan->at);
        scan->at += length;
        return length > 0 ? true : fail_at(scan, "a byte that is not valid UTF-8");
}

/* Behind the opening quote. */
static bool scan_string(struct json_scan *scan, bool is_name)
{
        for (;;) {
                scan->at += utf8_plain_length(scan->text + scan->at, scan->size - scan->at);
                if (take(scan, '"'))
                        return true;
                if (!scan_special(scan, is_name))
                        return false;
        }
}

/* --- numbers and words -------------------------------------------------------------------- */

static bool scan_digits(struct json_scan *scan)
{
        size_t start = scan->at;

        while (here(scan) >= '0' && here(scan) <= '9')
                scan->at++;
        return scan->at > start ? true : fail_at(scan, "a digit is missing in a number");
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

                if (scan->size - scan->at >= length &&
                    memcmp(scan->text + scan->at, words[i], length) == 0) {
                        scan->at += length;
                        return true;
                }
        }
        return fail_at(scan, "a value was expected");
}

/* --- what is wanted ----------------------------------------------------------------------- */

enum json_kind json_kind_of(char first)
{
        switch (first) {
        case '{':
                return JSON_OBJECT;
        case '[':
                return JSON_LIST;
        case '"':
                return JSON_TEXT;
        case 'n':
                return JSON_NULL;
        case 't':
                return JSON_TRUE;
        case 'f':
                return JSON_FALSE;
        default:
                return JSON_NUMBER;
        }
}

/* What an earlier member of this name has left. */
static void forget(struct json_scan *scan, const struct json_want *want)
{
        scan->slices[want->slot] = (struct json_slice){.kind = JSON_ABSENT};
        for (size_t i = 0; i < want->count; i++)
                forget(scan, &want->members[i]);
}

static bool scan_wanted(struct json_scan *scan, const struct json_want *want)
{
        struct json_slice *slice = &scan->slices[want->slot];
        const char *start = scan->text + scan->at;
        unsigned escapes = scan->escapes;
        unsigned blanks = scan->blanks;
        unsigned repeats = scan->repeats;

        if (slice->kind != JSON_ABSENT)
                forget(scan, want);
        scan->whole += want->whole ? 1 : 0;
        if (!scan_value(scan, want))
                return false;
        scan->whole -= want->whole ? 1 : 0;
        *slice = (struct json_slice){
                .at = start,
                .size = (size_t)(scan->text + scan->at - start),
                .kind = json_kind_of(start[0]),
                .escaped = scan->escapes != escapes,
                .spaced = scan->blanks != blanks,
                .repeated = scan->repeats != repeats,
        };
        return true;
}

static const struct json_want *find_member(const struct json_want *want, const char *name,
                                           size_t length)
{
        for (size_t i = 0; i < want->count; i++) {
                if (want->members[i].length == length &&
                    memcmp(want->members[i].name, name, length) == 0)
                        return &want->members[i];
        }
        return NULL;
}

/* `name` is written with escapes, between its quotes. */
static const struct json_want *find_escaped(const struct json_want *want, const char *name,
                                            size_t size)
{
        CLEANUP(buf_deinit) struct buf plain = BUF_INIT;

        if (size > NAME_MAX_SIZE * 6)
                return NULL;
        json_unescape(&plain, name, size);
        return find_member(want, buf_text(&plain), plain.size);
}

/* Of four bytes at a time; the last four may overlap with those before them. */
static uint32_t sum_of(const char *name, size_t length)
{
        uint32_t sum = (uint32_t)length;
        uint32_t word = 0;

        for (size_t i = 0; i + sizeof(word) < length; i += sizeof(word)) {
                memcpy(&word, name + i, sizeof(word));
                sum = (sum ^ word) * 2654435761U;
                sum ^= sum >> 15;
        }
        word = 0;
        if (length >= sizeof(word))
                memcpy(&word, name + length - sizeof(word), sizeof(word));
        else
                memcpy(&word, name, length);
        sum = (sum ^ word) * 2654435761U;
        return sum ^ sum >> 15;
}

/* Compares the sum of a name in a whole object with those of the object's other names. */
static void note_name(struct json_scan *scan, unsigned first, const char *name, size_t length,
                      bool escaped)
{
        uint32_t sum = sum_of(name, length);

        for (unsigned i = first; i < scan->name_count; i++)
                scan->repeats += scan->names[i] == sum ? 1 : 0;
        if (escaped || scan->name_count == JSON_SCAN_NAMES)
                scan->repeats++;
        else
                scan->names[scan->name_count++] = sum;
}

/* --- lists and objects -------------------------------------------------------------------- */

/* `first` counts the names that are not this object's. */
static bool scan_member(struct json_scan *scan, const struct json_want *want, unsigned first)
{
        unsigned escapes = scan->escapes;
        const struct json_want *member = NULL;
        const char *name;
        size_t length;

        if (!take(scan, '"'))
                return fail_at(scan, "a member's name in double quotes was expected");
        name = scan->text + scan->at;
        if (!scan_string(scan, true))
                return false;
        length = (size_t)(scan->text + scan->at - 1 - name);
        if (want && want->count > 0)
                member = scan->escapes == escapes ? find_member(want, name, length)
                                                  : find_escaped(want, name, length);
        if (scan->whole > 0)
                note_name(scan, first, name, length, scan->escapes != escapes);
        skip_blank(scan);
        if (!take(scan, ':'))
                return fail_at(scan, "a colon was expected");
        skip_blank(scan);
        return member ? scan_wanted(scan, member) : scan_value(scan, NULL);
}

/* Behind the opening bracket. */
static bool scan_items(struct json_scan *scan, char close, const struct json_want *want)
{
        unsigned first = scan->name_count;

        skip_blank(scan);
        if (take(scan, close))
                return true;
        for (;;) {
                if (!(close == '}' ? scan_member(scan, want, first) : scan_value(scan, NULL)))
                        return false;
                skip_blank(scan);
                if (take(scan, close))
                        break;
                if (!take(scan, ','))
                        return fail_at(scan, close == '}' ? "a comma or } was expected"
                                                          : "a comma or ] was expected");
                skip_blank(scan);
                if (here(scan) == close)
                        return fail_at(scan, "a value was expected behind the comma");
        }
        scan->name_count = first;
        return true;
}

static bool scan_value(struct json_scan *scan, const struct json_want *want)
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
                good = scan_items(scan, c == '{' ? '}' : ']', want);
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
        skip_blank(scan);
        if (scan->size - scan->at >= 4 && memcmp(scan->text + scan->at, "null", 4) == 0)
                return fail_at(scan, "the value is null, which says nothing");
        if (!(scan->want ? scan_wanted(scan, scan->want) : scan_value(scan, NULL)))
                return false;
        skip_blank(scan);
        if (scan->at < scan->size)
                return fail_at(scan, "there is more text behind the value");
        return true;
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

void json_scan_explain(const struct json_scan *scan, size_t values, struct reason *reason)
{
        int line;
        int column;

        json_position(scan->text, scan->size, scan->at, &line, &column);
        if (scan->unfit && scan->values == 0)
                reason_set(reason,
                           "the JSON text holds more than %zu values, which is the limit (reached "
                           "at line %d column %d)",
                           values, line, column);
        else if (scan->unfit)
                reason_set(reason, "JSON that is not taken here, at line %d column %d: %s", line,
                           column, scan->fault);
        else if (scan->at >= scan->size)
                reason_set(reason, "the JSON text ends too early, at line %d column %d", line,
                           column);
        else
                reason_set(reason, "not valid JSON at line %d column %d: %s", line, column,
                           scan->fault);
}

/* --- relaxed style ------------------------------------------------------------------------ */

static void erase(char *text, size_t from, size_t end)
{
        for (size_t i = from; i < end; i++) {
                if (text[i] != '\n')
                        text[i] = ' ';
        }
}

/* Behind the text whose opening quote is at `at`, as far as it has an end. */
static size_t behind_string(const char *text, size_t size, size_t at)
{
        for (at++; at < size && text[at] != '"'; at++) {
                if (text[at] == '\\')
                        at++;
        }
        return at < size ? at + 1 : size;
}

/* Behind the comment that is at `at`; 0 if there is none, or none that is closed. */
static size_t behind_comment(const char *text, size_t size, size_t at)
{
        const char *end;

        if (size - at < 2)
                return 0;
        if (text[at + 1] == '/') {
                end = memchr(text + at, '\n', size - at);
                return end ? (size_t)(end - text) : size;
        }
        end = text[at + 1] == '*' ? memmem(text + at + 2, size - at - 2, "*/", 2) : NULL;
        return end ? (size_t)(end + 2 - text) : 0;
}

void json_relax(char *text, size_t size)
{
        size_t comma = 0; /* a comma that may be a trailing one */
        size_t at = 0;
        char last = '['; /* the last character that means something */

        if (size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
                erase(text, 0, 3);
        while (at < size) {
                size_t end = text[at] == '/' ? behind_comment(text, size, at) : 0;

                if (end > 0) {
                        erase(text, at, end);
                        at = end;
                        continue;
                }
                if (text[at] == ',')
                        comma = strchr("[{,:", last) ? 0 : at;
                else if ((text[at] == ']' || text[at] == '}') && last == ',' && comma > 0)
                        text[comma] = ' ';
                if (!is_blank(text[at]))
                        last = text[at];
                at = text[at] == '"' ? behind_string(text, size, at) : at + 1;
        }
}
