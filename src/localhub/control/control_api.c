// SPDX-License-Identifier: MIT
/* Control API: its server and the table of its routes. */
#include "localhub/control/control_api.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/json/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/thread.h"
#include "localhub/control/control_call.h"
#include "localhub/page/hub_page.h"

#define CONNECTIONS_MAX    1000
#define HEADER_TIMEOUT_MS  10000
#define REQUEST_TIMEOUT_MS 60000
#define BODY_MAX           ((size_t)1024 * 1024)

static void control_health(struct service_call *call)
{
        struct json_object *answer = json_object_new_object();

        json_add_text(answer, "status", "ok");
        control_answer(call, 200, answer);
}

static const struct service_route routes[] = {
        {"GET", "healthz", 0, control_health},
        {"GET", "stats", 0, control_stats},
        {"GET", "hubs", 0, control_hubs},
        {"GET", "connections", 0, control_connections},
        {"GET", "devices", 0, control_devices},
        {"GET", "devices/*", 0, control_device_get},
        {"PUT", "devices/*", 0, control_device_put},
        {"DELETE", "devices/*", 0, control_device_delete},
        {"GET", "devices/*/twin", 0, control_twin_get},
        {"PUT", "devices/*/twin/*", 0, control_twin_write},
        {"PATCH", "devices/*/twin/*", 0, control_twin_write},
        {"POST", "devices/*/messages", 0, control_message_send},
        {"GET", "devices/*/messages", 0, control_message_list},
        {"DELETE", "devices/*/messages", 0, control_message_purge},
        {"GET", "devices/*/messages/*", 0, control_message_state},
        {"POST", "devices/*/methods/*", 0, control_method_invoke},
        {"GET", "authorities", 0, control_authorities},
        {"PUT", "authorities/*", 0, control_authority_put},
        {"DELETE", "authorities/*", 0, control_authority_delete},
        {"GET", "enrollments", 0, control_enrolments},
        {"PUT", "enrollments/*/*", 0, control_enrolment_put},
        {"DELETE", "enrollments/*/*", 0, control_enrolment_delete},
        {"GET", "registrations", 0, control_registrations},
        {"DELETE", "registrations/*", 0, control_registration_delete},
        {"GET", "telemetry", 0, control_telemetry},
        {"GET", "faults", 0, control_fault_list},
        {"POST", "faults", 0, control_fault_add},
        {"DELETE", "faults", 0, control_fault_clear},
        {"DELETE", "faults/*", 0, control_fault_delete},
};

static bool has_token(const struct service_call *call, const char *token)
{
        static const char scheme[] = "Bearer ";
        const char *given = http_exchange_header(call->exchange, "Authorization");

        return given && strncasecmp(given, scheme, strlen(scheme)) == 0 &&
               crypto_equal(given + strlen(scheme), strlen(given + strlen(scheme)), token,
                            strlen(token));
}

static bool admit(struct service_call *call, const struct service_route *route)
{
        const char *token = control_of(call)->token;

        (void)route;
        if (token && has_token(call, token))
                return true;
        if (token) {
                control_fail(call, 401, "Unauthorized",
                             "the header Authorization must be 'Bearer' and the control token");
                return false;
        }
        if (!http_exchange_is_from_a_page(call->exchange) || hub_page_is_own(call->exchange))
                return true;
        control_fail(call, 403, "Forbidden",
                     "only programs on this machine may call; no other web page may");
        return false;
}

static void fail(struct service_call *call, int status, const char *message)
{
        static const char *const codes[] = {"NotFound", "MethodNotAllowed"};

        control_fail(call, status, status == 400 ? "BadBody" : codes[status - 404], "%s", message);
}

static const struct service_api control = {
        .routes = routes,
        .route_count = ARRAY_SIZE(routes),
        .admit = admit,
        .fail = fail,
};

static void handle(void *context, struct http_exchange *exchange)
{
        struct control_api *api = context;
        struct service_call call = {
                .api = &control, .context = api, .hub = api->hub, .exchange = exchange};

        THREAD_ASSERT(CONTROL_THREAD);
        if (!hub_page_answer(exchange))
                service_handle(&call);
}

struct control_api *control_of(const struct service_call *call)
{
        return call->context;
}

int control_api_new(const struct control_api_options *options, struct control_api **api,
                    struct reason *reason)
{
        struct control_api *made = mem_new(1, sizeof(*made));
        const struct http_server_options http = {
                .thread = CONTROL_THREAD,
                .host = options->token ? options->address : "127.0.0.1",
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
        made->token = options->token;
        made->models = options->models;
        made->started_ms = clock_steady_ms();
        made->followers = control_followers_new(local_hub_telemetry(options->hub), options->models);
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
