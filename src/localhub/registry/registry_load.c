// SPDX-License-Identifier: MIT
/* Reading DIR/registry.json. What breaks a rule is an error: the file is ours, so it was edited
 * by hand or damaged, and going on without it would lose what people registered. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "localhub/registry/registry_data.h"

#define FILE_MAX   SIZE_MAX
#define FILE_DEPTH 24

static const char *text_of(struct json_object *object, const char *name)
{
        const char *text = json_text_member(object, name);

        return text ? text : "";
}

/* Calls `load` for each object of an array; a member that is none is an error. */
typedef int load_one(struct registry *registry, int hub, struct json_object *object,
                     struct reason *reason);

static int load_each(struct registry *registry, int hub, struct json_object *array, load_one *load,
                     struct reason *reason)
{
        size_t count =
                json_object_is_type(array, json_type_array) ? json_object_array_length(array) : 0;

        for (size_t i = 0; i < count; i++) {
                int r = load(registry, hub, json_object_array_get_idx(array, i), reason);

                if (r < 0)
                        return r;
        }
        return 0;
}

static bool has_keys(struct json_object *object)
{
        return registry_is_key(text_of(object, "primaryKey")) &&
               registry_is_key(text_of(object, "secondaryKey"));
}

/* A number of an enumeration; 0 if it is none. */
static int small_of(struct json_object *object, const char *name, int count)
{
        int64_t number = json_number_member(object, name, 0);

        return number > 0 && number < count ? (int)number : 0;
}

static int load_section(struct device_data *device, enum registry_section kind,
                        struct json_object *object, struct reason *reason)
{
        static const char *const names[] = {"desired", "reported", "tags"};
        static const char *const versions[] = {"desiredVersion", "reportedVersion", "tagsVersion"};
        struct json_object *section = json_object_member(object, names[kind]);
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;

        device->twin[kind].version = json_number_member(object, versions[kind], 1);
        if (!section)
                return 0;
        if (!registry_twin_is_sound(section, kind, reason))
                return -EINVAL;
        json_write(&text, section);
        device->twin[kind].json = buf_take(&text);
        return 0;
}

static void load_metadata(struct device_data *device, enum registry_section kind,
                          struct json_object *object)
{
        static const char *const names[] = {"desiredMetadata", "reportedMetadata"};
        struct json_object *metadata = json_object_member(object, names[kind]);
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;

        if (!metadata)
                return;
        json_write(&text, metadata);
        device->twin[kind].metadata = buf_take(&text);
}

static bool load_authentication(struct device_data *device, struct json_object *object)
{
        static const char *const names[] = {"primaryThumbprint", "secondaryThumbprint"};
        const char *given = json_text_member(object, "authentication");
        size_t which = REGISTRY_SAS;

        while (given && which < REGISTRY_AUTHENTICATION_COUNT &&
               strcmp(registry_authentication_names[which], given) != 0)
                which++;
        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                device->thumbprints[i] = mem_text(json_text_member(object, names[i]));
        device->authentication = (enum registry_authentication)which;
        return which < REGISTRY_AUTHENTICATION_COUNT;
}

static int load_device(struct registry *registry, int hub, struct json_object *object,
                       struct reason *reason)
{
        const char *id = text_of(object, "id");
        struct device_data *device;
        int64_t generation;

        if (!registry_is_identity(id) || !has_keys(object) ||
            strlen(text_of(object, "modelId")) >= REGISTRY_ID_SIZE ||
            registry_find_device(registry, hub, id)) {
                reason_set(reason, "device '%.140s': its id or a key is wrong, or it is doubled",
                           id);
                return -EINVAL;
        }
        device = registry_add_device(registry, hub, id);
        device->primary_key = mem_text(text_of(object, "primaryKey"));
        device->secondary_key = mem_text(text_of(object, "secondaryKey"));
        if (!load_authentication(device, object)) {
                reason_set(reason, "device '%.140s': its authentication is wrong", id);
                return -EINVAL;
        }
        device->model_id = mem_text(json_text_member(object, "modelId"));
        device->enabled = json_bool_member(object, "enabled", true);
        generation = json_number_member(object, "generation", (int64_t)device->generation);
        device->generation = (uint64_t)generation;
        device->revision = (uint64_t)json_number_member(object, "revision", 0);
        device->created_ms = json_number_member(object, "created", 0);
        device->status_updated_ms = json_number_member(object, "statusUpdated", 0);
        device->edge = json_object_get_boolean(json_member(object, "edge"));
        device->scope = mem_text(json_text_member(object, "scope"));
        device->parent_scope = mem_text(json_text_member(object, "parentScope"));
        for (int kind = REGISTRY_DESIRED; kind <= REGISTRY_TAGS; kind++) {
                int r = load_section(device, (enum registry_section)kind, object, reason);

                if (r < 0) {
                        reason_prefix(reason, "device '%s'", id);
                        return r;
                }
                if (kind != REGISTRY_TAGS)
                        load_metadata(device, (enum registry_section)kind, object);
        }
        return 0;
}

