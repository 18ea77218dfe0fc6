// SPDX-License-Identifier: MIT
#include "azure/connection_string.h"

#include <string.h>

#include "azure/device_id.h"
#include "azure/device_key.h"
#include "azure/endpoint.h"
#include "azure/key_values.h"
#include "base/text.h"

enum key {
        HOST_NAME,
        GATEWAY_HOST_NAME,
        DEVICE_ID,
        MODULE_ID,
        KEY_NAME,
        KEY,
        SIGNATURE,
        X509,
        X509_CERT, /* .NET's other name of it */
        ENDPOINT,  /* only in Event Hubs' strings */
        KEY_COUNT,
};

static const char *const key_names[KEY_COUNT] = {
        [HOST_NAME] = "HostName",
        [GATEWAY_HOST_NAME] = "GatewayHostName",
        [DEVICE_ID] = "DeviceId",
        [MODULE_ID] = "ModuleId",
        [KEY_NAME] = "SharedAccessKeyName",
        [KEY] = "SharedAccessKey",
        [SIGNATURE] = "SharedAccessSignature",
        [X509] = "x509",
        [X509_CERT] = "X509Cert",
        [ENDPOINT] = "Endpoint",
};

void connection_string_deinit(struct connection_string *parsed)
{
        key_values_wipe_text(&parsed->host_name);
        key_values_wipe_text(&parsed->gateway_host_name);
        key_values_wipe_text(&parsed->device_id);
        key_values_wipe_text(&parsed->module_id);
        key_values_wipe_text(&parsed->shared_access_key_name);
        key_values_wipe_text(&parsed->shared_access_key);
}

static bool has_certificate(const struct key_values *pieces)
{
        bool x509 =
                key_values_has(pieces, X509) && !text_equal_nocase(pieces->values[X509], "false");

        return x509 || (key_values_has(pieces, X509_CERT) &&
                        !text_equal_nocase(pieces->values[X509_CERT], "false"));
}

static void explain_missing(const struct key_values *pieces, enum key key, struct reason *reason)
{
        if (key == HOST_NAME && key_values_has(pieces, ENDPOINT))
                reason_set(reason, "HostName is missing: this is the connection string of an Event "
                                   "Hubs endpoint; give the IoT hub's own");
        else
                key_values_explain_missing(pieces, key, reason);
}

static bool check_credential(const struct key_values *pieces, struct reason *reason)
{
        if (has_certificate(pieces)) {
                reason_set(reason, "it asks for an X.509 certificate (x509), which devices that "
                                   "share a connection can't use; give a SharedAccessKey instead");
                return false;
        }
        if (key_values_has(pieces, SIGNATURE)) {
                reason_set(reason, "%s",
                           key_values_has(pieces, KEY)
                                   ? "it has both SharedAccessKey and "
                                     "SharedAccessSignature; give the key only"
                                   : "it has a SharedAccessSignature, which ends and "
                                     "can't be renewed; give a SharedAccessKey instead");
                return false;
        }
        if (!key_values_has(pieces, KEY)) {
                explain_missing(pieces, KEY, reason);
                return false;
        }
        if (!device_key_is_valid(pieces->values[KEY])) {
                reason_set(reason, "SharedAccessKey is not valid base64: copy it whole, with the "
                                   "'=' signs at its end");
                return false;
        }
        return true;
}

static bool check_host(const struct key_values *pieces, enum key key, struct reason *reason)
{
        struct endpoint endpoint;

        if (!pieces->values[key] || endpoint_parse(pieces->values[key], 0, &endpoint, reason))
                return true;
        reason_prefix(reason, "%s", key_names[key]);
        return false;
}

static bool check_id(const struct key_values *pieces, enum key key, struct reason *reason)
{
        if (!pieces->values[key] || device_id_is_valid(pieces->values[key], reason))
                return true;
        reason_prefix(reason, "%s", key_names[key]);
        return false;
}

static bool check_key_name(const struct key_values *pieces, struct reason *reason)
{
        static const char allowed[] =
                "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-@.";
        const char *name = pieces->values[KEY_NAME];

        if (!name || (name[0] != '\0' && strspn(name, allowed) == strlen(name)))
                return true;
        reason_set(reason, "SharedAccessKeyName may hold letters, digits, '_', '-', '@' and '.' "
                           "only, and must not be empty");
        return false;
}

static bool check(const struct key_values *pieces, struct reason *reason)
{
        if (!key_values_has(pieces, HOST_NAME)) {
                explain_missing(pieces, HOST_NAME, reason);
                return false;
        }
        if (!check_host(pieces, HOST_NAME, reason) ||
            !check_host(pieces, GATEWAY_HOST_NAME, reason) ||
            !check_id(pieces, DEVICE_ID, reason) || !check_id(pieces, MODULE_ID, reason) ||
            !check_key_name(pieces, reason) || !check_credential(pieces, reason))
                return false;
        if (pieces->values[DEVICE_ID] || pieces->values[KEY_NAME])
                return true;
        explain_missing(pieces, DEVICE_ID, reason);
        reason_prefix(reason, "it names neither a device nor a policy (SharedAccessKeyName)");
        return false;
}

bool connection_string_parse(const char *text, struct connection_string *parsed,
                             struct reason *reason)
{
        CLEANUP(key_values_deinit)
        struct key_values pieces = {.names = key_names, .count = KEY_COUNT};

        *parsed = CONNECTION_STRING_INIT;
        if (!key_values_read(&pieces, text, reason) || !check(&pieces, reason))
                return false;
        parsed->host_name = key_values_take(&pieces, HOST_NAME);
        parsed->gateway_host_name = key_values_take(&pieces, GATEWAY_HOST_NAME);
        parsed->device_id = key_values_take(&pieces, DEVICE_ID);
        parsed->module_id = key_values_take(&pieces, MODULE_ID);
        parsed->shared_access_key_name = key_values_take(&pieces, KEY_NAME);
        parsed->shared_access_key = key_values_take(&pieces, KEY);
        return true;
}
