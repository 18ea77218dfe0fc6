// SPDX-License-Identifier: MIT
/* Who may attach which link: the address, the direction, the token, the device. */
#include <proton/terminus.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "localhub/amqp/amqp_core.h"
#include "localhub/gate/certificate_check.h"
#include "localhub/sessions/device_twin.h"

/* --- attaching ------------------------------------------------------------------------------- */

void amqp_refuse(struct amqp_refusal *refusal, const char *condition, int code, const char *text)
{
        snprintf(refusal->condition, sizeof(refusal->condition), "%s", condition);
        device_error_text(&refusal->description, code, text);
}

static const char *address_of(pn_link_t *handle)
{
        pn_terminus_t *terminus = pn_link_is_receiver(handle) ? pn_link_remote_target(handle)
                                                              : pn_link_remote_source(handle);

        return pn_terminus_get_address(terminus);
}

static const struct amqp_link_type *find_type(const struct amqp_core *core, pn_link_t *handle,
                                              struct link_address *address,
                                              struct amqp_refusal *refusal)
{
        CLEANUP(mem_cleanup) char *text = NULL;
        const struct amqp_link_type *type = NULL;
        const char *given = address_of(handle);

        if (link_address_parse(given, address))
                type = pn_link_is_receiver(handle) ? core->types[address->function].hub_receives
                                                   : core->types[address->function].hub_sends;
        if (type)
                return type;
        text = mem_format("The link address '%.300s' did not match any of the expected formats.",
                          given ? given : "");
        amqp_refuse(refusal, "amqp:not-found", 404006, text);
        return NULL;
}

bool amqp_map_find(pn_data_t *data, const char *name)
{
        pn_data_rewind(data);
        if (!pn_data_next(data) || pn_data_type(data) != PN_MAP)
                return false;
        pn_data_enter(data);
        while (pn_data_next(data)) {
                pn_bytes_t key = {.size = 0, .start = NULL};

                if (pn_data_type(data) == PN_SYMBOL)
                        key = pn_data_get_symbol(data);
                if (!pn_data_next(data))
                        break;
                if (key.size == strlen(name) && memcmp(key.start, name, key.size) == 0)
                        return true;
        }
        return false;
}

pn_data_t *amqp_link_property(pn_link_t *handle, const char *name)
{
        pn_data_t *data = pn_link_remote_properties(handle);

        return data && amqp_map_find(data, name) ? data : NULL;
}

/* By a token, or by a certificate, which counts until the device is changed. */
static bool authorize(struct amqp_peer *peer, const char *id)
{
        struct amqp_device *device = amqp_device_find(peer, id);
        struct reason reason = REASON_INIT;

        if ((device && device->token_valid) || peer->all_devices.valid)
                return true;
        if (!peer->chain)
                return false;
        if (certificate_check_device(peer->core->registry, peer->hub, id, peer->chain,
                                     peer->core->wall_ms / 1000, &reason) != 0) {
                log_info("HUB_CERTIFICATE_REFUSED", "A client's certificate is not the device's",
                         LOG_TEXT("hub", peer->hub_id), LOG_TEXT("connection", peer->id),
                         LOG_TEXT("device", id), LOG_TEXT("reason", reason.text), LOG_END);
                return false;
        }
        device = amqp_device_make(peer, id);
        device->token_valid = true;
        device->session.auth = TELEMETRY_AUTH_CERTIFICATE;
        return true;
}

/* A device's first link here is what counts as a new connection, however many share one. */
static bool take_connection(struct amqp_peer *peer, const char *id)
{
        const struct amqp_device *device = amqp_device_find(peer, id);

        return (device && device->links.count > 0) ||
               quotas_take(peer->core->sessions.quotas, peer->hub, QUOTA_CONNECTIONS, 1,
                           peer->core->now_ms) == QUOTA_TAKEN;
}

/* The device of a link, if the client may use it here. */
static struct amqp_device *find_device(struct amqp_peer *peer, const char *id,
                                       struct amqp_refusal *refusal)
{
        struct registry_device known = {.hub = peer->hub};
        struct amqp_device *device;
        struct fault fault;

        if (!authorize(peer, id)) {
                amqp_refuse(refusal, "amqp:unauthorized-access", 401002,
                            "No valid token for this device was put on this connection, and it has "
                            "shown no certificate of the device.");
        } else if (!registry_device_get(peer->core->registry, peer->hub, id, &known)) {
                amqp_refuse(refusal, "amqp:not-found", 404001, "The device does not exist.");
        } else if (!known.enabled) {
                amqp_refuse(refusal, "amqp:unauthorized-access", 403012, "The device is disabled.");
        } else if (faults_apply(peer->core->faults, FAULT_ATTACH, peer->hub_id, id, &fault)) {
                snprintf(refusal->condition, sizeof(refusal->condition), "%s", fault.condition);
                buf_add_text(&refusal->description, fault.description);
        } else if (!take_connection(peer, id)) {
                amqp_refuse(refusal, "com.microsoft:device-container-throttled", 429001,
                            "There are too many new connections of devices.");
        }
        mem_wipe(known.primary_key, sizeof(known.primary_key));
        mem_wipe(known.secondary_key, sizeof(known.secondary_key));
        if (refusal->condition[0])
                return NULL;
        device = amqp_device_make(peer, id);
        if (!device->token_valid)
                device->session.auth = TELEMETRY_AUTH_POLICY;
        return device;
}

