// SPDX-License-Identifier: MIT
/*
 * What is known of each device besides its place in Azure: what its network's listing says, and
 * the application of a device whose key does not name one. Durable, so that a restart knows it
 * before a listing answers, and a listing that is away changes nothing.
 *
 * A device that is not listed any more stays known, with what was last said of it.
 *
 * All on the thread "loop", but device_directory_integrates.
 */
#ifndef ISTHMUS_GATEWAY_DEVICE_DEVICE_DIRECTORY_H
#define ISTHMUS_GATEWAY_DEVICE_DEVICE_DIRECTORY_H

#include <stdbool.h>

#include "base/error.h"
#include "base/reason.h"
#include "conf/settings.h"
#include "networks/event.h"
#include "networks/listing.h"
#include "store/store.h"

struct device_directory;

/* Texts belong to the directory. */
struct device_entry {
        char *application; /* that the latest uplink named; NULL where the key names it */
        bool listed;       /* a listing lists it, or has done so */
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

/* A listing lists the device. True if it says something new. */
bool device_directory_list(struct device_directory *directory, const char *device_key,
                           const struct device_attributes *attributes);

/* An uplink has named the device's application. */
void device_directory_set_application(struct device_directory *directory, const char *device_key,
                                      const char *application);

/*
 * Is the event's device to be in Azure at all? Its attribute azureintegration says so, else the
 * default of its application, else the default of its network. Every thread.
 */
bool device_directory_integrates(struct device_directory *directory, const struct event *event);

#endif
