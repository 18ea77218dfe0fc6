// SPDX-License-Identifier: MIT
#include "gateway/provision/device_bulk.h"

#include <stdlib.h>
#include <string.h>

#include "base/json/json.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "base/table.h"
#include "base/text.h"
#include "base/thread.h"
#include "gateway/device/device_identity.h"

/* So many questions are under way at once; what the service takes meanwhile, dps_pace.h knows. */
#define UNDER_WAY_MOST 10000

/* So many outcomes are told in one answer. */
#define TOLD_MOST 2000

enum outcome_kind {
        OUTCOME_ASSIGNED,  /* it was not known */
        OUTCOME_CONFIRMED, /* it was known, and so it is */
        OUTCOME_MOVED,     /* it was known of another hub */
        OUTCOME_KNOWN,     /* not asked */
        OUTCOME_WOULD,     /* dry run: it would be asked about */
        OUTCOME_SKIPPED,   /* it is not to be registered */
        OUTCOME_FAILED,
        OUTCOME_KIND_COUNT,
};

static const char *const outcome_names[OUTCOME_KIND_COUNT] = {
        [OUTCOME_ASSIGNED] = "assigned", [OUTCOME_CONFIRMED] = "confirmed",
        [OUTCOME_MOVED] = "moved",       [OUTCOME_KNOWN] = "known",
        [OUTCOME_WOULD] = "would",       [OUTCOME_SKIPPED] = "skipped",
        [OUTCOME_FAILED] = "failed",
};

struct outcome {
        enum outcome_kind kind;
        char *device;
        char *hub_id;
        char *hub;
        char *reason;
        int error_code;
};

/* A device that is to be asked about, or is. */
struct item {
        struct list_node node; /* on bulk->waiting, or bulk->asked */
        struct device_bulk *bulk;
        struct device *device;
        char *hub; /* as it was known before */
};

struct device_bulk {
        struct device_listing_ear ear;
        struct device_bulk_options options;
        struct device_listing *listing;
        struct device_bulk_order order;
        char *application;
        bool started;  /* ever */
        bool is_open;  /* further names may come */
        bool in_lists; /* lists are being read */
        struct map *seen;
        struct list waiting;
        struct list asked;
        size_t taken; /* waiting, asked or done: what the limit counts */
        size_t beyond_limit;
        struct outcome *outcomes;
        size_t outcome_count;
        size_t counts[OUTCOME_KIND_COUNT];
};

/* --- life ---------------------------------------------------------------------------------- */

static void item_free(struct item *item)
{
        free(item->hub);
        free(item);
}

static void drop(struct list *items)
{
        list_for_each_safe (node, items)
                item_free(list_entry(node, struct item, node));
        list_init(items);
}

/* Forgets what became of the last one. */
static void clear(struct device_bulk *bulk)
{
        for (size_t i = 0; i < bulk->outcome_count; i++) {
                free(bulk->outcomes[i].device);
                free(bulk->outcomes[i].hub_id);
                free(bulk->outcomes[i].hub);
                free(bulk->outcomes[i].reason);
        }
        free(bulk->outcomes);
        free(bulk->application);
        map_free(bulk->seen);
        bulk->outcomes = NULL;
        bulk->outcome_count = 0;
        bulk->application = NULL;
        bulk->seen = NULL;
        bulk->taken = 0;
        bulk->beyond_limit = 0;
        memset(bulk->counts, 0, sizeof(bulk->counts));
}

void device_bulk_free(struct device_bulk *bulk)
{
        if (!bulk)
                return;
        drop(&bulk->waiting);
        drop(&bulk->asked);
        clear(bulk);
        free(bulk);
}

static bool is_running(const struct device_bulk *bulk)
{
        return bulk->is_open || bulk->in_lists || !list_is_empty(&bulk->waiting) ||
               !list_is_empty(&bulk->asked);
}

int device_bulk_start(struct device_bulk *bulk, const struct device_bulk_order *order,
                      struct reason *reason)
{
        THREAD_ASSERT(LOOP_THREAD);
        if (is_running(bulk)) {
                reason_set(reason, "devices are being provisioned already");
                return -EBUSY;
        }
        clear(bulk);
        bulk->order = *order;
        bulk->application = mem_text(order->application);
        bulk->seen = map_new();
        bulk->started = true;
        bulk->is_open = !order->lists;
        bulk->in_lists = order->lists;
        if (order->lists && device_listing_refresh(bulk->listing) == 0)
                bulk->in_lists = false;
        return 0;
}

