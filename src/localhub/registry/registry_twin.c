// SPDX-License-Identifier: MIT
/* Device twins: the sections as JSON texts with a version each; merge patch of RFC 7396, limits
 * of IoT Hub (rule W10). */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json/json.h"
#include "base/mem.h"
#include "localhub/registry/registry_data.h"

#define SECTION_SIZE 32768
#define TAGS_SIZE    8192
#define DEPTH        10
#define KEY_SIZE     1024
#define STRING_SIZE  4096
#define INTEGER_MIN  INT64_C(-4503599627370496)
#define INTEGER_MAX  INT64_C(4503599627370495)

static const char *const section_names[] = {"desired", "reported", "tags"};

/* --- limits ---------------------------------------------------------------------------------- */

static bool is_key(const char *key)
{
        if (!key[0] || strlen(key) > KEY_SIZE)
                return false;
        for (const unsigned char *c = (const unsigned char *)key; *c; c++) {
                if (*c <= ' ' || *c == 0x7f || *c == '.' || *c == '$')
                        return false;
        }
        return true;
}

static bool is_value(struct json_object *value, int depth, struct reason *reason);

static bool is_object(struct json_object *object, int depth, struct reason *reason)
{
        json_object_object_foreach (object, key, value) {
                if (!is_key(key)) {
                        reason_set(reason,
                                   "the key '%.64s' is empty, too long, or has a '.', '$', space "
                                   "or control character",
                                   key);
                        return false;
                }
                if (!is_value(value, depth + 1, reason)) {
                        reason_prefix(reason, "%.64s", key);
                        return false;
                }
        }
        return true;
}

static bool is_array(struct json_object *array, int depth, struct reason *reason)
{
        for (size_t i = 0; i < json_object_array_length(array); i++) {
                if (!is_value(json_object_array_get_idx(array, i), depth + 1, reason))
                        return false;
        }
        return true;
}

static bool is_number(struct json_object *value, struct reason *reason)
{
        int64_t number = json_object_get_int64(value);

        if (number >= INTEGER_MIN && number <= INTEGER_MAX)
                return true;
        reason_set(reason, "the integer is outside %lld to %lld", (long long)INTEGER_MIN,
                   (long long)INTEGER_MAX);
        return false;
}

static bool is_value(struct json_object *value, int depth, struct reason *reason)
{
        if (depth > DEPTH) {
                reason_set(reason, "nested deeper than %d", DEPTH);
                return false;
        }
        if (json_object_is_type(value, json_type_object))
                return is_object(value, depth, reason);
        if (json_object_is_type(value, json_type_array))
                return is_array(value, depth, reason);
        if (json_object_is_type(value, json_type_int))
                return is_number(value, reason);
        if (json_object_is_type(value, json_type_string) &&
            json_object_get_string_len(value) > STRING_SIZE) {
                reason_set(reason, "the text is longer than %d bytes", STRING_SIZE);
                return false;
        }
        return true;
}

bool registry_twin_is_sound(struct json_object *section, enum registry_section kind,
                            struct reason *reason)
{
        if (!json_object_is_type(section, json_type_object)) {
                reason_set(reason, "the %s properties must be an object", section_names[kind]);
                return false;
        }
        if (is_object(section, 0, reason))
                return true;
        reason_prefix(reason, "%s", section_names[kind]);
        return false;
}

/* --- merging --------------------------------------------------------------------------------- */

static void merge(struct json_object *into, struct json_object *patch)
{
        json_object_object_foreach (patch, key, value) {
                struct json_object *old = json_object_object_get(into, key);

                if (!value) {
                        json_object_object_del(into, key);
                } else if (!json_object_is_type(value, json_type_object)) {
                        json_object_object_add(into, key, json_object_get(value));
                } else {
                        /* An object is merged into an empty one too, which drops its nulls. */
                        if (!json_object_is_type(old, json_type_object)) {
                                old = json_object_new_object();
                                json_object_object_add(into, key, old);
                        }
                        merge(old, value);
                }
        }
}

/* The section with the patch in it as JSON text, or NULL. */
static char *patched(const struct twin_section *section, enum registry_section kind,
                     struct json_object *patch, bool replace, struct reason *reason)
{
        CLEANUP(json_cleanup) struct json_object *document = NULL;
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;
        size_t limit = kind == REGISTRY_TAGS ? TAGS_SIZE : SECTION_SIZE;

