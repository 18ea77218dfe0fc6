// SPDX-License-Identifier: MIT
#include "localhub/service/service_call.h"

#include <string.h>

#include "base/json/json.h"
#include "base/mem.h"
#include "base/text.h"

#define JSON_DEPTH  64
#define TWIN_DEPTH  32
#define PAYLOAD_MAX ((size_t)128 * 1024)

/* --- requests -------------------------------------------------------------------------------- */

/* NULL if there is none; then the call has been answered. */
static const struct service_route *find_route(struct service_call *call)
{
        const char *method = http_exchange_method(call->exchange);
        CLEANUP(buf_deinit) struct buf allowed = BUF_INIT;
        CLEANUP(mem_cleanup) char *message = NULL;

        for (size_t i = 0; i < call->api->route_count; i++) {
                const struct service_route *route = &call->api->routes[i];

                if (!http_route_fits(call->exchange, route->pattern, call->arguments))
                        continue;
                if (strcmp(method, route->method) == 0)
                        return route;
                buf_add_format(&allowed, "%s%s", allowed.size > 0 ? ", " : "", route->method);
        }
        if (allowed.size == 0) {
                call->api->fail(call, 404, "there is no such path");
                return NULL;
        }
        message = mem_format("this path takes %s", buf_text(&allowed));
        http_exchange_add_header(call->exchange, "Allow", buf_text(&allowed));
        call->api->fail(call, 405, message);
        return NULL;
}

/* False if the call has been answered. */
static bool read_body(struct service_call *call)
{
        const struct buf *body = http_exchange_body(call->exchange);
        struct reason reason = REASON_INIT;

        if (body->size == 0)
                return true;
        call->body =
                json_parse_foreign(body->data, body->size, JSON_DEPTH, JSON_VALUES_USUAL, &reason);
        if (call->body)
                return true;
        reason_prefix(&reason, "the body is no JSON");
        call->api->fail(call, 400, reason.text);
        return false;
}

void service_handle(struct service_call *call)
{
        CLEANUP(mem_cleanup) char *module = NULL;
        const struct service_route *route;

        call->registry = local_hub_registry(call->hub);
        route = find_route(call);
        if (route && call->api->admit(call, route) && read_body(call)) {
                if (strstr(route->pattern, "/*/modules/*"))
                        module = mem_format("%s/%s", call->arguments[0], call->arguments[1]);
                if (module)
                        call->arguments[0] = module;
                route->handle(call);
        }
        json_object_put(call->body);
}

/* --- devices --------------------------------------------------------------------------------- */

void service_add_device(struct json_object *document, const struct registry_device *device)
{
        const char *slash = strchr(device->id, '/');
        CLEANUP(mem_cleanup)
        char *parent = slash ? mem_text_n(device->id, (size_t)(slash - device->id)) : NULL;

        json_add_text(document, "deviceId", slash ? parent : device->id);
        if (slash)
                json_add_text(document, "moduleId", slash + 1);
        json_add_text(document, "generationId", device->generation_id);
        json_add_text(document, "etag", device->etag);
        json_add_text(document, "status", device->enabled ? "enabled" : "disabled");
        json_add_text(document, "connectionState",
                      device->connected ? "Connected" : "Disconnected");
}

bool service_read_status(const char *text, bool *enabled)
{
        *enabled = text_equal_nocase(text, "enabled");
        return *enabled || text_equal_nocase(text, "disabled");
}

bool service_read_authentication(const char *text, enum registry_authentication *authentication)
{
        for (size_t i = 0; i < REGISTRY_AUTHENTICATION_COUNT; i++) {
                if (!text_equal_nocase(text, registry_authentication_names[i]))
                        continue;
                *authentication = (enum registry_authentication)i;
                return true;
        }
        return false;
}

struct json_object *service_twin_section(const struct service_call *call, const char *device_id,
                                         enum registry_section section)
{
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;
        struct reason ignored = REASON_INIT;

        if (!registry_twin_read(call->registry, call->hub_index, device_id, section, &text))
                return NULL;
        return json_parse(buf_text(&text), text.size, TWIN_DEPTH, JSON_STRICT, &ignored);
}

/* --- direct methods -------------------------------------------------------------------------- */

bool service_invoke(const struct service_call *call, const char *device_id,
                    struct local_hub_method method, struct json_object *payload,
                    local_hub_method_done *done)
{
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;

        if (payload)
                json_write(&text, payload);
        if (text.size > PAYLOAD_MAX)
                return false;
        method.payload = buf_text(&text);
        method.payload_size = text.size;
        local_hub_invoke_method(call->hub, call->hub_index, device_id, &method, done,
                                call->exchange);
        return true;
}

struct json_object *service_method_answer(int status, const void *payload, size_t size)
{
        struct json_object *answer = json_object_new_object();
        struct reason ignored = REASON_INIT;
        struct json_object *value = NULL;

        if (size > 0)
                value = json_parse(payload, size, JSON_DEPTH, JSON_STRICT, &ignored);
        if (!value && size > 0 && !(size == 4 && memcmp(payload, "null", 4) == 0))
                value = json_object_new_string_len(payload, (int)size);
        json_add_int(answer, "status", status);
        json_object_object_add(answer, "payload", value);
        return answer;
}
