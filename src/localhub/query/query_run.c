// SPDX-License-Identifier: MIT
/* Conditions on documents, and what is selected of them. */
#include <math.h>
#include <string.h>

#include "base/buf.h"
#include "base/json/json.h"
#include "localhub/query/query_inside.h"

enum query_source query_source(const struct query *query)
{
        return query->source;
}

int64_t query_top(const struct query *query)
{
        return query->top;
}

bool query_is_whole(const struct query *query)
{
        return query->whole;
}

bool query_is_grouped(const struct query *query)
{
        for (size_t i = 0; i < query->column_count; i++) {
                if (query->columns[i].aggregate != QUERY_COLUMN)
                        return true;
        }
        return query->group_count > 0;
}

/* --- values ---------------------------------------------------------------------------------- */

static bool step(struct json_object *part, struct json_object **value)
{
        if (json_object_is_type(part, json_type_int)) {
                size_t index = (size_t)json_object_get_int(part);

                if (!json_object_is_type(*value, json_type_array) ||
                    index >= json_object_array_length(*value))
                        return false;
                *value = json_object_array_get_idx(*value, index);
                return true;
        }
        return json_object_is_type(*value, json_type_object) &&
               json_object_object_get_ex(*value, json_object_get_string(part), value);
}

/* The value at a path; false if it is not defined. NULL is JSON's null. */
static bool look(const struct query *query, int path, struct json_object *document,
                 struct json_object **value)
{
        struct json_object *parts = query->nodes[path].value;

        *value = document;
        for (size_t i = 0; i < json_object_array_length(parts); i++) {
                if (!step(json_object_array_get_idx(parts, i), value))
                        return false;
        }
        return true;
}

static bool value_of(const struct query *query, int node, struct json_object *document,
                     struct json_object **value)
{
        if (query->nodes[node].kind == QUERY_PATH)
                return look(query, node, document, value);
        *value = query->nodes[node].value;
        return true;
}

static bool is_number(struct json_object *value)
{
        return json_object_is_type(value, json_type_int) ||
               json_object_is_type(value, json_type_double);
}

static int order_numbers(struct json_object *a, struct json_object *b)
{
        double x = json_object_get_double(a);
        double y = json_object_get_double(b);

        return x < y ? -1 : x > y;
}

/* Orders two values of the same kind; false if they can't be compared. */
static bool put_in_order(struct json_object *a, struct json_object *b, int *order)
{
        if (is_number(a) && is_number(b)) {
                *order = order_numbers(a, b);
                return true;
        }
        if (json_object_get_type(a) != json_object_get_type(b))
                return false;
        switch (json_object_get_type(a)) {
        case json_type_string:
                *order = strcmp(json_object_get_string(a), json_object_get_string(b));
                return true;
        case json_type_boolean:
                *order = json_object_get_boolean(a) - json_object_get_boolean(b);
                return true;
        default: /* null, objects and arrays are equal or not */
                *order = json_object_equal(a, b) ? 0 : 1;
                return true;
        }
}

/* --- conditions ------------------------------------------------------------------------------ */

/* What is not defined compares with nothing. */
static bool compare(const struct query *query, const struct query_node *node,
                    struct json_object *document)
{
        struct json_object *left;
        struct json_object *right;
        int order;

        if (!value_of(query, node->left, document, &left) ||
            !value_of(query, node->right, document, &right))
                return false;
        if (!put_in_order(left, right, &order))
                return node->kind == QUERY_UNEQUAL;
        switch (node->kind) {
        case QUERY_EQUAL:
                return order == 0;
        case QUERY_UNEQUAL:
                return order != 0;
        case QUERY_LESS:
                return order < 0;
        case QUERY_LESS_OR_EQUAL:
                return order <= 0;
        case QUERY_GREATER:
                return order > 0;
        default:
                return order >= 0;
        }
}

static bool is_in(const struct query *query, const struct query_node *node,
                  struct json_object *document)
{
        struct json_object *left;
        struct json_object *right;
        int order;

        if (!value_of(query, node->left, document, &left))
                return false;
        for (int i = node->right; i; i = query->nodes[i].next) {
                if (value_of(query, i, document, &right) && put_in_order(left, right, &order) &&
                    order == 0)
                        return true;
        }
        return false;
}

static bool has_text(enum query_function function, struct json_object *whole,
                     struct json_object *part)
{
        const char *text;
        const char *wanted;
        size_t size;

        if (!json_object_is_type(whole, json_type_string) ||
            !json_object_is_type(part, json_type_string))
                return false;
        text = json_object_get_string(whole);
        wanted = json_object_get_string(part);
        size = strlen(wanted);
        if (function == QUERY_STARTS_WITH)
                return strncmp(text, wanted, size) == 0;
        if (function == QUERY_CONTAINS)
                return strstr(text, wanted) != NULL;
        return strlen(text) >= size && strcmp(text + strlen(text) - size, wanted) == 0;
}

static bool call(const struct query *query, const struct query_node *node,
                 struct json_object *document)
{
        struct json_object *value = NULL;
        struct json_object *second = NULL;
        bool defined = value_of(query, node->left, document, &value);

        if (!defined)
                return false;
        switch (node->function) {
        case QUERY_IS_DEFINED:
                return true;
        case QUERY_IS_NULL:
                return !value;
        case QUERY_IS_BOOL:
                return json_object_is_type(value, json_type_boolean);
        case QUERY_IS_NUMBER:
                return is_number(value);
        case QUERY_IS_STRING:
                return json_object_is_type(value, json_type_string);
        case QUERY_IS_OBJECT:
                return json_object_is_type(value, json_type_object);
        case QUERY_IS_ARRAY:
                return json_object_is_type(value, json_type_array);
        case QUERY_IS_PRIMITIVE:
                return !json_object_is_type(value, json_type_object) &&
                       !json_object_is_type(value, json_type_array);
        default:
                return value_of(query, node->right, document, &second) &&
                       has_text(node->function, value, second);
        }
}

