// SPDX-License-Identifier: MIT
/* Enrolments and registrations of the provisioning service. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "localhub/registry/registry_data.h"

/* Registration ids are the same whatever their case is. */
static void fold(const char *id, char folded[REGISTRY_ID_SIZE])
{
        snprintf(folded, REGISTRY_ID_SIZE, "%s", id);
        text_lower(folded);
}

static void key_of(enum registry_enrolment_kind kind, const char *id, char key[REGISTRY_ID_SIZE])
{
        if (kind == REGISTRY_INDIVIDUAL)
                fold(id, key);
        else
                snprintf(key, REGISTRY_ID_SIZE, "%s", id);
}

/* --- enrolments ------------------------------------------------------------------------------ */

static struct enrolment_data *find_enrolment(struct registry *registry,
                                             enum registry_enrolment_kind kind, const char *id)
{
        char key[REGISTRY_ID_SIZE];
        struct table_entry *entry;

        key_of(kind, id, key);
        entry = table_find(&registry->enrolments[kind].by_id, key);
        return entry ? table_of(entry, struct enrolment_data, by_id) : NULL;
}

struct enrolment_data *registry_make_enrolment(struct registry *registry,
                                               enum registry_enrolment_kind kind, const char *id)
{
        struct enrolment_data *data = find_enrolment(registry, kind, id);

        if (data)
                return data;
        data = mem_new(1, sizeof(*data));
        key_of(kind, id, data->key);
        data->by_id.key = data->key;
        data->public.kind = kind;
        data->public.created_ms = clock_wall_ms();
        snprintf(data->public.id, sizeof(data->public.id), "%s", id);
        data->serial = collection_add(&registry->enrolments[kind], &data->by_id, data);
        return data;
}

bool registry_enrolment_has_certificates(const struct registry_enrolment *enrolment)
{
        return enrolment->certificates[0][0] || enrolment->certificates[1][0];
}

static void free_enrolment(void *thing)
{
        struct enrolment_data *data = thing;

        free(data->extra);
        mem_wipe(data, sizeof(*data));
        free(data);
}

static bool is_sound(struct registry *registry, const struct registry_enrolment *enrolment,
                     struct reason *reason)
{
        const char *what = enrolment->kind == REGISTRY_GROUP ? "enrolment group" : "enrolment";

        if (!registry_is_registration_id(enrolment->id))
                reason_set(reason,
                           "%s '%s': an id is 1 to 128 letters, digits or - . _ : and ends in a "
                           "letter, digit or -",
                           what, enrolment->id);
        else if ((enrolment->primary_key[0] && !registry_is_key(enrolment->primary_key)) ||
                 (enrolment->secondary_key[0] && !registry_is_key(enrolment->secondary_key)))
                reason_set(reason, "%s '%s': a key is base64 of 16 to 64 bytes", what,
                           enrolment->id);
        else if (enrolment->device_id[0] && (enrolment->kind == REGISTRY_GROUP ||
                                             !registry_is_device_id(enrolment->device_id)))
                reason_set(reason, "%s '%s': the device id '%s' is not allowed", what,
                           enrolment->id, enrolment->device_id);
        else if (enrolment->hub_id[0] && registry_hub_find(registry, enrolment->hub_id) < 0)
                reason_set(reason, "%s '%s': there is no hub '%s'", what, enrolment->id,
                           enrolment->hub_id);
        else
                return true;
        return false;
}

static void take_key(char key[REGISTRY_KEY_SIZE], const char *given)
{
        if (given[0])
                memcpy(key, given, REGISTRY_KEY_SIZE);
        else if (!key[0])
                registry_make_key(key);
}

int registry_enrolment_put(struct registry *registry, const struct registry_enrolment *enrolment,
                           struct registry_enrolment *result, struct reason *reason)
{
        struct enrolment_data *data;
        struct registry_hub hub = {.id = ""};

        if (!is_sound(registry, enrolment, reason))
                return REGISTRY_E_INVALID;
        if (enrolment->hub_id[0])
                (void)registry_hub_get(registry, registry_hub_find(registry, enrolment->hub_id),
                                       &hub);
        pthread_mutex_lock(&registry->mutex);
        data = registry_make_enrolment(registry, enrolment->kind, enrolment->id);
        take_key(data->public.primary_key, enrolment->primary_key);
        take_key(data->public.secondary_key, enrolment->secondary_key);
        memcpy(data->public.certificates, enrolment->certificates,
               sizeof(data->public.certificates));
        memcpy(data->public.device_id, enrolment->device_id, sizeof(data->public.device_id));
        memcpy(data->public.hub_id, hub.id, sizeof(data->public.hub_id));
        data->public.allocation = enrolment->allocation;
        data->public.keeps_hub = enrolment->keeps_hub;
        data->public.resets_data = enrolment->resets_data;
        data->public.edge = enrolment->edge;
        data->public.enabled = enrolment->enabled;
        data->public.updated_ms = clock_wall_ms();
        data->revision = registry_revision(registry);
        registry_etag(data->revision, data->public.etag);
        registry_touch(registry);
        if (result)
                *result = data->public;
        pthread_mutex_unlock(&registry->mutex);
        return 0;
}

