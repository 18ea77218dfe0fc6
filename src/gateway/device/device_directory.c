// SPDX-License-Identifier: MIT
#include "gateway/device/device_directory.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json/json.h"
#include "base/mem.h"
#include "base/table.h"
#include "base/text.h"
#include "gateway/device/network_settings.h"

/* Records of this kind: key the device's, value the JSON text that write_entry makes. */
#define DEVICE_KIND "device"

/* One record of this kind tells whether those of DEVICE_KIND have changed: its value does. */
#define VERSION_KIND "directory"
#define VERSION_KEY  "version"

/* Items that are handed over at a time. */
#define BATCH_ITEMS 256

struct device_directory {
        const struct settings *settings;
        struct store *store;
        struct map *entries; /* device key to struct device_entry */
        bool changed;        /* since it was published */
        char *version;       /* that was read last, by device_directory_read; or NULL */
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

static void entry_deinit(struct device_entry *entry)
{
        free(entry->application);
        free(entry->dev_eui);
        device_attributes_deinit(&entry->attributes);
}

static void free_entry(void *value)
{
        entry_deinit(value);
        free(value);
}

void device_directory_free(struct device_directory *directory)
{
        if (!directory)
                return;
        map_free(directory->switches);
        map_free_values(directory->entries, free_entry);
        pthread_mutex_destroy(&directory->lock);
        free(directory->version);
        free(directory);
}

const struct device_entry *device_directory_find(const struct device_directory *directory,
                                                 const char *device_key)
{
        return map_get(directory->entries, device_key);
}

void device_directory_each(const struct device_directory *directory,
                           bool (*visit)(void *context, const char *device_key, void *entry),
                           void *context)
{
        map_each(directory->entries, visit, context);
}

static struct device_entry *entry_of(struct device_directory *directory, const char *device_key)
{
        struct device_entry *entry = map_get(directory->entries, device_key);

        if (entry)
                return entry;
        entry = mem_new(1, sizeof(*entry));
        entry->shard = store_shard_of(device_key);
        map_set(directory->entries, device_key, entry);
        return entry;
}

static void set_text(char **text, const char *value)
{
        char *copy = mem_text(value);

        free(*text);
        *text = copy;
}

/* What a listing says, or (not `listed`) a webhook; true if something of it is new. */
static bool set_said(struct device_directory *directory, const char *device_key,
                     const struct device_entry *said)
{
        struct device_entry *entry = entry_of(directory, device_key);
        const char *dev_eui = said->listed || said->dev_eui ? said->dev_eui : entry->dev_eui;

        if ((entry->listed || !said->listed) && text_equal(entry->dev_eui, dev_eui) &&
            device_attributes_equal(&entry->attributes, &said->attributes))
                return false;
        entry->listed |= said->listed;
        set_text(&entry->dev_eui, dev_eui);
        pthread_mutex_lock(&directory->lock);
        device_attributes_copy(&entry->attributes, &said->attributes);
        if (said->attributes.integration == INTEGRATION_UNSAID)
                map_remove(directory->switches, device_key);
        else
                map_set(directory->switches, device_key, entry);
        pthread_mutex_unlock(&directory->lock);
        return true;
}

/* --- on disk ------------------------------------------------------------------------------ */

static void write_entry(struct device_directory *directory, const char *device_key,
                        const struct device_entry *entry)
{
        CLEANUP(json_cleanup) struct json_object *record = json_object_new_object();
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;

        json_add_text(record, "devEui", entry->dev_eui);
        device_attributes_write(&entry->attributes, record);
        json_object_object_add(record, "listed", json_object_new_boolean(entry->listed));
        json_write(&text, record);
        store_write_copy(directory->store, &(struct store_record){
                                                   .kind = DEVICE_KIND,
                                                   .key = device_key,
                                                   .value = text.data,
                                                   .value_size = text.size,
                                           });
}

static struct directory_item *read_item(const struct store_record *stored)
{
        CLEANUP(json_cleanup)
        struct json_object *record =
                json_parse(stored->value, stored->value_size, 4, JSON_STRICT, NULL);
        struct directory_item *item = mem_new(1, sizeof(*item));

