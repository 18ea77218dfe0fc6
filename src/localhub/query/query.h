// SPDX-License-Identifier: MIT
/*
 * IoT Hub's query language (rule W20): what is selected, from where, under which condition, in
 * which groups. A query is read from outside: it is checked as a whole first, and running it on a
 * document can't fail.
 */
#ifndef ISTHMUS_LOCALHUB_QUERY_QUERY_H
#define ISTHMUS_LOCALHUB_QUERY_QUERY_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/reason.h"

#define QUERY_SIZE_MAX 16384

struct query;

enum query_source {
        QUERY_DEVICES,
        QUERY_MODULES,    /* devices.modules */
        QUERY_JOBS,       /* devices.jobs */
        QUERY_ENROLMENTS, /* of the provisioning service, or its registrations */
};

/* -EINVAL with the reason, which says at which character. Gives the caller the query. */
int query_parse(const char *text, struct query **query, struct reason *reason) MUST_CHECK;

/* The same for the provisioning service (rule W25): FROM may be missing, and so may SELECT before
 * *. */
int query_parse_enrolments(const char *text, struct query **query,
                           struct reason *reason) MUST_CHECK;

/* NULL is allowed. */
void query_free(struct query *query);

enum query_source query_source(const struct query *query);

/* TOP; INT64_MAX = none. */
int64_t query_top(const struct query *query);

/* SELECT *: documents come as they are. */
bool query_is_whole(const struct query *query);

/* COUNT() and its kin, or GROUP BY: there is one answer per group, after all documents. */
bool query_is_grouped(const struct query *query);

/* WHERE; true without one. */
bool query_fits(const struct query *query, struct json_object *document);

/* What is selected of a document that fits; the caller's. */
struct json_object *query_project(const struct query *query, struct json_object *document);

/* Adds a document that fits to its group. `groups` is an object, empty at first. */
void query_add_to_group(const struct query *query, struct json_object *groups,
                        struct json_object *document);

/* The answers of all groups as an array; the caller's. */
struct json_object *query_finish_groups(const struct query *query, struct json_object *groups);

/* --- pages ----------------------------------------------------------------------------------- */

/* Where a page begins, how many answers came before it, and how many it may have. */
struct query_page {
        uint64_t cursor;
        int64_t before;
        int64_t limit;
};

/* Begins where the token of the page before says, at the start if that is NULL or ""; false if it
 * is none. */
bool query_page_continue(struct query_page *page, const char *token);

/* For the page behind this one: `CURSOR.COUNT`; the caller's. */
char *query_page_token(const struct query_page *page);

/* The document behind the cursor, which moves on; the caller's. NULL = there is none. */
typedef struct json_object *query_next(void *context, uint64_t *cursor);

/* The answers of all groups, or those of the page, which then stands behind its last; an array, the
 * caller's. */
struct json_object *query_answers(const struct query *query, query_next *next, void *context,
                                  struct query_page *page);

/* Is there another answer behind the page? */
bool query_goes_on(const struct query *query, query_next *next, void *context,
                   const struct query_page *page);

#endif
