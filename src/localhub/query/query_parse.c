// SPDX-License-Identifier: MIT
/* From text to nodes: a reader of words, and a function for each rule of the grammar. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/json/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/utf8.h"
#include "localhub/query/query_inside.h"

enum token_kind {
        TOKEN_END,
        TOKEN_WORD,
        TOKEN_NUMBER,
        TOKEN_STRING,
        TOKEN_SIGN, /* one or two characters */
};

struct parser {
        struct query *query;
        const char *text;
        const char *at; /* behind the token */
        enum token_kind kind;
        const char *start; /* of the token */
        size_t size;
        struct buf string; /* of TOKEN_STRING, without quotes and escapes */
        int depth;
        struct reason *reason;
        bool failed;
        bool of_enrolments;
};

/* --- words ----------------------------------------------------------------------------------- */

static void fail(struct parser *parser, const char *wanted)
{
        if (parser->failed)
                return;
        parser->failed = true;
        if (parser->kind == TOKEN_END)
                reason_set(parser->reason, "the query ends where %s is expected (character %zu)",
                           wanted, (size_t)(parser->start - parser->text) + 1);
        else
                reason_set(parser->reason, "'%.*s' at character %zu of the query: %s is expected",
                           utf8_cut(parser->start, parser->size > 40 ? 40 : (int)parser->size),
                           parser->start, (size_t)(parser->start - parser->text) + 1, wanted);
}

static bool is_word_character(char c)
{
        return isalnum((unsigned char)c) || c == '_' || c == '$' || c == '-' || (c & 0x80);
}

/* Quotes are doubled or escaped inside. */
static void take_string(struct parser *parser)
{
        char quote = *parser->at++;

        buf_clear(&parser->string);
        while (*parser->at) {
                char c = *parser->at++;

                if (c == '\\' && *parser->at)
                        c = *parser->at++;
                else if (c == quote && *parser->at == quote)
                        parser->at++;
                else if (c == quote)
                        return;
                buf_add_char(&parser->string, c);
        }
        parser->size = (size_t)(parser->at - parser->start);
        fail(parser, "the end of this text");
}

static void advance(struct parser *parser)
{
        static const char *const pairs[] = {"<=", ">=", "!=", "<>"};

        parser->at += strspn(parser->at, " \t\r\n");
        parser->start = parser->at;
        if (*parser->at == '\0') {
                parser->kind = TOKEN_END;
        } else if (*parser->at == '\'' || *parser->at == '"') {
                parser->kind = TOKEN_STRING;
                take_string(parser);
        } else if (isdigit((unsigned char)*parser->at) ||
                   (*parser->at == '-' && isdigit((unsigned char)parser->at[1]))) {
                parser->kind = TOKEN_NUMBER;
                parser->at++;
                while (isalnum((unsigned char)*parser->at) || *parser->at == '.' ||
                       ((*parser->at == '-' || *parser->at == '+') &&
                        tolower((unsigned char)parser->at[-1]) == 'e'))
                        parser->at++;
        } else if (is_word_character(*parser->at)) {
                parser->kind = TOKEN_WORD;
                while (is_word_character(*parser->at))
                        parser->at++;
        } else {
                parser->kind = TOKEN_SIGN;
                parser->at++;
                for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
                        if (strncmp(parser->start, pairs[i], 2) == 0)
                                parser->at = parser->start + 2;
                }
        }
        parser->size = (size_t)(parser->at - parser->start);
}

static bool is(const struct parser *parser, enum token_kind kind, const char *text)
{
        return parser->kind == kind && parser->size == strlen(text) &&
               strncasecmp(parser->start, text, parser->size) == 0;
}

static bool take(struct parser *parser, enum token_kind kind, const char *text)
{
        if (parser->failed || !is(parser, kind, text))
                return false;
        advance(parser);
        return true;
}

static void expect(struct parser *parser, enum token_kind kind, const char *text,
                   const char *wanted)
{
        if (!take(parser, kind, text))
                fail(parser, wanted);
}

/* --- nodes ----------------------------------------------------------------------------------- */

