// SPDX-License-Identifier: MIT
/* Where a device goes that may register, and what it is there (rules W2 and W25). */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json/json.h"
#include "base/mem.h"
#include "base/table.h"
#include "base/text.h"
#include "localhub/dps/dps_enrolment.h"
#include "localhub/dps/provisioning.h"

struct assignment {
        struct registry *registry;
        const struct registry_enrolment *enrolment;
        const struct provisioning_device *device;
        struct json_object *extra;           /* of the enrolment */
        struct registry_registration before; /* without an id: it has never registered */
        struct registry_registration wanted;
};

/* --- where it goes --------------------------------------------------------------------------- */

/* Weighted rendezvous hashing: a further hub takes only its share of devices from the others. */
static double score(const struct registry_hub *hub, const char *registration_id)
{
        CLEANUP(mem_cleanup) char *both = mem_format("%s/%s", hub->id, registration_id);
        double uniform;

        text_lower(both);
        uniform = ((double)(table_hash(both) >> 11) + 0.5) / (double)(UINT64_C(1) << 53);
        return -(double)hub->weight / log(uniform);
}

int provisioning_choose_hub(const struct registry_hub *hubs, int count, const char *hub_id,
                            const char *registration_id)
{
        double best = 0;
        int chosen = -1;

        for (int i = 0; i < count; i++) {
                double own;

                if (!hubs[i].active)
                        continue;
                if (hub_id[0]) {
                        if (strcmp(hubs[i].id, hub_id) == 0)
                                return i;
                        continue;
                }
                own = score(&hubs[i], registration_id);
                if (own > best) {
                        best = own;
                        chosen = i;
                }
        }
        return chosen;
}

/* Leaves those that the enrolment allows, if it names any. */
static void keep_allowed(struct registry *registry, struct json_object *allowed,
                         struct registry_hub *hubs, int count)
{
        bool kept[REGISTRY_HUBS_MAX] = {false};
        size_t length = json_object_is_type(allowed, json_type_array)
                                ? json_object_array_length(allowed)
                                : 0;

        for (size_t i = 0; i < length; i++) {
                const char *name = json_object_get_string(json_object_array_get_idx(allowed, i));
                int hub = registry_hub_find(registry, name ? name : "");

                if (hub >= 0)
                        kept[hub] = true;
        }
        for (int i = 0; i < count && length > 0; i++)
                hubs[i].active &= kept[i];
}

static int first_active(const struct registry_hub *hubs, int count)
{
        for (int i = 0; i < count; i++) {
                if (hubs[i].active)
                        return i;
        }
        return -1;
}

static int choose(const struct assignment *assignment)
{
        struct registry *registry = assignment->registry;
        const struct registry_enrolment *enrolment = assignment->enrolment;
        const struct provisioning_device *device = assignment->device;
        int count = registry_hub_count(registry);
        struct registry_hub *hubs = mem_new((size_t)count + 1, sizeof(*hubs));
        int chosen;

        for (int i = 0; i < count; i++)
                (void)registry_hub_get(registry, i, &hubs[i]);
        if (device->hub) {
                chosen = registry_hub_find(registry, device->hub);
                if (chosen >= 0 && !hubs[chosen].active)
                        chosen = -1;
        } else {
                keep_allowed(registry, json_member(assignment->extra, "iotHubs"), hubs, count);
                chosen = enrolment->allocation == REGISTRY_HASHED || enrolment->hub_id[0]
                                 ? provisioning_choose_hub(hubs, count, enrolment->hub_id,
                                                           device->registration_id)
                                 : first_active(hubs, count);
        }
        free(hubs);
        return chosen;
}

/* The registration before, if its device stays in its hub whatever the allocation says now. */
static bool stays(struct registry *registry, const struct registry_enrolment *enrolment,
                  const struct registry_registration *before)
{
        struct registry_hub hub;

        return enrolment->keeps_hub && registry_hub_get(registry, before->hub, &hub) &&
               hub.active && registry_device_get(registry, before->hub, before->device_id, NULL);
}

bool provisioning_needs_function(struct registry *registry,
                                 const struct registry_enrolment *enrolment,
                                 const char *registration_id)
{
        struct registry_registration before;

        return enrolment->allocation == REGISTRY_CUSTOM && !enrolment->hub_id[0] &&
               !(registry_registration_get(registry, registration_id, &before) &&
                 stays(registry, enrolment, &before));
}

/* The two keys that the device will have in its hub. */
static int keys_of(const struct registry_enrolment *enrolment, const char *registration_id,
                   struct buf *primary, struct buf *secondary)
{
        if (enrolment->kind == REGISTRY_INDIVIDUAL) {
                buf_add_text(primary, enrolment->primary_key);
                buf_add_text(secondary, enrolment->secondary_key);
                return 0;
        }
        if (provisioning_derive_key(enrolment->primary_key, registration_id, primary) < 0)
                return -EINVAL;
        return provisioning_derive_key(enrolment->secondary_key, registration_id, secondary);
}

/* --- assigning ------------------------------------------------------------------------------- */

