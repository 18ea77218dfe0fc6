// SPDX-License-Identifier: MIT
#include "gateway/device/device_directory.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/json/json.h"
#include "base/mem.h"
#include "base/table.h"
#include "base/text.h"
#include "gateway/device/network_settings.h"

/* Records of this kind: key the device's, value the JSON text that write_entry makes. */
#define DEVICE_KIND "device"

struct device_directory {
        const struct settings *settings;
        struct store *store;
        struct map *entries; /* device key to struct device_entry */
        /*
         * Shared with the threads that take webhooks, under `lock`: device key to the entry whose
         * attribute azureintegration says something.
         */
        pthread_mutex_t lock;
        struct map *switches;
};

struct device_directory *device_directory_new(const struct settings *settings, struct store *store)
{
        struct device_directory *directory = mem_new(1, sizeof(*directory));

        directory->settings = settings;
        directory->store = store;
        directory->entries = map_new();
        directory->switches = map_new();
        pthread_mutex_init(&directory->lock, NULL);
        return directory;
}

static void free_entry(void *value)
{
        struct device_entry *entry = value;

        free(entry->application);
        device_attributes_deinit(&entry->attributes);
        free(entry);
}

void device_directory_free(struct device_directory *directory)
{
        if (!directory)
                return;
        map_free(directory->switches);
        map_free_values(directory->entries, free_entry);
        pthread_mutex_destroy(&directory->lock);
        free(directory);
}

const struct device_entry *device_directory_find(const struct device_directory *directory,
                                                 const char *device_key)
{
        return map_get(directory->entries, device_key);
}

static struct device_entry *entry_of(struct device_directory *directory, const char *device_key)
{
        struct device_entry *entry = map_get(directory->entries, device_key);

        if (entry)
                return entry;
        entry = mem_new(1, sizeof(*entry));
        map_set(directory->entries, device_key, entry);
        return entry;
}

static void set_attributes(struct device_directory *directory, const char *device_key,
                           struct device_entry *entry, const struct device_attributes *attributes)
{
        pthread_mutex_lock(&directory->lock);
        device_attributes_copy(&entry->attributes, attributes);
        if (attributes->integration == INTEGRATION_UNSAID)
                map_remove(directory->switches, device_key);
        else
                map_set(directory->switches, device_key, entry);
        pthread_mutex_unlock(&directory->lock);
}

/* --- on disk ------------------------------------------------------------------------------ */

static void add_text(struct json_object *record, const char *name, const char *text)
{
        if (text)
                json_object_object_add(record, name, json_object_new_string(text));
}

static void write_entry(struct device_directory *directory, const char *device_key,
                        const struct device_entry *entry)
{
        CLEANUP(json_cleanup) struct json_object *record = json_object_new_object();
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;
        const struct device_attributes *attributes = &entry->attributes;

        add_text(record, "application", entry->application);
        add_text(record, "modelId", attributes->model_id);
        add_text(record, "uplinkFormatter", attributes->uplink_formatter);
        add_text(record, "downlinkFormatter", attributes->downlink_formatter);
        if (attributes->integration != INTEGRATION_UNSAID)
                json_object_object_add(
                        record, "integration",
                        json_object_new_boolean(attributes->integration == INTEGRATION_ON));
        if (attributes->device_class != DEVICE_CLASS_NOT_KNOWN)
                json_object_object_add(record, "class",
                                       json_object_new_int((int32_t)attributes->device_class));
        json_object_object_add(record, "listed", json_object_new_boolean(entry->listed));
        json_write(&text, record);
        store_write_copy(directory->store, &(struct store_record){
                                                   .kind = DEVICE_KIND,
                                                   .key = device_key,
                                                   .value = text.data,
                                                   .value_size = text.size,
                                           });
}

static bool load_entry(void *context, const struct store_record *stored)
{
        struct device_directory *directory = context;
        CLEANUP(json_cleanup)
        struct json_object *record =
                json_parse(stored->value, stored->value_size, 4, JSON_STRICT, NULL);
        struct device_entry *entry = entry_of(directory, stored->key);
        int64_t device_class = DEVICE_CLASS_NOT_KNOWN;
        struct device_attributes attributes = {
                .model_id = mem_text(json_text_member(record, "modelId")),
                .uplink_formatter = mem_text(json_text_member(record, "uplinkFormatter")),
                .downlink_formatter = mem_text(json_text_member(record, "downlinkFormatter")),
        };

        if (json_member(record, "integration"))
                attributes.integration = json_bool_member(record, "integration", true)
                                                 ? INTEGRATION_ON
                                                 : INTEGRATION_OFF;
        if (json_int_member(record, "class", &device_class) && device_class >= DEVICE_CLASS_A &&
            device_class <= DEVICE_CLASS_C)
                attributes.device_class = (enum device_class)device_class;
        entry->application = mem_text(json_text_member(record, "application"));
        entry->listed = json_bool_member(record, "listed", false);
        set_attributes(directory, stored->key, entry, &attributes);
        device_attributes_deinit(&attributes);
        return true;
}

int device_directory_load(struct device_directory *directory, struct reason *reason)
{
        int result = store_records_each(directory->store, DEVICE_KIND, NULL, load_entry, directory);

        if (result != 0)
                reason_set(reason, "the store's records of devices can't be read");
        return result;
}

/* --- what comes in ------------------------------------------------------------------------ */

bool device_directory_list(struct device_directory *directory, const char *device_key,
                           const struct device_attributes *attributes)
{
        struct device_entry *entry = entry_of(directory, device_key);

        if (entry->listed && device_attributes_equal(&entry->attributes, attributes))
                return false;
        entry->listed = true;
        set_attributes(directory, device_key, entry, attributes);
        write_entry(directory, device_key, entry);
        return true;
}

void device_directory_set_application(struct device_directory *directory, const char *device_key,
                                      const char *application)
{
        struct device_entry *entry = entry_of(directory, device_key);

        if (text_equal(entry->application, application))
                return;
        free(entry->application);
        entry->application = mem_text(application);
        write_entry(directory, device_key, entry);
}

/* --- integration -------------------------------------------------------------------------- */

static enum device_integration find_switch(struct device_directory *directory,
                                           const struct event *event)
{
        enum device_integration integration = INTEGRATION_UNSAID;

        pthread_mutex_lock(&directory->lock);
        if (map_count(directory->switches) > 0) {
                CLEANUP(buf_deinit) struct buf key = BUF_INIT;
                const struct device_entry *entry;

                event_device_key(event, &key);
                entry = map_get(directory->switches, buf_text(&key));
                if (entry)
                        integration = entry->attributes.integration;
        }
        pthread_mutex_unlock(&directory->lock);
        return integration;
}

bool device_directory_integrates(struct device_directory *directory, const struct event *event)
{
        enum device_integration integration = find_switch(directory, event);

        if (integration != INTEGRATION_UNSAID)
                return integration == INTEGRATION_ON;
        return network_settings_integrates(directory->settings, event->network, event->application);
}
