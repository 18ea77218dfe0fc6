// SPDX-License-Identifier: MIT
/* Between device_claim.c, and device.c and device_place.c, which use it. All on the thread "loop".
 */
#ifndef ISTHMUS_GATEWAY_DEVICE_DEVICE_INSIDE_H
#define ISTHMUS_GATEWAY_DEVICE_DEVICE_INSIDE_H

#include "gateway/device/device.h"

struct device_limit;

/* What the store is asked, until its answer is back on the thread "loop". */
struct device_claiming {
        struct list_node node; /* of claims->asked */
        struct store_claim claim;
        struct device_claims *claims;
        char *identity;
        char *device_key;
        char *lane_key;
        char *template;
        int result;   /* as that of a struct store_claim */
        char *holder; /* device key; with the result 0 */
};

/* What can be one device's alone in all gateways that share a store. */
struct device_claims {
        const char *kind;
        struct store *store;
        struct loop *loop;
        /* Follows once on each question. */
        void (*answered)(void *context, const struct device_claiming *claiming);
        void *context;
        struct list asked; /* struct device_claiming; list_init */
};

/* Asks for `identity`; `template` made it, or is NULL. */
void device_claims_ask(struct device_claims *claims, const struct device *device,
                       const char *identity, const char *template);

/* When no thread is left. */
void device_claims_deinit(struct device_claims *claims);

struct device_table {
        const struct settings *settings;
        struct store *store;
        struct device_directory *directory;
        struct map *devices; /* device key to struct device */
        struct device_keeper *keeper;
        struct map *owners;      /* device_identity_key to the owner's device key */
        struct map *near_misses; /* applications that were warned of */
        struct device_limit *limit;
        struct store_shards shards; /* that this gateway has */
        bool owns_all;
        int64_t since_ms[STORE_SHARDS]; /* steady clock; each of them */
        struct device_claims claims;
};

/* device_identity_claim of this device. The caller's. */
char *device_claim_identity(const struct settings *settings, const struct device *device);

/* Another device has the id. */
void device_claim_clash(struct device *device, const char *owner);

/* Of `claims` of a struct device_table. */
void device_claim_answered(void *context, const struct device_claiming *claiming);

#endif