/* --- outcomes ------------------------------------------------------------------------------ */

static struct outcome *add_outcome(struct device_bulk *bulk, enum outcome_kind kind,
                                   const char *device, const char *reason)
{
        struct outcome *outcome;

        bulk->outcomes = mem_grow(bulk->outcomes, bulk->outcome_count, sizeof(*bulk->outcomes));
        outcome = &bulk->outcomes[bulk->outcome_count++];
        *outcome = (struct outcome){
                .kind = kind, .device = mem_text(device), .reason = mem_text(reason)};
        bulk->counts[kind]++;
        return outcome;
}

/* With the hub that is remembered. */
static void conclude(struct device_bulk *bulk, enum outcome_kind kind, const struct device *device,
                     const char *reason)
{
        CLEANUP(json_cleanup)
        struct json_object *record = device_provision_recall(bulk->options.provision, device);
        struct outcome *outcome = add_outcome(bulk, kind, device->key, reason);

        outcome->hub_id = mem_text(device->hub_id);
        outcome->hub = mem_text(json_text_member(record, "hub"));
}

static void feed(struct device_bulk *bulk);

static void told(void *context, struct device *device, const struct dps_result *result)
{
        struct item *item = context;
        struct device_bulk *bulk = item->bulk;
        CLEANUP(json_cleanup)
        struct json_object *record = device_provision_recall(bulk->options.provision, device);
        enum outcome_kind kind = OUTCOME_ASSIGNED;

        list_remove(&bulk->asked, &item->node);
        if (result)
                kind = OUTCOME_FAILED;
        else if (item->hub)
                kind = text_equal(item->hub, json_text_member(record, "hub")) ? OUTCOME_CONFIRMED
                                                                              : OUTCOME_MOVED;
        conclude(bulk, kind, device, result ? result->reason.text : NULL);
        if (result)
                bulk->outcomes[bulk->outcome_count - 1].error_code = result->error_code;
        item_free(item);
        feed(bulk);
}

static void feed(struct device_bulk *bulk)
{
        while (bulk->asked.count < UNDER_WAY_MOST && !list_is_empty(&bulk->waiting)) {
                struct item *item = list_entry(list_pop_front(&bulk->waiting), struct item, node);
                struct reason reason = REASON_INIT;

                if (device_provision_ask(bulk->options.provision, item->device, told, item,
                                         &reason) == 0) {
                        list_push_back(&bulk->asked, &item->node);
                        continue;
                }
                conclude(bulk, OUTCOME_FAILED, item->device, reason.text);
                item_free(item);
        }
}

/* --- devices ------------------------------------------------------------------------------- */

/* True if it was marked before. */
static bool mark_seen(struct device_bulk *bulk, const char *key)
{
        if (map_get(bulk->seen, key))
                return true;
        map_set(bulk->seen, key, bulk);
        return false;
}

/* Counts one more; false if the limit is reached. */
static bool take_one_more(struct device_bulk *bulk)
{
        if (bulk->order.limit > 0 && bulk->taken >= bulk->order.limit) {
                bulk->beyond_limit++;
                return false;
        }
        bulk->taken++;
        return true;
}

static bool needs_no_service(const struct device_bulk *bulk, const struct device *device)
{
        struct settings_azure azure;

        return settings_azure_for(bulk->options.settings, device->application, &azure) &&
               azure.connection_type == SETTINGS_DEVICE_CONNECTION_STRING;
}

static void consider(struct device_bulk *bulk, struct device *device)
{
        CLEANUP(json_cleanup)
        struct json_object *record = device_provision_recall(bulk->options.provision, device);
        struct item *item;

        if (mark_seen(bulk, device->key))
                return;
        if (device->off)
                conclude(bulk, OUTCOME_SKIPPED, device, "it is not to be in Azure");
        else if (needs_no_service(bulk, device))
                conclude(bulk, OUTCOME_SKIPPED, device, "it connects with a connection string");
        else if (device->clash)
                conclude(bulk, OUTCOME_FAILED, device, device->clash);
        else if (record && !bulk->order.again)
                conclude(bulk, OUTCOME_KNOWN, device, NULL);
        else if (!take_one_more(bulk))
                return;
        else if (bulk->order.dry_run)
                conclude(bulk, OUTCOME_WOULD, device, NULL);
        else {
                item = mem_new(1, sizeof(*item));
                item->bulk = bulk;
                item->device = device;
                item->hub = mem_text(json_text_member(record, "hub"));
                list_push_back(&bulk->waiting, &item->node);
        }
}

