// SPDX-License-Identifier: MIT
#include "gateway/device/device_inside.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "base/table.h"
#include "base/text.h"
#include "gateway/device/device_identity.h"
#include "gateway/device/device_limit.h"
#include "networks/network.h"

#define TO(phase) (1U << DEVICE_##phase)

/* To which phase a device may come from each. */
static const unsigned next_phases[DEVICE_PHASE_COUNT] = {
        [DEVICE_NEW] = TO(CLAIMING) | TO(REGISTERING) | TO(ELSEWHERE),
        [DEVICE_CLAIMING] = TO(NEW) | TO(HELD) | TO(ELSEWHERE),
        [DEVICE_REGISTERING] = TO(NEW) | TO(CONNECTING) | TO(HELD) | TO(ELSEWHERE),
        [DEVICE_CONNECTING] = TO(NEW) | TO(REGISTERING) | TO(READY) | TO(HELD) | TO(ELSEWHERE),
        [DEVICE_READY] = TO(NEW) | TO(CONNECTING) | TO(HELD) | TO(ELSEWHERE),
        [DEVICE_HELD] = TO(NEW) | TO(CLAIMING) | TO(REGISTERING) | TO(CONNECTING) | TO(READY) |
                        TO(ELSEWHERE),
        [DEVICE_ELSEWHERE] = TO(NEW),
};

bool device_phase_can_follow(enum device_phase before, enum device_phase after)
{
        return (next_phases[before] & 1U << after) != 0;
}

const char *device_phase_name(enum device_phase phase)
{
        static const char *const names[DEVICE_PHASE_COUNT] = {
                [DEVICE_NEW] = "new",
                [DEVICE_CLAIMING] = "claiming",
                [DEVICE_REGISTERING] = "registering",
                [DEVICE_CONNECTING] = "connecting",
                [DEVICE_READY] = "ready",
                [DEVICE_HELD] = "held",
                [DEVICE_ELSEWHERE] = "elsewhere",
        };

        return names[phase];
}

enum metrics_gauge device_phase_gauge(enum device_phase phase)
{
        static const enum metrics_gauge gauges[DEVICE_PHASE_COUNT] = {
                [DEVICE_NEW] = METRIC_DEVICES_NEW,
                [DEVICE_CLAIMING] = METRIC_DEVICES_CLAIMING,
                [DEVICE_REGISTERING] = METRIC_DEVICES_REGISTERING,
                [DEVICE_CONNECTING] = METRIC_DEVICES_CONNECTING,
                [DEVICE_READY] = METRIC_DEVICES_READY,
                [DEVICE_HELD] = METRIC_DEVICES_HELD,
                [DEVICE_ELSEWHERE] = METRIC_DEVICES_ELSEWHERE,
        };

        return gauges[phase];
}

struct device_table *device_table_new(const struct settings *settings, struct store *store,
                                      struct device_directory *directory, struct loop *loop)
{
        struct device_table *table = mem_new(1, sizeof(*table));

        table->settings = settings;
        table->store = store;
        table->directory = directory;
        table->devices = map_new();
        table->owners = map_new();
        table->near_misses = map_new();
        table->claims = (struct device_claims){.kind = DEVICE_OWNER_KIND,
                                               .store = store,
                                               .loop = loop,
                                               .answered = device_claim_answered,
                                               .context = table};
        list_init(&table->claims.asked);
        table->limit = device_limit_new(settings->limits.devices);
        return table;
}

void device_table_keep(struct device_table *table, struct device_keeper *keeper)
{
        table->keeper = keeper;
}

void device_table_gain(struct device_table *table, const struct store_shards *shards,
                       int64_t since_ms)
{
        for (int shard = 0; shard < STORE_SHARDS; shard++) {
                if (store_shards_has(shards, shard))
                        table->since_ms[shard] = since_ms;
        }
        store_shards_add_all(&table->shards, shards);
        table->owns_all = store_shards_count(&table->shards) == STORE_SHARDS;
}

int64_t device_table_since(const struct device_table *table, int shard)
{
        return table->since_ms[shard];
}

