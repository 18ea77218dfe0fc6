// SPDX-License-Identifier: MIT
/*
 * What is known of each device besides its place in Azure: what its network's listing says, or its
 * webhooks where they say as much, and
 * the application of a device whose key does not name one. Durable, so that a restart knows it
 * before a listing answers, and a listing that is away changes nothing.
 *
 * A device that is not listed any more stays known, with what was last said of it.
 *
 * Where several gateways share a store one of them reads the listings, and all know what they say:
 * each must be able to answer whether a device is to be in Azure. Which application a device has,
 * only its owner needs to know.
 *
 * All on the thread "loop", but where something else is said.
 */
#ifndef ISTHMUS_GATEWAY_DEVICE_DEVICE_DIRECTORY_H
#define ISTHMUS_GATEWAY_DEVICE_DEVICE_DIRECTORY_H

#include <stdbool.h>

#include "base/error.h"
#include "base/list.h"
#include "base/reason.h"
#include "conf/settings.h"
#include "networks/event.h"
#include "networks/listing.h"
#include "store/store.h"

struct device_directory;
struct map;

/* Texts belong to the directory. */
struct device_entry {
        char *application; /* that the latest uplink named; NULL where the key names it */
        char *dev_eui;     /* by the listing; or NULL */
        bool listed;       /* a listing lists it, or has done so */
        int shard;
        struct device_attributes attributes;
};

struct device_directory *device_directory_new(const struct settings *settings, struct store *store);

/* After the threads "loop" and "ingest" have ended; NULL is allowed. */
void device_directory_free(struct device_directory *directory);

/* Reads the store's records. Before anything else; any thread. */
int device_directory_load(struct device_directory *directory, struct reason *reason) MUST_CHECK;

/* What is known of the device with this key; NULL if nothing is. Valid until it changes. */
const struct device_entry *device_directory_find(const struct device_directory *directory,
                                                 const char *device_key);

/* Each entry; it must not change meanwhile. Ends when `visit` returns false. */
void device_directory_each(const struct device_directory *directory,
                           bool (*visit)(void *context, const char *device_key, void *entry),
                           void *context);

/* A listing lists the device. True if it says something new. */
bool device_directory_list(struct device_directory *directory, const char *device_key,
                           const struct listed_device *listed);

/* An event has come that says as much as a listing would. True if it says something new. */
bool device_directory_hear(struct device_directory *directory, const char *device_key,
                           const struct event *event);

/* A part of a listing was read to its end: other gateways are told if something of it was new. */
void device_directory_publish(struct device_directory *directory);

/* With a struct device_directory: takes a record of the kind DEVICE_APPLICATION_KIND from the store
 * (struct ownership_part). */
void device_directory_restore(void *context, const struct store_record *record);

/* Records of this kind: key the device's, value its application. */
#define DEVICE_APPLICATION_KIND "application"

/* --- what another gateway has written ----------------------------------------------------- */

/* What a listing said, read from the store and not taken up yet. */
struct directory_item {
        struct list_node node;
        char *device_key;
        struct device_entry entry; /* `application` of earlier versions only */
};

/*
 * Reads the items, and hands them over in batches, as struct directory_item; `take` takes all off
 * the list. Nothing happens if nothing was published since the last reading. Waits for the disk; on
 * one thread at a time.
 */
int device_directory_read(struct device_directory *directory,
                          void (*take)(void *context, struct list *items),
                          void *context) MUST_CHECK;

/* True if it says something new. */
bool device_directory_take(struct device_directory *directory, struct directory_item *item);

void directory_item_free(struct directory_item *item);

/* An uplink has named the device's application. */
void device_directory_set_application(struct device_directory *directory, const char *device_key,
                                      const char *application);

/*
 * Is the event's device to be in Azure at all? Its attribute azureintegration says so, as the event
 * has it or, if that has none, as it is known; else the
 * default of its application, else the default of its network. Every thread.
 */
bool device_directory_integrates(struct device_directory *directory, const struct event *event);

/* --- shards -------------------------------------------------------------------------------- */

/* The shard of the device with this key: that of its lane (event_lane_key). Every thread. */
int device_key_shard(const char *device_key);

/*
 * Of a map whose values were made with malloc: takes out, and frees, what is about devices in these
 * shards.
 */
void device_forget_entries(struct map *map, const struct store_shards *shards,
                           const char *(*device_of)(const char *key, const void *value));

#endif
