// SPDX-License-Identifier: MIT
#include "formatter/worker/javascript_scan.h"

#include <string.h>

#define LONGEST_WORD 40

/* The last token, as far as it tells what may come next. */
struct token {
        const char *word; /* NULL = a sign */
        size_t size;
        char sign;   /* the last character of it; 0 = there was no token yet */
        bool member; /* a word behind a dot */
};

struct scan {
        const char *at;
        const char *end;
        const char *globals;
        struct token last;
        /* Of each template that is open: the braces that are open within its expression. */
        int braces[16];
        int templates;
        bool plain;
};

/* --- words --------------------------------------------------------------------------------- */

/* Each leads to the global object or to a prototype, wherever it stands. */
static const char leading[] =
        " this super globalThis eval Function constructor prototype __proto__ getPrototypeOf "
        "__lookupGetter__ __lookupSetter__ callee ";
static const char prototype[] = " prototype ";
/* In a text, too: obj['constructor']. */
static const char leading_in_texts[] = "constructor prototype __proto__ getPrototypeOf";

/* Behind these a slash begins a regular expression, behind other words it divides. */
static const char before_expression[] =
        " return typeof case in of delete void throw new else do instanceof yield await ";

/* Behind these a global is only looked at. */
static const char looking[] = " new instanceof typeof ";

/* Members of the global object that nobody can change. */
static const char constant[] = " undefined NaN Infinity ";

/* Functions that are passed to others: list.map(Number). */
static const char passed[] = " Number String Boolean ";

static bool is_among(const char *words, const char *word, size_t size)
{
        char padded[LONGEST_WORD + 3] = " ";

        if (size == 0 || size > LONGEST_WORD)
                return false;
        memcpy(padded + 1, word, size);
        padded[size + 1] = ' ';
        padded[size + 2] = '\0';
        return strstr(words, padded) != NULL;
}

static bool last_is(const struct scan *scan, const char *words)
{
        return scan->last.word && !scan->last.member &&
               is_among(words, scan->last.word, scan->last.size);
}

