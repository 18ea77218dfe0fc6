// SPDX-License-Identifier: MIT
/*
 * What a hub of a size allows (rule W34): so many operations of each kind in a second, with a
 * minute's worth at once, and so many messages a day. Every hub counts for itself. Every thread; a
 * hub without a size has no limits: its quotas are NULL.
 */
#ifndef ISTHMUS_LOCALHUB_GATE_QUOTAS_H
#define ISTHMUS_LOCALHUB_GATE_QUOTAS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum quota_kind {
        QUOTA_CONNECTIONS, /* of devices, also where many share one */
        QUOTA_SENDS,       /* of devices */
        QUOTA_COMMANDS,    /* messages to devices */
        QUOTA_REGISTRY,
        QUOTA_QUERIES,
        QUOTA_TWIN_READS,
        QUOTA_TWIN_WRITES,
        QUOTA_METHODS, /* units of 4 KB */
        QUOTA_JOBS,
        QUOTA_CONFIGURATIONS,
        QUOTA_KIND_COUNT,
};

enum quota_verdict {
        QUOTA_TAKEN,
        QUOTA_THROTTLED, /* too many of this kind: 429 */
        QUOTA_USED_UP,   /* no more messages today: 403 */
};

struct quotas;

/* `sku` is F1, S1, S2 or S3. NULL if there is no such size of so many units. */
struct quotas *quotas_new(const char *sku, int64_t units, int hubs);

/* NULL is allowed. */
void quotas_free(struct quotas *quotas);

/* Takes `count` operations. NULL quotas allow everything, in all of these. */
enum quota_verdict quotas_take(struct quotas *quotas, int hub, enum quota_kind kind, int64_t count,
                               int64_t now_ms);

/* The same for a message of a device, which also counts for its day; `wall_ms` since 1970. */
enum quota_verdict quotas_take_message(struct quotas *quotas, int hub, size_t size, int64_t now_ms,
                                       int64_t wall_ms);

struct quota_usage {
        const char *sku;
        int64_t units;
        int64_t messages; /* today, in the size's own measure */
        int64_t messages_a_day;
};

/* False without a size. */
bool quotas_usage(struct quotas *quotas, int hub, int64_t wall_ms, struct quota_usage *usage);

#endif