static int node_new(struct parser *parser, enum query_kind kind)
{
        struct query *query = parser->query;

        if (query->node_count == QUERY_NODES_MAX) {
                fail(parser, "a shorter query");
                return 0;
        }
        query->nodes[query->node_count].kind = kind;
        return query->node_count++;
}

static int branch(struct parser *parser, enum query_kind kind, int left, int right)
{
        int made = node_new(parser, kind);

        parser->query->nodes[made].left = left;
        parser->query->nodes[made].right = right;
        return made;
}

/* --- values ---------------------------------------------------------------------------------- */

static int take_number(struct parser *parser)
{
        struct reason ignored = REASON_INIT;
        struct json_object *value =
                json_parse(parser->start, parser->size, 2, JSON_STRICT, &ignored);
        int made = 0;

        if (value && (made = node_new(parser, QUERY_VALUE)) != 0) {
                parser->query->nodes[made].value = value;
                advance(parser);
                return made;
        }
        json_object_put(value);
        fail(parser, "a number");
        return 0;
}

static int take_text(struct parser *parser)
{
        int made = node_new(parser, QUERY_VALUE);

        if (made)
                parser->query->nodes[made].value = json_object_new_string_len(
                        buf_text(&parser->string), (int)parser->string.size);
        advance(parser);
        return made;
}

/* A word that stands for a value; false if it is another one. */
static bool take_constant(struct parser *parser, int *made)
{
        static const char *const words[] = {"null", "false", "true"};

        for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
                if (!is(parser, TOKEN_WORD, words[i]))
                        continue;
                *made = node_new(parser, QUERY_VALUE);
                if (*made && i > 0)
                        parser->query->nodes[*made].value = json_object_new_boolean(i == 2);
                advance(parser);
                return true;
        }
        return false;
}

/* `[0]` or `['key']`, behind its bracket. */
static void take_index(struct parser *parser, struct json_object *path)
{
        if (parser->kind == TOKEN_STRING)
                json_object_array_add(path, json_object_new_string_len(buf_text(&parser->string),
                                                                       (int)parser->string.size));
        else if (parser->kind == TOKEN_NUMBER && parser->size < 9)
                json_object_array_add(path,
                                      json_object_new_int((int)strtol(parser->start, NULL, 10)));
        else
                fail(parser, "a number or a text in quotes");
        advance(parser);
        expect(parser, TOKEN_SIGN, "]", "']'");
}

/* `configurations.[[id]]`, whose id may have signs. */
static bool take_id(struct parser *parser, struct json_object *path)
{
        const char *end;

        if (!is(parser, TOKEN_SIGN, "[") || *parser->at != '[')
                return false;
        parser->at++;
        end = strstr(parser->at, "]]");
        if (!end) {
                fail(parser, "an id and ']]'");
                return false;
        }
        json_object_array_add(path,
                              json_object_new_string_len(parser->at, (int)(end - parser->at)));
        parser->at = end + 2;
        advance(parser);
        return true;
}

/* `tags.location['plant']`; parts are texts and numbers. */
static int take_path(struct parser *parser)
{
        int made = node_new(parser, QUERY_PATH);
        struct json_object *path;

        if (!made)
                return 0;
        path = parser->query->nodes[made].value = json_object_new_array();
        do {
                if (json_object_array_length(path) > 0 && take_id(parser, path))
                        continue;
                if (parser->kind != TOKEN_WORD) {
                        fail(parser, "the name of a property");
                        return made;
                }
                json_object_array_add(path,
                                      json_object_new_string_len(parser->start, (int)parser->size));
                advance(parser);
                while (take(parser, TOKEN_SIGN, "["))
                        take_index(parser, path);
        } while (take(parser, TOKEN_SIGN, "."));
        return made;
}

static int take_operand(struct parser *parser)
{
        int made = 0;

        if (parser->kind == TOKEN_NUMBER)
                return take_number(parser);
        if (parser->kind == TOKEN_STRING)
                return take_text(parser);
        if (parser->kind == TOKEN_WORD && take_constant(parser, &made))
                return made;
        return take_path(parser);
}