/* Who it is in the hub: ids as they were first written, whatever their case is now. */
static void name_device(struct assignment *assignment)
{
        const struct registry_enrolment *enrolment = assignment->enrolment;
        const struct provisioning_device *device = assignment->device;
        struct registry_registration *wanted = &assignment->wanted;
        bool own_name = enrolment->kind == REGISTRY_INDIVIDUAL && enrolment->device_id[0];
        const char *id = assignment->before.registration_id[0] ? assignment->before.registration_id
                                                               : device->registration_id;

        snprintf(wanted->registration_id, sizeof(wanted->registration_id), "%s", id);
        snprintf(wanted->device_id, sizeof(wanted->device_id), "%s",
                 own_name ? enrolment->device_id : id);
        snprintf(wanted->thumbprint, sizeof(wanted->thumbprint), "%s", device->thumbprint);
        if (enrolment->kind == REGISTRY_GROUP)
                memcpy(wanted->group, enrolment->id, sizeof(wanted->group));
}

static bool changes_hub(const struct assignment *assignment)
{
        return assignment->before.registration_id[0] && assignment->before.hub >= 0 &&
               assignment->before.hub != assignment->wanted.hub;
}

/* Where it goes, and how; false if there is no hub. */
static bool place_device(struct assignment *assignment)
{
        const struct registry_enrolment *enrolment = assignment->enrolment;
        const struct registry_registration *before = &assignment->before;
        struct registry_registration *wanted = &assignment->wanted;
        bool known = before->registration_id[0] != '\0';

        wanted->hub = known && stays(assignment->registry, enrolment, before) ? before->hub
                                                                              : choose(assignment);
        wanted->move = known ? before->move : REGISTRY_MOVE_NONE;
        if (changes_hub(assignment))
                wanted->move = enrolment->resets_data ? REGISTRY_MOVE_RESET : REGISTRY_MOVE_DATA;
        return wanted->hub >= 0;
}

/* What the enrolment, or a function, wants a new device to be. */
static int begin_device(const struct assignment *assignment, struct reason *reason)
{
        const struct registry_registration *wanted = &assignment->wanted;
        const struct registry_device_settings settings = {.edge = &assignment->enrolment->edge};
        struct json_object *twin = assignment->device->initial_twin;
        struct json_object *tags;
        struct json_object *desired;
        int r = registry_device_put(assignment->registry, wanted->hub, wanted->device_id,
                                    REGISTRY_UPDATE, &settings, NULL, reason);

        if (!twin)
                twin = json_object_member(assignment->extra, "initialTwin");
        tags = json_object_member(twin, "tags");
        desired = json_object_member(json_object_member(twin, "properties"), "desired");
        if (r == 0 && tags)
                r = registry_twin_patch(assignment->registry, wanted->hub, wanted->device_id,
                                        REGISTRY_TAGS, tags, true, NULL, reason);
        if (r == 0 && desired)
                r = registry_twin_patch(assignment->registry, wanted->hub, wanted->device_id,
                                        REGISTRY_DESIRED, desired, true, NULL, reason);
        if (r != 0)
                reason_prefix(reason, "the initial twin");
        return r;
}

/* Brings the device to its hub. */
static int settle(const struct assignment *assignment, struct registry_registration *result,
                  struct reason *reason)
{
        struct registry *registry = assignment->registry;
        const struct registry_registration *before = &assignment->before;
        const struct registry_registration *wanted = &assignment->wanted;
        CLEANUP(buf_wipe) struct buf primary = BUF_INIT;
        CLEANUP(buf_wipe) struct buf secondary = BUF_INIT;
        bool moves = changes_hub(assignment);
        bool is_new;
        int r = keys_of(assignment->enrolment, assignment->device->registration_id, &primary,
                        &secondary);

        if (moves && assignment->enrolment->resets_data)
                (void)registry_device_remove(registry, before->hub, before->device_id);
        is_new = !registry_device_get(registry, wanted->hub, wanted->device_id, NULL) &&
                 !(moves && registry_device_get(registry, before->hub, wanted->device_id, NULL));
        if (r == 0)
                r = registry_registration_put(registry, wanted, buf_text(&primary),
                                              buf_text(&secondary), result, reason);
        if (r == 0 && is_new)
                r = begin_device(assignment, reason);
        return r == 0 ? 0 : PROVISIONING_E_INVALID;
}

int provisioning_assign(struct registry *registry, const struct registry_enrolment *enrolment,
                        const struct provisioning_device *device,
                        struct registry_registration *result, struct reason *reason)
{
        CLEANUP(json_cleanup) struct json_object *extra = dps_enrolment_extra(registry, enrolment);
        struct assignment assignment = {
                .registry = registry, .enrolment = enrolment, .device = device, .extra = extra};
        const char *model_id = device->model_id ? device->model_id : "";

        if (strlen(model_id) >= sizeof(assignment.wanted.model_id)) {
                reason_set(reason, "the model id is longer than 128 characters");
                return PROVISIONING_E_INVALID;
        }
        (void)registry_registration_get(registry, device->registration_id, &assignment.before);
        if (!place_device(&assignment)) {
                reason_set(reason, "there is no hub to which '%s' could be assigned",
                           device->registration_id);
                return PROVISIONING_E_NO_HUB;
        }
        name_device(&assignment);
        snprintf(assignment.wanted.model_id, sizeof(assignment.wanted.model_id), "%s", model_id);
        return settle(&assignment, result, reason);
}
