// SPDX-License-Identifier: MIT
/* The service's REST API: queries (rule W20), a page at a time. */
#include <stdlib.h>

#include "base/mem.h"
#include "base/text.h"
#include "localhub/rest/rest_call.h"

#define PAGE 100

bool rest_read_page(struct service_call *call, struct query_page *page)
{
        const char *count = http_exchange_header(call->exchange, "x-ms-max-item-count");

        *page = (struct query_page){.limit = PAGE};
        if ((!count || text_to_int64(count, 1, REST_PAGE, &page->limit)) &&
            query_page_continue(page, http_exchange_header(call->exchange, "x-ms-continuation")))
                return true;
        rest_fail(call->exchange, REST_ARGUMENT_INVALID,
                  "x-ms-max-item-count or x-ms-continuation is no good");
        return false;
}

void rest_add_continuation(struct service_call *call, const struct query_page *page)
{
        CLEANUP(mem_cleanup) char *token = query_page_token(page);

        http_exchange_add_header(call->exchange, "x-ms-continuation", token);
}

static struct json_object *next_twin(void *context, uint64_t *cursor)
{
        struct service_call *call = context;
        struct registry_device device;

        return registry_device_next(call->registry, call->hub_index, cursor, &device)
                       ? rest_twin_document(call, &device)
                       : NULL;
}

static struct json_object *next_module(void *context, uint64_t *cursor)
{
        struct service_call *call = context;
        struct registry_device module;

        return registry_module_next(call->registry, call->hub_index, NULL, cursor, &module)
                       ? rest_twin_document(call, &module)
                       : NULL;
}

static struct json_object *next_outcome(void *context, uint64_t *cursor)
{
        struct service_call *call = context;

        return fleet_outcome_next(rest_fleet_of(call), call->hub_index, cursor);
}

/* Microsoft's .NET SDK takes no page without it. */
static const char *item_type(const struct query *query)
{
        if (!query_is_whole(query))
                return "Raw";
        return query_source(query) == QUERY_JOBS ? "DeviceJob" : "Twin";
}

static void answer(struct service_call *call, const struct query *query)
{
        static query_next *const next[] = {
                [QUERY_DEVICES] = next_twin,
                [QUERY_MODULES] = next_module,
                [QUERY_JOBS] = next_outcome,
        };
        struct json_object *list;
        struct query_page page;

        if (!rest_read_page(call, &page))
                return;
        http_exchange_add_header(call->exchange, "x-ms-item-type", item_type(query));
        list = query_answers(query, next[query_source(query)], call, &page);
        if (page.limit == 0 && page.before < query_top(query))
                rest_add_continuation(call, &page);
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