/* --- conditions ------------------------------------------------------------------------------ */

static int take_or(struct parser *parser);

static const struct {
        const char *name;
        enum query_function function;
        int arguments;
} functions[] = {
        {"is_defined", QUERY_IS_DEFINED, 1},  {"is_null", QUERY_IS_NULL, 1},
        {"is_bool", QUERY_IS_BOOL, 1},        {"is_number", QUERY_IS_NUMBER, 1},
        {"is_string", QUERY_IS_STRING, 1},    {"is_object", QUERY_IS_OBJECT, 1},
        {"is_array", QUERY_IS_ARRAY, 1},      {"is_primitive", QUERY_IS_PRIMITIVE, 1},
        {"startswith", QUERY_STARTS_WITH, 2}, {"starts_with", QUERY_STARTS_WITH, 2},
        {"endswith", QUERY_ENDS_WITH, 2},     {"ends_with", QUERY_ENDS_WITH, 2},
        {"contains", QUERY_CONTAINS, 2},
};

/* A function's call; 0 if the word is none of theirs. */
static int take_call(struct parser *parser)
{
        const char *behind = parser->at + strspn(parser->at, " \t\r\n");

        for (size_t i = 0; *behind == '(' && i < ARRAY_SIZE(functions); i++) {
                int made;

                if (!is(parser, TOKEN_WORD, functions[i].name))
                        continue;
                made = node_new(parser, QUERY_CALL);
                advance(parser);
                advance(parser); /* the parenthesis */
                parser->query->nodes[made].function = functions[i].function;
                parser->query->nodes[made].left = take_operand(parser);
                if (functions[i].arguments == 2) {
                        expect(parser, TOKEN_SIGN, ",", "a comma and a second argument");
                        parser->query->nodes[made].right = take_operand(parser);
                }
                expect(parser, TOKEN_SIGN, ")", "')'");
                return made;
        }
        return 0;
}

/* `[1, 2, 3]`: the first value; empty = 0. */
static int take_list(struct parser *parser)
{
        int first = 0;
        int last = 0;

        expect(parser, TOKEN_SIGN, "[", "'[' and a list");
        if (take(parser, TOKEN_SIGN, "]"))
                return 0;
        do {
                int made = take_operand(parser);

                if (last)
                        parser->query->nodes[last].next = made;
                first = first ? first : made;
                last = made;
        } while (take(parser, TOKEN_SIGN, ","));
        expect(parser, TOKEN_SIGN, "]", "']'");
        return first;
}

static int take_comparison(struct parser *parser, int left)
{
        static const struct {
                const char *sign;
                enum query_kind kind;
        } signs[] = {
                {"=", QUERY_EQUAL},
                {"!=", QUERY_UNEQUAL},
                {"<>", QUERY_UNEQUAL},
                {"<", QUERY_LESS},
                {"<=", QUERY_LESS_OR_EQUAL},
                {">", QUERY_GREATER},
                {">=", QUERY_GREATER_OR_EQUAL},
        };

        for (size_t i = 0; i < ARRAY_SIZE(signs); i++) {
                if (take(parser, TOKEN_SIGN, signs[i].sign))
                        return branch(parser, signs[i].kind, left, take_operand(parser));
        }
        if (take(parser, TOKEN_WORD, "in"))
                return branch(parser, QUERY_IN, left, take_list(parser));
        if (take(parser, TOKEN_WORD, "nin"))
                return branch(parser, QUERY_NOT_IN, left, take_list(parser));
        /* A condition may be a property that is true. */
        if (parser->query->nodes[left].kind != QUERY_PATH)
                fail(parser, "a comparison");
        return left;
}

static int take_condition(struct parser *parser)
{
        int made;

        if (take(parser, TOKEN_SIGN, "(")) {
                made = take_or(parser);
                expect(parser, TOKEN_SIGN, ")", "')'");
                return made;
        }
        if (take(parser, TOKEN_WORD, "not")) {
                made = node_new(parser, QUERY_NOT);
                parser->depth++;
                if (parser->depth > QUERY_DEPTH_MAX)
                        fail(parser, "less nesting");
                if (!parser->failed)
                        parser->query->nodes[made].left = take_condition(parser);
                parser->depth--;
                return made;
        }
        made = take_call(parser);
        return made ? made : take_comparison(parser, take_operand(parser));
}