static bool is_word_part(char character)
{
        return (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z') ||
               (character >= '0' && character <= '9') || character == '_' || character == '$' ||
               (unsigned char)character >= 0x80;
}

static char next_of(const struct scan *scan, const char *at)
{
        return at < scan->end ? *at : '\0';
}

static const char *skip_space(const struct scan *scan, const char *at)
{
        while (at < scan->end && (*at == ' ' || (*at >= '\t' && *at <= '\r')))
                at++;
        return at;
}

/* --- globals ------------------------------------------------------------------------------- */

/* Is what follows an operator that changes what stands before it? Comments are in doubt. */
static bool changes(const struct scan *scan, const char *at)
{
        char first = next_of(scan, at);
        char second = first ? next_of(scan, at + 1) : '\0';

        if (first == '=')
                return second != '=' && second != '>';
        if (strchr("+-*%&|^?", first) && first)
                return second == '=' || second == first;
        if (first == '/')
                return true;
        return first == '[' || first == '.' || first == '`';
}

static const char *skip_word(const struct scan *scan, const char *at)
{
        while (is_word_part(next_of(scan, at)))
                at++;
        return at;
}

/* `at` is behind `prototype`: Object.prototype.hasOwnProperty.call(a, b) changes nothing there. */
static bool is_borrowed(const struct scan *scan, const char *at)
{
        const char *end = next_of(scan, at) == '.' ? skip_word(scan, at + 1) : at;

        return end > at + 1 && scan->end - end > 6 &&
               (memcmp(end, ".call(", 6) == 0 || memcmp(end, ".apply(", 7) == 0);
}

/* `at` is behind the name of a global that no dot precedes. */
static bool is_only_read(const struct scan *scan, const char *name, size_t size, const char *at)
{
        const char *member;
        char next;

        if (last_is(scan, looking) || is_among(constant, name, size))
                return true;
        at = skip_space(scan, at);
        next = next_of(scan, at);
        if (next == '(' || (next == ':' && (scan->last.sign == '{' || scan->last.sign == ',')))
                return true;
        if (next == ')' && scan->last.sign == '(')
                return is_among(passed, name, size);
        if (next != '.')
                return false;
        member = skip_space(scan, at + 1);
        at = skip_word(scan, member);
        if (is_among(prototype, member, (size_t)(at - member)))
                return is_borrowed(scan, at);
        if (at == member)
                return false;
        /* RegExp remembers what was last found. */
        return !is_among(" RegExp ", name, size) && !changes(scan, skip_space(scan, at));
}

static void take_word(struct scan *scan)
{
        const char *word = scan->at;
        bool member = scan->last.sign == '.' && !scan->last.word;
        size_t size;

        scan->at = skip_word(scan, word);
        size = (size_t)(scan->at - word);
        if (is_among(leading, word, size))
                scan->plain = is_among(prototype, word, size) && is_borrowed(scan, scan->at);
        else if (!member && is_among(scan->globals, word, size))
                scan->plain = is_only_read(scan, word, size, scan->at);
        scan->last = (struct token){.word = word, .size = size, .sign = 'a', .member = member};
}

/* --- texts --------------------------------------------------------------------------------- */

/* Could an escape spell a letter? */
static bool spells(const struct scan *scan, const char *escape)
{
        char kind = next_of(scan, escape + 1);

        if (kind >= '1' && kind <= '7')
                return true;
        if (kind == 'x')
                return next_of(scan, escape + 2) >= '4' && next_of(scan, escape + 2) <= '7';
        if (kind != 'u')
                return false;
        return next_of(scan, escape + 2) == '{' ||
               (scan->end - escape > 4 && memcmp(escape + 2, "00", 2) == 0 && escape[4] >= '4' &&
                escape[4] <= '7');
}

static void look_into(struct scan *scan, const char *text, size_t size)
{
        const char *word = leading_in_texts;

        while (*word) {
                size_t length = strcspn(word, " ");

                if (memmem(text, size, word, length))
                        scan->plain = false;
                word += length;
                word += strspn(word, " ");
        }
}

/* Up to the quote that ends it; a line end is in doubt. */
static void take_text(struct scan *scan)
{
        const char quote = *scan->at++;
        const char *start = scan->at;

        while (scan->at < scan->end && *scan->at != quote && *scan->at != '\n') {
                if (*scan->at == '\\') {
                        if (spells(scan, scan->at))
                                scan->plain = false;
                        scan->at++;
                }
                scan->at++;
        }
        if (scan->at >= scan->end || *scan->at != quote) {
                scan->plain = false;
                return;
        }
        look_into(scan, start, (size_t)(scan->at - start));
        scan->at++;
        scan->last = (struct token){.sign = 'a'};
}

/* Up to its end or to an expression in it. */
static void take_template(struct scan *scan)
{
        const char *start = scan->at;

        while (scan->at < scan->end && *scan->at != '`' &&
               !(*scan->at == '$' && next_of(scan, scan->at + 1) == '{')) {
                if (*scan->at == '\\') {
                        if (spells(scan, scan->at))
                                scan->plain = false;
                        scan->at++;
                }
                scan->at++;
        }
        if (scan->at >= scan->end) {
                scan->plain = false;
                return;
        }
        look_into(scan, start, (size_t)(scan->at - start));
        if (*scan->at == '`') {
                scan->at++;
                scan->templates--;
                scan->last = (struct token){.sign = 'a'};
                return;
        }
        scan->at += 2;
        scan->braces[scan->templates - 1] = 0;
        scan->last = (struct token){.sign = '{'};
}

static void open_template(struct scan *scan)
{
        if (scan->templates == (int)(sizeof(scan->braces) / sizeof(scan->braces[0]))) {
                scan->plain = false;
                return;
        }
        scan->at++;
        scan->templates++;
        take_template(scan);
}

/* --- slashes ------------------------------------------------------------------------------- */

/* Behind the regular expression that would begin here; NULL if none would end on this line. */
static const char *end_of_expression(const struct scan *scan)
{
        bool class = false;

        for (const char *at = scan->at + 1; at < scan->end && *at != '\n'; at++) {
                if (*at == '\\')
                        at++;
                else if (*at == '[')
                        class = true;
                else if (*at == ']')
                        class = false;
                else if (*at == '/' && !class)
                        return at + 1;
        }
        return NULL;
}

static void take_comment(struct scan *scan)
{
        const char *end =
                scan->at[1] == '/'
                        ? memchr(scan->at, '\n', (size_t)(scan->end - scan->at))
                        : memmem(scan->at + 2, (size_t)(scan->end - scan->at - 2), "*/", 2);

        if (scan->at[1] == '*' && !end)
                scan->plain = false;
        if (scan->at[1] == '*' && end)
                end += 2;
        scan->at = end ? end : scan->end;
}

static bool begins_expression(const struct scan *scan)
{
        if (scan->last.word)
                return last_is(scan, before_expression);
        return !scan->last.sign || !strchr("a)]}", scan->last.sign);
}

static bool holds_quotes(const char *text, const char *end)
{
        for (; text < end; text++) {
                if (strchr("'\"`", *text) && *text)
                        return true;
        }
        return false;
}

static void take_slash(struct scan *scan)
{
        const char *end;

        if (next_of(scan, scan->at + 1) == '/' || next_of(scan, scan->at + 1) == '*') {
                take_comment(scan);
                return;
        }
        end = end_of_expression(scan);
        if (begins_expression(scan)) {
                if (!end)
                        scan->plain = false;
                scan->at = end ? end : scan->end;
                scan->last = (struct token){.sign = 'a'};
                return;
        }
        /* Behind a parenthesis or a brace it may be either; that matters if quotes are in it. */
        if ((scan->last.sign == ')' || scan->last.sign == '}') && end && !scan->last.word &&
            holds_quotes(scan->at, end))
                scan->plain = false;
        scan->at++;
        scan->last = (struct token){.sign = '/'};
}

/* --- the text ------------------------------------------------------------------------------ */

static void take_sign(struct scan *scan)
{
        char sign = *scan->at++;

        /* Letters can be escaped in names, too. */
        if (sign == '\\' || sign == '\0')
                scan->plain = false;
        if (scan->templates > 0 && sign == '{')
                scan->braces[scan->templates - 1]++;
        if (scan->templates > 0 && sign == '}' && scan->braces[scan->templates - 1]-- == 0) {
                take_template(scan);
                return;
        }
        /* Three dots are followed by a value, not by a member's name. */
        if (sign == '.' && scan->end - scan->at >= 2 && memcmp(scan->at, "..", 2) == 0) {
                scan->at += 2;
                sign = ',';
        }
        scan->last = (struct token){.sign = sign};
}

bool javascript_is_plain(const char *text, size_t size, const char *globals)
{
        struct scan scan = {.at = text, .end = text + size, .globals = globals, .plain = true};

        if (size >= 2 && memcmp(text, "#!", 2) == 0)
                return false;
        while (scan.plain && (scan.at = skip_space(&scan, scan.at)) < scan.end) {
                if (is_word_part(*scan.at))
                        take_word(&scan);
                else if (*scan.at == '\'' || *scan.at == '"')
                        take_text(&scan);
                else if (*scan.at == '`')
                        open_template(&scan);
                else if (*scan.at == '/')
                        take_slash(&scan);
                else
                        take_sign(&scan);
        }
        return scan.plain && scan.templates == 0;
}
