// SPDX-License-Identifier: MIT
/* Keys of devices that share an enrolment group's key. */
#ifndef ISTHMUS_AZURE_DEVICE_KEY_H
#define ISTHMUS_AZURE_DEVICE_KEY_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/reason.h"

/*
 * Adds the key of one device, in base64: HMAC-SHA256 of the registration id's bytes under the
 * group's key (base64). It signs the provisioning token and afterwards the hub's. The id is used
 * as it is given, as Microsoft's tools and the gateways before this one do: the service compares
 * registration ids without case, but the key of `Dev1` is not the key of `dev1`, so whoever made
 * a device's key by hand must have written the same letters.
 *
 * False, with the reason and `out` as before, if the group key is no base64 or empty. The caller
 * wipes `out`.
 */
bool device_key_derive(struct buf *out, const char *group_key, const char *registration_id,
                       struct reason *reason) MUST_CHECK;

/* True if the text is a key: base64 with padding, of at least one byte. NULL is none. */
bool device_key_is_valid(const char *key) MUST_CHECK;

/*
 * Adds HMAC-SHA256 of `text` under a base64 key, in base64: the one signature of Azure IoT.
 * False, and `out` as before, if the key is no base64 or empty.
 */
bool device_key_sign(struct buf *out, const char *key, const char *text) MUST_CHECK;

#endif