static int take_and(struct parser *parser)
{
        int left = take_condition(parser);

        while (take(parser, TOKEN_WORD, "and"))
                left = branch(parser, QUERY_AND, left, take_condition(parser));
        return left;
}

static int take_or(struct parser *parser)
{
        int left = 0;

        if (++parser->depth > QUERY_DEPTH_MAX)
                fail(parser, "less nesting");
        if (!parser->failed)
                left = take_and(parser);
        while (take(parser, TOKEN_WORD, "or"))
                left = branch(parser, QUERY_OR, left, take_and(parser));
        parser->depth--;
        return left;
}

/* --- clauses --------------------------------------------------------------------------------- */

/* The last part of a path, which names a column without AS. */
static char *last_part(const struct query *query, int path)
{
        struct json_object *parts = query->nodes[path].value;
        size_t count = parts ? json_object_array_length(parts) : 0;

        return mem_text(count ? json_object_get_string(json_object_array_get_idx(parts, count - 1))
                              : "");
}

/* `COUNT()`, `AVG(path)`: behind the word; false if it is a path. */
static bool take_aggregate(struct parser *parser, struct query_column *column)
{
        static const char *const names[] = {NULL, "count", "avg", "sum", "min", "max"};
        const char *behind = parser->at + strspn(parser->at, " \t\r\n");

        for (size_t i = QUERY_COUNT; *behind == '(' && i < ARRAY_SIZE(names); i++) {
                if (!is(parser, TOKEN_WORD, names[i]))
                        continue;
                column->aggregate = (enum query_aggregate)i;
                column->name = mem_text(names[i]);
                advance(parser);
                advance(parser); /* the parenthesis */
                if (column->aggregate != QUERY_COUNT || !is(parser, TOKEN_SIGN, ")"))
                        column->path = take_path(parser);
                expect(parser, TOKEN_SIGN, ")", "')'");
                return true;
        }
        return false;
}

static void take_column(struct parser *parser)
{
        struct query *query = parser->query;
        struct query_column *column = &query->columns[query->column_count];

        if (query->column_count == QUERY_COLUMNS_MAX) {
                fail(parser, "fewer columns");
                return;
        }
        query->column_count++;
        if (!take_aggregate(parser, column)) {
                column->path = take_path(parser);
                column->name = last_part(query, column->path);
        }
        if (!take(parser, TOKEN_WORD, "as"))
                return;
        if (parser->kind != TOKEN_WORD) {
                fail(parser, "a name");
                return;
        }
        free(column->name);
        column->name = mem_text_n(parser->start, parser->size);
        advance(parser);
}

static void take_select(struct parser *parser)
{
        struct query *query = parser->query;

        if (!parser->of_enrolments || !is(parser, TOKEN_SIGN, "*"))
                expect(parser, TOKEN_WORD, "select", "SELECT");
        if (take(parser, TOKEN_WORD, "top")) {
                if (parser->kind != TOKEN_NUMBER || parser->size > 9 ||
                    strspn(parser->start, "0123456789") < parser->size)
                        fail(parser, "a number");
                else
                        query->top = strtol(parser->start, NULL, 10);
                advance(parser);
        }
        query->whole = take(parser, TOKEN_SIGN, "*");
        if (query->whole)
                return;
        do {
                take_column(parser);
        } while (take(parser, TOKEN_SIGN, ","));
}

static void take_from_enrolments(struct parser *parser)
{
        parser->query->source = QUERY_ENROLMENTS;
        if (take(parser, TOKEN_WORD, "from") && !take(parser, TOKEN_WORD, "enrollments") &&
            !take(parser, TOKEN_WORD, "enrollmentGroups") &&
            !take(parser, TOKEN_WORD, "registrations"))
                fail(parser, "enrollments, enrollmentGroups or registrations");
}

