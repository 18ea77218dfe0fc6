// SPDX-License-Identifier: MIT
/* Answers to queries, a page at a time. */
#include <inttypes.h>
#include <string.h>

#include "base/json/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "localhub/query/query.h"

bool query_page_continue(struct query_page *page, const char *token)
{
        CLEANUP(mem_cleanup) char *first = NULL;
        const char *dot;
        int64_t cursor = 0;

        if (text_is_empty(token))
                return true;
        dot = strchr(token, '.');
        first = mem_text_n(token, strcspn(token, "."));
        if (!dot || !text_to_int64(first, 0, INT64_MAX, &cursor) ||
            !text_to_int64(dot + 1, 0, INT64_MAX, &page->before))
                return false;
        page->cursor = (uint64_t)cursor;
        return true;
}

char *query_page_token(const struct query_page *page)
{
        return mem_format("%" PRIu64 ".%" PRId64, page->cursor, page->before);
}

static struct json_object *next_fitting(const struct query *query, query_next *next, void *context,
                                        uint64_t *cursor)
{
        struct json_object *document;

        while ((document = next(context, cursor)) != NULL && !query_fits(query, document))
                json_object_put(document);
        return document;
}

static struct json_object *groups_of(const struct query *query, query_next *next, void *context)
{
        CLEANUP(json_cleanup) struct json_object *groups = json_object_new_object();
        struct json_object *document;
        uint64_t cursor = 0;

        while ((document = next_fitting(query, next, context, &cursor)) != NULL) {
                query_add_to_group(query, groups, document);
                json_object_put(document);
        }
        return query_finish_groups(query, groups);
}

struct json_object *query_answers(const struct query *query, query_next *next, void *context,
                                  struct query_page *page)
{
        struct json_object *list;
        struct json_object *document;

        if (query_is_grouped(query))
                return groups_of(query, next, context);
        list = json_object_new_array();
        while (page->limit > 0 && page->before < query_top(query) &&
               (document = next_fitting(query, next, context, &page->cursor)) != NULL) {
                json_object_array_add(list, query_is_whole(query) ? json_object_get(document)
                                                                  : query_project(query, document));
                json_object_put(document);
                page->before++;
                page->limit--;
        }
        return list;
}

bool query_goes_on(const struct query *query, query_next *next, void *context,
                   const struct query_page *page)
{
        CLEANUP(json_cleanup) struct json_object *document = NULL;
        uint64_t behind = page->cursor;

        if (!query_is_grouped(query) && page->before < query_top(query))
                document = next_fitting(query, next, context, &behind);
        return document != NULL;
}
