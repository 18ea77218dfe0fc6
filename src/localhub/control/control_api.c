// SPDX-License-Identifier: MIT
/* Control API: its server and the table of its routes. */
#include "localhub/control/control_api.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/thread.h"
#include "localhub/control/control_call.h"

#define CONNECTIONS_MAX    1000
#define HEADER_TIMEOUT_MS  10000
#define REQUEST_TIMEOUT_MS 60000
#define BODY_MAX           ((size_t)1024 * 1024)
#define JSON_DEPTH         64

static void control_health(struct control_call *call)
{
        struct json_object *answer = json_object_new_object();

        control_add_text(answer, "status", "ok");
        control_answer(call, 200, answer);
}

static const struct control_route routes[] = {
        {"GET", "healthz", control_health},
        {"GET", "stats", control_stats},
        {"GET", "hubs", control_hubs},
        {"GET", "connections", control_connections},
        {"GET", "devices", control_devices},
        {"GET", "devices/*", control_device_get},
        {"PUT", "devices/*", control_device_put},
        {"DELETE", "devices/*", control_device_delete},
        {"GET", "devices/*/twin", control_twin_get},
        {"PUT", "devices/*/twin/*", control_twin_put},
        {"PATCH", "devices/*/twin/*", control_twin_patch},
        {"POST", "devices/*/messages", control_message_send},
        {"GET", "devices/*/messages", control_message_list},
        {"DELETE", "devices/*/messages", control_message_purge},
        {"GET", "devices/*/messages/*", control_message_state},
        {"POST", "devices/*/methods/*", control_method_invoke},
        {"GET", "enrollments", control_enrolments},
        {"PUT", "enrollments/*/*", control_enrolment_put},
        {"DELETE", "enrollments/*/*", control_enrolment_delete},
        {"GET", "registrations", control_registrations},
        {"DELETE", "registrations/*", control_registration_delete},
        {"GET", "telemetry", control_telemetry},
        {"GET", "faults", control_fault_list},
        {"POST", "faults", control_fault_add},
        {"DELETE", "faults", control_fault_clear},
        {"DELETE", "faults/*", control_fault_delete},
};

/* NULL if there is none; then the call has been answered. */
static const struct control_route *find_route(struct control_call *call)
{
        const char *method = http_exchange_method(call->exchange);
        CLEANUP(buf_deinit) struct buf allowed = BUF_INIT;

        for (size_t i = 0; i < ARRAY_SIZE(routes); i++) {
                if (!http_route_fits(call->exchange, routes[i].pattern, call->arguments))
                        continue;
                if (strcmp(method, routes[i].method) == 0)
                        return &routes[i];
                buf_add_format(&allowed, "%s%s", allowed.size > 0 ? ", " : "", routes[i].method);
        }
        if (allowed.size > 0) {
                http_exchange_add_header(call->exchange, "Allow", buf_text(&allowed));
                control_fail(call, 405, "MethodNotAllowed", "this path takes %s",
                             buf_text(&allowed));
        } else {
                control_fail(call, 404, "NotFound", "there is no such path");
        }
        return NULL;
}

/* False if the call has been answered. */
static bool read_body(struct control_call *call)
{
        const struct buf *body = http_exchange_body(call->exchange);
        struct reason reason = REASON_INIT;

        if (body->size == 0)
                return true;
        call->body =
                json_parse_foreign(body->data, body->size, JSON_DEPTH, JSON_VALUES_USUAL, &reason);
        if (json_object_is_type(call->body, json_type_object))
                return true;
        control_fail(call, 400, "BadBody", "the body must be a JSON object%s%s",
                     call->body ? "" : ": ", call->body ? "" : reason.text);
        return false;
}

static void handle(void *context, struct http_exchange *exchange)
{
        struct control_call call = {.api = context, .exchange = exchange};
        const struct control_route *route;

        THREAD_ASSERT(CONTROL_THREAD);
        if (http_exchange_is_from_a_page(exchange)) {
                control_fail(&call, 403, "Forbidden",
                             "only programs on this machine may call; no web page may");
                return;
        }
        route = find_route(&call);
        if (route && read_body(&call))
                route->handle(&call);
        json_object_put(call.body);
}

int control_api_new(const struct control_api_options *options, struct control_api **api,
                    struct reason *reason)
{
        struct control_api *made = mem_new(1, sizeof(*made));
        const struct http_server_options http = {
                .thread = CONTROL_THREAD,
                .host = "127.0.0.1",
                .port = options->port,
                .header_timeout_ms = HEADER_TIMEOUT_MS,
                .request_timeout_ms = REQUEST_TIMEOUT_MS,
                .maximum_connections = CONNECTIONS_MAX,
                .maximum_body = BODY_MAX,
                .handle = handle,
                .context = made,
        };
        int result;

        made->hub = options->hub;
        made->dps = options->dps;
        made->started_ms = clock_steady_ms();
        made->followers = control_followers_new(local_hub_telemetry(options->hub));
        result = http_server_start(&http, &made->http, reason);
        if (result) {
                reason_prefix(reason, "control API");
                control_api_free(made);
                return result;
        }
        *api = made;
        return 0;
}

uint16_t control_api_port(const struct control_api *api)
{
        return http_server_port(api->http);
}

void control_api_stop(struct control_api *api)
{
        if (api->http)
                http_server_stop(api->http);
        control_followers_free(api->followers);
        api->followers = NULL;
}

void control_api_free(struct control_api *api)
{
        if (!api)
                return;
        control_api_stop(api);
        http_server_free(api->http);
        free(api);
}
