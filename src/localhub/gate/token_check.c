// SPDX-License-Identifier: MIT
#include "localhub/gate/token_check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/crypto.h"
#include "base/mem.h"
#include "base/text.h"

#define PREFIX "SharedAccessSignature "

/* --- taking it apart ------------------------------------------------------------------------- */

/* A piece of the token's text. */
struct piece {
        const char *text; /* NULL = absent */
        size_t size;
};

enum field {
        FIELD_SR,
        FIELD_SIG,
        FIELD_SE,
        FIELD_SKN,
        FIELD_COUNT
};

static const char *const field_names[FIELD_COUNT] = {"sr", "sig", "se", "skn"};

void token_deinit(struct token *token)
{
        free(token->signed_text);
        free(token->resource);
        free(token->key_name);
        *token = (struct token){.signed_text = NULL};
}

/* Unknown fields are passed over, a doubled one is refused: which of the two would count? */
static bool take_field(struct piece fields[FIELD_COUNT], const char *text, size_t size,
                       struct reason *reason)
{
        const char *equals = memchr(text, '=', size);
        size_t name_size = equals ? (size_t)(equals - text) : size;

        for (size_t i = 0; equals && i < FIELD_COUNT; i++) {
                if (strlen(field_names[i]) != name_size ||
                    memcmp(field_names[i], text, name_size) != 0)
                        continue;
                if (fields[i].text) {
                        reason_set(reason, "the token has the field '%s' twice", field_names[i]);
                        return false;
                }
                fields[i] = (struct piece){.text = equals + 1, .size = size - name_size - 1};
        }
        return true;
}

static bool take_fields(struct piece fields[FIELD_COUNT], const char *text, size_t size,
                        struct reason *reason)
{
        const char *end = text + size;

        while (text < end) {
                const char *next = memchr(text, '&', (size_t)(end - text));

                if (!take_field(fields, text, (size_t)((next ? next : end) - text), reason))
                        return false;
                text = next ? next + 1 : end;
        }
        for (size_t i = 0; i < FIELD_COUNT; i++) {
                if (i != FIELD_SKN && fields[i].size == 0) {
                        reason_set(reason, "the token has no field '%s'", field_names[i]);
                        return false;
                }
        }
        return true;
}

/* Never shortened: a zero byte hidden in an escape ends the comparison text, so it is refused. */
static char *decode(const struct piece *piece)
{
        struct buf text = BUF_INIT;

        text_url_unescape(&text, piece->text, piece->size);
        if (memchr(buf_text(&text), '\0', text.size)) {
                buf_deinit(&text);
                return NULL;
        }
        buf_reserve(&text, 1);
        return buf_take(&text);
}

static bool take_signature(const struct piece *piece, struct token *token)
{
        CLEANUP(buf_deinit) struct buf base64 = BUF_INIT;
        CLEANUP(buf_deinit) struct buf bytes = BUF_INIT;

        /* A bare '+' is a space to the decoder of the real service. */
        if (memchr(piece->text, '+', piece->size))
                return false;
        text_url_unescape(&base64, piece->text, piece->size);
        if (!crypto_base64_decode(&bytes, base64.data, base64.size) ||
            bytes.size != sizeof(token->signature))
                return false;
        memcpy(token->signature, bytes.data, bytes.size);
        return true;
}

static bool take_expiry(const struct piece *piece, struct token *token)
{
        char digits[16];

        if (piece->size >= sizeof(digits))
                return false;
        memcpy(digits, piece->text, piece->size);
        digits[piece->size] = '\0';
        return text_to_int64(digits, 0, INT64_C(1) << 40, &token->expires_s);
}

