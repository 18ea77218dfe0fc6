// SPDX-License-Identifier: MIT
#include "flow/device.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "azure/connection_string.h"
#include "azure/device_id.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "base/text.h"
#include "networks/network.h"

/*
 * Records of this kind: key "IoT Hub device id@scope"; value the key of the device that owns it, a
 * line feed, and the template that made the id.
 */
#define OWNER_KIND "owner"

struct device_table {
        const struct settings *settings;
        struct store *store;
        struct map *devices;     /* device key to struct device */
        struct map *owners;      /* "IoT Hub device id@scope" to the owner's device key */
        struct map *near_misses; /* applications that were warned of */
};

struct device_table *device_table_new(const struct settings *settings, struct store *store)
{
        struct device_table *table = mem_new(1, sizeof(*table));

        table->settings = settings;
        table->store = store;
        table->devices = map_new();
        table->owners = map_new();
        table->near_misses = map_new();
        return table;
}

static void device_free(struct device *device)
{
        mem_wipe(device->assignment.key,
                 device->assignment.key ? strlen(device->assignment.key) : 0);
        free(device->assignment.hub);
        free(device->assignment.device_id);
        free(device->assignment.key);
        free(device->assignment.key_name);
        uplink_backlog_deinit(&device->backlog);
        free(device->attributes.model_id);
        free(device->attributes.uplink_formatter);
        free(device->attributes.downlink_formatter);
        downlink_way_deinit(&device->way);
        free(device->held_because);
        free(device->clash);
        free(device->model_id);
        free(device->hub_id);
        free(device->name);
        free(device->application);
        free(device->network);
        free(device->key);
        free(device);
}

static bool free_device(void *context, const char *key, void *value)
{
        (void)context;
        (void)key;
        device_free(value);
        return true;
}

static bool free_text(void *context, const char *key, void *value)
{
        (void)context;
        (void)key;
        free(value);
        return true;
}

void device_table_free(struct device_table *table)
{
        if (!table)
                return;
        map_each(table->devices, free_device, NULL);
        map_each(table->owners, free_text, NULL);
        map_free(table->devices);
        map_free(table->owners);
        map_free(table->near_misses);
        free(table);
}

/* --- the identity in IoT Hub -------------------------------------------------------------- */

static const char *placeholder_value(const struct event *event, const char *name, size_t length)
{
        const struct {
                const char *name;
                const char *value;
        } rows[] = {
                {"device", event->device},
                {"application", event->application},
                {"dev_eui", event->dev_eui},
                {"network", event->network},
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                if (strlen(rows[i].name) == length && strncasecmp(rows[i].name, name, length) == 0)
                        return rows[i].value;
        }
        return NULL;
}

/* Adds the device's id by the template; false with the reason if a part has no value. */
static bool expand_template(const char *template, const struct event *event, struct buf *out,
                            struct reason *reason)
{
        while (*template) {
                size_t length = strcspn(template, "{");
                const char *close;
                const char *value;

                buf_add(out, template, length);
                template += length;
                close = *template ? strchr(template, '}') : NULL;
                if (!close) {
                        buf_add_text(out, template);
                        return true;
                }
                value = placeholder_value(event, template + 1, (size_t)(close - template - 1));
                if (text_is_empty(value)) {
                        reason_set(reason,
                                   "DeviceIdTemplate needs %.*s, which device '%s' of application "
                                   "'%s' does not have",
                                   (int)(close - template + 1), template, event->device,
                                   event->application ? event->application : "");
                        return false;
                }
                buf_add_text(out, value);
                template = close + 1;
        }
        return true;
}

bool device_identity_check(const struct settings *settings, const struct event *event,
                           struct reason *reason)
{
        CLEANUP(buf_deinit) struct buf id = BUF_INIT;
        struct settings_azure azure;
        bool good = expand_template(settings->azure.device_id_template, event, &id, reason);

        if (!good)
                return false;
        if (settings_azure_for(settings, event->application, &azure) &&
            azure.connection_type == SETTINGS_DEVICE_PROVISIONING_SERVICE)
                good = device_id_is_registration_id(buf_text(&id), reason);
        else
                good = device_id_is_valid(buf_text(&id), reason);
        if (!good)
                reason_prefix(reason, "'%s' can't be a device id in IoT Hub", buf_text(&id));
        return good;
}

/* Where the device's id must be its own: the hub's name, or the ID scope. */
static char *identity_scope(const struct settings *settings, const char *application)
{
        CLEANUP(connection_string_deinit)
        struct connection_string parsed = CONNECTION_STRING_INIT;
        struct settings_azure azure;

        if (!settings_azure_for(settings, application, &azure))
                return mem_text("");
        if (azure.connection_type == SETTINGS_DEVICE_PROVISIONING_SERVICE)
                return mem_text(azure.id_scope);
        if (!connection_string_parse(azure.connection_string, &parsed, NULL))
                return mem_text("");
        return mem_text(parsed.host_name);
}