static void load_keys(char primary[REGISTRY_KEY_SIZE], char secondary[REGISTRY_KEY_SIZE],
                      struct json_object *object)
{
        snprintf(primary, REGISTRY_KEY_SIZE, "%s", text_of(object, "primaryKey"));
        snprintf(secondary, REGISTRY_KEY_SIZE, "%s", text_of(object, "secondaryKey"));
}

static int load_policy(struct registry *registry, int hub, struct json_object *object,
                       struct reason *reason)
{
        const char *name = text_of(object, "name");

        for (size_t i = 0; i < REGISTRY_POLICY_COUNT; i++) {
                struct registry_policy *policy = &registry->hubs[hub]->policies[i];

                if (strcmp(policy->name, name) != 0 || !has_keys(object))
                        continue;
                load_keys(policy->primary_key, policy->secondary_key, object);
                return 0;
        }
        reason_set(reason, "policy '%.140s' is unknown, or a key of it is wrong", name);
        return -EINVAL;
}

static int load_hub(struct registry *registry, int unused, struct json_object *object,
                    struct reason *reason)
{
        const char *id = text_of(object, "id");
        int hub = -1;
        int r;

        (void)unused;
        if (!registry_is_registration_id(id) || !registry_hub_make(registry, id, &hub)) {
                reason_set(reason, "hub '%.140s': the name is wrong, or there are too many", id);
                return -EINVAL;
        }
        registry->hubs[hub]->public.weight = (int)json_number_member(object, "weight", 1);
        r = load_each(registry, hub, json_member(object, "policies"), load_policy, reason);
        if (r == 0)
                r = load_each(registry, hub, json_member(object, "devices"), load_device, reason);
        if (r < 0)
                reason_prefix(reason, "hub '%s'", id);
        return r;
}

static void load_extra(struct enrolment_data *data, struct json_object *extra)
{
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;

        if (!extra)
                return;
        json_write(&text, extra);
        free(data->extra);
        data->extra = mem_text(buf_text(&text));
}

/* `kind` comes in place of the hub. */
static int load_enrolment(struct registry *registry, int kind, struct json_object *object,
                          struct reason *reason)
{
        const char *id = text_of(object, "id");
        struct enrolment_data *data;
        struct registry_enrolment *public;

        if (!registry_is_registration_id(id) || !has_keys(object) ||
            strlen(text_of(object, "deviceId")) >= REGISTRY_ID_SIZE ||
            strlen(text_of(object, "hub")) >= REGISTRY_ID_SIZE) {
                reason_set(reason, "enrolment '%.140s': its id or a key is wrong", id);
                return -EINVAL;
        }
        data = registry_make_enrolment(registry, (enum registry_enrolment_kind)kind, id);
        public = &data->public;
        load_keys(public->primary_key, public->secondary_key, object);
        snprintf(public->certificates[0], REGISTRY_NAME_SIZE, "%s", text_of(object, "certificate"));
        snprintf(public->certificates[1], REGISTRY_NAME_SIZE, "%s",
                 text_of(object, "secondaryCertificate"));
        snprintf(public->device_id, sizeof(public->device_id), "%s", text_of(object, "deviceId"));
        snprintf(public->hub_id, sizeof(public->hub_id), "%s", text_of(object, "hub"));
        public->enabled = json_bool_member(object, "enabled", true);
        public->allocation =
                (enum registry_allocation)small_of(object, "allocation", REGISTRY_ALLOCATION_COUNT);
        public->keeps_hub = json_bool_member(object, "keepsHub", false);
        public->resets_data = json_bool_member(object, "resetsData", false);
        public->edge = json_bool_member(object, "edge", false);
        load_extra(data, json_object_member(object, "extra"));
        public->created_ms = json_number_member(object, "created", 0);
        public->updated_ms = json_number_member(object, "updated", 0);
        data->revision = (uint64_t)json_number_member(object, "revision", 0);
        registry_etag(data->revision, public->etag);
        return 0;
}