static int fill(struct token *token, const struct piece fields[FIELD_COUNT], struct reason *reason)
{
        static const struct piece empty = {.text = "", .size = 0};
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;

        token->resource = decode(&fields[FIELD_SR]);
        token->key_name = decode(fields[FIELD_SKN].text ? &fields[FIELD_SKN] : &empty);
        if (!token->resource || !token->key_name) {
                reason_set(reason, "the token has a zero byte in a text");
                return -EINVAL;
        }
        if (!take_signature(&fields[FIELD_SIG], token)) {
                reason_set(reason, "the token's signature must be URL-encoded base64 of 32 bytes");
                return -EINVAL;
        }
        if (!take_expiry(&fields[FIELD_SE], token)) {
                reason_set(reason, "the token's expiry must be a number of seconds since 1970");
                return -EINVAL;
        }
        buf_add(&text, fields[FIELD_SR].text, fields[FIELD_SR].size);
        buf_add_char(&text, '\n');
        buf_add(&text, fields[FIELD_SE].text, fields[FIELD_SE].size);
        token->signed_text = buf_take(&text);
        return 0;
}

int token_parse(const char *text, size_t size, struct token *token, struct reason *reason)
{
        struct piece fields[FIELD_COUNT] = {{.text = NULL}};
        size_t prefix = strlen(PREFIX);

        *token = (struct token){.signed_text = NULL};
        if (size > TOKEN_SIZE_MAX) {
                reason_set(reason, "the token is longer than %d bytes", TOKEN_SIZE_MAX);
                return -EINVAL;
        }
        if (size < prefix || memcmp(text, PREFIX, prefix) != 0 || memchr(text, '\0', size)) {
                reason_set(reason, "the token does not begin with '" PREFIX "'");
                return -EINVAL;
        }
        if (!take_fields(fields, text + prefix, size - prefix, reason))
                return -EINVAL;
        if (fill(token, fields, reason) == 0)
                return 0;
        token_deinit(token);
        return -EINVAL;
}

/* --- judging --------------------------------------------------------------------------------- */

static bool is_signed_with(const struct token *token, const void *key, size_t size)
{
        uint8_t mac[CRYPTO_SHA256_SIZE];
        bool same;

        crypto_hmac_sha256(key, size, token->signed_text, strlen(token->signed_text), mac);
        same = crypto_equal(mac, sizeof(mac), token->signature, sizeof(token->signature));
        mem_wipe(mac, sizeof(mac));
        return same;
}

bool token_is_signed_by(const struct token *token, const char *key)
{
        CLEANUP(buf_wipe) struct buf bytes = BUF_INIT;

        return crypto_base64_decode(&bytes, key, strlen(key)) && bytes.size > 0 &&
               is_signed_with(token, bytes.data, bytes.size);
}

bool token_covers(const char *resource, const char *path)
{
        size_t size = strlen(resource);

        while (size > 0 && resource[size - 1] == '/')
                size--;
        return size > 0 && strncmp(resource, path, size) == 0 &&
               (path[size] == '\0' || path[size] == '/');
}

/* Where in a hub a resource lies. */
struct place {
        bool is_hub;    /* all of it, or all devices */
        bool is_events; /* only its telemetry */
        char device_id[REGISTRY_IDENTITY_SIZE];
};

/* `sb://` and its like, which stand before the built-in Event Hubs endpoint's resources. */
static const char *skip_scheme(const char *resource)
{
        static const char *const schemes[] = {"sb://", "amqps://", "amqp://"};

        for (size_t i = 0; i < ARRAY_SIZE(schemes); i++) {
                if (strncasecmp(resource, schemes[i], strlen(schemes[i])) == 0)
                        return resource + strlen(schemes[i]);
        }
        return NULL;
}

/* Of the built-in Event Hubs endpoint: `host`, `host/HUB` or what lies below. */
static bool find_events(struct registry *registry, int hub, const char *resource,
                        struct place *place, struct reason *reason)
{
        size_t host_size = strcspn(resource, "/");
        const char *entity = resource + host_size + strspn(resource + host_size, "/");
        CLEANUP(mem_cleanup) char *name = mem_text_n(entity, strcspn(entity, "/"));