static void claim_identity(struct device_table *table, struct device *device)
{
        CLEANUP(mem_cleanup) char *scope = identity_scope(table->settings, device->application);
        CLEANUP(mem_cleanup) char *identity = mem_format("%s@%s", device->hub_id, scope);
        CLEANUP(mem_cleanup)
        char *record = mem_format("%s\n%s", device->key, table->settings->azure.device_id_template);
        const char *owner = map_get(table->owners, identity);

        if (!owner) {
                store_write_copy(table->store, &(struct store_record){
                                                       .kind = OWNER_KIND,
                                                       .key = identity,
                                                       .value = record,
                                                       .value_size = strlen(record),
                                               });
                map_set(table->owners, identity, mem_text(device->key));
                return;
        }
        if (text_equal(owner, device->key))
                return;
        device->clash = mem_format("two devices want the IoT Hub device id '%s': %s has it, %s "
                                   "can't have it too; set DeviceIdTemplate to "
                                   "{application}-{device}",
                                   device->hub_id, owner, device->key);
        log_error("DEVICE_CLASH", "Two devices want the same IoT Hub device id",
                  LOG_TEXT("hub_device", device->hub_id), LOG_TEXT("owner", owner),
                  LOG_TEXT("device", device->key), LOG_END);
}

static void choose_model(struct device_table *table, struct device *device)
{
        const char *near_miss = NULL;
        const char *model = settings_model_id(table->settings, device->application, &near_miss);

        device->model_id = mem_text(text_is_empty(model) ? NULL : model);
        if (!near_miss || map_get(table->near_misses, device->application))
                return;
        map_set(table->near_misses, device->application, table);
        log_warn("MODEL_NEAR_MISS",
                 "Application names are case-sensitive: a mapping differs in case only",
                 LOG_TEXT("application", device->application), LOG_TEXT("configured", near_miss),
                 LOG_END);
}

static struct device *add_device(struct device_table *table, const char *key)
{
        struct device *device = mem_new(1, sizeof(*device));

        device->key = mem_text(key);
        uplink_backlog_init(&device->backlog);
        list_init(&device->commands);
        list_init(&device->held_commands);
        map_set(table->devices, key, device);
        metrics_gauge_add(METRIC_DEVICES_KNOWN, 1);
        return device;
}

static void drop_device(struct device_table *table, const char *key)
{
        struct device *device = map_get(table->devices, key);

        map_remove(table->devices, key);
        metrics_gauge_add(METRIC_DEVICES_KNOWN, -1);
        device_free(device);
}

static struct device *device_new(struct device_table *table, const struct uplink_event *event)
{
        CLEANUP(buf_deinit) struct buf id = BUF_INIT;
        struct device *device = add_device(table, event->device_key);
        struct reason reason = REASON_INIT;

        device->network = mem_text(event->event.network);
        device->application = mem_text(event->event.application);
        device->name = mem_text(event->event.device);
        if (expand_template(table->settings->azure.device_id_template, &event->event, &id, &reason))
                device->hub_id = buf_take(&id);
        else
                device->clash = mem_text(reason.text);
        choose_model(table, device);
        if (device->hub_id)
                claim_identity(table, device);
        return device;
}

struct device *device_table_find(const struct device_table *table, const char *device_key)
{
        return map_get(table->devices, device_key);
}

struct device *device_table_get(struct device_table *table, const struct uplink_event *event)
{
        struct device *device = device_table_find(table, event->device_key);

        return device ? device : device_new(table, event);
}

/* --- what the last run left ----------------------------------------------------------------- */

/* The part of a device key before the next '/', decoded; moves `*key` behind it. */
static char *key_part(const char **key)
{
        size_t length = strcspn(*key, "/");
        struct buf part = BUF_INIT;

        text_url_unescape(&part, *key, length);
        *key += length + ((*key)[length] == '/' ? 1 : 0);
        return buf_take(&part);
}

/* The record says that `device_key` owns "IoT Hub device id@scope". */
static void restore_device(struct device_table *table, const char *identity, const char *device_key)
{
        struct device *device = add_device(table, device_key);
        const char *rest = device_key;

        device->network = key_part(&rest);
        device->application = key_part(&rest);
        device->name = key_part(&rest);
        device->hub_id = mem_text_n(identity, (size_t)(strrchr(identity, '@') - identity));
        choose_model(table, device);
}

/* Would the device get this identity with the settings of today? */
static bool is_in_force(const struct device_table *table, const struct device *device,
                        const char *identity, const char *template)
{
        CLEANUP(mem_cleanup) char *scope = identity_scope(table->settings, device->application);

        return text_equal(template, table->settings->azure.device_id_template) &&
               text_equal(strrchr(identity, '@') + 1, scope);
}

static bool load_owner(void *context, const struct store_record *record)
{
        struct device_table *table = context;
        CLEANUP(mem_cleanup) char *value = mem_text_n(record->value, record->value_size);
        char *template = strchr(value, '\n');

        if (!template || !strrchr(record->key, '@'))
                return true;
        *template ++ = '\0';
        map_set(table->owners, record->key, mem_text(value));
        if (device_table_find(table, value))
                return true;
        restore_device(table, record->key, value);
        if (!is_in_force(table, device_table_find(table, value), record->key, template))
                drop_device(table, value);
        return true;
}

int device_table_load(struct device_table *table, struct reason *reason)
{
        int result = store_records_each(table->store, OWNER_KIND, load_owner, table);

        if (result != 0)
                reason_set(reason, "the store's records of devices can't be read");
        return result;
}

const struct network *device_network(const struct device *device)
{
        return network_by_name(device->network);
}

struct visit {
        bool (*visit)(void *context, struct device *device);
        void *context;
};

static bool visit_device(void *context, const char *key, void *value)
{
        struct visit *visit = context;

        (void)key;
        return visit->visit(visit->context, value);
}

void device_table_each(struct device_table *table,
                       bool (*visit)(void *context, struct device *device), void *context)
{
        map_each(table->devices, visit_device, &(struct visit){visit, context});
}