/* In a dry run: a device that would be made. */
static void consider_unmade(struct device_bulk *bulk, const struct event *identity)
{
        CLEANUP(buf_deinit) struct buf key = BUF_INIT;
        CLEANUP(buf_deinit) struct buf id = BUF_INIT;
        struct reason reason = REASON_INIT;
        struct device *device;

        event_device_key(identity, &key);
        device = device_table_find(bulk->options.devices, buf_text(&key));
        if (device) {
                consider(bulk, device);
                return;
        }
        if (mark_seen(bulk, buf_text(&key)))
                return;
        if (!device_identity_make(bulk->options.settings, identity, &id, &reason) ||
            !device_identity_check(bulk->options.settings, identity, &reason))
                add_outcome(bulk, OUTCOME_FAILED, buf_text(&key), reason.text);
        else if (take_one_more(bulk))
                add_outcome(bulk, OUTCOME_WOULD, buf_text(&key), NULL)->hub_id = buf_take(&id);
}

/* --- lists --------------------------------------------------------------------------------- */

static struct device_bulk *bulk_of(struct device_listing_ear *ear)
{
        return list_entry(ear, struct device_bulk, ear);
}

static bool lets_make(struct device_listing_ear *ear)
{
        const struct device_bulk *bulk = bulk_of(ear);

        return !bulk->options.is_alone || !is_running(bulk) || !bulk->order.dry_run;
}

static void on_listed(struct device_listing_ear *ear, const struct listing_of *listing,
                      const struct listed_device *listed, struct device *device,
                      const struct reason *reason)
{
        struct device_bulk *bulk = bulk_of(ear);
        CLEANUP(mem_cleanup)
        char *application = mem_text(listing->application ? listing->application : "");
        struct event identity = {.network = listing->network->name,
                                 .application = application,
                                 .device = listed->device,
                                 .dev_eui = listed->dev_eui};
        CLEANUP(buf_deinit) struct buf key = BUF_INIT;

        if (!bulk->in_lists || (bulk->application && !text_equal(bulk->application, application)))
                return;
        if (device) {
                consider(bulk, device);
                feed(bulk);
        } else if (bulk->order.dry_run) {
                consider_unmade(bulk, &identity);
        } else {
                event_device_key(&identity, &key);
                if (!mark_seen(bulk, buf_text(&key)))
                        add_outcome(bulk, OUTCOME_FAILED, buf_text(&key), reason->text);
        }
}

static void on_list_read(struct device_listing_ear *ear, const struct listing_of *listing,
                         const struct reason *failure)
{
        struct device_bulk *bulk = bulk_of(ear);
        CLEANUP(mem_cleanup)
        char *name = mem_format("%s/%s", listing->network->name,
                                listing->application ? listing->application : "");

        if (!bulk->in_lists)
                return;
        if (failure)
                add_outcome(bulk, OUTCOME_FAILED, name, failure->text);
        if (device_listing_pending(bulk->listing) == 0)
                bulk->in_lists = false;
}

struct device_listing_ear *device_bulk_ear(struct device_bulk *bulk)
{
        return &bulk->ear;
}

struct device_bulk *device_bulk_new(const struct device_bulk_options *options)
{
        struct device_bulk *bulk = mem_new(1, sizeof(*bulk));

        bulk->options = *options;
        bulk->ear = (struct device_listing_ear){
                .lets_make = lets_make, .listed = on_listed, .read = on_list_read};
        list_init(&bulk->waiting);
        list_init(&bulk->asked);
        return bulk;
}

void device_bulk_join(struct device_bulk *bulk, struct device_listing *listing)
{
        bulk->listing = listing;
}

/* --- names --------------------------------------------------------------------------------- */

static struct device *make(struct device_bulk *bulk, const struct network *network,
                           const struct device_bulk_name *name, struct reason *reason)
{
        CLEANUP(mem_cleanup) char *device_id = mem_text(name->device);
        CLEANUP(mem_cleanup) char *dev_eui = mem_text(name->dev_eui);
        CLEANUP(mem_cleanup) char *model_id = mem_text(name->model_id);
        const struct listed_device listed = {
                .device = device_id, .dev_eui = dev_eui, .attributes.model_id = model_id};

        return device_table_list(bulk->options.devices, network,
                                 text_is_empty(name->application) ? NULL : name->application,
                                 &listed, reason);
}

