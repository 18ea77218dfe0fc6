// SPDX-License-Identifier: MIT
/* Tokens put through `$cbs`, verified by token_check (rule W5). */
#include <inttypes.h>
#include <proton/connection.h>
#include <proton/transport.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "localhub/amqp/amqp_core.h"
#include "localhub/gate/token_check.h"

#define CBS_CREDIT 100

struct answer {
        int status;
        struct reason text;
};

static void set(struct answer *answer, int status, const char *text)
{
        answer->status = status;
        reason_set(&answer->text, "%s", text);
}

/* --- what a token allows --------------------------------------------------------------------- */

static bool take_place(struct amqp_peer *peer, bool is_new, struct answer *answer)
{
        size_t max = peer->core->tokens_per_connection;

        if (is_new && peer->tokens >= max) {
                answer->status = 500;
                reason_set(&answer->text,
                           "The maximum number of tokens per connection (%zu) has been reached.",
                           max);
                return false;
        }
        peer->tokens += is_new;
        return true;
}

static void extend(struct amqp_peer *peer, struct grant *grant, int64_t expires_s)
{
        struct amqp_core *core = peer->core;

        grant->valid = true;
        timers_start(&core->timers, &grant->timer, core->now_ms + expires_s * 1000 - core->wall_ms);
}

static void grant_device(struct amqp_peer *peer, const struct token_grant *grant,
                         struct answer *answer)
{
        struct amqp_device *device = amqp_device_find(peer, grant->device_id);

        if (!take_place(peer, !device || !device->has_token, answer))
                return;
        device = amqp_device_make(peer, grant->device_id);
        device->has_token = true;
        device->session.auth = grant->key_name[0] ? TELEMETRY_AUTH_POLICY : TELEMETRY_AUTH_KEY;
        amqp_device_set_token(device, grant->expires_s);
        log_debug("HUB_TOKEN_ACCEPTED", "A device's token was accepted",
                  LOG_TEXT("hub", peer->hub_id), LOG_TEXT("connection", peer->id),
                  LOG_TEXT("device", device->session.id), LOG_END);
}

static void grant_policy(struct amqp_peer *peer, const struct token_grant *grant,
                         struct answer *answer)
{
        bool is_new = !peer->all_devices.valid && !peer->service.valid;

        if (!take_place(peer, is_new, answer))
                return;
        if (grant->rights & REGISTRY_RIGHT_DEVICE)
                extend(peer, &peer->all_devices, grant->expires_s);
        if (grant->rights & REGISTRY_RIGHT_SERVICE)
                extend(peer, &peer->service, grant->expires_s);
        log_debug("HUB_TOKEN_ACCEPTED", "A policy's token was accepted",
                  LOG_TEXT("hub", peer->hub_id), LOG_TEXT("connection", peer->id),
                  LOG_TEXT("policy", grant->key_name), LOG_END);
}

/* A policy may lack the right to be a device; a device's own key has it. */
static int check(struct amqp_peer *peer, const char *token, size_t size, struct token_grant *grant,
                 struct reason *reason)
{
        struct amqp_core *core = peer->core;
        int r = token_check_hub(core->registry, peer->hub, token, size, core->wall_ms / 1000, grant,
                                reason);

        if (r != 0 || !grant->device_id[0] || (grant->rights & REGISTRY_RIGHT_DEVICE))
                return r;
        reason_set(reason, "the policy '%s' does not have the right DeviceConnect",
                   grant->key_name);
        return TOKEN_E_UNAUTHORIZED;
}

static void judge(struct amqp_peer *peer, const char *token, size_t size, struct answer *answer)
{
        struct token_grant grant;
        int r = check(peer, token, size, &grant, &answer->text);

        if (r != 0) {
                answer->status = r == TOKEN_E_NO_DEVICE ? 404 : 401;
                log_info("HUB_TOKEN_REFUSED", "A token was refused", LOG_TEXT("hub", peer->hub_id),
                         LOG_TEXT("connection", peer->id), LOG_INT("status", answer->status),
                         LOG_TEXT("reason", answer->text.text), LOG_END);
                return;
        }
        set(answer, 200, "OK");
        if (grant.device_id[0])
                grant_device(peer, &grant, answer);
        else
                grant_policy(peer, &grant, answer);
}

