// SPDX-License-Identifier: MIT
/*
 * Configurations at work (rule W33): pass after pass over all devices and modules, the one with the
 * highest priority whose condition a device fits is applied to it, of several the newest. What it
 * wrote is taken back when the device fits no more, and stays when the configuration is removed.
 * What it says of an edge device's modules (`modulesContent`) stays in any case, as the modules do.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "localhub/fleet/configurations.h"

#define PAUSE_MS     1000
#define PAUSE_FACTOR 20 /* a pass takes at most this part of the time */
#define DESIRED      "properties.desired"

/* --- contents -------------------------------------------------------------------------------- */

/* Puts a value at `a.b.c`; the object takes it. */
static void put_at(struct json_object *object, const char *path, struct json_object *value)
{
        size_t size = strcspn(path, ".");
        CLEANUP(mem_cleanup) char *name = mem_text_n(path, size);
        struct json_object *inner;

        if (path[size] == '\0') {
                json_object_object_add(object, name, value);
                return;
        }
        inner = json_object_object_get(object, name);
        if (!json_object_is_type(inner, json_type_object)) {
                inner = json_object_new_object();
                json_object_object_add(object, name, inner);
        }
        put_at(inner, path + size + 1, value);
}

static void put_all(struct json_object *object, struct json_object *from)
{
        json_object_object_foreach (from, name, value) {
                json_object_object_add(object, name, fleet_copy(value));
        }
}

/* What `properties.desired` and `properties.desired.NAME` say together; the caller's. */
static struct json_object *desired_of(struct json_object *part)
{
        struct json_object *made;

        if (!part)
                return NULL;
        made = json_object_new_object();
        json_object_object_foreach (part, name, value) {
                if (strcmp(name, DESIRED) == 0 && json_object_is_type(value, json_type_object))
                        put_all(made, value);
                else if (strncmp(name, DESIRED ".", strlen(DESIRED ".")) == 0)
                        put_at(made, name + strlen(DESIRED "."), fleet_copy(value));
        }
        return made;
}

/* The part of a content that is for devices, or for modules, which are devices of a device. */
static struct json_object *part_for(struct json_object *content, enum query_source source)
{
        return json_object_member(content,
                                  source == QUERY_MODULES ? "moduleContent" : "deviceContent");
}

/* The modules of an edge device that its content names: made if need be, and told all anew. */
static int write_modules(struct registry *registry, int hub, const char *device_id,
                         struct json_object *content, struct reason *reason)
{
        static const struct registry_device_settings settings = {.primary_key = NULL};
        struct json_object *modules = json_object_member(content, "modulesContent");

        if (!modules)
                return 0;
        json_object_object_foreach (modules, name, value) {
                CLEANUP(mem_cleanup) char *id = mem_format("%s/%s", device_id, name);
                CLEANUP(json_cleanup)
                struct json_object *desired =
                        json_object_is_type(value, json_type_object) ? desired_of(value) : NULL;

                if (!desired || strchr(name, '/') ||
                    (!registry_device_get(registry, hub, id, NULL) &&
                     registry_device_put(registry, hub, id, REGISTRY_CREATE, &settings, NULL,
                                         reason) != 0) ||
                    registry_twin_patch(registry, hub, id, REGISTRY_DESIRED, desired, true, NULL,
                                        reason) != 0) {
                        if (reason->text[0] == '\0')
                                reason_set(reason, "it must be an object");
                        reason_prefix(reason, "modulesContent, '%.128s'", name);
                        return FLEET_E_INVALID;
                }
        }
        return 0;
}

/* Adds to `patch` nulls for what `old` has written and `now` does not write. */
static void take_back(struct json_object *patch, struct json_object *old, struct json_object *now)
{
        json_object_object_foreach (old, name, value) {
                struct json_object *kept = NULL;
                bool stays = json_object_is_type(now, json_type_object) &&
                             json_object_object_get_ex(now, name, &kept);

                if (!stays) {
                        json_object_object_add(patch, name, NULL);
                        continue;
                }
                if (!json_object_is_type(value, json_type_object) ||
                    !json_object_is_type(kept, json_type_object))
                        continue;
                take_back(json_object_object_get(patch, name), value, kept);
        }
}

/* --- what devices have ----------------------------------------------------------------------- */

static struct applied *find_applied(const struct fleet *fleet, int hub, const char *device_id)
{
        CLEANUP(mem_cleanup) char *key = mem_format("%d/%s", hub, device_id);
        struct table_entry *entry = table_find(&fleet->applied_by_device, key);

        return entry ? table_of(entry, struct applied, by_device) : NULL;
}

