// SPDX-License-Identifier: MIT
/*
 * The rules of the Device Provisioning Service without its HTTP: who may register, and to which
 * hub a device goes (rules W2 and W12). Every thread.
 */
#ifndef ISTHMUS_LOCALHUB_DPS_PROVISIONING_H
#define ISTHMUS_LOCALHUB_DPS_PROVISIONING_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/reason.h"
#include "localhub/registry/registry.h"
#include "localhub/x509/client_chain.h"

enum provisioning_condition {
        PROVISIONING_E_UNAUTHORIZED = 1, /* 401002: malformed, expired, no key fits */
        PROVISIONING_E_NO_SCOPE,         /* 404: the ID scope is not this service's */
        PROVISIONING_E_DISABLED,         /* the enrolment is disabled: status `disabled` */
        PROVISIONING_E_INVALID,          /* 400: the registration id breaks the rules */
        PROVISIONING_E_NO_HUB,           /* `failed` with 400208: no hub to assign */
};

struct provisioning_request {
        const char *id_scope;             /* of the URL, decoded */
        const char *registration_id;      /* of the URL, decoded */
        const char *authorization;        /* the SAS token */
        const struct client_chain *chain; /* what it has shown instead of a token; else NULL */
        int64_t now_s;
};

/*
 * Finds the enrolment whose key signed the request: the individual one of this id, else the
 * group from whose key the device's was derived. With a certificate: the individual one that has
 * it, else the group one of whose authorities stands for it, and its common name must be the
 * registration id. 0 with `enrolment`, or a condition.
 */
int provisioning_check(struct registry *registry, const struct provisioning_request *request,
                       struct registry_enrolment *enrolment, struct reason *reason) MUST_CHECK;

struct provisioning_device {
        const char *registration_id;
        const char *model_id;             /* that it has announced; NULL = none */
        const char *thumbprint;           /* of the certificate that it has shown; "" = none */
        const char *hub;                  /* that a function has chosen for it; NULL = none */
        struct json_object *initial_twin; /* likewise, for a new device; NULL = the enrolment's */
};

/*
 * Assigns the device to a hub and creates it there if need be, with the enrolment's keys or this
 * thumbprint, its capabilities and its initial twin. A device that registers again goes by the
 * enrolment's policies. Idempotent. 0, PROVISIONING_E_NO_HUB or PROVISIONING_E_INVALID.
 */
int provisioning_assign(struct registry *registry, const struct registry_enrolment *enrolment,
                        const struct provisioning_device *device,
                        struct registry_registration *result, struct reason *reason) MUST_CHECK;

/*
 * Adds the base64 key of a device of a group: HMAC-SHA256 of the registration id under the
 * group's key. -EINVAL if `group_key` is no base64.
 */
int provisioning_derive_key(const char *group_key, const char *registration_id,
                            struct buf *out) MUST_CHECK;

/* True if a function must say where the device goes: it is new, or may move. */
bool provisioning_needs_function(struct registry *registry,
                                 const struct registry_enrolment *enrolment,
                                 const char *registration_id);

/*
 * The hub for a registration: the enrolment's own, else evenly weighted, that is chosen by a
 * stable hash over the hubs' weights; the same hub every time while hubs and weights stay.
 * -1 = no hub.
 */
int provisioning_choose_hub(const struct registry_hub *hubs, int count, const char *hub_id,
                            const char *registration_id);

#endif
