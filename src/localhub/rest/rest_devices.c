// SPDX-License-Identifier: MIT
/* The service's REST API: the registry of devices. */
#include <string.h>

#include "base/json/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "localhub/rest/rest_call.h"

/* --- documents ------------------------------------------------------------------------------- */

void rest_add_device_state(struct json_object *object, struct service_call *call,
                           const struct registry_device *device)
{
        struct json_object *capabilities = json_object_new_object();

        service_add_device(object, device);
        json_add_bool(capabilities, "iotEdge", device->edge);
        json_object_object_add(object, "capabilities", capabilities);
        rest_add_time(object, "lastActivityTime", device->last_activity_ms);
        json_add_int(object, "cloudToDeviceMessageCount",
                     (int64_t)command_queue_list(local_hub_commands(call->hub), device->hub,
                                                 device->id, NULL, 0));
}

static void add_text_or_null(struct json_object *object, const char *name, const char *text)
{
        json_object_object_add(object, name, text[0] ? json_object_new_string(text) : NULL);
}

void rest_add_thumbprints(struct json_object *object, const struct registry_device *device)
{
        struct json_object *thumbprints = json_object_new_object();

        add_text_or_null(thumbprints, "primaryThumbprint", device->thumbprints[0]);
        add_text_or_null(thumbprints, "secondaryThumbprint", device->thumbprints[1]);
        json_object_object_add(object, "x509Thumbprint", thumbprints);
}

struct json_object *rest_authentication(const struct registry_device *device)
{
        struct json_object *authentication = json_object_new_object();
        struct json_object *key = json_object_new_object();
        bool has_keys = device->authentication == REGISTRY_SAS;

        add_text_or_null(key, "primaryKey", has_keys ? device->primary_key : "");
        add_text_or_null(key, "secondaryKey", has_keys ? device->secondary_key : "");
        json_object_object_add(authentication, "symmetricKey", key);
        rest_add_thumbprints(authentication, device);
        json_add_text(authentication, "type",
                      registry_authentication_names[device->authentication]);
        return authentication;
}

/* Where in a hierarchy of edge devices it stands. */
static void add_scopes(struct json_object *document, const struct registry_device *device)
{
        struct json_object *parents;

        if (device->scope[0])
                json_add_text(document, "deviceScope", device->scope);
        if (!device->parent_scope[0])
                return;
        parents = json_object_new_array();
        json_object_array_add(parents, json_object_new_string(device->parent_scope));
        json_object_object_add(document, "parentScopes", parents);
}

struct json_object *rest_device_document(struct service_call *call,
                                         const struct registry_device *device)
{
        struct json_object *document = json_object_new_object();

        rest_add_device_state(document, call, device);
        json_object_object_add(document, "statusReason", json_object_new_string(""));
        rest_add_time(document, "connectionStateUpdatedTime", device->connection_updated_ms);
        rest_add_time(document, "statusUpdatedTime", device->status_updated_ms);
        json_object_object_add(document, "authentication", rest_authentication(device));
        add_scopes(document, device);
        return document;
}

static void answer_device(struct service_call *call, const struct registry_device *device)
{
        rest_answer_device(call, device, rest_device_document(call, device));
}

/* --- one device ------------------------------------------------------------------------------ */

/* What settings point to. */
struct said {
        enum registry_authentication authentication;
        bool enabled;
        bool edge;
};

static const char *first_text(struct json_object *list)
{
        struct json_object *first = json_object_is_type(list, json_type_array)
                                            ? json_object_array_get_idx(list, 0)
                                            : NULL;

        return json_object_is_type(first, json_type_string) ? json_object_get_string(first) : NULL;
}

/* True if it is that of an edge device of the hub, or empty. */
static bool is_scope(struct service_call *call, const char *scope)
{
        static const char prefix[] = "ms-azure-iot-edge://";
        CLEANUP(mem_cleanup) char *id = NULL;
        struct registry_device edge;
        const char *last;

        if (!scope || scope[0] == '\0')
                return true;
        last = strrchr(scope, '-');
        if (strncmp(scope, prefix, strlen(prefix)) != 0 || last < scope + strlen(prefix))
                return false;
        id = mem_text_n(scope + strlen(prefix), (size_t)(last - scope) - strlen(prefix));
        return registry_device_get(call->registry, call->hub_index, id, &edge) && edge.edge &&
               strcmp(edge.scope, scope) == 0;
}

/* The settings in a device document; false with the reason. */
static bool read_settings(struct json_object *document, struct registry_device_settings *settings,
                          struct said *said, struct reason *reason)
{
        struct json_object *how = json_object_member(document, "authentication");
        struct json_object *key = json_object_member(how, "symmetricKey");
        struct json_object *edge =
                json_member(json_object_member(document, "capabilities"), "iotEdge");
        const char *status = json_text_member(document, "status");
        const char *type = json_text_member(how, "type");
        struct json_object *thumbprints = json_object_member(how, "x509Thumbprint");

        settings->thumbprints[0] = json_text_member(thumbprints, "primaryThumbprint");
        settings->thumbprints[1] = json_text_member(thumbprints, "secondaryThumbprint");
        if (!type && (settings->thumbprints[0] || settings->thumbprints[1]))
                type = "selfSigned";
        if (type && !service_read_authentication(type, &said->authentication)) {
                reason_set(reason, "'type' must be 'sas', 'selfSigned' or 'certificateAuthority'");
                return false;
        }
        settings->authentication = type ? &said->authentication : NULL;
        settings->primary_key = json_text_member(key, "primaryKey");
        settings->secondary_key = json_text_member(key, "secondaryKey");
        said->edge = json_object_get_boolean(edge);
        settings->edge = edge ? &said->edge : NULL;
        settings->scope = json_text_member(document, "deviceScope");
        settings->parent_scope = first_text(json_member(document, "parentScopes"));
        settings->enabled = status ? &said->enabled : NULL;
        if (!status || service_read_status(status, &said->enabled))
                return true;
        reason_set(reason, "'status' must be 'enabled' or 'disabled'");
        return false;
}

