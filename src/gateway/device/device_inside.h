// SPDX-License-Identifier: MIT
/* Between device_claim.c and device.c, which uses the former. All on the thread "loop". */
#ifndef ISTHMUS_GATEWAY_DEVICE_DEVICE_INSIDE_H
#define ISTHMUS_GATEWAY_DEVICE_DEVICE_INSIDE_H

#include "gateway/device/device.h"

struct device_limit;

struct device_table {
        const struct settings *settings;
        struct store *store;
        struct loop *loop;
        struct device_directory *directory;
        struct map *devices; /* device key to struct device */
        struct device_keeper *keeper;
        struct map *owners;      /* device_identity_key to the owner's device key */
        struct map *near_misses; /* applications that were warned of */
        struct device_limit *limit;
        struct store_shards shards; /* that this gateway has */
        bool owns_all;
        int64_t since_ms[STORE_SHARDS]; /* steady clock; each of them */
        struct list claimings;          /* answers of the store that are awaited; device_claim.c */
};

/* "IoT Hub device id@scope" of a device of this application. The caller's. */
char *device_claim_identity(const struct settings *settings, const char *hub_id,
                            const char *application);

/* Another device has the id. */
void device_claim_clash(struct device *device, const char *owner);

/* When no thread is left. */
void device_claims_free(struct device_table *table);

#endif
