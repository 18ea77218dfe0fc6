// SPDX-License-Identifier: MIT
/* Control API: devices and their twins. */
#include <inttypes.h>
#include <string.h>

#include "base/json/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "localhub/control/control_call.h"

static struct json_object *device_entry(struct registry *registry,
                                        const struct registry_device *device)
{
        struct json_object *entry = json_object_new_object();

        service_add_device(entry, device);
        control_add_hub(entry, registry, device->hub);
        json_add_text(entry, "modelId", device->model_id);
        control_add_time(entry, "createdTimeUtc", device->created_ms);
        control_add_time(entry, "connectionStateUpdatedTimeUtc", device->connection_updated_ms);
        control_add_time(entry, "lastActivityTimeUtc", device->last_activity_ms);
        return entry;
}

/* --- list ------------------------------------------------------------------------------------ */

/* Where a list goes on: a hub and the registry's cursor in it. */
struct place {
        int hub;
        int last_hub;
        uint64_t cursor;
};

/* `HUB.CURSOR` as control_devices wrote it. */
static bool query_place(struct service_call *call, struct place *place)
{
        const char *text = http_exchange_argument(call->exchange, "continuation");
        const char *dot = text ? strchr(text, '.') : NULL;
        CLEANUP(mem_cleanup) char *hub = dot ? mem_text_n(text, (size_t)(dot - text)) : NULL;
        int64_t index;
        int64_t cursor;

        if (!text)
                return true;
        if (hub && text_to_int64(hub, 0, REGISTRY_HUBS_MAX, &index) &&
            text_to_int64(dot + 1, 0, INT64_MAX, &cursor)) {
                place->hub = (int)index;
                place->cursor = (uint64_t)cursor;
                return true;
        }
        control_fail(call, 400, "BadQuery", "'continuation' is not one that a list gave");
        return false;
}

/* Adds up to `limit` devices; false if that was all. */
static bool add_devices(struct registry *registry, struct place *place, int64_t limit,
                        struct json_object *list)
{
        struct registry_device device;

        while (limit > 0 && place->hub <= place->last_hub) {
                if (registry_device_next(registry, place->hub, &place->cursor, &device)) {
                        json_object_array_add(list, device_entry(registry, &device));
                        limit--;
                } else {
                        place->hub++;
                        place->cursor = 0;
                }
        }
        return place->hub <= place->last_hub;
}

void control_devices(struct service_call *call)
{
        struct registry *registry = call->registry;
        struct json_object *answer;
        struct json_object *list;
        struct place place = {.hub = 0};
        int64_t limit;

        if (!control_query_hub(call) ||
            !control_query_number(call, "limit", CONTROL_LIST_LIMIT, CONTROL_LIST_MAX, &limit))
                return;
        place.hub = call->hub_index < 0 ? 0 : call->hub_index;
        place.last_hub = call->hub_index < 0 ? registry_hub_count(registry) - 1 : call->hub_index;
        if (!query_place(call, &place))
                return;
        answer = json_object_new_object();
        list = json_object_new_array();
        json_object_object_add(answer, "devices", list);
        if (add_devices(registry, &place, limit, list)) {
                CLEANUP(mem_cleanup)
                char *next = mem_format("%d.%" PRIu64, place.hub, place.cursor);

                json_add_text(answer, "continuation", next);
        }
        control_answer(call, 200, answer);
}

/* --- one device ------------------------------------------------------------------------------ */

/* With what only the owner may see. */
static void answer_device(struct service_call *call, int status,
                          const struct registry_device *device)
{
        struct json_object *entry = device_entry(call->registry, device);
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;

        json_add_text(entry, "authentication",
                      registry_authentication_names[device->authentication]);
        if (device->authentication == REGISTRY_SAS) {
                json_add_text(entry, "primaryKey", device->primary_key);
                json_add_text(entry, "secondaryKey", device->secondary_key);
        } else if (device->authentication == REGISTRY_SELF_SIGNED) {
                json_add_text(entry, "primaryThumbprint", device->thumbprints[0]);
                json_add_text(entry, "secondaryThumbprint", device->thumbprints[1]);
        }
        if (registry_device_string(call->registry, device->hub, device->id, &text))
                json_add_text(entry, "connectionString", buf_text(&text));
        control_answer(call, status, entry);
}

void control_device_get(struct service_call *call)
{
        struct registry_device device;

        if (!control_find_device(call))
                return;
        if (registry_device_get(call->registry, call->hub_index, call->arguments[0], &device))
                answer_device(call, 200, &device);
        else
                control_fail(call, 404, "DeviceNotFound", "the device is gone");
}

/* What settings point to. */
struct said {
        enum registry_authentication authentication;
        bool enabled;
};

static bool read_authentication(struct service_call *call,
                                struct registry_device_settings *settings, struct said *said)
{
        const char *text = NULL;