static void take_from(struct parser *parser)
{
        if (parser->of_enrolments) {
                take_from_enrolments(parser);
                return;
        }
        expect(parser, TOKEN_WORD, "from", "FROM");
        expect(parser, TOKEN_WORD, "devices", "devices, devices.modules or devices.jobs");
        if (!take(parser, TOKEN_SIGN, "."))
                return;
        if (take(parser, TOKEN_WORD, "modules"))
                parser->query->source = QUERY_MODULES;
        else if (take(parser, TOKEN_WORD, "jobs"))
                parser->query->source = QUERY_JOBS;
        else
                fail(parser, "modules or jobs");
}

static void take_group_by(struct parser *parser)
{
        struct query *query = parser->query;

        expect(parser, TOKEN_WORD, "by", "BY");
        do {
                if (query->group_count == QUERY_COLUMNS_MAX)
                        fail(parser, "fewer columns");
                else
                        query->groups[query->group_count++] = take_path(parser);
        } while (take(parser, TOKEN_SIGN, ","));
}

/* Properties may be written with the name of the source: `devices.jobs.status`. */
static void drop_source(const struct query *query, struct json_object *path)
{
        static const char *const words[] = {[QUERY_DEVICES] = NULL,
                                            [QUERY_MODULES] = "modules",
                                            [QUERY_JOBS] = "jobs",
                                            [QUERY_ENROLMENTS] = NULL};
        const char *word = words[query->source];
        size_t drop = word ? 2 : 1;

        if (json_object_array_length(path) > drop &&
            text_equal_nocase(json_object_get_string(json_object_array_get_idx(path, 0)),
                              "devices") &&
            (!word ||
             text_equal_nocase(json_object_get_string(json_object_array_get_idx(path, 1)), word)))
                json_object_array_del_idx(path, 0, drop);
}

static void take_query(struct parser *parser)
{
        take_select(parser);
        take_from(parser);
        if (take(parser, TOKEN_WORD, "where"))
                parser->query->where = take_or(parser);
        if (take(parser, TOKEN_WORD, "group"))
                take_group_by(parser);
        if (is(parser, TOKEN_WORD, "order"))
                fail(parser, "the end, since IoT Hub has no ORDER BY,");
        else if (parser->kind != TOKEN_END)
                fail(parser, parser->query->where ? "AND, OR, GROUP BY or the end"
                                                  : "WHERE, GROUP BY or the end");
}

static int parse(const char *text, bool of_enrolments, struct query **query, struct reason *reason)
{
        struct parser parser = {.text = text,
                                .at = text,
                                .start = text,
                                .reason = reason,
                                .of_enrolments = of_enrolments};

        if (strlen(text) > QUERY_SIZE_MAX || !utf8_is_valid(text, strlen(text))) {
                reason_set(reason, "a query has at most %d bytes of UTF-8", QUERY_SIZE_MAX);
                return -EINVAL;
        }
        parser.query = mem_new(1, sizeof(*parser.query));
        parser.query->node_count = 1;
        parser.query->top = INT64_MAX;
        advance(&parser);
        take_query(&parser);
        buf_deinit(&parser.string);
        if (parser.failed) {
                query_free(parser.query);
                return -EINVAL;
        }
        for (int i = 1; i < parser.query->node_count; i++) {
                if (parser.query->nodes[i].kind == QUERY_PATH)
                        drop_source(parser.query, parser.query->nodes[i].value);
        }
        *query = parser.query;
        return 0;
}

int query_parse(const char *text, struct query **query, struct reason *reason)
{
        return parse(text, false, query, reason);
}

int query_parse_enrolments(const char *text, struct query **query, struct reason *reason)
{
        return parse(text, true, query, reason);
}

void query_free(struct query *query)
{
        if (!query)
                return;
        for (int i = 1; i < query->node_count; i++)
                json_object_put(query->nodes[i].value);
        for (size_t i = 0; i < query->column_count; i++)
                free(query->columns[i].name);
        free(query);
}