static struct applied *make_applied(struct fleet *fleet, int hub, const char *device_id)
{
        struct applied *made = mem_new(1, sizeof(*made));

        made->hub = hub;
        made->key = mem_format("%d/%s", hub, device_id);
        made->by_device.key = made->key;
        table_add(&fleet->applied_by_device, &made->by_device);
        list_push_back(&fleet->applied, &made->node);
        return made;
}

static void applied_free(struct fleet *fleet, struct applied *applied)
{
        list_remove(&fleet->applied, &applied->node);
        table_remove(&fleet->applied_by_device, &applied->by_device);
        json_object_put(applied->desired);
        free(applied->configuration);
        free(applied->key);
        free(applied);
}

void fleet_applied_forget(struct fleet *fleet, const struct configuration *configuration)
{
        list_for_each_safe (node, &fleet->applied) {
                struct applied *applied = list_entry(node, struct applied, node);

                if (applied->hub == configuration->item.hub &&
                    strcmp(applied->configuration, configuration->item.id) == 0)
                        applied_free(fleet, applied);
        }
}

void fleet_applied_deinit(struct fleet *fleet)
{
        list_for_each_safe (node, &fleet->applied)
                applied_free(fleet, list_entry(node, struct applied, node));
        table_deinit(&fleet->applied_by_device);
}

void fleet_describe(struct fleet *fleet, int hub, const char *device_id, struct json_object *twin)
{
        const struct applied *applied;
        struct json_object *all;
        struct json_object *one;

        pthread_mutex_lock(&fleet->mutex);
        applied = find_applied(fleet, hub, device_id);
        if (applied) {
                all = json_object_new_object();
                one = json_object_new_object();
                json_add_text(one, "status", "Applied");
                json_object_object_add(all, applied->configuration, one);
                json_object_object_add(twin, "configurations", all);
        }
        pthread_mutex_unlock(&fleet->mutex);
}

/* --- one device ------------------------------------------------------------------------------ */

static void count_metrics(struct configuration *configuration, enum query_source source,
                          struct json_object *twin)
{
        for (size_t i = 0; i < configuration->metric_count; i++) {
                struct metric *metric = &configuration->metrics[i];

                metric->count +=
                        query_source(metric->query) == source && query_fits(metric->query, twin);
        }
}

/* The one to be applied; NULL = none. Counts on the way. */
static struct configuration *choose(struct fleet *fleet, int hub, enum query_source source,
                                    struct json_object *twin)
{
        struct configuration *best = NULL;

        list_for_each (node, &fleet->items[FLEET_CONFIGURATION]) {
                struct configuration *one = list_entry(node, struct configuration, item.node);

                if (one->item.hub != hub)
                        continue;
                count_metrics(one, source, twin);
                if (!one->target || query_source(one->target) != source ||
                    !query_fits(one->target, twin))
                        continue;
                one->targeted_now++;
                if (!best || one->priority >= best->priority)
                        best = one;
        }
        return best;
}

/* What is to be written into the device, if anything; notes that it has been. The caller's. */
static struct json_object *change(struct fleet *fleet, int hub, const char *device_id,
                                  enum query_source source, const struct configuration *best)
{
        struct applied *applied = find_applied(fleet, hub, device_id);
        CLEANUP(json_cleanup)
        struct json_object *old = applied ? json_object_get(applied->desired) : NULL;
        struct json_object *content = best ? json_member(best->document, "content") : NULL;
        CLEANUP(json_cleanup)
        struct json_object *now = best ? desired_of(part_for(content, source)) : NULL;
        struct json_object *patch;

        if (applied)
                applied->pass = fleet->pass;
        if (!best && !applied)
                return NULL;
        if (best && applied && applied->revision == best->revision &&
            strcmp(applied->configuration, best->item.id) == 0)
                return NULL;
        patch = json_object_new_object();
        if (now)
                put_all(patch, now);
        if (old)
                take_back(patch, old, now);
        if (!best) {
                applied_free(fleet, applied);
                return patch;
        }
        applied = applied ? applied : make_applied(fleet, hub, device_id);
        json_object_put(applied->desired);
        free(applied->configuration);
        applied->desired = json_object_get(now);
        applied->configuration = mem_text(best->item.id);
        applied->revision = best->revision;
        applied->pass = fleet->pass;
        return patch;
}

