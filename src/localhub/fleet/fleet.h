// SPDX-License-Identifier: MIT
/*
 * What a hub does to many devices by itself (rules W31 to W33): jobs that change twins or call
 * methods, the import and export of devices, and configurations, which apply to every device that
 * fits their condition. One thread ("hub-fleet") does all of it; every function may be called on
 * every thread. Jobs are forgotten when the hub ends, configurations are kept in
 * DIR/configurations.json.
 */
#ifndef ISTHMUS_LOCALHUB_FLEET_FLEET_H
#define ISTHMUS_LOCALHUB_FLEET_FLEET_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/reason.h"
#include "localhub/local_hub.h"
#include "localhub/query/query.h"

struct fleet;

enum fleet_condition {
        FLEET_E_NOT_FOUND = 1,
        FLEET_E_EXISTS,
        FLEET_E_INVALID, /* see the reason */
        FLEET_E_OVER,    /* the job has ended already */
        FLEET_E_BUSY,    /* another import or export runs */
};

/* How the service writes and reads devices; called on the thread "hub-fleet" too. */
struct fleet_documents {
        /* A device's twin, for conditions. The caller's. */
        struct json_object *(*twin)(void *context, const struct registry_device *device);
        /* A device as a line of an export. The caller's. */
        struct json_object *(*write)(void *context, const struct registry_device *device,
                                     bool without_keys);
        /* Does what a line of an import says: 0, or the service's error with the reason. */
        int (*read)(void *context, int hub, struct json_object *line, struct reason *reason);
        void *context;
};

struct fleet_options {
        struct local_hub *hub;
        const struct fleet_documents *documents; /* must stay */
        const char *directory;                   /* NULL = nothing is kept */
        /* For containers of blobs: a PEM file beside the system's, read at the first import or
         * export; or NULL. */
        const char *trusted_certificates;
};

/* Reads what is kept and runs. -EINVAL with the reason for a file that can't be understood. */
int fleet_new(const struct fleet_options *options, struct fleet **fleet,
              struct reason *reason) MUST_CHECK;

/* Joins its thread: nothing is asked of the hub afterwards. NULL is allowed. */
void fleet_stop(struct fleet *fleet);

/* Stops first. No method call of a job may be under way: the hub is freed before. NULL is allowed.
 */
void fleet_free(struct fleet *fleet);

/*
 * A condition of the query language that chooses devices; "" chooses nobody and gives NULL, "*"
 * everybody. FLEET_E_INVALID with the reason, which says at which character.
 */
int fleet_condition_parse(const char *condition, struct query **query,
                          struct reason *reason) MUST_CHECK;

/* --- what it keeps --------------------------------------------------------------------------- */

enum fleet_kind {
        FLEET_JOB,
        FLEET_TRANSFER,
        FLEET_CONFIGURATION,
        FLEET_KIND_COUNT,
};

/* The document of one; NULL if there is none. The caller's. */
struct json_object *fleet_get(struct fleet *fleet, enum fleet_kind kind, int hub, const char *id);

/* The next of a hub in the order of their making; `*cursor` is 0 at first. NULL = no more. */
struct json_object *fleet_next(struct fleet *fleet, enum fleet_kind kind, int hub,
                               uint64_t *cursor);

/* --- jobs (rule W31) ------------------------------------------------------------------------- */

/* Takes a job as a service asks for it. `*answer` becomes its document, the caller's. */
int fleet_job_put(struct fleet *fleet, int hub, const char *id, struct json_object *request,
                  struct json_object **answer, struct reason *reason) MUST_CHECK;

/* FLEET_E_NOT_FOUND or FLEET_E_OVER; devices that were reached stay as they are. */
int fleet_job_cancel(struct fleet *fleet, int hub, const char *id) MUST_CHECK;

/* As fleet_next, for what became of each device in each job: queries read it as devices.jobs. */
struct json_object *fleet_outcome_next(struct fleet *fleet, int hub, uint64_t *cursor);

/* --- import and export (rule W32) ------------------------------------------------------------ */

int fleet_transfer_start(struct fleet *fleet, int hub, struct json_object *request,
                         struct json_object **answer, struct reason *reason) MUST_CHECK;
int fleet_transfer_cancel(struct fleet *fleet, int hub, const char *id) MUST_CHECK;

/* --- configurations (rule W33) --------------------------------------------------------------- */

/* Creates one, or changes it if `exists`. */
int fleet_configuration_put(struct fleet *fleet, int hub, const char *id, bool exists,
                            struct json_object *request, struct json_object **answer,
                            struct reason *reason) MUST_CHECK;
bool fleet_configuration_remove(struct fleet *fleet, int hub, const char *id);

/* Writes a content for devices into one device, once and for all. */
int fleet_content_apply(struct fleet *fleet, int hub, const char *device_id,
                        struct json_object *content, struct reason *reason) MUST_CHECK;

/* Adds to a twin which configuration has been applied to the device, if any. */
void fleet_describe(struct fleet *fleet, int hub, const char *device_id, struct json_object *twin);

#endif
