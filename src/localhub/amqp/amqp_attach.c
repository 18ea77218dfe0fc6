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
#include "localhub/certificate_check.h"
#include "localhub/sessions/device_twin.h"

/* --- attaching ------------------------------------------------------------------------------- */

/* By function: what the client sends on, what it receives on. */
static const struct {
        const struct amqp_link_type *hub_receives;
        const struct amqp_link_type *hub_sends;
} types[] = {
        [LINK_CBS] = {&amqp_cbs_requests, &amqp_cbs_responses},
        [LINK_TELEMETRY] = {&amqp_telemetry, NULL},
        [LINK_COMMANDS] = {NULL, &amqp_commands},
        [LINK_METHODS] = {&amqp_method_answers, &amqp_method_requests},
        [LINK_TWIN] = {&amqp_twin_requests, &amqp_twin_responses},
        [LINK_SERVICE] = {&amqp_service_commands, NULL},
        [LINK_FEEDBACK] = {NULL, &amqp_service_feedback},
};

/* Why a link is refused. */
struct refusal {
        char condition[AMQP_CONDITION_SIZE]; /* "" = it is not */
        struct buf description;
};

static void refuse(struct refusal *refusal, const char *condition, int code, const char *text)
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

static const struct amqp_link_type *find_type(pn_link_t *handle, struct link_address *address,
                                              struct refusal *refusal)
{
        CLEANUP(mem_cleanup) char *text = NULL;
        const struct amqp_link_type *type = NULL;
        const char *given = address_of(handle);

        if (link_address_parse(given, address))
                type = pn_link_is_receiver(handle) ? types[address->function].hub_receives
                                                   : types[address->function].hub_sends;
        if (type)
                return type;
        text = mem_format("The link address '%.300s' did not match any of the expected formats.",
                          given ? given : "");
        refuse(refusal, "amqp:not-found", 404006, text);
        return NULL;
}

/* A property of the link as text; the caller's, or NULL. */
static char *link_property(pn_link_t *handle, const char *name)
{
        pn_data_t *data = pn_link_remote_properties(handle);
        char *found = NULL;

        if (!data)
                return NULL;
        pn_data_rewind(data);
        if (!pn_data_next(data) || pn_data_type(data) != PN_MAP)
                return NULL;
        pn_data_enter(data);
        while (pn_data_next(data)) {
                pn_bytes_t key = {.size = 0, .start = NULL};

                if (pn_data_type(data) == PN_SYMBOL)
                        key = pn_data_get_symbol(data);
                if (!pn_data_next(data))
                        break;
                if (key.size == strlen(name) && memcmp(key.start, name, key.size) == 0 &&
                    pn_data_type(data) == PN_STRING && !found) {
                        pn_bytes_t value = pn_data_get_string(data);

                        found = mem_text_n(value.start, value.size);
                }
        }
        pn_data_exit(data);
        return found;
}

/* By a token, or by a certificate, which counts until the device is changed. */
static bool may_act(struct amqp_peer *peer, const char *id)
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
        amqp_device_make(peer, id)->token_valid = true;
        return true;
}

/* The device of a link, if the client may use it here. */
static struct amqp_device *find_device(struct amqp_peer *peer, const char *id,
                                       struct refusal *refusal)
{
        struct registry_device known = {.hub = peer->hub};
        struct fault fault;

        if (!may_act(peer, id)) {
                refuse(refusal, "amqp:unauthorized-access", 401002,
                       "No valid token for this device was put on this connection, and it has "
                       "shown no certificate of the device.");
        } else if (!registry_device_get(peer->core->registry, peer->hub, id, &known)) {
                refuse(refusal, "amqp:not-found", 404001, "The device does not exist.");
        } else if (!known.enabled) {
                refuse(refusal, "amqp:unauthorized-access", 403012, "The device is disabled.");
        } else if (faults_apply(peer->core->faults, FAULT_ATTACH, peer->hub_id, id, &fault)) {
                snprintf(refusal->condition, sizeof(refusal->condition), "%s", fault.condition);
                buf_add_text(&refusal->description, fault.description);
        }
        mem_wipe(known.primary_key, sizeof(known.primary_key));
        mem_wipe(known.secondary_key, sizeof(known.secondary_key));
        return refusal->condition[0] ? NULL : amqp_device_make(peer, id);
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

static void check_service(struct amqp_peer *peer, struct refusal *refusal)
{
        if (!peer->service.valid)
                refuse(refusal, "amqp:unauthorized-access", 401002,
                       "No token with the right ServiceConnect was put on this connection.");
}

/* ATTACH without an address, then DETACH with the error. */
static void answer_refusal(struct amqp_peer *peer, pn_link_t *handle, struct refusal *refusal)
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
        pn_link_close(handle);
}

static void note_model(struct amqp_device *device, pn_link_t *handle)
{
        char *model_id = link_property(handle, "com.microsoft:model-id");

        if (text_is_empty(model_id) || strlen(model_id) >= REGISTRY_ID_SIZE) {
                free(model_id);
                return;
        }
        free(device->session.model_id);
        device->session.model_id = model_id;
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
        pn_link_open(handle);
        if (link->device)
                amqp_device_link_opened(link->device);
        if (link->type->opened)
                link->type->opened(link);
        if (link->type->hub_receives)
                amqp_link_grant(link);
}

void amqp_link_attach(struct amqp_peer *peer, pn_link_t *handle)
{
        struct refusal refusal = {.description = BUF_INIT};
        struct link_address address;
        const struct amqp_link_type *type = find_type(handle, &address, &refusal);
        struct amqp_device *device = NULL;

        if (type && address.device_id[0])
                device = find_device(peer, address.device_id, &refusal);
        else if (type && address.function != LINK_CBS)
                check_service(peer, &refusal);
        if (refusal.condition[0]) {
                answer_refusal(peer, handle, &refusal);
        } else {
                if (device)
                        note_model(device, handle);
                answer(link_new(peer, handle, type, device));
        }
        buf_deinit(&refusal.description);
}