        if (!control_body_text(call, "authentication", &text))
                return false;
        if (!text)
                return true;
        settings->authentication = &said->authentication;
        if (service_read_authentication(text, &said->authentication))
                return true;
        control_fail(call, 400, "BadBody",
                     "'authentication' must be 'sas', 'selfSigned' or 'certificateAuthority'");
        return false;
}

static bool read_settings(struct service_call *call, struct registry_device_settings *settings,
                          struct said *said)
{
        static const char *const names[] = {
                "primaryKey",          "secondaryKey", "authentication", "primaryThumbprint",
                "secondaryThumbprint", "modelId",      "status",         NULL,
        };

        if (json_member(call->body, "status"))
                settings->enabled = &said->enabled;
        return control_body_only(call, names) &&
               control_body_text(call, "primaryKey", &settings->primary_key) &&
               control_body_text(call, "secondaryKey", &settings->secondary_key) &&
               control_body_text(call, "primaryThumbprint", &settings->thumbprints[0]) &&
               control_body_text(call, "secondaryThumbprint", &settings->thumbprints[1]) &&
               control_body_text(call, "modelId", &settings->model_id) &&
               read_authentication(call, settings, said) &&
               control_body_status(call, &said->enabled);
}

void control_device_put(struct service_call *call)
{
        struct registry_device_settings settings = {.primary_key = NULL};
        struct registry_device device;
        struct reason reason = REASON_INIT;
        struct said said = {.enabled = true};
        bool exists;

        if (!control_query_hub(call))
                return;
        exists = control_choose_hub(call);
        if (!read_settings(call, &settings, &said))
                return;
        if (registry_device_put(call->registry, call->hub_index, call->arguments[0],
                                REGISTRY_UPSERT, &settings, &device, &reason) == 0)
                answer_device(call, exists ? 200 : 201, &device);
        else
                control_fail(call, 400, "BadDevice", "%s", reason.text);
}

void control_device_delete(struct service_call *call)
{
        if (!control_find_device(call))
                return;
        registry_device_remove(call->registry, call->hub_index, call->arguments[0]);
        http_exchange_answer(call->exchange, 204, NULL, NULL);
}

/* --- twins ----------------------------------------------------------------------------------- */

static const struct {
        const char *name;
        enum registry_section section;
        bool writable;
} sections[] = {
        {"desired", REGISTRY_DESIRED, true},
        {"reported", REGISTRY_REPORTED, false},
        {"tags", REGISTRY_TAGS, true},
};

/* What of the reported properties the device's model does not have. */
static void add_warnings(struct service_call *call, struct json_object *twin)
{
        const struct models *models = control_of(call)->models;
        struct json_object *warnings;
        struct registry_device device;

        if (!models ||
            !registry_device_get(call->registry, call->hub_index, call->arguments[0], &device))
                return;
        warnings = json_object_new_array();
        models_check_reported(models, device.model_id, json_member(twin, "reported"), warnings);
        if (json_object_array_length(warnings) > 0)
                json_object_object_add(twin, "warnings", warnings);
        else
                json_object_put(warnings);
}

static void answer_twin(struct service_call *call)
{
        struct json_object *twin = json_object_new_object();

        json_add_text(twin, "deviceId", call->arguments[0]);
        control_add_hub(twin, call->registry, call->hub_index);
        for (size_t i = 0; i < ARRAY_SIZE(sections); i++) {
                json_object_object_add(
                        twin, sections[i].name,
                        service_twin_section(call, call->arguments[0], sections[i].section));
        }
        add_warnings(call, twin);
        control_answer(call, 200, twin);
}

void control_twin_get(struct service_call *call)
{
        if (control_find_device(call))
                answer_twin(call);
}

/* PUT replaces, PATCH merges. */
void control_twin_write(struct service_call *call)
{
        bool replace = strcmp(http_exchange_method(call->exchange), "PUT") == 0;
        const char *name = call->arguments[1];
        struct reason reason = REASON_INIT;
        size_t i = 0;

        while (i < ARRAY_SIZE(sections) && strcmp(sections[i].name, name) != 0)
                i++;
        if (i == ARRAY_SIZE(sections) || !sections[i].writable) {
                control_fail(call, 404, "NotFound", "only 'desired' and 'tags' can be written");
                return;
        }
        if (!json_object_is_type(call->body, json_type_object)) {
                control_fail(call, 400, "BadBody", "the body must be a JSON object");
                return;
        }
        if (!control_find_device(call))
                return;
        if (registry_twin_patch(call->registry, call->hub_index, call->arguments[0],
                                sections[i].section, call->body, replace, NULL, &reason) == 0)
                answer_twin(call);
        else
                control_fail(call, 400, "BadTwin", "%s", reason.text);
}
