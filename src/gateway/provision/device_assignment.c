// SPDX-License-Identifier: MIT
#include "gateway/provision/device_assignment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "azure/device_key.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/json/json.h"
#include "base/mem.h"
#include "base/table.h"
#include "base/text.h"

struct device_assignments {
        struct store *store;
        struct map *records; /* device key to the record's text */
};

struct device_assignments *device_assignments_new(struct store *store)
{
        struct device_assignments *assignments = mem_new(1, sizeof(*assignments));

        assignments->store = store;
        assignments->records = map_new();
        return assignments;
}

void device_assignments_free(struct device_assignments *assignments)
{
        map_free_values(assignments->records, free);
        free(assignments);
}

void device_answer_deinit(struct device_answer *answer)
{
        free(answer->registration_id);
        free(answer->id_scope);
        free(answer->endpoint);
        free(answer->home_scope);
        free(answer->model_id);
        free(answer->hub);
        free(answer->device_id);
}

void device_assignments_take(struct device_assignments *assignments,
                             const struct store_record *record)
{
        free(map_get(assignments->records, record->key));
        map_set(assignments->records, record->key, mem_text_n(record->value, record->value_size));
}

static const char *device_of_record(const char *key, const void *value)
{
        (void)value;
        return key;
}

void device_assignments_forget_shards(struct device_assignments *assignments,
                                      const struct store_shards *shards)
{
        device_forget_entries(assignments->records, shards, device_of_record);
}

/* --- the key ------------------------------------------------------------------------------- */

bool device_assignment_key(const struct settings_azure *azure, const struct device *device,
                           struct buf *key, struct reason *reason)
{
        return azure->certificates ||
               device_key_derive(key, azure->group_enrollment_key, device->hub_id, reason);
}

void device_assignment_key_id(const char *text, char id[DEVICE_KEY_ID_SIZE])
{
        uint8_t digest[CRYPTO_SHA256_SIZE];

        crypto_sha256(text, strlen(text), digest);
        for (int i = 0; i < DEVICE_KEY_ID_SIZE / 2; i++)
                snprintf(id + 2 * i, 3, "%02x", digest[i]);
}

/*
 * Records of earlier versions say nothing of the key; and a certificate need not be known yet, or
 * be another one than the one that is connected.
 */
static bool has_key(struct json_object *record, const struct device *device,
                    const struct settings_azure *azure, const struct certificate *certificate)
{
        CLEANUP(buf_wipe) struct buf key = BUF_INIT;
        const char *known = json_text_member(record, "keyId");
        char id[DEVICE_KEY_ID_SIZE];

        if (!known || (azure->certificates && !certificate) ||
            !device_assignment_key(azure, device, &key, NULL))
                return true;
        device_assignment_key_id(
                azure->certificates ? certificate_fingerprint(certificate) : buf_text(&key), id);
        return text_equal(known, id);
}

/* --- what is remembered -------------------------------------------------------------------- */

bool device_assignments_has(const struct device_assignments *assignments,
                            const struct device *device)
{
        return map_get(assignments->records, device->key) != NULL;
}

struct json_object *device_assignments_find(const struct device_assignments *assignments,
                                            const struct device *device)
{
        const char *text = map_get(assignments->records, device->key);

        return text ? json_parse(text, strlen(text), 4, JSON_STRICT, NULL) : NULL;
}

struct json_object *device_assignments_recall(const struct device_assignments *assignments,
                                              const struct device *device,
                                              const struct settings_azure *azure,
                                              const struct certificate *certificate)
{
        struct json_object *record = device_assignments_find(assignments, device);
        const char *home = json_text_member(record, "homeScope");

        if (json_text_member(record, "hub") && json_text_member(record, "deviceId") &&
            text_equal(json_text_member(record, "registrationId"), device->hub_id) &&
            text_equal(home ? home : json_text_member(record, "idScope"), azure->id_scope) &&
            text_equal(json_text_member(record, "endpoint"), azure->global_device_endpoint) &&
            text_equal(json_text_member(record, "modelId"),
                       device->model_id ? device->model_id : "") &&
            has_key(record, device, azure, certificate))
                return record;
        json_object_put(record);
        return NULL;
}

void device_assignment_use_scope(struct json_object *record, struct settings_azure *azure)
{
        if (text_equal(json_text_member(record, "homeScope"), azure->id_scope))
                azure->id_scope = json_text_member(record, "idScope");
}

static void copy_member(struct json_object *record, struct json_object *before, const char *name)
{
        json_add_text(record, name, json_text_member(before, name));
}

/* Which hub the device had before this one, and since when it has this one. */
static void add_history(struct json_object *record, const char *before_text, const char *hub)
{
        CLEANUP(json_cleanup)
        struct json_object *before =
                before_text ? json_parse(before_text, strlen(before_text), 4, JSON_STRICT, NULL)
                            : NULL;
        const char *hub_before = json_text_member(before, "hub");
        char now[CLOCK_TEXT_SIZE];

        if (!hub_before || text_equal(hub_before, hub)) {
                copy_member(record, before, "movedFrom");
                copy_member(record, before, "movedAt");
                return;
        }
        clock_format_utc(now, clock_wall_ns(), CLOCK_SECONDS);
        json_add_text(record, "movedFrom", hub_before);
        json_add_text(record, "movedAt", now);
}

bool device_assignments_remember(struct device_assignments *assignments,
                                 const struct device *device, const struct device_answer *answer)
{
        CLEANUP(json_cleanup) struct json_object *record = json_object_new_object();
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;
        const struct {
                const char *name;
                const char *value;
        } members[] = {
                {"hub", answer->hub},
                {"deviceId", answer->device_id},
                {"registrationId", answer->registration_id},
                {"idScope", answer->id_scope},
                {"endpoint", answer->endpoint},
                {"modelId", answer->model_id ? answer->model_id : ""},
                {"keyId", answer->key_id},
                {"homeScope", answer->home_scope},
        };
        char *before = map_get(assignments->records, device->key);

        for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
                if (members[i].value)
                        json_object_object_add(record, members[i].name,
                                               json_object_new_string(members[i].value));
        }
        add_history(record, before, answer->hub);
        json_write(&text, record);
        if (text_equal(before, buf_text(&text)))
                return false;
        store_write_copy(assignments->store, &(struct store_record){
                                                     .kind = DEVICE_ASSIGNMENT_KIND,
                                                     .key = device->key,
                                                     .device = device->lane_key,
                                                     .value = text.data,
                                                     .value_size = text.size,
                                             });
        free(before);
        map_set(assignments->records, device->key, mem_text(buf_text(&text)));
        return true;
}

void device_assignments_forget(struct device_assignments *assignments, const struct device *device)
{
        char *record = map_get(assignments->records, device->key);

        if (!record)
                return;
        map_remove(assignments->records, device->key);
        free(record);
        store_write_copy(assignments->store, &(struct store_record){.kind = DEVICE_ASSIGNMENT_KIND,
                                                                    .key = device->key,
                                                                    .device = device->lane_key});
}
