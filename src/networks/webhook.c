// SPDX-License-Identifier: MIT
#include "networks/webhook.h"

#include <string.h>

#include "base/json.h"

struct json_object *webhook_object(const struct webhook *webhook, struct reason *reason)
{
        struct json_object *object;

        if (webhook->body_size == 0) {
                reason_set(reason, "the body is empty");
                return NULL;
        }
        object = json_parse(webhook->body, webhook->body_size, NETWORK_JSON_DEPTH, JSON_STRICT,
                            reason);
        if (!object) {
                reason_prefix(reason, "the body");
                return NULL;
        }
        if (!json_object_is_type(object, json_type_object)) {
                reason_set(reason, "the body is JSON, but no object");
                json_object_put(object);
                return NULL;
        }
        return object;
}

const char *webhook_text(struct json_object *object, const char *name)
{
        struct json_object *member = json_member(object, name);
        const char *text;

        if (!json_object_is_type(member, json_type_string))
                return NULL;
        text = json_object_get_string(member);
        return strlen(text) == (size_t)json_object_get_string_len(member) ? text : NULL;
}