int rest_put_device(struct service_call *call, const char *id, struct json_object *document,
                    enum registry_put how, struct reason *reason)
{
        struct registry_device_settings settings = {.primary_key = NULL};
        struct said said = {.enabled = true};

        if (!read_settings(document, &settings, &said, reason))
                return REST_ARGUMENT_INVALID;
        if (!is_scope(call, settings.scope) || !is_scope(call, settings.parent_scope)) {
                reason_set(reason, "'deviceScope' and 'parentScopes' must be edge devices' own");
                return REST_ARGUMENT_INVALID;
        }
        switch (registry_device_put(call->registry, call->hub_index, id, how, &settings, NULL,
                                    reason)) {
        case 0:
                return 0;
        case REGISTRY_E_EXISTS:
                return REST_DEVICE_EXISTS;
        case REGISTRY_E_NOT_FOUND:
                return REST_DEVICE_NOT_FOUND;
        default:
                return REST_ARGUMENT_INVALID;
        }
}

static void put_and_answer(struct service_call *call, enum registry_put how)
{
        struct registry_device device;
        struct reason reason = REASON_INIT;
        int error = rest_put_device(call, call->arguments[0], call->body, how, &reason);

        if (error)
                rest_fail(call->exchange, (enum rest_error)error, "%s", reason.text);
        else if (rest_find_device(call, &device))
                answer_device(call, &device);
}

/* `deviceId` and `moduleId` of the body are what the path says, or absent. */
static bool has_same_id(const struct service_call *call)
{
        const char *slash = strchr(call->arguments[0], '/');
        const char *device = json_text_member(call->body, "deviceId");
        const char *module = json_text_member(call->body, "moduleId");
        size_t size = slash ? (size_t)(slash - call->arguments[0]) : strlen(call->arguments[0]);

        return (!device ||
                (strlen(device) == size && strncmp(device, call->arguments[0], size) == 0)) &&
               (!slash || !module || strcmp(module, slash + 1) == 0);
}

/* Without If-Match it creates, with it it changes. */
void rest_device_put(struct service_call *call)
{
        struct registry_device device;
        bool has_match = http_exchange_header(call->exchange, "If-Match") != NULL;

        if (!has_same_id(call))
                rest_fail(call->exchange, REST_ARGUMENT_INVALID,
                          "the id in the body differs from the path's");
        else if (!has_match)
                put_and_answer(call, REGISTRY_CREATE);
        else if (rest_find_device(call, &device) && rest_match(call, device.etag, NULL))
                put_and_answer(call, REGISTRY_UPDATE);
}

void rest_device_get(struct service_call *call)
{
        struct registry_device device;

        if (rest_find_device(call, &device))
                answer_device(call, &device);
}

void rest_device_delete(struct service_call *call)
{
        struct registry_device device;
        bool has_match;

        if (!rest_find_device(call, &device) || !rest_match(call, device.etag, &has_match))
                return;
        if (!has_match) {
                rest_fail(call->exchange, REST_ARGUMENT_INVALID, "If-Match is missing");
                return;
        }
        registry_device_remove(call->registry, call->hub_index, device.id);
        http_exchange_answer(call->exchange, 204, NULL, NULL);
}

/* --- many devices ---------------------------------------------------------------------------- */

void rest_device_list(struct service_call *call)
{
        struct json_object *list = json_object_new_array();
        struct registry_device device;
        int64_t limit = rest_read_top(call, REST_PAGE);
        uint64_t cursor = 0;

        while (limit-- > 0 &&
               registry_device_next(call->registry, call->hub_index, &cursor, &device))
                json_object_array_add(list, rest_device_document(call, &device));
        rest_answer(call->exchange, 200, list);
}

void rest_module_list(struct service_call *call)
{
        struct json_object *list;
        struct registry_device device;
        struct registry_device module;
        uint64_t cursor = 0;

        if (!rest_find_device(call, &device))
                return;
        list = json_object_new_array();
        while (registry_module_next(call->registry, call->hub_index, device.id, &cursor, &module))
                json_object_array_add(list, rest_device_document(call, &module));
        rest_answer(call->exchange, 200, list);
}

/* --- the rest -------------------------------------------------------------------------------- */

void rest_command_purge(struct service_call *call)
{
        struct registry_device device;
        struct json_object *answer;

        if (!rest_find_device(call, &device))
                return;
        answer = json_object_new_object();
        json_add_text(answer, "deviceId", device.id);
        json_object_object_add(answer, "moduleId", NULL);
        json_add_int(answer, "totalMessagesPurged",
                     (int64_t)command_queue_purge(local_hub_commands(call->hub), call->hub_index,
                                                  device.id));
        rest_answer(call->exchange, 200, answer);
}

void rest_statistics(struct service_call *call)
{
        struct json_object *answer = json_object_new_object();
        struct registry_device device;
        int64_t enabled = 0;
        int64_t total = 0;
        uint64_t cursor = 0;

        for (; registry_device_next(call->registry, call->hub_index, &cursor, &device); total++)
                enabled += device.enabled;
        json_add_int(answer, "totalDeviceCount", total);
        json_add_int(answer, "enabledDeviceCount", enabled);
        json_add_int(answer, "disabledDeviceCount", total - enabled);
        rest_answer(call->exchange, 200, answer);
}
