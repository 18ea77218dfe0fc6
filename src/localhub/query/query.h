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

#endif