void device_table_lose(struct device_table *table, const struct store_shards *shards)
{
        store_shards_remove_all(&table->shards, shards);
        table->owns_all = store_shards_count(&table->shards) == STORE_SHARDS;
}

bool device_table_owns(const struct device_table *table, int shard)
{
        return store_shards_has(&table->shards, shard);
}

bool device_table_owns_all(const struct device_table *table)
{
        return table->owns_all;
}

/* Who it is. */
static void forget_texts(struct device *device)
{
        free(device->clash);
        free(device->hub_id);
        free(device->name);
        free(device->application);
        free(device->network);
        device->clash = device->hub_id = device->name = device->application = device->network =
                NULL;
}

static void device_free(void *value)
{
        struct device *device = value;

        mem_wipe(device->assignment.key,
                 device->assignment.key ? strlen(device->assignment.key) : 0);
        free(device->assignment.hub);
        free(device->assignment.device_id);
        free(device->assignment.key);
        free(device->assignment.key_name);
        certificate_free(device->assignment.certificate);
        uplink_backlog_deinit(&device->backlog);
        device_attributes_deinit(&device->attributes);
        downlink_way_deinit(&device->way);
        free(device->facts);
        free(device->held_because);
        free(device->model_id);
        forget_texts(device);
        if (device->lane_key != device->key)
                free(device->lane_key);
        free(device->key);
        free(device);
}

void device_table_free(struct device_table *table)
{
        if (!table)
                return;
        device_claims_deinit(&table->claims);
        map_free_values(table->devices, device_free);
        map_free_values(table->owners, free);
        map_free(table->near_misses);
        device_limit_free(table->limit);
        free(table);
}

/* --- the identity in IoT Hub -------------------------------------------------------------- */

/* The device's id was made with another application; if it is another now, nobody owns that one. */
static void release_identity(struct device_table *table, const struct device *device,
                             const char *hub_id, const char *application)
{
        CLEANUP(mem_cleanup)
        char *before = device_identity_claim(table->settings, application, hub_id);
        CLEANUP(mem_cleanup) char *now = device_claim_identity(table->settings, device);
        CLEANUP(mem_cleanup)
        char *key = device_identity_key(table->settings, application, hub_id);
        char *owner = map_get(table->owners, key);

        if (text_equal(before, now) || !text_equal(owner, device->key))
                return;
        map_remove(table->owners, key);
        free(owner);
        store_claim_release(table->store, DEVICE_OWNER_KIND, before, device->key);
}

/* The model of the device's application; of all, if there is none. */
static const char *application_model(struct device_table *table, const struct device *device)
{
        const char *near_miss = NULL;
        const char *model = settings_model_id(table->settings, device->application, &near_miss);

        if (!near_miss || map_get(table->near_misses, device->application))
                return model;
        map_set(table->near_misses, device->application, table);
        log_warn("MODEL_NEAR_MISS",
                 "Application names are case-sensitive: a mapping differs in case only",
                 LOG_TEXT("application", device->application), LOG_TEXT("configured", near_miss),
                 LOG_END);
        return model;
}

static void choose_model(struct device_table *table, struct device *device)
{
        const char *model = device->attributes.model_id;

        if (!model)
                model = application_model(table, device);
        free(device->model_id);
        device->model_id = mem_text(text_is_empty(model) ? NULL : model);
}

/* An event's identity, with the device's own texts. */
static struct event identity_of(const struct device *device)
{
        return (struct event){.network = device->network,
                              .application = device->application,
                              .device = device->name};
}

/* Takes up what the directory knows of the device. */
static void take_attributes(struct device_table *table, struct device *device)
{
        CLEANUP(mem_cleanup) char *model = mem_text(device->model_id);
        CLEANUP(buf_deinit) struct buf key = BUF_INIT;
        struct event identity = identity_of(device);
        bool off = !device_directory_integrates(table->directory, &identity);
        const struct device_entry *entry;

        event_device_key(&identity, &key);
        entry = device_directory_find(table->directory, buf_text(&key));

        if (entry) {
                device_attributes_copy(&device->attributes, &entry->attributes);
                device->listed = entry->listed;
        }
        choose_model(table, device);
        if (off != device->off || !text_equal(model, device->model_id))
                device->changed = true;
        device->off = off;
}

