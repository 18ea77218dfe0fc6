// SPDX-License-Identifier: MIT
/* What the files of the fleet share. Functions want the mutex held, except where said. */
#ifndef ISTHMUS_LOCALHUB_FLEET_FLEET_INSIDE_H
#define ISTHMUS_LOCALHUB_FLEET_FLEET_INSIDE_H

#include <pthread.h>

#include "base/list.h"
#include "base/table.h"
#include "http/client/http_client.h"
#include "localhub/fleet/fleet.h"

/* Jobs and transfers that are remembered after their end. */
#define FLEET_HISTORY_MAX 1000

struct fleet {
        pthread_mutex_t mutex;
        pthread_cond_t changed;
        struct local_hub *hub;
        struct registry *registry;
        const struct fleet_documents *documents;
        char *directory; /* NULL = nothing is kept */
        char *trusted_certificates;
        pthread_t thread;
        bool running;
        bool closing;
        uint64_t last_serial;
        struct list items[FLEET_KIND_COUNT]; /* struct job, struct transfer, ... */
        struct list applied;                 /* struct applied, what the configurations have done */
        struct table applied_by_device;
        uint64_t pass;            /* of the configurations over the devices */
        int64_t pass_due_ms;      /* steady clock */
        struct http_client *http; /* of transfers; NULL = none yet */
};

/* What stands first in a job, a transfer and a configuration. */
struct fleet_item {
        struct list_node node;
        uint64_t serial;
        int hub;
        char *id;
};

/* A job, transfer or configuration; NULL = there is none with this id, or with at least this serial
 * number. */
void *fleet_find(const struct list *items, int hub, const char *id);
void *fleet_from(const struct list *items, int hub, uint64_t serial);

/* What the service is told of one. */
struct json_object *fleet_job_document(const void *item);
struct json_object *fleet_transfer_document(const void *item);
struct json_object *fleet_configuration_document(const void *item);

/* Has the thread look again. */
void fleet_wake(struct fleet *fleet);

/*
 * A copy with nothing in common, since references are not counted between threads: what comes in
 * and what goes out is one. NULL gives NULL. Without the mutex, or with it.
 */
struct json_object *fleet_copy(struct json_object *value);

/* Adds a UTC time; NULL for 0. */
void fleet_add_time(struct json_object *object, const char *name, int64_t wall_ms);

/* Each does what is due, perhaps without the mutex for a while, and lowers `*next_ms` (steady
 * clock) to when it wants to be asked again. On the thread "hub-fleet". */
void fleet_jobs_run(struct fleet *fleet, int64_t *next_ms);
void fleet_transfers_run(struct fleet *fleet, int64_t *next_ms);
void fleet_configurations_run(struct fleet *fleet, int64_t *next_ms);

/* Without the mutex. */
int fleet_configurations_load(struct fleet *fleet, struct reason *reason) MUST_CHECK;
void fleet_jobs_deinit(struct fleet *fleet);
void fleet_transfers_deinit(struct fleet *fleet);
void fleet_configurations_deinit(struct fleet *fleet);

#endif
