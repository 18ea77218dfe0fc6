// SPDX-License-Identifier: MIT
/* Devices of the registry. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "localhub/registry/registry_data.h"

/* Generation ids look like .NET ticks: tenths of microseconds since the year 1. */
#define TICKS_OF_1970 UINT64_C(621355968000000000)
#define NS_PER_TICK   100

const char *const registry_authentication_names[] = {
        [REGISTRY_SAS] = "sas",
        [REGISTRY_SELF_SIGNED] = "selfSigned",
        [REGISTRY_AUTHORITY] = "certificateAuthority",
};

void registry_set_secret(char **secret, const char *given)
{
        if (*secret)
                mem_wipe(*secret, strlen(*secret));
        free(*secret);
        *secret = mem_text(given);
}

bool registry_set_text(char **text, const char *given)
{
        if (!given || text_equal(*text ? *text : "", given))
                return false;
        free(*text);
        *text = given[0] ? mem_text(given) : NULL;
        return true;
}

void registry_free_device(struct device_data *device)
{
        free(device->id);
        registry_set_secret(&device->primary_key, NULL);
        registry_set_secret(&device->secondary_key, NULL);
        free(device->model_id);
        free(device->scope);
        free(device->parent_scope);
        for (size_t i = 0; i < ARRAY_SIZE(device->thumbprints); i++)
                free(device->thumbprints[i]);
        for (size_t i = 0; i < ARRAY_SIZE(device->twin); i++) {
                free(device->twin[i].json);
                free(device->twin[i].metadata);
        }
        free(device);
}

struct device_data *registry_find_device(struct registry *registry, int hub, const char *id)
{
        struct hub_data *data = registry_hub_at(registry, hub);
        struct table_entry *entry = data ? table_find(&data->devices, id) : NULL;

        return entry ? table_of(entry, struct device_data, by_id) : NULL;
}

static bool is_module(const struct device_data *device)
{
        return strchr(device->id, '/') != NULL;
}

void registry_link_device(struct registry *registry, int hub, struct device_data *device)
{
        struct hub_data *data = registry_hub_at(registry, hub);

        device->by_id.key = device->id;
        table_add(&data->devices, &device->by_id);
        data->module_count += is_module(device);
        device->serial = ordered_add(&data->order, device);
}

void registry_unlink_device(struct registry *registry, int hub, struct device_data *device)
{
        struct hub_data *data = registry_hub_at(registry, hub);

        table_remove(&data->devices, &device->by_id);
        data->module_count -= is_module(device);
        ordered_remove(&data->order, device->serial);
}

struct device_data *registry_add_device(struct registry *registry, int hub, const char *id)
{
        struct device_data *device = mem_new(1, sizeof(*device));

        device->id = mem_text(id);
        device->generation = TICKS_OF_1970 + (uint64_t)(clock_wall_ns() / NS_PER_TICK);
        device->created_ms = clock_wall_ms();
        device->enabled = true;
        for (size_t i = 0; i < ARRAY_SIZE(device->twin); i++)
                device->twin[i].version = 1;
        registry_link_device(registry, hub, device);
        return device;
}

/* An edge device's own is made of its id and when it was made. */
static void copy_scopes(const struct device_data *data, struct registry_device *out)
{
        const char *parent = data->parent_scope ? data->parent_scope : "";
        const char *scope = data->scope ? data->scope : "";

        if (data->edge && !is_module(data))
                snprintf(out->scope, sizeof(out->scope), "ms-azure-iot-edge://%.128s-%llu",
                         data->id, (unsigned long long)data->generation);
        else
                snprintf(out->scope, sizeof(out->scope), "%s", scope);
        snprintf(out->parent_scope, sizeof(out->parent_scope), "%s", data->edge ? parent : scope);
}

static void copy_out(const struct device_data *data, int hub, struct registry_device *out)
{
        if (!out)
                return;
        out->hub = hub;
        snprintf(out->id, sizeof(out->id), "%s", data->id);
        snprintf(out->primary_key, sizeof(out->primary_key), "%s", data->primary_key);
        snprintf(out->secondary_key, sizeof(out->secondary_key), "%s", data->secondary_key);
        out->authentication = data->authentication;
        for (size_t i = 0; i < ARRAY_SIZE(out->thumbprints); i++)
                snprintf(out->thumbprints[i], sizeof(out->thumbprints[i]), "%s",
                         data->thumbprints[i] ? data->thumbprints[i] : "");
        snprintf(out->model_id, sizeof(out->model_id), "%s", data->model_id ? data->model_id : "");
        snprintf(out->generation_id, sizeof(out->generation_id), "%llu",
                 (unsigned long long)data->generation);
        registry_etag(data->revision, out->etag);
        out->enabled = data->enabled;
        out->edge = data->edge;
        copy_scopes(data, out);
        out->connected = data->connected;
        out->twin_version = data->twin[REGISTRY_DESIRED].version +
                            data->twin[REGISTRY_REPORTED].version +
                            data->twin[REGISTRY_TAGS].version - 1;
        out->created_ms = data->created_ms;
        out->status_updated_ms = data->status_updated_ms;
        out->connection_updated_ms = data->connection_updated_ms;
        out->last_activity_ms = data->last_activity_ms;
}

