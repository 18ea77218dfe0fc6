// SPDX-License-Identifier: MIT
/*
 * Who has which place in Azure: a device id in a hub. Applications may reach one hub by several
 * ways (connection string, one or more ID scopes, enrolments that name a device id), so that two
 * devices with different claims could be sent to one and the same IoT Hub device.
 *
 * Law: a place belongs to one device of all gateways that share a store; the one that came first
 * keeps it, also over a restart, until it gets another. All on the thread "loop".
 */
#ifndef ISTHMUS_GATEWAY_DEVICE_DEVICE_PLACE_H
#define ISTHMUS_GATEWAY_DEVICE_DEVICE_PLACE_H

#include "gateway/device/device.h"
#include "store/store.h"

struct device_places;

/* In the store of these devices. */
struct device_places *device_places_new(struct device_table *devices);

/* After the thread "loop" has ended; NULL is allowed. */
void device_places_free(struct device_places *places);

/*
 * With a struct device_places: takes a record of the kind DEVICE_PLACE_KIND from the store (struct
 * ownership_part).
 */
void device_places_take(void *context, const struct store_record *record);

/*
 * Forgets those of devices in these shards, which have left (struct ownership_part); what the store
 * is being asked for them is not told any more.
 */
void device_places_forget(void *context, const struct store_shards *shards);

/*
 * The device's assignment is known: it is to have that place, and gives back the one that it had
 * before. The keeper's `placed` follows once, perhaps before this returns, unless the device
 * leaves first; not to be called again before. If another device has the place, the reason names
 * both. That may be another gateway's: who has none yet asks the store.
 */
void device_places_claim(struct device_places *places, struct device *device);

/* The device gives back the place that it has, if it has one. */
void device_places_release(struct device_places *places, const struct device *device);

/* Records of this kind: key "device id@hub", the hub in small letters; value the device's key. */
#define DEVICE_PLACE_KIND "place"

#endif
