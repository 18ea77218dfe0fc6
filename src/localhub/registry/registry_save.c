// SPDX-License-Identifier: MIT
/*
 * Writing DIR/registry.json: beside it first, then renamed over it, so that the file is whole at
 * every moment. Records are written a few hundred at a time with the mutex released in between;
 * each record is consistent, and what changes meanwhile is written next time.
 */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "localhub/registry/registry_data.h"

#define SLICE 256

static void add_text(struct buf *out, const char *name, const char *text)
{
        if (!text || !text[0])
                return;
        buf_add_format(out, ",\"%s\":", name);
        buf_add_json_string(out, text, strlen(text));
}

static void add_number(struct buf *out, const char *name, int64_t number)
{
        if (number != 0)
                buf_add_format(out, ",\"%s\":%lld", name, (long long)number);
}

static void add_twin(struct buf *out, const struct device_data *device)
{
        static const char *const names[] = {"desired", "reported", "tags"};
        static const char *const versions[] = {"desiredVersion", "reportedVersion", "tagsVersion"};

        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                if (device->twin[i].json)
                        buf_add_format(out, ",\"%s\":%s", names[i], device->twin[i].json);
                if (device->twin[i].version != 1)
                        add_number(out, versions[i], device->twin[i].version);
                if (device->twin[i].metadata)
                        buf_add_format(out, ",\"%sMetadata\":%s", names[i],
                                       device->twin[i].metadata);
        }
}

static void add_device(struct buf *out, struct registry *registry, const void *thing)
{
        const struct device_data *device = thing;

        (void)registry;
        buf_add_text(out, "{\"id\":");
        buf_add_json_string(out, device->id, strlen(device->id));
        add_text(out, "primaryKey", device->primary_key);
        add_text(out, "secondaryKey", device->secondary_key);
        if (device->authentication != REGISTRY_SAS)
                add_text(out, "authentication",
                         registry_authentication_names[device->authentication]);
        add_text(out, "primaryThumbprint", device->thumbprints[0]);
        add_text(out, "secondaryThumbprint", device->thumbprints[1]);
        add_text(out, "modelId", device->model_id);
        if (!device->enabled)
                buf_add_text(out, ",\"enabled\":false");
        if (device->edge)
                buf_add_text(out, ",\"edge\":true");
        add_text(out, "scope", device->scope);
        add_text(out, "parentScope", device->parent_scope);
        buf_add_format(out, ",\"generation\":\"%llu\"", (unsigned long long)device->generation);
        add_number(out, "revision", (int64_t)device->revision);
        add_number(out, "created", device->created_ms);
        add_number(out, "statusUpdated", device->status_updated_ms);
        add_twin(out, device);
        buf_add_char(out, '}');
}

static void add_registration(struct buf *out, struct registry *registry, const void *thing)
{
        const struct registration_data *data = thing;
        const struct hub_data *hub = registry_hub_at(registry, data->hub);

        buf_add_text(out, "{\"id\":");
        buf_add_json_string(out, data->registration_id, strlen(data->registration_id));
        add_text(out, "deviceId", data->device_id);
        add_text(out, "group", data->group);
        add_text(out, "modelId", data->model_id);
        add_text(out, "hub", hub ? hub->public.id : NULL);
        add_number(out, "move", (int64_t)data->move);
        add_number(out, "revision", (int64_t)data->revision);
        add_number(out, "created", data->created_ms);
        add_number(out, "updated", data->updated_ms);
        add_number(out, "count", data->count);
        buf_add_char(out, '}');
}

static void add_enrolment(struct buf *out, struct registry *registry, const void *thing)
{
        const struct enrolment_data *data = thing;
        const struct registry_enrolment *public = &data->public;

        (void)registry;
        buf_add_text(out, "{\"id\":");
        buf_add_json_string(out, public->id, strlen(public->id));
        add_text(out, "primaryKey", public->primary_key);
        add_text(out, "secondaryKey", public->secondary_key);
        add_text(out, "certificate", public->certificates[0]);
        add_text(out, "secondaryCertificate", public->certificates[1]);
        add_text(out, "deviceId", public->device_id);
        add_text(out, "hub", public->hub_id);
        if (!public->enabled)
                buf_add_text(out, ",\"enabled\":false");
        add_number(out, "allocation", (int64_t) public->allocation);
        if (public->keeps_hub)
                buf_add_text(out, ",\"keepsHub\":true");
        if (public->resets_data)
                buf_add_text(out, ",\"resetsData\":true");
        if (public->edge)
                buf_add_text(out, ",\"edge\":true");
        if (data->extra)
                buf_add_format(out, ",\"extra\":%s", data->extra);
        add_number(out, "revision", (int64_t)data->revision);
        add_number(out, "created", public->created_ms);
        add_number(out, "updated", public->updated_ms);
        buf_add_char(out, '}');
}

