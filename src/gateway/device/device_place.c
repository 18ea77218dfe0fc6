// SPDX-License-Identifier: MIT
#include "gateway/device/device_place.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/table.h"
#include "base/text.h"
#include "gateway/device/device_inside.h"

struct device_places {
        struct device_table *devices;
        struct device_claims claims;
        struct map *owners; /* place to device key */
        struct map *places; /* device key to place */
        struct map *asked;  /* device key to the place that the store is asked for */
};

static void place_decided(void *context, const struct device_claiming *claiming);

struct device_places *device_places_new(struct device_table *devices)
{
        struct device_places *places = mem_new(1, sizeof(*places));

        places->devices = devices;
        places->claims = (struct device_claims){.kind = DEVICE_PLACE_KIND,
                                                .store = devices->claims.store,
                                                .loop = devices->claims.loop,
                                                .answered = place_decided,
                                                .context = places};
        list_init(&places->claims.asked);
        places->owners = map_new();
        places->places = map_new();
        places->asked = map_new();
        return places;
}

void device_places_free(struct device_places *places)
{
        if (!places)
                return;
        device_claims_deinit(&places->claims);
        map_free_values(places->owners, free);
        map_free_values(places->places, free);
        map_free_values(places->asked, free);
        free(places);
}

/* Sets a text of a map; NULL removes it. */
static void set(struct map *map, const char *key, const char *value)
{
        free(map_get(map, key));
        if (value)
                map_set(map, key, mem_text(value));
        else
                map_remove(map, key);
}

void device_places_take(void *context, const struct store_record *record)
{
        struct device_places *places = context;
        CLEANUP(mem_cleanup) char *owner = mem_text_n(record->value, record->value_size);

        set(places->owners, record->key, owner);
        set(places->places, owner, record->key);
}

static const char *device_of_place(const char *place, const void *device_key)
{
        (void)place;
        return device_key;
}

static const char *device_with_place(const char *device_key, const void *place)
{
        (void)place;
        return device_key;
}

void device_places_forget(void *context, const struct store_shards *shards)
{
        struct device_places *places = context;

        device_forget_entries(places->owners, shards, device_of_place);
        device_forget_entries(places->places, shards, device_with_place);
        device_forget_entries(places->asked, shards, device_with_place);
}

static void give_back(struct device_places *places, const char *device_key)
{
        CLEANUP(mem_cleanup) char *place = mem_text(map_get(places->places, device_key));

        if (!place)
                return;
        set(places->places, device_key, NULL);
        set(places->owners, place, NULL);
        store_claim_release(places->claims.store, DEVICE_PLACE_KIND, place, device_key);
}

/* Names of hosts are compared without case, device ids of a hub are not. */
static char *place_of(const struct device *device)
{
        char *place = mem_format("%s@%s", device->assignment.device_id, device->assignment.hub);

        text_lower(strrchr(place, '@'));
        return place;
}

static void refuse(struct device *device, const char *owner)
{
        struct reason reason = REASON_INIT;

        reason_set(&reason,
                   "two devices want the IoT Hub device '%s' of %s: %s has it, %s can't have it "
                   "too; give their applications different hubs or DeviceIdTemplate other ids",
                   device->assignment.device_id, device->assignment.hub, owner, device->key);
        log_error("DEVICE_CLASH", "Two devices want the same IoT Hub device",
                  LOG_TEXT("hub_device", device->assignment.device_id),
                  LOG_TEXT("hub", device->assignment.hub), LOG_TEXT("owner", owner),
                  LOG_TEXT("device", device->key), LOG_END);
        device->keeper->placed(device, &reason);
}

static void take(struct device_places *places, struct device *device, const char *place)
{
        give_back(places, device->key);
        set(places->owners, place, device->key);
        set(places->places, device->key, place);
        device->keeper->placed(device, NULL);
}

/* Of a device that has left nothing is awaited. */
static void place_decided(void *context, const struct device_claiming *claiming)
{
        struct device_places *places = context;
        struct device *device = device_table_find(places->devices, claiming->device_key);
        struct reason reason = REASON_INIT;

        if (!text_equal(map_get(places->asked, claiming->device_key), claiming->identity))
                return;
        set(places->asked, device->key, NULL);
        if (claiming->result != 0) {
                reason_set(&reason, "the store does not tell whose the IoT Hub device is");
                device->keeper->placed(device, &reason);
        } else if (text_equal(claiming->holder, device->key)) {
                take(places, device, claiming->identity);
        } else {
                refuse(device, claiming->holder);
        }
}

void device_places_claim(struct device_places *places, struct device *device)
{
        CLEANUP(mem_cleanup) char *place = place_of(device);
        const char *owner = map_get(places->owners, place);

        if (text_equal(owner, device->key)) {
                device->keeper->placed(device, NULL);
        } else if (owner) {
                refuse(device, owner);
        } else {
                set(places->asked, device->key, place);
                device_claims_ask(&places->claims, device, place, NULL);
        }
}

void device_places_release(struct device_places *places, const struct device *device)
{
        give_back(places, device->key);
}