static struct device *add_device(struct device_table *table, const char *key)
{
        struct device *device = mem_new(1, sizeof(*device));
        CLEANUP(buf_deinit) struct buf lane_key = BUF_INIT;

        event_lane_key(key, &lane_key);
        device->key = mem_text(key);
        device->lane_key =
                text_equal(key, buf_text(&lane_key)) ? device->key : mem_text(buf_text(&lane_key));
        device->shard = store_shard_of(device->lane_key);
        device->lane = device;
        device->keeper = table->keeper;
        uplink_backlog_init(&device->backlog);
        list_init(&device->commands);
        list_init(&device->command_line);
        list_init(&device->held_commands);
        map_set(table->devices, key, device);
        device->admission.key = device->key;
        device_limit_add(table->limit, &device->admission);
        metrics_gauge_add(METRIC_DEVICES_KNOWN, 1);
        metrics_gauge_add(device_phase_gauge(DEVICE_NEW), 1);
        return device;
}

/* Its IoT Hub device id, by the template. */
static void make_identity(struct device_table *table, struct device *device,
                          const struct event *event)
{
        CLEANUP(buf_deinit) struct buf id = BUF_INIT;
        struct reason reason = REASON_INIT;

        free(device->clash);
        device->clash = NULL;
        free(device->hub_id);
        device->hub_id = NULL;
        if (device_identity_make(table->settings, event, &id, &reason)) {
                device->hub_id = mem_text(buf_text(&id)); /* without room to spare */
                device_table_claim(table, device);
        } else {
                device->clash = mem_text(reason.text);
        }
}

static struct device *device_new(struct device_table *table, const char *key,
                                 const struct event *event)
{
        struct device *device = add_device(table, key);

        device->network = mem_text(event->network);
        device->application = mem_text(event->application);
        device->name = mem_text(event->device);
        device->adopted_ms = event->application[0] != '\0' ? clock_steady_ms() : 0;
        make_identity(table, device, event);
        take_attributes(table, device);
        device->changed = false;
        return device;
}

struct device *device_table_find(const struct device_table *table, const char *device_key)
{
        return map_get(table->devices, device_key);
}

void device_warm(const struct device *device)
{
        if (!device)
                return;
        loop_warm(device, sizeof(*device));
        if (device->link)
                hub_device_warm(device->link);
}

/* Are the devices of both applications registered at the same place in Azure, or none of them? */
static bool has_same_azure(const struct settings *settings, const char *application,
                           const char *other)
{
        struct settings_azure a;
        struct settings_azure b;
        bool has_azure = settings_azure_for(settings, application, &a);

        if (settings_azure_for(settings, other, &b) != has_azure)
                return false;
        return !has_azure || (a.connection_type == b.connection_type &&
                              text_equal(a.connection_string, b.connection_string) &&
                              text_equal(a.global_device_endpoint, b.global_device_endpoint) &&
                              text_equal(a.id_scope, b.id_scope) &&
                              text_equal(a.group_enrollment_key, b.group_enrollment_key));
}

static void set_application(struct device *device, const char *application)
{
        log_info("DEVICE_APPLICATION", "An uplink names a device's application",
                 LOG_TEXT("device", device->key), LOG_TEXT("application", application),
                 LOG_TEXT("before", device->application), LOG_END);
        free(device->application);
        device->application = mem_text(application);
        device->adopted_ms = clock_steady_ms();
}

/* An uplink names the application of a device that was known without one. */
static void move_to_application(struct device_table *table, struct device *device,
                                const struct event *event)
{
        CLEANUP(mem_cleanup) char *application = mem_text(device->application);
        CLEANUP(mem_cleanup) char *hub_id = mem_text(device->hub_id);

        set_application(device, event->application);
        make_identity(table, device, event);
        if (hub_id)
                release_identity(table, device, hub_id, application);
        take_attributes(table, device);
        if (!text_equal(hub_id, device->hub_id) ||
            !has_same_azure(table->settings, application, device->application))
                device->changed = true;
}

