// SPDX-License-Identifier: MIT
/* Control API: devices and their twins. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "localhub/control/control_call.h"

#define PAGE       100
#define TWIN_DEPTH 32

static struct json_object *device_entry(struct registry *registry,
                                        const struct registry_device *device)
{
        struct json_object *entry = json_object_new_object();

        control_add_text(entry, "deviceId", device->id);
        control_add_hub(entry, registry, device->hub);
        control_add_text(entry, "status", device->enabled ? "enabled" : "disabled");
        control_add_text(entry, "connectionState",
                         device->connected ? "Connected" : "Disconnected");
        control_add_text(entry, "modelId", device->model_id);
        control_add_text(entry, "generationId", device->generation_id);
        control_add_text(entry, "etag", device->etag);
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
static bool query_place(struct control_call *call, struct place *place)
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
static bool add_devices(struct registry *registry, struct place *place, size_t limit,
                        struct json_object *list)
{
        struct registry_device *page = mem_new(PAGE, sizeof(*page));

        while (limit > 0 && place->hub <= place->last_hub) {
                size_t wanted = limit < PAGE ? limit : PAGE;
                size_t got =
                        registry_device_list(registry, place->hub, &place->cursor, page, wanted);

                for (size_t i = 0; i < got; i++)
                        json_object_array_add(list, device_entry(registry, &page[i]));
                limit -= got;
                if (got == 0) {
                        place->hub++;
                        place->cursor = 0;
                }
        }
        free(page);
        return place->hub <= place->last_hub;
}

void control_devices(struct control_call *call)
{
        struct registry *registry = local_hub_registry(call->api->hub);
        struct json_object *answer;
        struct json_object *list;
        struct place place = {.hub = 0};
        int64_t limit;
        int hub;

        if (!control_query_hub(call, &hub) ||
            !control_query_number(call, "limit", CONTROL_LIST_LIMIT, CONTROL_LIST_MAX, &limit))
                return;
        place.hub = hub < 0 ? 0 : hub;
        place.last_hub = hub < 0 ? registry_hub_count(registry) - 1 : hub;
        if (!query_place(call, &place))
                return;
        answer = json_object_new_object();
        list = json_object_new_array();
        json_object_object_add(answer, "devices", list);
        if (add_devices(registry, &place, (size_t)limit, list)) {
                CLEANUP(mem_cleanup)
                char *next = mem_format("%d.%" PRIu64, place.hub, place.cursor);

                control_add_text(answer, "continuation", next);
        }
        control_answer(call, 200, answer);
}

/* --- one device ------------------------------------------------------------------------------ */

/* With what only the owner may see. */
static void answer_device(struct control_call *call, int status,
                          const struct registry_device *device)
{
        struct registry *registry = local_hub_registry(call->api->hub);
        struct json_object *entry = device_entry(registry, device);
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;

        control_add_text(entry, "primaryKey", device->primary_key);
        control_add_text(entry, "secondaryKey", device->secondary_key);
        if (registry_device_string(registry, device->hub, device->id, &text))
                control_add_text(entry, "connectionString", buf_text(&text));
        control_answer(call, status, entry);
}

void control_device_get(struct control_call *call)
{
        struct registry_device device;
        int hub;

        if (!control_find_device(call, &hub))
                return;
        if (registry_device_get(local_hub_registry(call->api->hub), hub, call->arguments[0],
                                &device))
                answer_device(call, 200, &device);
        else
                control_fail(call, 404, "DeviceNotFound", "the device is gone");
}

static bool read_settings(struct control_call *call, struct registry_device_settings *settings,
                          bool *enabled)
{
        static const char *const names[] = {"primaryKey", "secondaryKey", "modelId", "status",
                                            NULL};
        const char *status = NULL;

        if (!control_body_only(call, names) ||
            !control_body_text(call, "primaryKey", &settings->primary_key) ||
            !control_body_text(call, "secondaryKey", &settings->secondary_key) ||
            !control_body_text(call, "modelId", &settings->model_id) ||
            !control_body_text(call, "status", &status))
                return false;
        if (!status)
                return true;
        *enabled = strcmp(status, "enabled") == 0;
        settings->enabled = enabled;
        if (*enabled || strcmp(status, "disabled") == 0)
                return true;
        control_fail(call, 400, "BadBody", "'status' must be 'enabled' or 'disabled'");
        return false;
}

