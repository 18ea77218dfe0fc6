// SPDX-License-Identifier: MIT
/*
 * Any bytes as JSON: no crash, and what is accepted is written as text that is accepted again and
 * written the same; and a scan hands out what json-c makes of them. The first byte chooses the
 * style.
 */
#include <stdlib.h>
#include <string.h>

#include "base/json/json.h"
#include "base/utf8.h"
#include "fuzz/fuzz.h"
#include "support/same_json.h"

#define DEPTH 16

static void check_round(struct json_object *value)
{
        CLEANUP(buf_deinit) struct buf first = BUF_INIT;
        CLEANUP(buf_deinit) struct buf second = BUF_INIT;
        CLEANUP(json_cleanup) struct json_object *again = NULL;

        json_write(&first, value);
        if (!utf8_is_valid(first.data, first.size))
                abort();
        again = json_parse(first.data, first.size, DEPTH, JSON_STRICT, NULL);
        if (!again)
                abort();
        json_write(&second, again);
        if (first.size != second.size || memcmp(first.data, second.data, first.size) != 0)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        enum json_style style;
        struct reason reason = REASON_INIT;
        struct json_object *value;

        if (size == 0)
                return 0;
        style = data[0] & 1 ? JSON_RELAXED : JSON_STRICT;
        value = json_parse((const char *)data + 1, size - 1, DEPTH, style, &reason);
        if (value)
                check_round(value);
        else if (reason.text[0] == '\0')
                abort();
        json_object_put(value);
        if (!same_json((const char *)data + 1, size - 1, DEPTH))
                abort();
        return 0;
}