/* The key of a device does not name its application where ids are unique in the network. */
static void remember_application(struct device_table *table, const struct device *device)
{
        const struct network *network = device_network(device);

        if (network && network->ids_are_unique && device->lane == device)
                device_directory_set_application(table->directory, device->key,
                                                 device->application);
}

/* Is this device_identity_claim the device's? */
static bool is_identity(const struct settings *settings, const struct device *device,
                        const char *identity)
{
        CLEANUP(mem_cleanup) char *own = device_claim_identity(settings, device);

        return text_equal(own, identity);
}

bool device_table_admit(struct device_table *table, const char *device_key, struct reason *reason)
{
        return device_limit_admit(table->limit, device_key, reason);
}

char *device_table_release(struct device_table *table, struct device *device, struct reason *reason)
{
        CLEANUP(mem_cleanup) char *key = NULL;
        char *owner;

        if (device->clash) {
                reason_set(reason, "%s has no IoT Hub device id: %s", device->key, device->clash);
                return NULL;
        }
        key = device_identity_key(table->settings, device->application, device->hub_id);
        owner = map_get(table->owners, key);
        map_remove(table->owners, key);
        free(owner);
        device_limit_remove(table->limit, &device->admission);
        device->claim = DEVICE_UNCLAIMED;
        device->claim_after_ms = 0;
        device->clash = mem_text("its IoT Hub device id was released by an operator");
        return device_claim_identity(table->settings, device);
}

/* A device without an identity tries again: the one that it wants may have been released. */
static void claim_again(struct device_table *table, struct device *device)
{
        CLEANUP(mem_cleanup) char *key = NULL;

        if (!device->clash || !device->hub_id || clock_steady_ms() < device->claim_after_ms)
                return;
        key = device_identity_key(table->settings, device->application, device->hub_id);
        if (map_get(table->owners, key))
                return;
        free(device->clash);
        device->clash = NULL;
        device_limit_add(table->limit, &device->admission);
        device_table_claim(table, device);
}

void device_take_facts(struct device *device, const struct event *event)
{
        if (event->kind == EVENT_JOIN_ACCEPT)
                device->joined_ms = clock_steady_ms();
        if (event->facts.told == 0)
                return;
        if (!device->facts)
                device->facts = mem_new(1, sizeof(*device->facts));
        event_facts_take(device->facts, &event->facts, event->time_ns);
}

struct device *device_table_get(struct device_table *table, const struct uplink_event *event)
{
        struct device *device = device_table_find(table, event->device_key);

        if (device)
                claim_again(table, device);
        if (!device)
                device = device_new(table, event->device_key, &event->event);
        else if (device->application[0] == '\0')
                move_to_application(table, device, &event->event);
        remember_application(table, device);
        if (device_directory_hear(table->directory, device->key, &event->event))
                take_attributes(table, device);
        device_take_facts(device, &event->event);
        return device;
}

/* --- devices of several applications -------------------------------------------------------- */

/* The same IoT Hub device, but perhaps another model. */
static void adopt(struct device_table *table, struct device *device, const struct event *event)
{
        int64_t now_ms = clock_steady_ms();

        if (device->adopted_ms != 0 && now_ms - device->adopted_ms < DEVICE_APPLICATION_PAUSE_MS)
                return;
        set_application(device, event->application);
        take_attributes(table, device);
        remember_application(table, device);
}

/* What owns the identity of this event's application, if it is the same device of the network. */
static struct device *find_place(struct device_table *table, const struct device *lane,
                                 const struct event *event)
{
        CLEANUP(buf_deinit) struct buf id = BUF_INIT;
        CLEANUP(mem_cleanup) char *identity = NULL;
        CLEANUP(mem_cleanup) char *owner_key = NULL;
        struct device *owner;
        const char *key;

        if (!device_identity_make(table->settings, event, &id, NULL))
                return NULL;
        identity = device_identity_claim(table->settings, event->application, buf_text(&id));
        owner_key = device_identity_key(table->settings, event->application, buf_text(&id));
        key = map_get(table->owners, owner_key);
        owner = key ? device_table_find(table, key) : NULL;
        return owner && text_equal(owner->network, lane->network) &&
                               text_equal(owner->name, lane->name) &&
                               is_identity(table->settings, owner, identity)
                       ? owner
                       : NULL;
}

