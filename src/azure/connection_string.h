// SPDX-License-Identifier: MIT
/*
 * Connection strings of IoT Hub: `HostName=...;DeviceId=...;SharedAccessKey=...` of one device, or
 * `HostName=...;SharedAccessKeyName=...;SharedAccessKey=...` of a hub's policy.
 *
 * The form is that of key_values.h; HostName and GatewayHostName may name a port. Microsoft's rules
 * allow a ';' within a device id (old ids may have one): that is not supported here.
 */
#ifndef ISTHMUS_AZURE_CONNECTION_STRING_H
#define ISTHMUS_AZURE_CONNECTION_STRING_H

#include <stdbool.h>

#include "base/error.h"
#include "base/reason.h"

/* What is absent is NULL. */
struct connection_string {
        char *host_name;         /* host or host:port; always there */
        char *gateway_host_name; /* where to connect instead; the identity stays the hub's */
        char *device_id;         /* absent in a policy's string */
        char *module_id;
        char *shared_access_key_name; /* the policy's; absent if the key is the device's own */
        char *shared_access_key;      /* base64; always there */
};

#define CONNECTION_STRING_INIT ((struct connection_string){.host_name = NULL})

/*
 * Reads and checks a string. False with a reason that names the key which is missing, doubled or
 * wrong and never holds a secret; `parsed` is then empty. A string with a certificate (`x509`) or a
 * ready-made token (`SharedAccessSignature`) is recognised and refused, because many devices share
 * one connection here and tokens are renewed: both need the key.
 */
bool connection_string_parse(const char *text, struct connection_string *parsed,
                             struct reason *reason) MUST_CHECK;

/* Overwrites the secrets and frees everything; fit for CLEANUP. */
void connection_string_deinit(struct connection_string *parsed);

#endif