        if (section->json && !replace)
                document = json_parse(section->json, strlen(section->json), 2 * DEPTH, JSON_STRICT,
                                      reason);
        else
                document = json_object_new_object();
        if (!document)
                return NULL;
        merge(document, patch);
        if (!registry_twin_is_sound(document, kind, reason))
                return NULL;
        json_write(&text, document);
        if (text.size <= limit)
                return buf_take(&text);
        reason_set(reason, "the %s properties would have %zu bytes; at most %zu are allowed",
                   section_names[kind], text.size, limit);
        return NULL;
}

static void put_section(struct registry *registry, struct device_data *device,
                        struct twin_section *section, char *json)
{
        free(section->json);
        section->json = json;
        section->version++;
        device->revision = registry_revision(registry);
        registry_touch(registry);
}

/* JSON text with `$version` as its last member. */
static void add_versioned(struct buf *out, const char *json, size_t size, int64_t version)
{
        buf_add(out, json, size - 1); /* all but the closing brace */
        buf_add_format(out, "%s\"$version\":%lld}", size > 2 ? "," : "", (long long)version);
}

static void tell_desired(struct registry *registry, int hub, const char *id,
                         struct json_object *patch, int64_t version)
{
        CLEANUP(buf_deinit) struct buf json = BUF_INIT;
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;

        json_write(&json, patch);
        add_versioned(&text, json.data, json.size, version);
        registry_tell(registry, REGISTRY_TWIN_DESIRED, hub, id, text.data);
}

/* What was there and is not any more becomes null: a device merges what it is told. */
static void add_removed(struct json_object *patch, struct json_object *before)
{
        json_object_object_foreach (before, key, old) {
                struct json_object *value = NULL;

                if (!json_object_object_get_ex(patch, key, &value))
                        json_object_object_add(patch, key, NULL);
                else if (json_object_is_type(value, json_type_object) &&
                         json_object_is_type(old, json_type_object))
                        add_removed(value, old);
        }
}

/* Tells of a replacement as a patch. `before` is the section's text; NULL = it was empty. */
static void tell_replaced(struct registry *registry, int hub, const char *id,
                          struct json_object *document, const char *before, int64_t version)
{
        CLEANUP(json_cleanup) struct json_object *told = NULL;
        CLEANUP(json_cleanup) struct json_object *old = NULL;
        struct reason ignored = REASON_INIT;

        if (before)
                old = json_parse(before, strlen(before), 2 * DEPTH, JSON_STRICT, &ignored);
        if (json_object_deep_copy(document, &told, NULL) != 0)
                return;
        if (old)
                add_removed(told, old);
        tell_desired(registry, hub, id, told, version);
}

int registry_twin_patch(struct registry *registry, int hub, const char *id,
                        enum registry_section section, struct json_object *patch, bool replace,
                        int64_t *version, struct reason *reason)
{
        struct device_data *device;
        CLEANUP(mem_cleanup) char *before = NULL;
        char *json = NULL;
        int64_t new_version = 0;
        int r = REGISTRY_E_NOT_FOUND;

        if (!registry_twin_is_sound(patch, section, reason))
                return REGISTRY_E_INVALID;
        pthread_mutex_lock(&registry->mutex);
        device = registry_find_device(registry, hub, id);
        if (device) {
                json = patched(&device->twin[section], section, patch, replace, reason);
                r = json ? 0 : REGISTRY_E_INVALID;
        } else {
                reason_set(reason, "device '%s' does not exist", id);
        }
        if (json) {
                before = mem_text(device->twin[section].json);
                put_section(registry, device, &device->twin[section], json);
                registry_metadata_patch(&device->twin[section], section, patch, replace);
                new_version = device->twin[section].version;
        }
        pthread_mutex_unlock(&registry->mutex);
        if (r == 0 && version)
                *version = new_version;
        if (r == 0 && section == REGISTRY_DESIRED && replace)
                tell_replaced(registry, hub, id, patch, before, new_version);
        else if (r == 0 && section == REGISTRY_DESIRED)
                tell_desired(registry, hub, id, patch, new_version);
        return r;
}

static void add_section(const struct twin_section *section, enum registry_section kind,
                        struct buf *out)
{
        const char *json = section->json ? section->json : "{}";
        size_t size = strlen(json);

        if (kind == REGISTRY_TAGS)
                buf_add(out, json, size);
        else
                add_versioned(out, json, size, section->version);
}

bool registry_twin_read(struct registry *registry, int hub, const char *id,
                        enum registry_section section, struct buf *out)
{
        const struct device_data *device;

        pthread_mutex_lock(&registry->mutex);
        device = registry_find_device(registry, hub, id);
        if (device)
                add_section(&device->twin[section], section, out);
        pthread_mutex_unlock(&registry->mutex);
        return device != NULL;
}