static struct amqp_link *link_new(struct amqp_peer *peer, pn_link_t *handle,
                                  const struct amqp_link_type *type, struct amqp_device *device)
{
        struct amqp_link *link = mem_new(1, sizeof(*link));

        link->type = type;
        link->handle = handle;
        link->peer = peer;
        link->device = device;
        link->number = ++peer->core->last_number;
        list_init(&link->outbox);
        list_init(&link->slow);
        list_init(&link->batch);
        list_push_back(device ? &device->links : &peer->links, &link->node);
        pn_link_set_context(handle, link);
        return link;
}

static void check_service(struct amqp_peer *peer, struct amqp_refusal *refusal)
{
        if (!peer->service.valid)
                amqp_refuse(refusal, "amqp:unauthorized-access", 401002,
                            "No token with the right ServiceConnect was put on this connection.");
}

/* ATTACH without an address, then DETACH with the error. */
static void answer_refusal(struct amqp_peer *peer, pn_link_t *handle, struct amqp_refusal *refusal)
{
        struct amqp_link *link = link_new(peer, handle, NULL, NULL);
        const char *address = address_of(handle);

        log_info("HUB_LINK_REFUSED", "A link was refused", LOG_TEXT("hub", peer->hub_id),
                 LOG_TEXT("connection", peer->id), LOG_TEXT("address", address ? address : ""),
                 LOG_TEXT("condition", refusal->condition), LOG_END);
        pn_link_open(handle);
        link->closing = true;
        amqp_error_set(pn_link_condition(handle), refusal->condition,
                       buf_text(&refusal->description));
        if (refusal->redirect.host[0])
                amqp_error_redirect(pn_link_condition(handle), &refusal->redirect);
        pn_link_close(handle);
}

static void note_model(struct amqp_device *device, pn_link_t *handle)
{
        pn_data_t *data = amqp_link_property(handle, "com.microsoft:model-id");
        pn_bytes_t value = {.size = 0, .start = NULL};

        if (data && pn_data_type(data) == PN_STRING)
                value = pn_data_get_string(data);
        if (value.size == 0 || value.size >= REGISTRY_ID_SIZE)
                return;
        free(device->session.model_id);
        device->session.model_id = mem_text_n(value.start, value.size);
}

static void answer(struct amqp_link *link)
{
        pn_link_t *handle = link->handle;

        pn_terminus_copy(pn_link_source(handle), pn_link_remote_source(handle));
        pn_terminus_copy(pn_link_target(handle), pn_link_remote_target(handle));
        pn_link_set_snd_settle_mode(handle, pn_link_remote_snd_settle_mode(handle));
        pn_link_set_rcv_settle_mode(handle, pn_link_remote_rcv_settle_mode(handle));
        if (link->type->hub_receives)
                pn_link_set_max_message_size(handle, link->type->max_size);
        /* Microsoft's Event Hubs client for Python takes no link without properties. */
        if (!link->device)
                amqp_error_track(pn_link_properties(handle));
        pn_link_open(handle);
        if (link->device)
                device_session_connect(&link->device->session);
        if (link->type->opened)
                link->type->opened(link);
        if (link->type->hub_receives)
                amqp_link_grant(link);
}

void amqp_link_attach(struct amqp_peer *peer, pn_link_t *handle)
{
        struct amqp_refusal refusal = {.description = BUF_INIT};
        struct link_address address;
        const struct amqp_link_type *type = find_type(peer->core, handle, &address, &refusal);
        struct amqp_device *device = NULL;
        struct amqp_link *link;
        void *own = NULL;

        if (type && address.device_id[0])
                device = find_device(peer, address.device_id, &refusal);
        else if (type && type->for_service)
                check_service(peer, &refusal);
        if (type && type->admit && !refusal.condition[0])
                own = type->admit(peer, handle, &address, &refusal);
        if (refusal.condition[0]) {
                answer_refusal(peer, handle, &refusal);
        } else {
                if (device)
                        note_model(device, handle);
                link = link_new(peer, handle, type, device);
                link->own = own;
                answer(link);
        }
        buf_deinit(&refusal.description);
        buf_deinit(&refusal.redirect.address);
}