/* As deep as the parser allows. */
static bool holds(const struct query *query, int number, struct json_object *document)
{
        const struct query_node *node = &query->nodes[number];
        struct json_object *value;

        switch (node->kind) {
        case QUERY_OR:
                return holds(query, node->left, document) || holds(query, node->right, document);
        case QUERY_AND:
                return holds(query, node->left, document) && holds(query, node->right, document);
        case QUERY_NOT:
                return !holds(query, node->left, document);
        case QUERY_IN:
                return is_in(query, node, document);
        case QUERY_NOT_IN:
                return value_of(query, node->left, document, &value) &&
                       !is_in(query, node, document);
        case QUERY_CALL:
                return call(query, node, document);
        case QUERY_PATH:
                return look(query, number, document, &value) &&
                       json_object_is_type(value, json_type_boolean) &&
                       json_object_get_boolean(value);
        case QUERY_VALUE:
                return false;
        default:
                return compare(query, node, document);
        }
}

bool query_fits(const struct query *query, struct json_object *document)
{
        return !query->where || holds(query, query->where, document);
}

/* --- what is selected ------------------------------------------------------------------------ */

struct json_object *query_project(const struct query *query, struct json_object *document)
{
        struct json_object *made = json_object_new_object();

        for (size_t i = 0; i < query->column_count; i++) {
                struct json_object *value;

                if (look(query, query->columns[i].path, document, &value))
                        json_object_object_add(made, query->columns[i].name,
                                               json_object_get(value));
        }
        return made;
}

/* A group is `{"answer":{...}, "counts":[...]}`, under the JSON text of its columns' values. */
static struct json_object *group_of(const struct query *query, struct json_object *groups,
                                    struct json_object *document)
{
        CLEANUP(json_cleanup) struct json_object *key = json_object_new_array();
        struct json_object *answer = json_object_new_object();
        struct json_object *group;

        for (size_t i = 0; i < query->group_count; i++) {
                struct json_object *value = NULL;

                (void)look(query, query->groups[i], document, &value);
                json_object_array_add(key, json_object_get(value));
        }
        if (json_object_object_get_ex(groups, json_object_to_json_string(key), &group)) {
                json_object_put(answer);
                return group;
        }
        group = json_object_new_object();
        for (size_t i = 0; i < query->column_count; i++) {
                struct json_object *value;

                if (query->columns[i].aggregate == QUERY_COLUMN &&
                    look(query, query->columns[i].path, document, &value))
                        json_object_object_add(answer, query->columns[i].name,
                                               json_object_get(value));
        }
        json_object_object_add(group, "answer", answer);
        json_object_object_add(group, "counts", json_object_new_array());
        json_object_object_add(groups, json_object_to_json_string(key), group);
        return group;
}

static void add_number(const struct query_column *column, struct json_object *answer,
                       struct json_object *value)
{
        struct json_object *before = json_object_object_get(answer, column->name);
        double number = json_object_get_double(value);
        double old = json_object_get_double(before);

        if (before && column->aggregate == QUERY_MINIMUM)
                number = fmin(number, old);
        else if (before && column->aggregate == QUERY_MAXIMUM)
                number = fmax(number, old);
        else if (before)
                number += old;
        json_object_object_add(answer, column->name, json_object_new_double(number));
}

static int64_t raise_count(struct json_object *counts, size_t column)
{
        int64_t count = json_object_get_int64(json_object_array_get_idx(counts, column)) + 1;

        json_object_array_put_idx(counts, column, json_object_new_int64(count));
        return count;
}

void query_add_to_group(const struct query *query, struct json_object *groups,
                        struct json_object *document)
{
        struct json_object *group = group_of(query, groups, document);
        struct json_object *answer = json_object_object_get(group, "answer");
        struct json_object *counts = json_object_object_get(group, "counts");

        for (size_t i = 0; i < query->column_count; i++) {
                const struct query_column *column = &query->columns[i];
                struct json_object *value = NULL;

                if (column->aggregate == QUERY_COLUMN ||
                    (column->path && !look(query, column->path, document, &value)))
                        continue;
                if (column->aggregate == QUERY_COUNT) {
                        json_object_object_add(answer, column->name,
                                               json_object_new_int64(raise_count(counts, i)));
                } else if (is_number(value)) {
                        (void)raise_count(counts, i);
                        add_number(column, answer, value);
                }
        }
}

struct json_object *query_finish_groups(const struct query *query, struct json_object *groups)
{
        struct json_object *answers = json_object_new_array();

        json_object_object_foreach (groups, key, group) {
                struct json_object *answer = json_object_object_get(group, "answer");
                struct json_object *counts = json_object_object_get(group, "counts");

                (void)key;
                for (size_t i = 0; i < query->column_count; i++) {
                        const char *name = query->columns[i].name;
                        double sum = json_object_get_double(json_object_object_get(answer, name));
                        int64_t count = json_object_get_int64(json_object_array_get_idx(counts, i));

                        if (query->columns[i].aggregate == QUERY_AVERAGE && count > 0)
                                json_object_object_add(answer, name,
                                                       json_object_new_double(sum / (double)count));
                }
                json_object_array_add(answers, json_object_get(answer));
        }
        return answers;
}