/* A device for the place that this event's application has in Azure. */
static struct device *add_place(struct device_table *table, const struct event *event)
{
        CLEANUP(buf_deinit) struct buf key = BUF_INIT;
        struct device *device;

        text_url_escape(&key, event->network);
        buf_add_char(&key, '/');
        text_url_escape(&key, event->application);
        buf_add_char(&key, '/');
        text_url_escape(&key, event->device);
        device = device_table_find(table, buf_text(&key));
        if (!device)
                return device_new(table, buf_text(&key), event);
        claim_again(table, device);
        return device;
}

struct device *device_table_place(struct device_table *table, struct device *lane,
                                  const struct event *event)
{
        struct device *place;

        if (text_equal(lane->application, event->application))
                return lane;
        place = find_place(table, lane, event);
        if (!place)
                place = add_place(table, event);
        else if (!text_equal(place->application, event->application))
                adopt(table, place, event);
        place->lane = lane;
        return place;
}

/* Its network lists it. */
static struct device *take_up(struct device_table *table, const char *key,
                              const struct event *identity, struct reason *reason)
{
        struct device *device = device_table_find(table, key);

        if (!device_table_owns(table, store_shard_of(key))) {
                reason_set(reason, "it is another gateway's device");
                return NULL;
        }
        if (device)
                take_attributes(table, device);
        else if (device_identity_check(table->settings, identity, reason) &&
                 device_table_admit(table, key, reason))
                device = device_new(table, key, identity);
        return device;
}

struct device *device_table_list(struct device_table *table, const struct network *network,
                                 const char *application, const struct listed_device *listed,
                                 struct reason *reason)
{
        CLEANUP(mem_cleanup) char *known_application = mem_text(application ? application : "");
        CLEANUP(buf_deinit) struct buf key = BUF_INIT;
        struct event identity = {.network = network->name,
                                 .application = known_application,
                                 .device = listed->device,
                                 .dev_eui = listed->dev_eui};

        event_device_key(&identity, &key);
        device_directory_list(table->directory, buf_text(&key), listed);
        return take_up(table, buf_text(&key), &identity, reason);
}

void device_table_listed(struct device_table *table)
{
        device_directory_publish(table->directory);
}

/* --- what the last run left ----------------------------------------------------------------- */

/* The part of a device key before the next '/', decoded; moves `*key` behind it. */
static char *key_part(const char **key)
{
        size_t length = strcspn(*key, "/");
        CLEANUP(buf_deinit) struct buf part = BUF_INIT;

        text_url_unescape(&part, *key, length);
        *key += length + ((*key)[length] == '/' ? 1 : 0);
        return mem_text(buf_text(&part)); /* as long as the device: without room to spare */
}

void device_table_follow(struct device_table *table, const char *device_key)
{
        const struct device_entry *entry = device_directory_find(table->directory, device_key);
        const char *rest = device_key;
        CLEANUP(mem_cleanup) char *network = key_part(&rest);
        CLEANUP(mem_cleanup) char *application = key_part(&rest);
        CLEANUP(mem_cleanup) char *name = key_part(&rest);
        const struct network *known = network_by_name(network);
        struct event identity = {.application = application, .device = name};
        struct reason reason = REASON_INIT;
        struct device *device;

        if (!known || !entry || !entry->listed || !device_table_owns(table, entry->shard))
                return;
        identity.network = known->name;
        identity.dev_eui = entry->dev_eui;
        if (application[0] == '\0' && entry->application)
                identity.application = entry->application;
        device = take_up(table, device_key, &identity, &reason);
        if (device)
                device->keeper->wake(device);
}

struct listed_in {
        struct device_table *table;
        const struct store_shards *shards;
};

