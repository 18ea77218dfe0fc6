// SPDX-License-Identifier: MIT
/* What the files query*.c share. */
#ifndef ISTHMUS_LOCALHUB_QUERY_QUERY_INSIDE_H
#define ISTHMUS_LOCALHUB_QUERY_QUERY_INSIDE_H

#include "localhub/query/query.h"

#define QUERY_NODES_MAX   1000
#define QUERY_DEPTH_MAX   50
#define QUERY_COLUMNS_MAX 50

enum query_kind {
        QUERY_OR,
        QUERY_AND,
        QUERY_NOT,
        QUERY_EQUAL,
        QUERY_UNEQUAL,
        QUERY_LESS,
        QUERY_LESS_OR_EQUAL,
        QUERY_GREATER,
        QUERY_GREATER_OR_EQUAL,
        QUERY_IN,
        QUERY_NOT_IN,
        QUERY_CALL,
        QUERY_PATH,
        QUERY_VALUE,
};

enum query_function {
        QUERY_IS_DEFINED,
        QUERY_IS_NULL,
        QUERY_IS_BOOL,
        QUERY_IS_NUMBER,
        QUERY_IS_STRING,
        QUERY_IS_OBJECT,
        QUERY_IS_ARRAY,
        QUERY_IS_PRIMITIVE,
        QUERY_STARTS_WITH,
        QUERY_ENDS_WITH,
        QUERY_CONTAINS,
};

/* One node; its parts are nodes with greater numbers, or lists of them by `next`. 0 = none. */
struct query_node {
        enum query_kind kind;
        enum query_function function; /* of QUERY_CALL */
        int left;                     /* also the first argument, or the first of a list */
        int right;                    /* also the list of QUERY_IN */
        int next;                     /* in a list */
        struct json_object *value;    /* QUERY_VALUE: may be NULL for null; QUERY_PATH: an array */
};

enum query_aggregate {
        QUERY_COLUMN, /* no aggregate */
        QUERY_COUNT,
        QUERY_AVERAGE,
        QUERY_SUM,
        QUERY_MINIMUM,
        QUERY_MAXIMUM,
};

struct query_column {
        enum query_aggregate aggregate;
        int path;   /* node; 0 = none, of COUNT() */
        char *name; /* in the answer */
};

struct query {
        struct query_node nodes[QUERY_NODES_MAX]; /* nodes[0] is none */
        int node_count;
        enum query_source source;
        int64_t top;
        bool whole;
        struct query_column columns[QUERY_COLUMNS_MAX];
        size_t column_count;
        int where;
        int groups[QUERY_COLUMNS_MAX]; /* paths */
        size_t group_count;
};

#endif