void registry_enrolment_set_extra(struct registry *registry, enum registry_enrolment_kind kind,
                                  const char *id, const char *json)
{
        struct enrolment_data *data;

        pthread_mutex_lock(&registry->mutex);
        data = find_enrolment(registry, kind, id);
        if (data) {
                free(data->extra);
                data->extra = text_is_empty(json) ? NULL : mem_text(json);
                registry_touch(registry);
        }
        pthread_mutex_unlock(&registry->mutex);
}

void registry_enrolment_extra(struct registry *registry, enum registry_enrolment_kind kind,
                              const char *id, struct buf *out)
{
        const struct enrolment_data *data;

        pthread_mutex_lock(&registry->mutex);
        data = find_enrolment(registry, kind, id);
        if (data && data->extra)
                buf_add_text(out, data->extra);
        pthread_mutex_unlock(&registry->mutex);
}

bool registry_enrolment_get(struct registry *registry, enum registry_enrolment_kind kind,
                            const char *id, struct registry_enrolment *found)
{
        const struct enrolment_data *data;

        pthread_mutex_lock(&registry->mutex);
        data = find_enrolment(registry, kind, id);
        if (data && found)
                *found = data->public;
        pthread_mutex_unlock(&registry->mutex);
        return data != NULL;
}

bool registry_enrolment_remove(struct registry *registry, enum registry_enrolment_kind kind,
                               const char *id)
{
        struct enrolment_data *data;

        pthread_mutex_lock(&registry->mutex);
        data = find_enrolment(registry, kind, id);
        if (data) {
                collection_remove(&registry->enrolments[kind], &data->by_id, data->serial);
                registry_drop_certificates(registry, &data->public);
                free_enrolment(data);
                registry_touch(registry);
        }
        pthread_mutex_unlock(&registry->mutex);
        return data != NULL;
}

bool registry_enrolment_next(struct registry *registry, enum registry_enrolment_kind kind,
                             uint64_t *cursor, struct registry_enrolment *enrolment)
{
        const struct enrolment_data *data;

        pthread_mutex_lock(&registry->mutex);
        data = ordered_next(&registry->enrolments[kind].order, cursor);
        if (data)
                *enrolment = data->public;
        pthread_mutex_unlock(&registry->mutex);
        return data != NULL;
}

/* --- registrations --------------------------------------------------------------------------- */

static struct registration_data *find_registration(struct registry *registry, const char *id)
{
        char key[REGISTRY_ID_SIZE];
        struct table_entry *entry;

        fold(id, key);
        entry = table_find(&registry->registrations.by_id, key);
        return entry ? table_of(entry, struct registration_data, by_id) : NULL;
}

struct registration_data *registry_make_registration(struct registry *registry, const char *id)
{
        struct registration_data *data = find_registration(registry, id);

        if (data)
                return data;
        data = mem_new(1, sizeof(*data));
        fold(id, data->key);
        data->by_id.key = data->key;
        data->registration_id = mem_text(id);
        data->hub = -1;
        data->created_ms = clock_wall_ms();
        data->serial = collection_add(&registry->registrations, &data->by_id, data);
        return data;
}

static void free_registration(void *thing)
{
        struct registration_data *data = thing;

        free(data->registration_id);
        free(data->device_id);
        free(data->group);
        free(data->model_id);
        free(data);
}

static const char *device_of(const struct registration_data *data)
{
        return data->device_id ? data->device_id : data->registration_id;
}

static void copy_out(struct registry *registry, const struct registration_data *data,
                     struct registry_registration *out)
{
        const struct hub_data *hub = registry_hub_at(registry, data->hub);

        if (!out)
                return;
        snprintf(out->registration_id, sizeof(out->registration_id), "%s", data->registration_id);
        snprintf(out->device_id, sizeof(out->device_id), "%s", device_of(data));
        snprintf(out->group, sizeof(out->group), "%s", data->group ? data->group : "");
        snprintf(out->model_id, sizeof(out->model_id), "%s", data->model_id ? data->model_id : "");
        snprintf(out->hub_address, sizeof(out->hub_address), "%s", hub ? hub->public.address : "");
        out->thumbprint[0] = '\0';
        out->hub = data->hub;
        registry_etag(data->revision, out->etag);
        out->created_ms = data->created_ms;
        out->updated_ms = data->updated_ms;
        out->count = data->count;
        out->move = data->move;
}