/* --- writing --------------------------------------------------------------------------------- */

/* SHA-1 or SHA-256 in hex digits; "" takes one away. */
static bool is_thumbprint(const char *text)
{
        size_t length = text ? strlen(text) : 0;

        return length == 0 ||
               ((length == 40 || length == 64) && strspn(text, "0123456789abcdefABCDEF") == length);
}

static bool is_sound(struct registry *registry, int hub, const char *id,
                     const struct registry_device_settings *settings, struct reason *reason)
{
        if (hub < 0 || hub >= registry_hub_count(registry))
                reason_set(reason, "there is no such hub");
        else if (!registry_is_identity(id))
                reason_set(reason,
                           "device id '%.140s': 1 to 128 letters, digits or - : . + %% _ # * ? ! "
                           "( ) , = @ ; $ '",
                           id);
        else if ((!text_is_empty(settings->primary_key) &&
                  !registry_is_key(settings->primary_key)) ||
                 (!text_is_empty(settings->secondary_key) &&
                  !registry_is_key(settings->secondary_key)))
                reason_set(reason, "device '%s': a key is base64 of 16 to 64 bytes", id);
        else if (!is_thumbprint(settings->thumbprints[0]) ||
                 !is_thumbprint(settings->thumbprints[1]))
                reason_set(reason, "device '%s': a thumbprint is SHA-1 or SHA-256 in hex digits",
                           id);
        else if ((settings->scope && strlen(settings->scope) >= REGISTRY_SCOPE_SIZE) ||
                 (settings->parent_scope && strlen(settings->parent_scope) >= REGISTRY_SCOPE_SIZE))
                reason_set(reason, "device '%s': a scope has at most %d characters", id,
                           REGISTRY_SCOPE_SIZE - 1);
        else if (settings->model_id && strlen(settings->model_id) >= REGISTRY_ID_SIZE)
                reason_set(reason, "device '%s': the model id is longer than 128 characters", id);
        else
                return true;
        return false;
}

/* An absent key stays, and is made if there is none yet. True if it is another one now. */
static bool set_key(char **key, const char *given)
{
        char made[REGISTRY_KEY_SIZE];

        if (text_is_empty(given) && *key)
                return false;
        if (!text_is_empty(given) && text_equal(*key, given))
                return false;
        if (text_is_empty(given))
                registry_make_key(made);
        registry_set_secret(key, text_is_empty(given) ? made : given);
        return true;
}

/* True if the device has to show something else now. */
static bool set_certificates(struct device_data *device,
                             const struct registry_device_settings *settings)
{
        bool changed =
                settings->authentication && *settings->authentication != device->authentication;

        if (settings->authentication)
                device->authentication = *settings->authentication;
        for (size_t i = 0; i < ARRAY_SIZE(device->thumbprints); i++)
                changed |= registry_set_text(&device->thumbprints[i], settings->thumbprints[i]);
        return changed;
}

/* A module's device. */
static bool has_parent(struct registry *registry, int hub, const char *id)
{
        const char *slash = strchr(id, '/');
        CLEANUP(mem_cleanup) char *device = slash ? mem_text_n(id, (size_t)(slash - id)) : NULL;

        return !slash || registry_find_device(registry, hub, device);
}

/* True if the connection of the device must look again. */
static bool apply(struct registry *registry, struct device_data *device,
                  const struct registry_device_settings *settings)
{
        bool changed = set_key(&device->primary_key, settings->primary_key);

        changed |= set_key(&device->secondary_key, settings->secondary_key);
        changed |= set_certificates(device, settings);
        (void)registry_set_text(&device->model_id, settings->model_id);
        if (settings->edge)
                device->edge = *settings->edge;
        (void)registry_set_text(&device->scope, settings->scope);
        (void)registry_set_text(&device->parent_scope, settings->parent_scope);
        if (settings->enabled && *settings->enabled != device->enabled) {
                device->enabled = *settings->enabled;
                device->status_updated_ms = clock_wall_ms();
                changed = true;
        }
        device->revision = registry_revision(registry);
        registry_touch(registry);
        return changed;
}

/* An edge device has the modules of its runtime from the beginning. */
static void add_edge_modules(struct registry *registry, int hub, const char *id)
{
        static const char *const names[] = {"$edgeAgent", "$edgeHub"};
        const struct registry_device_settings settings = {.primary_key = NULL};

        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                CLEANUP(mem_cleanup) char *module = mem_format("%s/%s", id, names[i]);

                if (!registry_find_device(registry, hub, module))
                        (void)apply(registry, registry_add_device(registry, hub, module),
                                    &settings);
        }
}

int registry_device_put(struct registry *registry, int hub, const char *id, enum registry_put how,
                        const struct registry_device_settings *settings,
                        struct registry_device *result, struct reason *reason)
{
        struct device_data *device;
        bool is_new;
        bool changed = false;
        int r = 0;