bool amqp_cbs_take_token(struct amqp_peer *peer, const char *token, size_t size)
{
        struct answer answer = {.status = 0};

        judge(peer, token, size, &answer);
        return answer.status == 200;
}

/* --- the exchange ---------------------------------------------------------------------------- */

static void respond(struct amqp_link *request_link, const struct amqp_wire_message *request,
                    const struct answer *answer)
{
        CLEANUP(buf_deinit) struct buf response = BUF_INIT;
        /* Whatever reply-to says. */
        struct amqp_link *link = amqp_link_partner(request_link, &amqp_cbs_responses);

        if (!link) {
                amqp_link_detach(request_link, "amqp:precondition-failed",
                                 "there is no receiver on $cbs for the answer");
                return;
        }
        /* proton holds dispositions back to join them, and uAMQP takes an answer that overtakes its
         * request's disposition for a failure: this has it written first. */
        (void)pn_transport_pending(pn_connection_transport(request_link->peer->connection));
        amqp_answer_begin(&response, request, answer->status, answer->text.text);
        amqp_wire_put_section(&response, AMQP_WIRE_SECTION_VALUE);
        amqp_wire_put_string(&response, "");
        (void)amqp_link_send(link, &response);
}

/* Microsoft's Event Hubs client for Python calls a shared access signature `jwt`. */
static bool is_put_token(const struct amqp_wire_message *request)
{
        struct amqp_wire_value operation =
                amqp_wire_map_find(request->properties, request->property_count, "operation");
        struct amqp_wire_value type =
                amqp_wire_map_find(request->properties, request->property_count, "type");

        return amqp_wire_is_text(&operation, "put-token") &&
               (amqp_wire_is_text(&type, "servicebus.windows.net:sastoken") ||
                amqp_wire_is_text(&type, "jwt")) &&
               request->has_value &&
               (request->value.kind == AMQP_WIRE_STRING || request->value.kind == AMQP_WIRE_BINARY);
}

/* For a fault the token's device must be known, whatever the token is worth: from `name`, which
 * says `host/devices/ID` in one escape or another. */
static void audience_device(const struct amqp_wire_message *request,
                            char id[REGISTRY_IDENTITY_SIZE])
{
        struct amqp_wire_value name =
                amqp_wire_map_find(request->properties, request->property_count, "name");
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;
        const char *found;

        if (name.kind == AMQP_WIRE_STRING)
                text_url_unescape(&text, (const char *)name.bytes.data, name.bytes.size);
        found = strstr(buf_text(&text), "/devices/");
        snprintf(id, REGISTRY_IDENTITY_SIZE, "%s", found ? found + strlen("/devices/") : "");
}

static bool apply_fault(struct amqp_peer *peer, const struct amqp_wire_message *request,
                        struct fault *fault)
{
        char device[REGISTRY_IDENTITY_SIZE];

        audience_device(request, device);
        return faults_apply(peer->core->faults, FAULT_TOKEN, peer->hub_id, device, fault);
}

static void on_request(struct amqp_link *link, pn_delivery_t *delivery,
                       const struct amqp_wire_message *request)
{
        struct answer answer = {.status = 0};
        struct fault fault;

        amqp_accept(delivery);
        if (apply_fault(link->peer, request, &fault)) {
                set(&answer, fault.status,
                    fault.description[0] ? fault.description : "ordered by a fault rule");
                if (fault.status == 0)
                        return;
        } else if (is_put_token(request)) {
                judge(link->peer, (const char *)request->value.bytes.data,
                      request->value.bytes.size, &answer);
        } else {
                set(&answer, 400, "This is no put-token with a servicebus.windows.net:sastoken.");
        }
        respond(link, request, &answer);
}

const struct amqp_link_type amqp_cbs_requests = {
        .hub_receives = true,
        .credit = CBS_CREDIT,
        .max_size = AMQP_MESSAGE_MAX,
        .message = on_request,
};

const struct amqp_link_type amqp_cbs_responses = {.hub_receives = false};