/* The device in its hub: moved there with its twin from where it was, or made. */
static struct device_data *bring_device(struct registry *registry,
                                        const struct registration_data *before,
                                        const struct registry_registration *wanted)
{
        struct device_data *device = registry_find_device(registry, wanted->hub, wanted->device_id);
        struct device_data *old = NULL;

        if (device)
                return device;
        if (before->hub >= 0 && strcmp(device_of(before), wanted->device_id) == 0)
                old = registry_find_device(registry, before->hub, wanted->device_id);
        if (!old)
                return registry_add_device(registry, wanted->hub, wanted->device_id);
        registry_unlink_device(registry, before->hub, old);
        old->connected = false;
        registry_link_device(registry, wanted->hub, old);
        return old;
}

static void fill_device(struct registry *registry, struct device_data *device,
                        const struct registry_registration *wanted, const char *primary_key,
                        const char *secondary_key)
{
        registry_set_secret(&device->primary_key, primary_key);
        registry_set_secret(&device->secondary_key, secondary_key);
        device->authentication = wanted->thumbprint[0] ? REGISTRY_SELF_SIGNED : REGISTRY_SAS;
        (void)registry_set_text(&device->thumbprints[0], wanted->thumbprint);
        (void)registry_set_text(&device->thumbprints[1], "");
        if (wanted->model_id[0])
                (void)registry_set_text(&device->model_id, wanted->model_id);
        device->revision = registry_revision(registry);
}

static void fill_registration(struct registry *registry, struct registration_data *data,
                              const struct registry_registration *wanted)
{
        bool own_name = strcmp(wanted->device_id, data->registration_id) != 0;

        (void)registry_set_text(&data->device_id, own_name ? wanted->device_id : "");
        (void)registry_set_text(&data->group, wanted->group);
        (void)registry_set_text(&data->model_id, wanted->model_id);
        data->hub = wanted->hub;
        data->move = wanted->move;
        data->updated_ms = clock_wall_ms();
        data->revision = registry_revision(registry);
        data->count++;
        registry_touch(registry);
}

int registry_registration_put(struct registry *registry, const struct registry_registration *wanted,
                              const char *primary_key, const char *secondary_key,
                              struct registry_registration *result, struct reason *reason)
{
        struct registration_data *data;
        struct device_data *device;
        int old_hub;

        if (!registry_is_registration_id(wanted->registration_id) ||
            !registry_is_device_id(wanted->device_id) || !registry_is_key(primary_key) ||
            !registry_is_key(secondary_key) || wanted->hub < 0 ||
            wanted->hub >= registry_hub_count(registry)) {
                reason_set(reason, "registration '%s' has a wrong id, key or hub",
                           wanted->registration_id);
                return REGISTRY_E_INVALID;
        }
        pthread_mutex_lock(&registry->mutex);
        data = registry_make_registration(registry, wanted->registration_id);
        old_hub = data->hub;
        device = bring_device(registry, data, wanted);
        fill_device(registry, device, wanted, primary_key, secondary_key);
        fill_registration(registry, data, wanted);
        copy_out(registry, data, result);
        pthread_mutex_unlock(&registry->mutex);
        if (old_hub >= 0 && old_hub != wanted->hub)
                registry_tell(registry, REGISTRY_DEVICE_REMOVED, old_hub, wanted->device_id, NULL);
        return 0;
}

bool registry_registration_get(struct registry *registry, const char *registration_id,
                               struct registry_registration *found)
{
        const struct registration_data *data;

        pthread_mutex_lock(&registry->mutex);
        data = find_registration(registry, registration_id);
        if (data)
                copy_out(registry, data, found);
        pthread_mutex_unlock(&registry->mutex);
        return data != NULL;
}

bool registry_registration_remove(struct registry *registry, const char *registration_id)
{
        struct registration_data *data;

        pthread_mutex_lock(&registry->mutex);
        data = find_registration(registry, registration_id);
        if (data) {
                collection_remove(&registry->registrations, &data->by_id, data->serial);
                free_registration(data);
                registry_touch(registry);
        }
        pthread_mutex_unlock(&registry->mutex);
        return data != NULL;
}

bool registry_registration_next(struct registry *registry, uint64_t *cursor,
                                struct registry_registration *registration)
{
        const struct registration_data *data;

        pthread_mutex_lock(&registry->mutex);
        data = ordered_next(&registry->registrations.order, cursor);
        if (data)
                copy_out(registry, data, registration);
        pthread_mutex_unlock(&registry->mutex);
        return data != NULL;
}

void registry_free_collections(struct registry *registry)
{
        for (size_t kind = 0; kind < ARRAY_SIZE(registry->enrolments); kind++)
                collection_deinit(&registry->enrolments[kind], free_enrolment);
        collection_deinit(&registry->registrations, free_registration);
}
