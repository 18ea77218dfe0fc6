// SPDX-License-Identifier: MIT
/* A configuration and what it has done; for configuration*.c only. */
#ifndef ISTHMUS_LOCALHUB_FLEET_CONFIGURATIONS_H
#define ISTHMUS_LOCALHUB_FLEET_CONFIGURATIONS_H

#include "localhub/fleet/fleet_inside.h"

#define CONFIGURATION_METRICS_MAX 10

struct metric {
        char *name;
        struct query *query;
        int64_t result; /* of the last pass */
        int64_t count;  /* of this pass */
};

struct configuration {
        struct fleet_item item;       /* first */
        struct json_object *document; /* as the service sent it */
        struct query *target;         /* NULL = nobody */
        int64_t priority;
        int64_t created_ms;
        int64_t updated_ms;
        uint64_t revision;
        struct metric metrics[CONFIGURATION_METRICS_MAX];
        size_t metric_count;
        int64_t targeted; /* devices, at the last pass */
        int64_t applied;
        int64_t targeted_now; /* of this pass */
        int64_t applied_now;
};

/* Which configuration a device has. */
struct applied {
        struct list_node node;
        struct table_entry by_device;
        char *key; /* "HUB/ID" */
        int hub;
        char *configuration; /* its id */
        uint64_t revision;
        struct json_object *desired; /* what it wrote, as a patch; NULL = it has gone */
        uint64_t pass;               /* in which the device was seen last */
};

/* What was written by it stays, nobody owns it any more. */
void fleet_applied_forget(struct fleet *fleet, const struct configuration *configuration);

void fleet_applied_deinit(struct fleet *fleet);

#endif