static void add_certificate(struct buf *out, struct registry *registry, const void *thing)
{
        const struct certificate_data *data = thing;

        (void)registry;
        buf_add_text(out, "{\"name\":");
        buf_add_json_string(out, data->public.name, strlen(data->public.name));
        if (data->public.use == REGISTRY_FOR_DEVICES)
                buf_add_text(out, ",\"forDevices\":true");
        add_text(out, "pem", data->pem);
        buf_add_char(out, '}');
}

/* --- many ------------------------------------------------------------------------------------ */

typedef void add_one(struct buf *out, struct registry *registry, const void *thing);

/* A line per record: the file can be read and compared by people. */
static void add_things(struct buf *out, struct registry *registry, const struct ordered *order,
                       add_one *add)
{
        const char *separator = "\n";
        const void *thing = NULL;
        uint64_t cursor = 0;

        do {
                pthread_mutex_lock(&registry->mutex);
                for (int i = 0; i < SLICE && (thing = ordered_next(order, &cursor)) != NULL; i++) {
                        buf_add_text(out, separator);
                        add(out, registry, thing);
                        separator = ",\n";
                }
                pthread_mutex_unlock(&registry->mutex);
        } while (thing);
}

static void add_list(struct buf *out, struct registry *registry, const char *name,
                     const struct collection *collection, add_one *add)
{
        buf_add_format(out, ",\n\"%s\":[", name);
        add_things(out, registry, &collection->order, add);
        buf_add_char(out, ']');
}

static void add_policies(struct buf *out, const struct hub_data *hub)
{
        for (size_t i = 0; i < REGISTRY_POLICY_COUNT; i++) {
                buf_add_format(out, "%s{\"name\":\"%s\"", i ? ",\n" : "\n", hub->policies[i].name);
                add_text(out, "primaryKey", hub->policies[i].primary_key);
                add_text(out, "secondaryKey", hub->policies[i].secondary_key);
                buf_add_char(out, '}');
        }
}

static void add_hub(struct buf *out, struct registry *registry, int hub)
{
        pthread_mutex_lock(&registry->mutex);
        buf_add_format(out, "{\"id\":\"%s\",\"weight\":%d,\"policies\":[",
                       registry->hubs[hub]->public.id, registry->hubs[hub]->public.weight);
        add_policies(out, registry->hubs[hub]);
        pthread_mutex_unlock(&registry->mutex);
        buf_add_text(out, "],\"devices\":[");
        add_things(out, registry, &registry->hubs[hub]->order, add_device);
        buf_add_text(out, "\n]}");
}

static void add_registry(struct buf *out, struct registry *registry)
{
        int hubs = registry_hub_count(registry);

        buf_add_format(out, "{\"version\":1,\n\"idScope\":");
        buf_add_json_string(out, registry->id_scope, strlen(registry->id_scope));
        buf_add_format(out, ",\n\"servicePolicy\":{\"primaryKey\":\"%s\",\"secondaryKey\":\"%s\"}",
                       registry->service_policy.primary_key,
                       registry->service_policy.secondary_key);
        buf_add_text(out, ",\n\"hubs\":[");
        for (int hub = 0; hub < hubs; hub++) {
                buf_add_text(out, hub ? ",\n" : "\n");
                add_hub(out, registry, hub);
        }
        buf_add_char(out, ']');
        add_list(out, registry, "certificates", &registry->certificates, add_certificate);
        add_list(out, registry, "enrolmentGroups", &registry->enrolments[REGISTRY_GROUP],
                 add_enrolment);
        add_list(out, registry, "enrolments", &registry->enrolments[REGISTRY_INDIVIDUAL],
                 add_enrolment);
        add_list(out, registry, "registrations", &registry->registrations, add_registration);
        pthread_mutex_lock(&registry->mutex);
        buf_add_format(out, ",\n\"revision\":%llu}\n", (unsigned long long)registry->last_revision);
        pthread_mutex_unlock(&registry->mutex);
}

int registry_save(struct registry *registry)
{
        CLEANUP(mem_cleanup) char *path = mem_format("%s/registry.json", registry->directory);
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;
        int r;

        add_registry(&text, registry);
        r = file_write(path, 0600, text.data, text.size, NULL);
        mem_wipe(text.data, text.size);
        return r;
}