int device_bulk_add(struct device_bulk *bulk, const struct device_bulk_name *name,
                    struct reason *reason)
{
        CLEANUP(mem_cleanup)
        char *application = mem_text(name->application ? name->application : "");
        struct event identity = {.application = application};
        CLEANUP(mem_cleanup) char *device_id = mem_text(name->device);
        CLEANUP(mem_cleanup) char *dev_eui = mem_text(name->dev_eui);
        CLEANUP(buf_deinit) struct buf key = BUF_INIT;
        const struct network *network;
        struct device *device;

        THREAD_ASSERT(LOOP_THREAD);
        if (!bulk->is_open) {
                reason_set(reason, "no devices are awaited");
                return -EINVAL;
        }
        network = network_by_name(name->network);
        if (!network || text_is_empty(name->device)) {
                reason_set(reason, network ? "a device has no id" : "there is no network '%.64s'",
                           name->network);
                return -EINVAL;
        }
        if (bulk->application && !text_equal(bulk->application, application))
                return 0;
        identity.network = network->name;
        identity.device = device_id;
        identity.dev_eui = dev_eui;
        if (bulk->order.dry_run) {
                consider_unmade(bulk, &identity);
                return 0;
        }
        event_device_key(&identity, &key);
        device = device_table_find(bulk->options.devices, buf_text(&key));
        /* What a list said of it is not overwritten by a name alone. */
        if (!device || name->model_id)
                device = make(bulk, network, name, reason);
        if (device)
                consider(bulk, device);
        else if (!mark_seen(bulk, buf_text(&key)))
                add_outcome(bulk, OUTCOME_FAILED, buf_text(&key), reason->text);
        feed(bulk);
        return 0;
}

void device_bulk_close(struct device_bulk *bulk)
{
        bulk->is_open = false;
}

void device_bulk_stop(struct device_bulk *bulk)
{
        bulk->is_open = false;
        bulk->in_lists = false;
        drop(&bulk->waiting);
}

/* --- what became of them ------------------------------------------------------------------- */

static struct json_object *view_outcome(const struct outcome *outcome)
{
        struct json_object *view = json_object_new_object();

        json_add_text(view, "device", outcome->device);
        json_add_text(view, "hubDeviceId", outcome->hub_id);
        json_add_text(view, "hub", outcome->hub);
        json_add_text(view, "result", outcome_names[outcome->kind]);
        if (outcome->error_code != 0)
                json_add_int(view, "errorCode", outcome->error_code);
        json_add_text(view, "reason", outcome->reason);
        return view;
}

void device_bulk_write(const struct device_bulk *bulk, size_t after, struct buf *out)
{
        CLEANUP(json_cleanup) struct json_object *view = json_object_new_object();
        struct json_object *counts = json_object_new_object();
        struct json_object *outcomes = json_object_new_array();
        size_t end = bulk->outcome_count;

        if (after > end)
                after = end;
        if (end - after > TOLD_MOST)
                end = after + TOLD_MOST;
        for (size_t i = 0; i < OUTCOME_KIND_COUNT; i++)
                json_add_int(counts, outcome_names[i], (int64_t)bulk->counts[i]);
        json_add_int(counts, "waiting", (int64_t)(bulk->waiting.count + bulk->asked.count));
        json_add_int(counts, "beyondLimit", (int64_t)bulk->beyond_limit);
        for (size_t i = after; i < end; i++)
                json_object_array_add(outcomes, view_outcome(&bulk->outcomes[i]));
        json_add_text(view, "state",
                      is_running(bulk) ? "running"
                      : bulk->started  ? "finished"
                                       : "none");
        json_object_object_add(view, "counts", counts);
        json_add_bool(view, "readingLists", bulk->in_lists);
        json_add_int(view, "quota", metrics_gauge_value(METRIC_DPS_QUOTA));
        json_object_object_add(view, "outcomes", outcomes);
        json_add_int(view, "next", (int64_t)end);
        json_add_bool(view, "more", end < bulk->outcome_count);
        json_write(out, view);
        buf_add_char(out, '\n');
}
