// SPDX-License-Identifier: MIT
#include "cli/gateway/device_stored.h"

#include <string.h>

#include "base/json/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "gateway/device/device.h"
#include "gateway/device/device_place.h"
#include "gateway/provision/device_provision.h"

/* --- reading ------------------------------------------------------------------------------- */

static void add(struct json_object *device, const char *name, const char *text, size_t size)
{
        if (size > 0)
                json_object_object_add(device, name, json_object_new_string_len(text, (int)size));
}

/* "network/application/device", each part with its percent escapes. */
static void add_key(struct json_object *device, const char *key)
{
        static const char *const parts[] = {"network", "application", "deviceId"};

        add(device, "device", key, strlen(key));
        for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
                size_t size = strcspn(key, "/");
                CLEANUP(buf_deinit) struct buf part = BUF_INIT;

                text_url_unescape(&part, key, size);
                add(device, parts[i], buf_text(&part), part.size);
                key += size + (key[size] == '/' ? 1 : 0);
        }
}

static bool add_owner(void *context, const struct store_record *record)
{
        CLEANUP(device_owner_deinit) struct device_owner owner;
        struct json_object *device;

        if (!device_owner_read(record, &owner))
                return true;
        device = json_object_new_object();
        add_key(device, owner.device);
        add(device, "hubDeviceId", owner.hub_id, strlen(owner.hub_id));
        add(device, "scope", owner.scope, strlen(owner.scope));
        json_object_array_add(context, device);
        return true;
}

/* Names the hub of each device that the provisioning service has assigned to one. */
static bool add_hub(void *context, const struct store_record *record)
{
        CLEANUP(json_cleanup)
        struct json_object *said =
                json_parse(record->value, record->value_size, 4, JSON_STRICT, NULL);
        const char *hub = json_text_member(said, "hub");

        for (size_t i = 0; hub && i < json_object_array_length(context); i++) {
                struct json_object *device = json_object_array_get_idx(context, i);

                if (text_equal(json_text_member(device, "device"), record->key))
                        add(device, "hub", hub, strlen(hub));
        }
        return true;
}

int device_stored_list(struct store *store, struct json_object *devices, struct reason *reason)
{
        int result = store_records_each(store, DEVICE_OWNER_KIND, NULL, add_owner, devices);

        if (result == 0)
                result = store_records_each(store, DEVICE_ASSIGNMENT_KIND, NULL, add_hub, devices);
        if (result != 0)
                reason_set(reason, "the store could not be read to its end");
        return result;
}

/* --- release ------------------------------------------------------------------------------- */

struct release {
        struct store *store;
        struct json_object *device;
        const char *key;
        char *identity; /* keys of its records */
        char *place;
};

static bool find_identity(void *context, const struct store_record *record)
{
        struct release *release = context;
        CLEANUP(device_owner_deinit) struct device_owner owner;

        if (!device_owner_read(record, &owner) || !text_equal(owner.device, release->key) ||
            !text_equal(owner.hub_id, json_text_member(release->device, "hubDeviceId")) ||
            !text_equal(owner.scope, json_text_member(release->device, "scope")))
                return true;
        release->identity = mem_text(record->key);
        return false;
}

static bool find_place(void *context, const struct store_record *record)
{
        struct release *release = context;

        if (record->value_size != strlen(release->key) ||
            memcmp(record->value, release->key, record->value_size) != 0)
                return true;
        release->place = mem_text(record->key);
        return false;
}

static bool set_aside(void *context, const struct store_event *event)
{
        const struct release *release = context;

        store_dead(release->store, event->id, "its IoT Hub device id was released by an operator");
        return true;
}

static void forget(struct store *store, const char *kind, const char *key)
{
        if (key)
                store_write_copy(store, &(struct store_record){.kind = kind, .key = key});
}

int device_stored_release(struct store *store, struct json_object *device, struct reason *reason)
{
        struct release release = {
                .store = store, .device = device, .key = json_text_member(device, "device")};
        CLEANUP(mem_cleanup) char *identity = NULL;
        CLEANUP(mem_cleanup) char *place = NULL;
        int result = store_records_each(store, DEVICE_OWNER_KIND, NULL, find_identity, &release);

        if (result == 0)
                result = store_records_each(store, DEVICE_PLACE_KIND, NULL, find_place, &release);
        identity = release.identity;
        place = release.place;
        if (result == 0)
                result = store_events_each(store, &(struct store_selection){.device = release.key},
                                           set_aside, &release);
        if (result != 0) {
                reason_set(reason, "the store could not be read to its end");
                return result;
        }
        forget(store, DEVICE_ASSIGNMENT_KIND, release.key);
        forget(store, DEVICE_PLACE_KIND, place);
        forget(store, DEVICE_OWNER_KIND, identity);
        return 0;
}