static bool take_listed(void *context, const char *device_key, void *entry)
{
        const struct listed_in *in = context;
        const struct device_entry *known = entry;

        if (known->listed && store_shards_has(in->shards, known->shard) &&
            !device_table_find(in->table, device_key))
                device_table_follow(in->table, device_key);
        return true;
}

void device_table_take_listed(struct device_table *table, const struct store_shards *shards)
{
        device_directory_each(table->directory, take_listed, &(struct listed_in){table, shards});
}

/* The part of a device key before the next '/' is no matter; moves `*key` behind it. */
static void skip_part(const char **key)
{
        *key += strcspn(*key, "/");
        *key += **key == '/' ? 1 : 0;
}

/* The caller's. */
static char *application_of(const struct device_table *table, const char *device_key)
{
        const struct device_entry *entry = device_directory_find(table->directory, device_key);
        const char *rest = device_key;
        char *application;

        skip_part(&rest);
        application = key_part(&rest);
        if (application[0] != '\0' || !entry || !entry->application)
                return application;
        free(application);
        return mem_text(entry->application);
}

/* Which is new here or parked. */
static struct device *restore_device(struct device_table *table, const struct device_owner *owner)
{
        struct device *device = device_table_find(table, owner->device);
        const char *rest = owner->device;

        if (!device)
                device = add_device(table, owner->device);
        forget_texts(device);
        device->network = key_part(&rest);
        skip_part(&rest);
        device->application = application_of(table, owner->device);
        device->name = key_part(&rest);
        device->hub_id = mem_text(owner->hub_id);
        take_attributes(table, device);
        device->changed = false;
        return device;
}

/* Would the device get this identity with the settings of today? */
static bool is_in_force(const struct device_table *table, const struct device_owner *owner)
{
        CLEANUP(mem_cleanup) char *application = application_of(table, owner->device);
        CLEANUP(mem_cleanup) char *scope = device_identity_scope(table->settings, application);

        return text_equal(owner->template, table->settings->azure.device_id_template) &&
               text_equal(owner->scope, scope);
}

static void set_owner(struct device_table *table, const char *key, const char *device_key)
{
        free(map_get(table->owners, key));
        map_set(table->owners, key, mem_text(device_key));
}

/*
 * The record of a claim decides. Earlier versions wrote ids as they were: such a one is claimed as
 * it would be today, and whoever has the other record keeps the id.
 */
static void claim_restored(struct device_table *table, struct device *device,
                           const char *record_key)
{
        CLEANUP(mem_cleanup)
        char *key = device_identity_key(table->settings, device->application, device->hub_id);
        CLEANUP(mem_cleanup) char *identity = device_claim_identity(table->settings, device);

        if (text_equal(record_key, identity)) {
                set_owner(table, key, device->key);
                device->claim = DEVICE_CLAIMED;
                return;
        }
        device_table_claim(table, device);
        if (!device->clash)
                store_claim_release(table->claims.store, DEVICE_OWNER_KIND, record_key,
                                    device->key);
}

/* A claim of other settings; whether by a service or not, is not known any more. */
static void keep_claim(struct device_table *table, const char *identity, const char *device_key)
{
        CLEANUP(mem_cleanup) char *key = mem_text(identity);

        text_lower(strrchr(key, '@'));
        if (!map_get(table->owners, key))
                set_owner(table, key, device_key);
        text_lower(key);
        if (!map_get(table->owners, key))
                set_owner(table, key, device_key);
}

void device_table_take(void *context, const struct store_record *record)
{
        struct device_table *table = context;
        CLEANUP(device_owner_deinit) struct device_owner owner;
        struct device *device;

        if (!device_owner_read(record, &owner))
                return;
        device = device_table_find(table, owner.device);
        if ((device && device->phase != DEVICE_ELSEWHERE) || !is_in_force(table, &owner))
                keep_claim(table, record->key, owner.device);
        else
                claim_restored(table, restore_device(table, &owner), record->key);
}

static const char *owner_of(const char *key, const void *value)
{
        (void)key;
        return value;
}

void device_table_forget(void *context, const struct store_shards *shards)
{
        struct device_table *table = context;

        device_forget_entries(table->owners, shards, owner_of);
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