/* The hub in which the device is or, if it is new, will be. */
static bool find_hub_for(struct control_call *call, int *hub, bool *exists)
{
        struct registry *registry = local_hub_registry(call->api->hub);

        *exists = false;
        if (!control_query_hub(call, hub))
                return false;
        if (*hub >= 0) {
                *exists = registry_device_get(registry, *hub, call->arguments[0], NULL);
                return true;
        }
        for (*hub = 0; *hub < registry_hub_count(registry); (*hub)++) {
                *exists = registry_device_get(registry, *hub, call->arguments[0], NULL);
                if (*exists)
                        return true;
        }
        *hub = 0;
        return true;
}

void control_device_put(struct control_call *call)
{
        struct registry_device_settings settings = {.primary_key = NULL};
        struct registry_device device;
        struct reason reason = REASON_INIT;
        bool enabled = true;
        bool exists;
        int hub;

        if (!find_hub_for(call, &hub, &exists) || !read_settings(call, &settings, &enabled))
                return;
        if (registry_device_put(local_hub_registry(call->api->hub), hub, call->arguments[0],
                                REGISTRY_UPSERT, &settings, &device, &reason) == 0)
                answer_device(call, exists ? 200 : 201, &device);
        else
                control_fail(call, 400, "BadDevice", "%s", reason.text);
}

void control_device_delete(struct control_call *call)
{
        int hub;

        if (!control_find_device(call, &hub))
                return;
        registry_device_remove(local_hub_registry(call->api->hub), hub, call->arguments[0]);
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

static struct json_object *read_section(struct registry *registry, int hub, const char *device,
                                        enum registry_section section)
{
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;
        struct reason ignored = REASON_INIT;

        if (!registry_twin_read(registry, hub, device, section, &text))
                return NULL;
        return json_parse(buf_text(&text), text.size, TWIN_DEPTH, JSON_STRICT, &ignored);
}

static void answer_twin(struct control_call *call, int hub)
{
        struct registry *registry = local_hub_registry(call->api->hub);
        struct json_object *twin = json_object_new_object();

        control_add_text(twin, "deviceId", call->arguments[0]);
        control_add_hub(twin, registry, hub);
        for (size_t i = 0; i < ARRAY_SIZE(sections); i++) {
                json_object_object_add(
                        twin, sections[i].name,
                        read_section(registry, hub, call->arguments[0], sections[i].section));
        }
        control_answer(call, 200, twin);
}

void control_twin_get(struct control_call *call)
{
        int hub;

        if (control_find_device(call, &hub))
                answer_twin(call, hub);
}

static void change_twin(struct control_call *call, bool replace)
{
        const char *name = call->arguments[1];
        struct reason reason = REASON_INIT;
        size_t i = 0;
        int hub;

        while (i < ARRAY_SIZE(sections) && strcmp(sections[i].name, name) != 0)
                i++;
        if (i == ARRAY_SIZE(sections) || !sections[i].writable) {
                control_fail(call, 404, "NotFound", "only 'desired' and 'tags' can be written");
                return;
        }
        if (!call->body) {
                control_fail(call, 400, "BadBody", "the body must be a JSON object");
                return;
        }
        if (!control_find_device(call, &hub))
                return;
        if (registry_twin_patch(local_hub_registry(call->api->hub), hub, call->arguments[0],
                                sections[i].section, call->body, replace, NULL, &reason) == 0)
                answer_twin(call, hub);
        else
                control_fail(call, 400, "BadTwin", "%s", reason.text);
}

void control_twin_put(struct control_call *call)
{
        change_twin(call, true);
}

void control_twin_patch(struct control_call *call)
{
        change_twin(call, false);
}
