// SPDX-License-Identifier: MIT
#include "localhub/control/control_call.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json/json.h"
#include "base/text.h"

void control_answer(struct service_call *call, int status, struct json_object *value)
{
        http_exchange_answer_json(call->exchange, status, value);
}

void control_answer_list(struct service_call *call, const char *name, struct json_object *list)
{
        struct json_object *answer = json_object_new_object();

        json_object_object_add(answer, name, list);
        control_answer(call, 200, answer);
}

void control_fail(struct service_call *call, int status, const char *code, const char *format, ...)
{
        struct json_object *answer = json_object_new_object();
        struct json_object *error = json_object_new_object();
        char message[640];
        va_list values;

        va_start(values, format);
        vsnprintf(message, sizeof(message), format, values);
        va_end(values);
        json_add_text(error, "code", code);
        json_add_text(error, "message", message);
        json_object_object_add(answer, "error", error);
        control_answer(call, status, answer);
}

bool control_query_number(struct service_call *call, const char *name, int64_t fall_back,
                          int64_t max, int64_t *number)
{
        const char *text = http_exchange_argument(call->exchange, name);

        *number = fall_back;
        if (!text || text_to_int64(text, 0, max, number))
                return true;
        control_fail(call, 400, "BadQuery", "'%s' must be a whole number from 0 to %lld", name,
                     (long long)max);
        return false;
}

bool control_body_number(struct service_call *call, const char *name, int64_t min, int64_t max,
                         int64_t *number)
{
        struct json_object *member = json_member(call->body, name);
        int64_t value;

        if (!member)
                return true;
        value = json_object_get_int64(member);
        if (json_object_is_type(member, json_type_int) && value >= min && value <= max) {
                *number = value;
                return true;
        }
        control_fail(call, 400, "BadBody", "'%s' must be a whole number from %lld to %lld", name,
                     (long long)min, (long long)max);
        return false;
}

bool control_body_text(struct service_call *call, const char *name, const char **text)
{
        struct json_object *member = json_member(call->body, name);

        if (!member)
                return true;
        if (json_object_is_type(member, json_type_string) &&
            strlen(json_object_get_string(member)) == (size_t)json_object_get_string_len(member)) {
                *text = json_object_get_string(member);
                return true;
        }
        control_fail(call, 400, "BadBody", "'%s' must be a text without zero bytes", name);
        return false;
}

bool control_body_copy(struct service_call *call, const char *name, char *out, size_t size)
{
        const char *text = NULL;

        if (!control_body_text(call, name, &text))
                return false;
        if (text && strlen(text) >= size) {
                control_fail(call, 400, "BadBody", "'%s' has at most %zu characters", name,
                             size - 1);
                return false;
        }
        if (text)
                memcpy(out, text, strlen(text) + 1);
        return true;
}

bool control_body_status(struct service_call *call, bool *enabled)
{
        const char *status = NULL;

        if (!control_body_text(call, "status", &status))
                return false;
        if (!status || service_read_status(status, enabled))
                return true;
        control_fail(call, 400, "BadBody", "'status' must be 'enabled' or 'disabled'");
        return false;
}

static bool is_among(const char *name, const char *const *names)
{
        for (; *names; names++) {
                if (strcmp(name, *names) == 0)
                        return true;
        }
        return false;
}

bool control_body_only(struct service_call *call, const char *const *names)
{
        if (!call->body)
                return true;
        if (!json_object_is_type(call->body, json_type_object)) {
                control_fail(call, 400, "BadBody", "the body must be a JSON object");
                return false;
        }
        json_object_object_foreach (call->body, name, value) {
                (void)value;
                if (!is_among(name, names)) {
                        control_fail(call, 400, "BadBody", "there is no member '%s' here", name);
                        return false;
                }
        }
        return true;
}

bool control_hub_named(struct service_call *call, const char *name, int *hub)
{
        *hub = name ? registry_hub_find(call->registry, name) : -1;
        if (!name || *hub >= 0)
                return true;
        control_fail(call, 404, "HubNotFound", "there is no hub '%s'", name);
        return false;
}

bool control_query_hub(struct service_call *call)
{
        return control_hub_named(call, http_exchange_argument(call->exchange, "hub"),
                                 &call->hub_index);
}

bool control_choose_hub(struct service_call *call)
{
        const char *id = call->arguments[0];

        if (call->hub_index >= 0)
                return registry_device_get(call->registry, call->hub_index, id, NULL);
        for (int hub = 0; hub < registry_hub_count(call->registry); hub++) {
                if (registry_device_get(call->registry, hub, id, NULL)) {
                        call->hub_index = hub;
                        return true;
                }
        }
        call->hub_index = 0;
        return false;
}

bool control_find_device(struct service_call *call)
{
        if (!control_query_hub(call))
                return false;
        if (control_choose_hub(call))
                return true;
        control_fail(call, 404, "DeviceNotFound", "there is no device '%s'", call->arguments[0]);
        return false;
}

void control_add_time(struct json_object *object, const char *name, int64_t wall_ms)
{
        char text[CLOCK_TEXT_SIZE];

        if (wall_ms == 0)
                return;
        clock_format_utc(text, wall_ms * CLOCK_NS_PER_MS, CLOCK_FRACTION);
        json_add_text(object, name, text);
}

void control_add_hub(struct json_object *object, struct registry *registry, int hub)
{
        struct registry_hub found;

        if (!registry_hub_get(registry, hub, &found))
                return;
        json_add_text(object, "hub", found.id);
        json_add_text(object, "hostName", found.address);
}
