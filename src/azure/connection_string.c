// SPDX-License-Identifier: MIT
#include "azure/connection_string.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "azure/device_id.h"
#include "azure/device_key.h"
#include "azure/endpoint.h"
#include "base/mem.h"
#include "base/text.h"

#define BLANKS "\t\n\r "

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

/* The values found, copies; and the first key that is none of ours. */
struct pieces {
        char *values[KEY_COUNT];
        char unknown[33];
};

static void wipe_text(char **text)
{
        if (*text)
                mem_wipe(*text, strlen(*text));
        free(*text);
        *text = NULL;
}

static void pieces_deinit(struct pieces *pieces)
{
        for (size_t i = 0; i < KEY_COUNT; i++)
                wipe_text(&pieces->values[i]);
}

void connection_string_deinit(struct connection_string *parsed)
{
        wipe_text(&parsed->host_name);
        wipe_text(&parsed->gateway_host_name);
        wipe_text(&parsed->device_id);
        wipe_text(&parsed->module_id);
        wipe_text(&parsed->shared_access_key_name);
        wipe_text(&parsed->shared_access_key);
}

static void trim(const char **text, size_t *size)
{
        while (*size > 0 && strchr(BLANKS, (*text)[0])) {
                (*text)++;
                (*size)--;
        }
        while (*size > 0 && strchr(BLANKS, (*text)[*size - 1]))
                (*size)--;
}

static enum key find_key(const char *name, size_t size)
{
        for (size_t i = 0; i < KEY_COUNT; i++) {
                if (strlen(key_names[i]) == size && strncasecmp(key_names[i], name, size) == 0)
                        return (enum key)i;
        }
        return KEY_COUNT;
}

/* Kept for the message only if it can't be a part of a secret that lost its name. */
static void note_unknown(struct pieces *pieces, const char *name, size_t size)
{
        static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

        if (pieces->unknown[0] != '\0' || size == 0 || size >= sizeof(pieces->unknown) ||
            strspn(name, letters) < size)
                return;
        memcpy(pieces->unknown, name, size);
        pieces->unknown[size] = '\0';
}

/* One `key=value`. */
static bool take_piece(struct pieces *pieces, const char *piece, size_t size, struct reason *reason)
{
        const char *equals = memchr(piece, '=', size);
        size_t name_size = equals ? (size_t)(equals - piece) : 0;
        const char *value = equals ? equals + 1 : NULL;
        size_t value_size = equals ? size - name_size - 1 : 0;
        enum key key;

        if (!equals) {
                reason_set(reason, "it has no '='; a connection string is made of Key=Value pieces "
                                   "with ';' between them");
                return false;
        }
        trim(&piece, &name_size);
        trim(&value, &value_size);
        key = find_key(piece, name_size);
        if (key == KEY_COUNT) {
                note_unknown(pieces, piece, name_size);
                return true;
        }
        if (pieces->values[key]) {
                reason_set(reason, "%s comes a second time", key_names[key]);
                return false;
        }
        pieces->values[key] = mem_text_n(value, value_size);
        return true;
}

static bool split(struct pieces *pieces, const char *text, struct reason *reason)
{
        int number = 0;

        for (const char *at = text; at;) {
                const char *end = strchr(at, ';');
                const char *piece = at;
                size_t size = end ? (size_t)(end - at) : strlen(at);

                number++;
                trim(&piece, &size);
                if (size > 0 && !take_piece(pieces, piece, size, reason)) {
                        reason_prefix(reason, "piece %d of the connection string", number);
                        return false;
                }
                at = end ? end + 1 : NULL;
        }
        return true;
}

static bool has(const struct pieces *pieces, enum key key)
{
        return !text_is_empty(pieces->values[key]);
}

static bool has_certificate(const struct pieces *pieces)
{
        bool x509 = has(pieces, X509) && !text_equal_nocase(pieces->values[X509], "false");

        return x509 ||
               (has(pieces, X509_CERT) && !text_equal_nocase(pieces->values[X509_CERT], "false"));
}

static void explain_missing(const struct pieces *pieces, enum key key, struct reason *reason)
{
        if (key == HOST_NAME && has(pieces, ENDPOINT))
                reason_set(reason, "HostName is missing: this is the connection string of an Event "
                                   "Hubs endpoint; give the IoT hub's own");
        else if (pieces->unknown[0] != '\0')
                reason_set(reason,
                           "%s is missing from the connection string (it has '%s', which is no "
                           "known key)",
                           key_names[key], pieces->unknown);
        else
                reason_set(reason, "%s is %s the connection string", key_names[key],
                           pieces->values[key] ? "empty in" : "missing from");
}

static bool check_credential(const struct pieces *pieces, struct reason *reason)
{
        if (has_certificate(pieces)) {
                reason_set(reason, "it asks for an X.509 certificate (x509), which devices that "
                                   "share a connection can't use; give a SharedAccessKey instead");
                return false;
        }
        if (has(pieces, SIGNATURE)) {
                reason_set(reason, "%s",
                           has(pieces, KEY) ? "it has both SharedAccessKey and "
                                              "SharedAccessSignature; give the key only"
                                            : "it has a SharedAccessSignature, which ends and "
                                              "can't be renewed; give a SharedAccessKey instead");
                return false;
        }
        if (!has(pieces, KEY)) {
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

static bool check_host(const struct pieces *pieces, enum key key, struct reason *reason)
{
        struct endpoint endpoint;

        if (!pieces->values[key] || endpoint_parse(pieces->values[key], 0, &endpoint, reason))
                return true;
        reason_prefix(reason, "%s", key_names[key]);
        return false;
}

static bool check_id(const struct pieces *pieces, enum key key, struct reason *reason)
{
        if (!pieces->values[key] || device_id_is_valid(pieces->values[key], reason))
                return true;
        reason_prefix(reason, "%s", key_names[key]);
        return false;
}

static bool check_key_name(const struct pieces *pieces, struct reason *reason)
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

static bool check(const struct pieces *pieces, struct reason *reason)
{
        if (!has(pieces, HOST_NAME)) {
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

static char *take(struct pieces *pieces, enum key key)
{
        char *value = pieces->values[key];

        pieces->values[key] = NULL;
        return value;
}

bool connection_string_parse(const char *text, struct connection_string *parsed,
                             struct reason *reason)
{
        CLEANUP(pieces_deinit) struct pieces pieces = {.unknown = ""};

        *parsed = CONNECTION_STRING_INIT;
        if (text_is_empty(text)) {
                reason_set(reason, "the connection string is empty");
                return false;
        }
        if (strlen(text) > CONNECTION_STRING_MAX) {
                reason_set(reason, "the connection string is longer than %d characters",
                           CONNECTION_STRING_MAX);
                return false;
        }
        if (!split(&pieces, text, reason) || !check(&pieces, reason))
                return false;
        parsed->host_name = take(&pieces, HOST_NAME);
        parsed->gateway_host_name = take(&pieces, GATEWAY_HOST_NAME);
        parsed->device_id = take(&pieces, DEVICE_ID);
        parsed->module_id = take(&pieces, MODULE_ID);
        parsed->shared_access_key_name = take(&pieces, KEY_NAME);
        parsed->shared_access_key = take(&pieces, KEY);
        return true;
}
