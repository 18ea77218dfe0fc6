// SPDX-License-Identifier: MIT
/* When each desired and reported property was last written (rule W10): `$metadata` of a twin. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json/json.h"
#include "base/mem.h"
#include "localhub/registry/registry_data.h"

#define DEPTH 24

/* What is noted with each property that a patch names. */
struct stamp {
        char time[CLOCK_TEXT_SIZE];
        int64_t version; /* 0 = none, as with reported properties */
};

static void stamp_node(struct json_object *node, const struct stamp *stamp)
{
        json_object_object_add(node, "$lastUpdated", json_object_new_string(stamp->time));
        if (stamp->version)
                json_object_object_add(node, "$lastUpdatedVersion",
                                       json_object_new_int64(stamp->version));
}

/* An object's members keep what they had, unless the patch names them; a value has none. */
static void merge(struct json_object *metadata, struct json_object *patch,
                  const struct stamp *stamp)
{
        stamp_node(metadata, stamp);
        json_object_object_foreach (patch, key, value) {
                struct json_object *node = json_object_object_get(metadata, key);

                if (!value) {
                        json_object_object_del(metadata, key);
                        continue;
                }
                if (!node || !json_object_is_type(value, json_type_object)) {
                        node = json_object_new_object();
                        stamp_node(node, stamp);
                        json_object_object_add(metadata, key, node);
                }
                if (json_object_is_type(value, json_type_object))
                        merge(node, value, stamp);
        }
}

void registry_metadata_patch(struct twin_section *section, enum registry_section kind,
                             struct json_object *patch, bool replace)
{
        struct reason ignored = REASON_INIT;
        struct stamp stamp = {.version = kind == REGISTRY_DESIRED ? section->version : 0};
        CLEANUP(json_cleanup) struct json_object *metadata = NULL;
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;

        if (kind == REGISTRY_TAGS)
                return;
        if (section->metadata && !replace)
                metadata = json_parse(section->metadata, strlen(section->metadata), DEPTH,
                                      JSON_STRICT, &ignored);
        if (!metadata)
                metadata = json_object_new_object();
        clock_format_utc(stamp.time, clock_wall_ms() * CLOCK_NS_PER_MS, CLOCK_FRACTION);
        merge(metadata, patch, &stamp);
        json_write(&text, metadata);
        free(section->metadata);
        section->metadata = buf_take(&text);
}

static void add(const struct device_data *device, enum registry_section kind, struct buf *out)
{
        char time[CLOCK_TEXT_SIZE];

        if (device->twin[kind].metadata) {
                buf_add_text(out, device->twin[kind].metadata);
                return;
        }
        clock_format_utc(time, device->created_ms * CLOCK_NS_PER_MS, CLOCK_FRACTION);
        buf_add_format(out, "{\"$lastUpdated\":\"%s\"}", time);
}

bool registry_twin_metadata(struct registry *registry, int hub, const char *id,
                            enum registry_section section, struct buf *out)
{
        const struct device_data *device;

        pthread_mutex_lock(&registry->mutex);
        device = registry_find_device(registry, hub, id);
        if (device)
                add(device, section, out);
        pthread_mutex_unlock(&registry->mutex);
        return device != NULL;
}
