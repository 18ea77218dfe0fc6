// SPDX-License-Identifier: MIT
/*
 * Shared access signatures: `SharedAccessSignature sr=...&sig=...&se=...[&skn=...]`.
 *
 * A resource is escaped once, as a whole: every byte but `A-Z a-z 0-9 - _ . ~` in upper-case
 * percent form, and the signature covers the escaped form.
 */
#ifndef ISTHMUS_AZURE_SAS_H
#define ISTHMUS_AZURE_SAS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/reason.h"

/*
 * Adds the resource of a device at a hub, `host/devices/id`, not escaped. `hub` is host or
 * host:port; the port is left out, because a hub knows itself by its name alone.
 */
void sas_device_resource(struct buf *out, const char *hub, const char *device_id);

/* Adds the resource of a registration, `scope/registrations/id`, not escaped. */
void sas_registration_resource(struct buf *out, const char *id_scope, const char *registration_id);

/*
 * Adds the name under which a device's token is put at $cbs: its resource, escaped like the
 * token's own (the hub decodes it, and a device id may hold '%').
 */
void sas_device_audience(struct buf *out, const char *hub, const char *device_id);

struct sas_grant {
        const char *resource; /* not escaped */
        const char *key;      /* base64: the device's, or a policy's */
        const char *key_name; /* the policy's name, AZURE_SAS_DPS_KEY_NAME, or NULL or "" */
        int64_t expires_s;    /* seconds since 1970, UTC */
};

/*
 * Adds a token. False, with the reason and `out` as before, if the key is no base64. A token is a
 * secret: wipe it before it is freed, never log it.
 */
bool sas_token(struct buf *out, const struct sas_grant *grant, struct reason *reason) MUST_CHECK;

#endif
