// SPDX-License-Identifier: MIT
/* A query of the service, and what it makes of a twin. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json/json.h"
#include "base/mem.h"
#include "fuzz/fuzz.h"
#include "localhub/query/query.h"

static const char twin[] = "{\"deviceId\":\"a\",\"status\":\"enabled\",\"tags\":{\"floor\":1,\"a\":"
                           "[1,\"b\",null]},\"properties\":{\"reported\":{\"t\":1.5}}}";

static void run(const struct query *query)
{
        struct reason reason = REASON_INIT;
        CLEANUP(json_cleanup)
        struct json_object *document = json_parse(twin, sizeof(twin) - 1, 8, JSON_STRICT, &reason);
        CLEANUP(json_cleanup) struct json_object *groups = json_object_new_object();

        (void)query_fits(query, document);
        if (!query_is_whole(query) && !query_is_grouped(query))
                json_object_put(query_project(query, document));
        query_add_to_group(query, groups, document);
        query_add_to_group(query, groups, document);
        json_object_put(query_finish_groups(query, groups));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
        CLEANUP(mem_cleanup) char *text = mem_text_n((const char *)bytes, size);
        struct reason reason = REASON_INIT;
        struct query *query = NULL;

        if (query_parse(text, &query, &reason) != 0) {
                if (!reason.text[0])
                        abort();
                return 0;
        }
        run(query);
        query_free(query);
        return 0;
}
