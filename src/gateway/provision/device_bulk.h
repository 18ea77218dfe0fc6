// SPDX-License-Identifier: MIT
/*
 * Registers many devices on an operator's word: those of the networks' lists, or those that are
 * named; and keeps what became of each until the next time. What is known asks nothing, so that a
 * bulk that was interrupted goes on where it was when it is ordered again. It goes behind devices
 * whose uplink waits (DPS_BULK).
 *
 * All on the thread "loop".
 */
#ifndef ISTHMUS_GATEWAY_PROVISION_DEVICE_BULK_H
#define ISTHMUS_GATEWAY_PROVISION_DEVICE_BULK_H

#include "base/buf.h"
#include "base/error.h"
#include "base/reason.h"
#include "conf/settings.h"
#include "gateway/device/device.h"
#include "gateway/device/device_listing.h"
#include "gateway/provision/device_provision.h"

struct device_bulk;

struct device_bulk_options {
        const struct settings *settings;
        struct device_table *devices;
        struct device_provision *provision;
        bool is_alone; /* nobody else makes devices: a dry run makes none, also of lists */
};

/* Any thread; device_bulk_join before the first order. */
struct device_bulk *device_bulk_new(const struct device_bulk_options *options);

void device_bulk_join(struct device_bulk *bulk, struct device_listing *listing);

/* After the threads "http" and "loop" have ended; NULL is allowed. */
void device_bulk_free(struct device_bulk *bulk);

struct device_bulk_order {
        bool again;              /* ask also about what is known */
        bool dry_run;            /* ask nothing, and make no device */
        bool lists;              /* read the networks' lists; else device_bulk_add names devices */
        const char *application; /* only devices of this one; NULL = of all */
        size_t limit;            /* ask about so many at most; 0 = no limit */
};

/* -EBUSY with the reason if one is under way. */
int device_bulk_start(struct device_bulk *bulk, const struct device_bulk_order *order,
                      struct reason *reason) MUST_CHECK;

/* A device by name, with what is known of it; texts are the caller's. */
struct device_bulk_name {
        const char *network;     /* its name */
        const char *application; /* NULL or "" = not known */
        const char *device;      /* the network's id */
        const char *dev_eui;
        const char *model_id;
};

/* -EINVAL with the reason if no bulk takes names now, or the name can't be one. */
int device_bulk_add(struct device_bulk *bulk, const struct device_bulk_name *name,
                    struct reason *reason) MUST_CHECK;

/* All names were given. */
void device_bulk_close(struct device_bulk *bulk);

/* Asks about no further device. */
void device_bulk_stop(struct device_bulk *bulk);

/* Hears what the lists say: for device_listing_options. */
struct device_listing_ear *device_bulk_ear(struct device_bulk *bulk);

/* Adds a JSON object: the state, counts, and what became of devices behind the first `after`. */
void device_bulk_write(const struct device_bulk *bulk, size_t after, struct buf *out);

#endif