        item->device_key = mem_text(stored->key);
        item->entry.application = mem_text(json_text_member(record, "application"));
        item->entry.dev_eui = mem_text(json_text_member(record, "devEui"));
        item->entry.listed = json_bool_member(record, "listed", false);
        device_attributes_restore(record, &item->entry.attributes);
        return item;
}

void directory_item_free(struct directory_item *item)
{
        entry_deinit(&item->entry);
        free(item->device_key);
        free(item);
}

bool device_directory_take(struct device_directory *directory, struct directory_item *item)
{
        const struct device_entry *said = &item->entry;
        struct device_entry *entry = entry_of(directory, item->device_key);

        if (said->application && !entry->application)
                entry->application = mem_text(said->application);
        return set_said(directory, item->device_key, said);
}

/* --- reading it --------------------------------------------------------------------------- */

struct reading {
        struct list items;
        void (*take)(void *context, struct list *items);
        void *context;
};

static void hand_over(struct reading *reading)
{
        if (!list_is_empty(&reading->items))
                reading->take(reading->context, &reading->items);
}

static bool visit_item(void *context, const struct store_record *stored)
{
        struct reading *reading = context;

        list_push_back(&reading->items, &read_item(stored)->node);
        if (reading->items.count == BATCH_ITEMS)
                hand_over(reading);
        return true;
}

static bool visit_version(void *context, const struct store_record *stored)
{
        char **version = context;

        if (text_equal(stored->key, VERSION_KEY)) {
                free(*version);
                *version = mem_text_n(stored->value, stored->value_size);
        }
        return true;
}

int device_directory_read(struct device_directory *directory,
                          void (*take)(void *context, struct list *items), void *context)
{
        struct reading reading = {.take = take, .context = context};
        CLEANUP(mem_cleanup) char *now = mem_text("");
        int result = store_records_each(directory->store, VERSION_KIND, NULL, visit_version, &now);

        if (result != 0 || text_equal(now, directory->version))
                return result;
        list_init(&reading.items);
        result = store_records_each(directory->store, DEVICE_KIND, NULL, visit_item, &reading);
        hand_over(&reading);
        if (result == 0)
                set_text(&directory->version, now);
        return result;
}

void device_directory_restore(void *context, const struct store_record *record)
{
        struct device_directory *directory = context;
        CLEANUP(mem_cleanup) char *application = mem_text_n(record->value, record->value_size);

        set_text(&entry_of(directory, record->key)->application, application);
}

static void load_items(void *context, struct list *items)
{
        struct list_node *node;

        while ((node = list_pop_front(items))) {
                struct directory_item *item = list_entry(node, struct directory_item, node);

                device_directory_take(context, item);
                directory_item_free(item);
        }
}

int device_directory_load(struct device_directory *directory, struct reason *reason)
{
        int result = device_directory_read(directory, load_items, directory);

        if (result != 0)
                reason_set(reason, "the store's records of devices can't be read");
        return result;
}

/* --- what comes in ------------------------------------------------------------------------ */

static bool take_said(struct device_directory *directory, const char *device_key,
                      const struct device_entry *said)
{
        if (!set_said(directory, device_key, said))
                return false;
        write_entry(directory, device_key, entry_of(directory, device_key));
        directory->changed = true;
        return true;
}

bool device_directory_list(struct device_directory *directory, const char *device_key,
                           const struct listed_device *listed)
{
        return take_said(directory, device_key,
                         &(struct device_entry){.dev_eui = listed->dev_eui,
                                                .listed = true,
                                                .attributes = listed->attributes});
}

bool device_directory_hear(struct device_directory *directory, const char *device_key,
                           const struct event *event)
{
        bool is_new = event->attributes &&
                      take_said(directory, device_key,
                                &(struct device_entry){.dev_eui = event->dev_eui,
                                                       .attributes = *event->attributes});

        if (is_new)
                device_directory_publish(directory);
        return is_new;
}

void device_directory_publish(struct device_directory *directory)
{
        CLEANUP(mem_cleanup) char *version = mem_format("%lld", (long long)clock_wall_ns());

        if (!directory->changed)
                return;
        directory->changed = false;
        /* Behind the entries: who sees it sees them. */
        store_write_copy(directory->store, &(struct store_record){
                                                   .kind = VERSION_KIND,
                                                   .key = VERSION_KEY,
                                                   .value = version,
                                                   .value_size = strlen(version),
                                           });
}

void device_directory_set_application(struct device_directory *directory, const char *device_key,
                                      const char *application)
{
        struct device_entry *entry = entry_of(directory, device_key);

        if (text_equal(entry->application, application))
                return;
        set_text(&entry->application, application);
        store_write_copy(directory->store, &(struct store_record){
                                                   .kind = DEVICE_APPLICATION_KIND,
                                                   .key = device_key,
                                                   .device = device_key,
                                                   .value = application,
                                                   .value_size = strlen(application),
                                           });
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
        enum device_integration integration =
                event->attributes ? event->attributes->integration : find_switch(directory, event);

        if (integration != INTEGRATION_UNSAID)
                return integration == INTEGRATION_ON;
        return network_settings_integrates(directory->settings, event->network, event->application);
}

/* --- shards -------------------------------------------------------------------------------- */

int device_key_shard(const char *device_key)
{
        CLEANUP(buf_deinit) struct buf lane_key = BUF_INIT;

        event_lane_key(device_key, &lane_key);
        return store_shard_of(buf_text(&lane_key));
}

struct leaving {
        const struct store_shards *shards;
        const char *(*device_of)(const char *key, const void *value);
        struct map *entries;
};

static bool note_leaving(void *context, const char *key, void *value)
{
        struct leaving *leaving = context;

        if (store_shards_has(leaving->shards, device_key_shard(leaving->device_of(key, value))))
                map_set(leaving->entries, key, value);
        return true;
}

static bool drop_entry(void *context, const char *key, void *value)
{
        map_remove(context, key);
        free(value);
        return true;
}

void device_forget_entries(struct map *map, const struct store_shards *shards,
                           const char *(*device_of)(const char *key, const void *value))
{
        struct leaving leaving = {.shards = shards, .device_of = device_of, .entries = map_new()};

        map_each(map, note_leaving, &leaving);
        map_each(leaving.entries, drop_entry, map);
        map_free(leaving.entries);
}