        *place = (struct place){.is_hub = true, .is_events = true};
        if (registry_hub_is_called(registry, hub, resource, host_size) &&
            (name[0] == '\0' || name[0] == '$' || registry_hub_find(registry, name) == hub))
                return true;
        reason_set(reason, "the token is for 'sb://%.255s', which is not of this hub", resource);
        return false;
}

/*
 * `host`, `host/devices`, `host/devices/ID` or `host/devices/ID/modules/ID`. .NET escapes the id,
 * then the whole once more; an id that is unknown as it stands is therefore decoded again.
 */
static bool find_place(struct registry *registry, int hub, const char *resource,
                       struct place *place, struct reason *reason)
{
        size_t size = strlen(resource);
        const char *slash = strchr(resource, '/');
        size_t host_size = slash ? (size_t)(slash - resource) : size;
        const char *events = skip_scheme(resource);
        const char *id;
        const char *module;
        size_t device_size;

        if (events)
                return find_events(registry, hub, events, place, reason);
        *place = (struct place){.is_hub = true};
        if (!registry_hub_is_called(registry, hub, resource, host_size)) {
                reason_set(reason, "the token is for '%.*s', which is not this hub",
                           host_size > 255 ? 255 : (int)host_size, resource);
                return false;
        }
        if (!slash || strcmp(slash, "/") == 0 || strcmp(slash, "/devices") == 0 ||
            strcmp(slash, "/devices/") == 0)
                return true;
        id = strncmp(slash, "/devices/", strlen("/devices/")) == 0 ? slash + strlen("/devices/")
                                                                   : NULL;
        module = id ? strchr(id, '/') : NULL;
        device_size = module ? (size_t)(module - id) : id ? strlen(id) : 0;
        if (module)
                module = strncmp(module, "/modules/", strlen("/modules/")) == 0
                                 ? module + strlen("/modules")
                                 : "//";
        if (!id || device_size >= REGISTRY_ID_SIZE ||
            (module && (strlen(module) > REGISTRY_ID_SIZE || strchr(module + 1, '/')))) {
                reason_set(reason, "the token is for '%.255s', which is no device of this hub",
                           resource);
                return false;
        }
        place->is_hub = false;
        snprintf(place->device_id, sizeof(place->device_id), "%.*s%s", (int)device_size, id,
                 module ? module : "");
        return true;
}

static bool find_device(struct registry *registry, int hub, struct place *place,
                        struct registry_device *device)
{
        CLEANUP(buf_deinit) struct buf decoded = BUF_INIT;

        if (registry_device_get(registry, hub, place->device_id, device))
                return true;
        text_url_unescape(&decoded, place->device_id, strlen(place->device_id));
        if (!registry_device_get(registry, hub, buf_text(&decoded), device))
                return false;
        memcpy(place->device_id, device->id, sizeof(place->device_id));
        return true;
}

/* Event Hubs signs with the text of a key, IoT Hub with the bytes that it stands for. */
static bool is_signed_for(const struct place *place, const struct token *token, const char *key)
{
        return place->is_events ? is_signed_with(token, key, strlen(key))
                                : token_is_signed_by(token, key);
}

static int check_policy(struct registry *registry, int hub, const struct token *token,
                        const struct place *place, struct token_grant *grant, struct reason *reason)
{
        struct registry_policy policy;
        bool good = registry_policy_get(registry, hub, token->key_name, &policy);

        if (!good) {
                reason_set(reason, "there is no policy '%.128s'", token->key_name);
                return TOKEN_E_UNAUTHORIZED;
        }
        good = is_signed_for(place, token, policy.primary_key) ||
               is_signed_for(place, token, policy.secondary_key);
        grant->rights = policy.rights;
        if (!place->is_hub)
                grant->rights &= REGISTRY_RIGHT_DEVICE;
        if (place->is_events)
                grant->rights &= REGISTRY_RIGHT_SERVICE;
        memcpy(grant->key_name, policy.name, sizeof(grant->key_name));
        mem_wipe(&policy, sizeof(policy));
        if (!good)
                reason_set(reason, "the token is not signed with a key of policy '%s'",
                           grant->key_name);
        else if (place->is_events && grant->rights == 0)
                reason_set(reason, "the policy '%s' does not have the right ServiceConnect",
                           grant->key_name);
        else
                return 0;
        return TOKEN_E_UNAUTHORIZED;
}