static int load_certificate(struct registry *registry, int unused, struct json_object *object,
                            struct reason *reason)
{
        const char *name = text_of(object, "name");
        struct certificate_data *data;

        (void)unused;
        if (!name[0] || strlen(name) >= REGISTRY_NAME_SIZE) {
                reason_set(reason, "certificate '%.140s': the name is wrong", name);
                return -EINVAL;
        }
        data = registry_make_certificate(registry, name);
        data->public.use = json_bool_member(object, "forDevices", false) ? REGISTRY_FOR_DEVICES
                                                                         : REGISTRY_FOR_ENROLMENTS;
        free(data->pem);
        data->pem = mem_text(text_of(object, "pem"));
        return 0;
}

static int hub_named(const struct registry *registry, const char *id)
{
        for (int i = 0; i < registry->hub_count; i++) {
                if (strcmp(registry->hubs[i]->public.id, id) == 0)
                        return i;
        }
        return -1;
}

static int load_registration(struct registry *registry, int unused, struct json_object *object,
                             struct reason *reason)
{
        const char *id = text_of(object, "id");
        struct registration_data *data;

        (void)unused;
        if (!registry_is_registration_id(id)) {
                reason_set(reason, "registration '%.140s': the id is wrong", id);
                return -EINVAL;
        }
        data = registry_make_registration(registry, id);
        free(data->device_id);
        free(data->group);
        free(data->model_id);
        data->device_id = mem_text(json_text_member(object, "deviceId"));
        data->group = mem_text(json_text_member(object, "group"));
        data->model_id = mem_text(json_text_member(object, "modelId"));
        data->hub = hub_named(registry, text_of(object, "hub"));
        data->move = (enum registry_move)small_of(object, "move", REGISTRY_MOVE_COUNT);
        data->revision = (uint64_t)json_number_member(object, "revision", 0);
        data->created_ms = json_number_member(object, "created", 0);
        data->updated_ms = json_number_member(object, "updated", 0);
        data->count = json_number_member(object, "count", 0);
        return 0;
}

static void load_service_policy(struct registry *registry, struct json_object *object)
{
        struct registry_policy *policy = &registry->service_policy;

        if (has_keys(object))
                load_keys(policy->primary_key, policy->secondary_key, object);
}

static int load_all(struct registry *registry, struct json_object *root, struct reason *reason)
{
        static const struct {
                const char *name;
                int which; /* in place of the hub */
                load_one *load;
        } lists[] = {
                {"hubs", 0, load_hub},
                {"certificates", 0, load_certificate},
                {"enrolmentGroups", REGISTRY_GROUP, load_enrolment},
                {"enrolments", REGISTRY_INDIVIDUAL, load_enrolment},
                {"registrations", 0, load_registration},
        };
        int r = 0;

        if (json_number_member(root, "version", 0) != 1) {
                reason_set(reason, "its version is not 1: it was written by a newer isthmus");
                return -EINVAL;
        }
        snprintf(registry->id_scope, sizeof(registry->id_scope), "%s", text_of(root, "idScope"));
        registry->last_revision = (uint64_t)json_number_member(root, "revision", 0);
        load_service_policy(registry, json_object_member(root, "servicePolicy"));
        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(lists); i++)
                r = load_each(registry, lists[i].which, json_member(root, lists[i].name),
                              lists[i].load, reason);
        return r;
}

int registry_load(struct registry *registry, struct reason *reason)
{
        CLEANUP(mem_cleanup) char *path = mem_format("%s/registry.json", registry->directory);
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;
        CLEANUP(json_cleanup) struct json_object *root = NULL;
        int r;

        if (access(path, F_OK) != 0 && errno == ENOENT)
                return -ENOENT;
        r = file_read(path, FILE_MAX, &text, reason);
        if (r < 0)
                return r;
        root = json_parse(buf_text(&text), text.size, FILE_DEPTH, JSON_STRICT, reason);
        r = root ? load_all(registry, root, reason) : -EINVAL;
        mem_wipe(text.data, text.size);
        if (r < 0)
                reason_prefix(reason, "%s", path);
        return r;
}