        if (!is_sound(registry, hub, id, settings, reason))
                return REGISTRY_E_INVALID;
        pthread_mutex_lock(&registry->mutex);
        device = registry_find_device(registry, hub, id);
        is_new = !device;
        if (device && how == REGISTRY_CREATE)
                r = REGISTRY_E_EXISTS;
        else if (!device && (how == REGISTRY_UPDATE || !has_parent(registry, hub, id)))
                r = REGISTRY_E_NOT_FOUND;
        if (r == 0) {
                device = device ? device : registry_add_device(registry, hub, id);
                changed = apply(registry, device, settings);
                if (result)
                        copy_out(device, hub, result);
                if (device->edge && !is_module(device))
                        add_edge_modules(registry, hub, id);
        }
        pthread_mutex_unlock(&registry->mutex);
        if (r != 0)
                reason_set(reason, "device '%s' %s", id,
                           r == REGISTRY_E_EXISTS ? "exists already" : "does not exist");
        if (changed && !is_new)
                registry_tell(registry, REGISTRY_DEVICE_CHANGED, hub, id, NULL);
        return r;
}

static void remove_modules(struct registry *registry, int hub, const char *device_id)
{
        struct registry_device module;
        uint64_t cursor = 0;

        while (registry_module_next(registry, hub, device_id, &cursor, &module))
                (void)registry_device_remove(registry, hub, module.id);
}

bool registry_device_remove(struct registry *registry, int hub, const char *id)
{
        struct device_data *device;

        if (!strchr(id, '/'))
                remove_modules(registry, hub, id);

        pthread_mutex_lock(&registry->mutex);
        device = registry_find_device(registry, hub, id);
        if (device) {
                registry_unlink_device(registry, hub, device);
                registry_touch(registry);
        }
        pthread_mutex_unlock(&registry->mutex);
        if (!device)
                return false;
        registry_tell(registry, REGISTRY_DEVICE_REMOVED, hub, id, NULL);
        registry_free_device(device);
        return true;
}

void registry_device_seen(struct registry *registry, int hub, const char *id, bool connected,
                          const char *model_id)
{
        struct device_data *device;
        int64_t now_ms = clock_wall_ms();

        pthread_mutex_lock(&registry->mutex);
        device = registry_find_device(registry, hub, id);
        if (device) {
                device->last_activity_ms = now_ms;
                if (device->connected != connected)
                        device->connection_updated_ms = now_ms;
                device->connected = connected;
                if (model_id && strlen(model_id) < REGISTRY_ID_SIZE &&
                    registry_set_text(&device->model_id, model_id))
                        registry_touch(registry);
        }
        pthread_mutex_unlock(&registry->mutex);
}

/* --- reading --------------------------------------------------------------------------------- */

bool registry_device_get(struct registry *registry, int hub, const char *id,
                         struct registry_device *found)
{
        const struct device_data *device;

        pthread_mutex_lock(&registry->mutex);
        device = registry_find_device(registry, hub, id);
        if (device)
                copy_out(device, hub, found);
        pthread_mutex_unlock(&registry->mutex);
        return device != NULL;
}

/* Is it what is looked for: a device (NULL parent and no modules), or a module of `parent`? */
static bool fits(const struct device_data *device, bool modules, const char *parent)
{
        size_t size = parent ? strlen(parent) : 0;

        if (is_module(device) != modules)
                return false;
        return !parent || (strncmp(device->id, parent, size) == 0 && device->id[size] == '/');
}

static bool next(struct registry *registry, int hub, bool modules, const char *parent,
                 uint64_t *cursor, struct registry_device *found)
{
        const struct hub_data *data;
        const struct device_data *device = NULL;

        pthread_mutex_lock(&registry->mutex);
        data = registry_hub_at(registry, hub);
        if (data && (!modules || data->module_count > 0)) {
                do {
                        device = ordered_next(&data->order, cursor);
                } while (device && !fits(device, modules, parent));
        }
        if (device)
                copy_out(device, hub, found);
        pthread_mutex_unlock(&registry->mutex);
        return device != NULL;
}

bool registry_device_next(struct registry *registry, int hub, uint64_t *cursor,
                          struct registry_device *device)
{
        return next(registry, hub, false, NULL, cursor, device);
}

bool registry_module_next(struct registry *registry, int hub, const char *device_id,
                          uint64_t *cursor, struct registry_device *module)
{
        return next(registry, hub, true, device_id, cursor, module);
}

bool registry_device_string(struct registry *registry, int hub, const char *id, struct buf *out)
{
        const struct device_data *device;
        int size = (int)strcspn(id, "/");
        const char *module = id[size] ? id + size + 1 : "";

        pthread_mutex_lock(&registry->mutex);
        device = registry_find_device(registry, hub, id);
        if (device)
                buf_add_format(out, "HostName=%s;DeviceId=%.*s;%s%s%s%s%s",
                               registry->hubs[hub]->public.address, size, id,
                               module[0] ? "ModuleId=" : "", module, module[0] ? ";" : "",
                               device->authentication == REGISTRY_SAS ? "SharedAccessKey="
                                                                      : "x509=true",
                               device->authentication == REGISTRY_SAS ? device->primary_key : "");
        pthread_mutex_unlock(&registry->mutex);
        return device != NULL;
}