/* Without the mutex. */
static void look_at(struct fleet *fleet, const struct registry_device *device)
{
        const struct fleet_documents *documents = fleet->documents;
        CLEANUP(json_cleanup)
        struct json_object *twin = documents->twin(documents->context, device);
        CLEANUP(json_cleanup) struct json_object *patch = NULL;
        CLEANUP(json_cleanup) struct json_object *content = NULL;
        enum query_source source = strchr(device->id, '/') ? QUERY_MODULES : QUERY_DEVICES;
        struct reason reason = REASON_INIT;
        struct configuration *best;

        pthread_mutex_lock(&fleet->mutex);
        best = choose(fleet, device->hub, source, twin);
        patch = change(fleet, device->hub, device->id, source, best);
        if (best) {
                best->applied_now++;
                content = fleet_copy(json_member(best->document, "content"));
        }
        pthread_mutex_unlock(&fleet->mutex);
        if (!patch)
                return;
        if ((json_object_object_length(patch) > 0 &&
             registry_twin_patch(fleet->registry, device->hub, device->id, REGISTRY_DESIRED, patch,
                                 false, NULL, &reason) != 0) ||
            (source == QUERY_DEVICES &&
             write_modules(fleet->registry, device->hub, device->id, content, &reason) != 0))
                log_warn("HUB_CONFIGURATION_FAILED", "A configuration can't be written to a twin",
                         LOG_TEXT("device", device->id), LOG_TEXT("reason", reason.text), LOG_END);
}

int fleet_content_apply(struct fleet *fleet, int hub, const char *device_id,
                        struct json_object *content, struct reason *reason)
{
        CLEANUP(json_cleanup)
        struct json_object *patch = desired_of(part_for(content, QUERY_DEVICES));

        if (!patch && !json_object_member(content, "modulesContent")) {
                reason_set(reason, "the content has neither 'deviceContent' nor 'modulesContent'");
                return FLEET_E_INVALID;
        }
        if (patch && registry_twin_patch(fleet->registry, hub, device_id, REGISTRY_DESIRED, patch,
                                         false, NULL, reason) != 0)
                return FLEET_E_INVALID;
        return write_modules(fleet->registry, hub, device_id, content, reason);
}

/* --- a pass ---------------------------------------------------------------------------------- */

static void begin_pass(struct fleet *fleet)
{
        fleet->pass++;
        list_for_each (node, &fleet->items[FLEET_CONFIGURATION]) {
                struct configuration *one = list_entry(node, struct configuration, item.node);

                one->targeted_now = one->applied_now = 0;
                for (size_t i = 0; i < one->metric_count; i++)
                        one->metrics[i].count = 0;
        }
}

static void end_pass(struct fleet *fleet)
{
        list_for_each (node, &fleet->items[FLEET_CONFIGURATION]) {
                struct configuration *one = list_entry(node, struct configuration, item.node);

                one->targeted = one->targeted_now;
                one->applied = one->applied_now;
                for (size_t i = 0; i < one->metric_count; i++)
                        one->metrics[i].result = one->metrics[i].count;
        }
        /* Devices that are gone. */
        list_for_each_safe (node, &fleet->applied) {
                struct applied *applied = list_entry(node, struct applied, node);

                if (applied->pass != fleet->pass)
                        applied_free(fleet, applied);
        }
}

void fleet_configurations_run(struct fleet *fleet, int64_t *next_ms)
{
        int64_t started_ms = clock_steady_ms();
        int hubs = registry_hub_count(fleet->registry);
        int64_t pause_ms;

        if (fleet->items[FLEET_CONFIGURATION].count == 0 && fleet->applied.count == 0)
                return;
        if (fleet->pass_due_ms > started_ms) {
                *next_ms = fleet->pass_due_ms < *next_ms ? fleet->pass_due_ms : *next_ms;
                return;
        }
        /* A change from here on makes another pass due. */
        fleet->pass_due_ms = INT64_MAX;
        begin_pass(fleet);
        pthread_mutex_unlock(&fleet->mutex);
        for (int hub = 0; hub < hubs; hub++) {
                struct registry_device device;
                uint64_t cursor = 0;

                while (registry_device_next(fleet->registry, hub, &cursor, &device))
                        look_at(fleet, &device);
                cursor = 0;
                while (registry_module_next(fleet->registry, hub, NULL, &cursor, &device))
                        look_at(fleet, &device);
        }
        pthread_mutex_lock(&fleet->mutex);
        end_pass(fleet);
        pause_ms = PAUSE_FACTOR * (clock_steady_ms() - started_ms);
        if (fleet->pass_due_ms == INT64_MAX)
                fleet->pass_due_ms =
                        clock_steady_ms() + (pause_ms > PAUSE_MS ? pause_ms : PAUSE_MS);
        *next_ms = fleet->pass_due_ms < *next_ms ? fleet->pass_due_ms : *next_ms;
}
