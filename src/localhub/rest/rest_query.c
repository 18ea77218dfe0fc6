// SPDX-License-Identifier: MIT
/* The service's REST API: queries (rule W20), a page at a time. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "localhub/query/query.h"
#include "localhub/rest/rest_call.h"

#define PAGE 100

/* `CURSOR.COUNT` */
static bool read_continuation(const char *text, struct rest_page *page)
{
        const char *dot = text ? strchr(text, '.') : NULL;
        CLEANUP(mem_cleanup) char *first = dot ? mem_text_n(text, (size_t)(dot - text)) : NULL;
        int64_t cursor = 0;

        if (text_is_empty(text))
                return true;
        if (!dot || !text_to_int64(first, 0, INT64_MAX, &cursor) ||
            !text_to_int64(dot + 1, 0, INT64_MAX, &page->before))
                return false;
        page->cursor = (uint64_t)cursor;
        return true;
}

bool rest_read_page(struct service_call *call, struct rest_page *page)
{
        const char *count = http_exchange_header(call->exchange, "x-ms-max-item-count");

        *page = (struct rest_page){.limit = PAGE};
        if ((!count || text_to_int64(count, 1, REST_PAGE, &page->limit)) &&
            read_continuation(http_exchange_header(call->exchange, "x-ms-continuation"), page))
                return true;
        rest_fail(call->exchange, REST_ARGUMENT_INVALID,
                  "x-ms-max-item-count or x-ms-continuation is no good");
        return false;
}

void rest_add_continuation(struct service_call *call, const struct rest_page *page)
{
        CLEANUP(mem_cleanup)
        char *next = mem_format("%" PRIu64 ".%" PRId64, page->cursor, page->before);

        http_exchange_add_header(call->exchange, "x-ms-continuation", next);
}

static struct json_object *next_twin(struct service_call *call, uint64_t *cursor)
{
        struct registry_device device;

        return registry_device_next(call->registry, call->hub_index, cursor, &device)
                       ? rest_twin_document(call, &device)
                       : NULL;
}

static struct json_object *next_module(struct service_call *call, uint64_t *cursor)
{
        struct registry_device module;

        return registry_module_next(call->registry, call->hub_index, NULL, cursor, &module)
                       ? rest_twin_document(call, &module)
                       : NULL;
}

static struct json_object *next_outcome(struct service_call *call, uint64_t *cursor)
{
        return fleet_outcome_next(rest_fleet_of(call), call->hub_index, cursor);
}

/* The next document that fits; NULL = there is none. */
static struct json_object *next_document(struct service_call *call, const struct query *query,
                                         uint64_t *cursor)
{
        static struct json_object *(*const next[])(struct service_call * call,
                                                   uint64_t * cursor) = {
                [QUERY_DEVICES] = next_twin,
                [QUERY_MODULES] = next_module,
                [QUERY_JOBS] = next_outcome,
        };
        struct json_object *document;

        while ((document = next[query_source(query)](call, cursor)) != NULL) {
                if (query_fits(query, document))
                        return document;
                json_object_put(document);
        }
        return NULL;
}

/* Microsoft's .NET SDK takes no page without it. */
static const char *item_type(const struct query *query)
{
        if (!query_is_whole(query))
                return "Raw";
        return query_source(query) == QUERY_JOBS ? "DeviceJob" : "Twin";
}

static struct json_object *groups_of(struct service_call *call, const struct query *query)
{
        CLEANUP(json_cleanup) struct json_object *groups = json_object_new_object();
        struct json_object *twin;
        uint64_t cursor = 0;

        while ((twin = next_document(call, query, &cursor)) != NULL) {
                query_add_to_group(query, groups, twin);
                json_object_put(twin);
        }
        return query_finish_groups(query, groups);
}

static struct json_object *page_of(struct service_call *call, const struct query *query,
                                   struct rest_page *page)
{
        struct json_object *list = json_object_new_array();
        int64_t left = query_top(query) - page->before;
        struct json_object *twin;

        if (page->limit > left)
                page->limit = left;
        while (page->limit > 0 && (twin = next_document(call, query, &page->cursor)) != NULL) {
                if (query_is_whole(query)) {
                        json_object_array_add(list, twin);
                } else {
                        json_object_array_add(list, query_project(query, twin));
                        json_object_put(twin);
                }
                page->before++;
                page->limit--;
        }
        return list;
}

static void answer(struct service_call *call, const struct query *query)
{
        struct json_object *list;
        struct rest_page page;

        if (!rest_read_page(call, &page))
                return;
        http_exchange_add_header(call->exchange, "x-ms-item-type", item_type(query));
        if (query_is_grouped(query)) {
                list = groups_of(call, query);
        } else {
                list = page_of(call, query, &page);
                if (page.limit == 0 && page.before < query_top(query))
                        rest_add_continuation(call, &page);
        }
        rest_answer(call->exchange, 200, list);
}

void rest_query(struct service_call *call)
{
        const char *text = json_text_member(call->body, "query");
        struct reason reason = REASON_INIT;
        struct query *query = NULL;

        if (query_parse(text ? text : "", &query, &reason) == 0)
                answer(call, query);
        else
                rest_fail(call->exchange, REST_ARGUMENT_INVALID, "%s", reason.text);
        query_free(query);
}
