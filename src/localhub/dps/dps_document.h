// SPDX-License-Identifier: MIT
/*
 * The JSON documents and operation ids of the Device Provisioning Service (rule W12). Each object
 * is the caller's.
 */
#ifndef ISTHMUS_LOCALHUB_DPS_DPS_DOCUMENT_H
#define ISTHMUS_LOCALHUB_DPS_DPS_DOCUMENT_H

#include <json-c/json.h>
#include <stdbool.h>

#include "localhub/registry/registry.h"

/* An operation id with its zero byte: `5.<16 hex digits>.<uuid>`. */
#define DPS_OPERATION_ID_SIZE 56

/* A new one; its hex digits are made from the registration id, whatever that one's case is. */
void dps_operation_id(const char *registration_id, char id[DPS_OPERATION_ID_SIZE]);

/* True if dps_operation_id may have made `id` for this registration. */
bool dps_operation_belongs(const char *id, const char *registration_id);

struct json_object *dps_document_assigning(const char *operation_id);

/* What becomes of a registration in the end. */
struct dps_verdict {
        const char *status; /* `assigned`, `failed`, `disabled` */
        const char *registration_id;
        const struct registry_registration *registration; /* `assigned` only */
        struct json_object *payload; /* of a function that allocates, for the device; or NULL */
        bool with_group;             /* tell the enrolment group, as newer API versions do */
        int error_code;              /* `failed` only */
        const char *error_message;
};

/* `registrationState`, which is also the answer to a look-up. */
struct json_object *dps_document_state(const struct dps_verdict *verdict);

struct json_object *dps_document_verdict(const char *operation_id,
                                         const struct dps_verdict *verdict);

/* Adds a UTC time. */
void dps_document_add_time(struct json_object *object, const char *name, int64_t wall_ms);

struct json_object *dps_document_error(int error_code, const char *message);

#endif
