// SPDX-License-Identifier: MIT
/* Who may say what over HTTPS. */
#include "localhub/https/https_endpoint.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "localhub/gate/certificate_check.h"
#include "localhub/gate/token_check.h"
#include "localhub/https/https_call.h"
#include "localhub/rest/rest_call.h"

static const struct {
        const char *method;
        const char *pattern;
        https_handler *handle;
} routes[] = {
        {"POST", "devices/*/messages/events", https_events_post},
        {"GET", "devices/*/messages/devicebound", https_command_get},
        {"DELETE", "devices/*/messages/devicebound/*", https_command_delete},
        {"POST", "devices/*/messages/devicebound/*/abandon", https_command_abandon},
};

/* --- answers --------------------------------------------------------------------------------- */

void https_answer_nothing(struct https_call *call)
{
        http_exchange_answer(call->exchange, 204, NULL, NULL);
}

bool https_take_fault(struct https_call *call, enum fault_kind kind)
{
        struct fault fault;

        if (!faults_apply(local_hub_faults(call->hub), kind, call->hub_id, call->device.id, &fault))
                return false;
        if (kind == FAULT_REJECT || kind == FAULT_DETACH)
                rest_fail(call->exchange, REST_SERVER_BUSY, "%s",
                          fault.description[0] ? fault.description : "ordered by a fault rule");
        else
                http_exchange_drop(call->exchange);
        return true;
}

/* --- who it is ------------------------------------------------------------------------------- */

/* The hub whose token it is; -1 with the reason. `*no_device`: it is sound, but of no device. */
static int hub_of_token(struct https_call *call, const char *token, bool *no_device,
                        struct reason *reason)
{
        struct token_grant grant;
        int r = token_check_any_hub(call->registry, token, clock_wall_ms() / 1000, &grant, reason);

        *no_device = r == TOKEN_E_NO_DEVICE;
        if (r != 0)
                return -1;
        call->auth = grant.key_name[0] ? TELEMETRY_AUTH_POLICY : TELEMETRY_AUTH_KEY;
        if ((grant.rights & REGISTRY_RIGHT_DEVICE) &&
            (!grant.device_id[0] || strcmp(grant.device_id, call->arguments[0]) == 0))
                return grant.hub;
        reason_set(reason, "the token does not allow to be '%.140s'", call->arguments[0]);
        return -1;
}

/* By the name that the client calls, or the first one. */
static int hub_of_name(const struct https_call *call)
{
        const char *host = http_exchange_header(call->exchange, "Host");
        int hub = host ? registry_hub_find(call->registry, host) : -1;

        return hub < 0 ? 0 : hub;
}

static int hub_of_certificate(struct https_call *call, struct reason *reason)
{
        CLEANUP(client_chain_deinit) struct client_chain chain = {.der = BUF_INIT};
        char name[HTTP_SOCKET_NAME_SIZE];
        int hub = hub_of_name(call);

        call->auth = TELEMETRY_AUTH_CERTIFICATE;

        http_exchange_socket_name(call->exchange, name);
        if (!local_hub_find_chain(call->hub, name, &chain)) {
                reason_set(reason, "the request has no Authorization, and no certificate");
                return -1;
        }
        return certificate_check_device(call->registry, hub, call->arguments[0], &chain,
                                        clock_wall_ms() / 1000, reason) == 0
                       ? hub
                       : -1;
}

static void refuse(struct https_call *call, enum rest_error error, const struct reason *reason)
{
        log_info("HUB_HTTPS_REFUSED", "A device's request was refused",
                 LOG_TEXT("device", call->arguments[0]), LOG_INT("code", error),
                 LOG_TEXT("reason", reason->text), LOG_END);
        rest_fail(call->exchange, error, "%s", reason->text);
}

bool https_authorize(struct https_call *call)
{
        const char *token = http_exchange_header(call->exchange, "Authorization");
        struct registry_hub hub = {.id = ""};
        struct reason reason = REASON_INIT;
        bool no_device = false;
        int index;

        if (text_is_empty(http_exchange_argument(call->exchange, "api-version"))) {
                rest_fail(call->exchange, REST_ARGUMENT_INVALID, "the query lacks 'api-version'");
                return false;
        }
        index = token ? hub_of_token(call, token, &no_device, &reason)
                      : hub_of_certificate(call, &reason);
        if (index < 0) {
                refuse(call, no_device ? REST_DEVICE_NOT_FOUND : REST_UNAUTHORIZED, &reason);
                return false;
        }
        if (!registry_device_get(call->registry, index, call->arguments[0], &call->device)) {
                reason_set(&reason, "there is no device '%.140s'", call->arguments[0]);
                refuse(call, REST_DEVICE_NOT_FOUND, &reason);
                return false;
        }
        if (!call->device.enabled) {
                reason_set(&reason, "device '%s' is disabled", call->device.id);
                refuse(call, REST_UNAUTHORIZED, &reason);
                return false;
        }
        (void)registry_hub_get(call->registry, index, &hub);
        memcpy(call->hub_id, hub.id, sizeof(call->hub_id));
        registry_device_seen(call->registry, index, call->device.id, call->device.connected, NULL);
        return true;
}

bool https_endpoint_handle(struct local_hub *hub, struct http_exchange *exchange)
{
        struct https_call call = {
                .hub = hub,
                .registry = local_hub_registry(hub),
                .exchange = exchange,
        };

        for (size_t i = 0; i < ARRAY_SIZE(routes); i++) {
                if (!http_route_fits(exchange, routes[i].pattern, call.arguments) ||
                    strcmp(http_exchange_method(exchange), routes[i].method) != 0)
                        continue;
                if (https_authorize(&call))
                        routes[i].handle(&call);
                mem_wipe(&call.device, sizeof(call.device));
                return true;
        }
        return false;
}