static int check_device(const struct token *token, const struct registry_device *device,
                        struct token_grant *grant, struct reason *reason)
{
        if (device->authentication != REGISTRY_SAS) {
                reason_set(reason, "device '%s' has certificates, not keys", device->id);
                return TOKEN_E_UNAUTHORIZED;
        }
        if (!token_is_signed_by(token, device->primary_key) &&
            !token_is_signed_by(token, device->secondary_key)) {
                reason_set(reason, "the token is not signed with a key of device '%s'", device->id);
                return TOKEN_E_UNAUTHORIZED;
        }
        grant->rights = REGISTRY_RIGHT_DEVICE;
        return 0;
}

static int check(struct registry *registry, int hub, const struct token *token,
                 struct token_grant *grant, struct reason *reason)
{
        struct registry_device device = {.hub = hub};
        struct place place;
        int r;

        if (!find_place(registry, hub, token->resource, &place, reason))
                return TOKEN_E_UNAUTHORIZED;
        if (place.is_hub && !token->key_name[0]) {
                reason_set(reason, "a token for the whole hub must name a policy (skn)");
                return TOKEN_E_UNAUTHORIZED;
        }
        if (!place.is_hub && !find_device(registry, hub, &place, &device)) {
                reason_set(reason, "device '%s' does not exist", place.device_id);
                return TOKEN_E_NO_DEVICE;
        }
        if (token->key_name[0])
                r = check_policy(registry, hub, token, &place, grant, reason);
        else
                r = check_device(token, &device, grant, reason);
        if (r == 0 && !place.is_hub && !device.enabled) {
                reason_set(reason, "device '%s' is disabled", device.id);
                r = TOKEN_E_UNAUTHORIZED;
        }
        memcpy(grant->device_id, place.device_id, sizeof(grant->device_id));
        mem_wipe(&device, sizeof(device));
        return r;
}

int token_check_hub(struct registry *registry, int hub, const char *text, size_t size,
                    int64_t now_s, struct token_grant *grant, struct reason *reason)
{
        CLEANUP(token_deinit) struct token token = {.signed_text = NULL};
        int r;

        *grant = (struct token_grant){.rights = 0};
        if (token_parse(text, size, &token, reason) < 0)
                return TOKEN_E_UNAUTHORIZED;
        grant->expires_s =
                token.expires_s > now_s ? token.expires_s : token.expires_s + TOKEN_CLOCK_SKEW_S;
        if (grant->expires_s <= now_s) {
                reason_set(reason, "the token expired %lld seconds ago",
                           (long long)(now_s - token.expires_s));
                return TOKEN_E_UNAUTHORIZED;
        }
        r = check(registry, hub, &token, grant, reason);
        if (r != 0)
                grant->rights = 0;
        return r;
}

int token_check_any_hub(struct registry *registry, const char *text, int64_t now_s,
                        struct token_grant *grant, struct reason *reason)
{
        int result = TOKEN_E_UNAUTHORIZED;

        for (int i = 0; i < registry_hub_count(registry); i++) {
                struct registry_hub hub;
                int r;

                if (!registry_hub_get(registry, i, &hub) || !hub.active)
                        continue;
                r = token_check_hub(registry, i, text, strlen(text), now_s, grant, reason);
                grant->hub = i;
                if (r == 0)
                        return 0;
                if (r == TOKEN_E_NO_DEVICE)
                        result = r;
        }
        return result;
}
