// SPDX-License-Identifier: MIT
/* What the files of the control API share: the arguments of a call and its answer. */
#ifndef ISTHMUS_LOCALHUB_CONTROL_CONTROL_CALL_H
#define ISTHMUS_LOCALHUB_CONTROL_CONTROL_CALL_H

#include "base/error.h"
#include "base/json/json.h"
#include "localhub/dps/dps_endpoint.h"
#include "localhub/model/models.h"
#include "localhub/service/service_call.h"

#define CONTROL_THREAD "hub-control"

/* Entries of a list when the caller names no limit, and the most. */
#define CONTROL_LIST_LIMIT 1000
#define CONTROL_LIST_MAX   100000

/* Times of a bounded delay that a caller may name, in seconds. */
#define CONTROL_SECONDS_MAX INT64_C(31622400) /* 366 days */

struct control_followers;

struct control_api {
        struct http_server *http;
        struct local_hub *hub;
        struct dps_endpoint *dps;
        const char *token;           /* NULL = none is asked for */
        const struct models *models; /* NULL = none */
        struct control_followers *followers;
        int64_t started_ms; /* steady clock */
};

/* The control API of a call. */
struct control_api *control_of(const struct service_call *call);

/* --- answers (each ends the call) ------------------------------------------------------------ */

/* Takes `value`. */
void control_answer(struct service_call *call, int status, struct json_object *value);

/* `{"NAME":[...]}`. Takes `list`. */
void control_answer_list(struct service_call *call, const char *name, struct json_object *list);

/* `{"error":{"code":CODE,"message":...}}` */
void control_fail(struct service_call *call, int status, const char *code, const char *format, ...)
        PRINTF_LIKE(4, 5);

/* --- arguments (false: the call has been answered) -------------------------------------------- */

/* A whole number of the query; `fall_back` if absent. */
bool control_query_number(struct service_call *call, const char *name, int64_t fall_back,
                          int64_t max, int64_t *number);

/* A whole number of the body, from `min` to `max`; `*number` stays if absent. */
bool control_body_number(struct service_call *call, const char *name, int64_t min, int64_t max,
                         int64_t *number);

/* A text of the body; `*text` stays if absent. It belongs to the body. */
bool control_body_text(struct service_call *call, const char *name, const char **text);

/* Copies a text of the body of fewer than `size` bytes; `out` stays if absent. */
bool control_body_copy(struct service_call *call, const char *name, char *out, size_t size);

/* `status` of the body, which is `enabled` or `disabled`; `*enabled` stays if absent. */
bool control_body_status(struct service_call *call, bool *enabled);

/* Refuses a body that is no object, and members of it that `names` (ends in NULL) does not hold: a
 * misspelt one would be ignored in silence. */
bool control_body_only(struct service_call *call, const char *const *names);

/* The hub of this name; -1 if `name` is NULL. */
bool control_hub_named(struct service_call *call, const char *name, int *hub);

/* The hub of `?hub=` becomes that of the call; -1 if it is absent. */
bool control_query_hub(struct service_call *call);

/* The hub of the device that the first argument names becomes that of the call: that of `?hub=`,
 * else the first that has the device. */
bool control_find_device(struct service_call *call);

/* The hub of the call has such a device, or the first that has becomes it, or else hub 0. */
bool control_choose_hub(struct service_call *call);

/* --- JSON ------------------------------------------------------------------------------------ */

/* Nothing if `wall_ms` is 0. */
void control_add_time(struct json_object *object, const char *name, int64_t wall_ms);

/* The id of a hub as a member `hub`, and its address as `hostName`. */
void control_add_hub(struct json_object *object, struct registry *registry, int hub);

/* --- handlers -------------------------------------------------------------------------------- */

service_handler control_hubs, control_stats, control_connections;                  /* hubs */
service_handler control_devices, control_device_get, control_device_put;           /* devices */
service_handler control_device_delete, control_twin_get, control_twin_write;       /* devices */
service_handler control_message_send, control_message_list, control_message_state; /* commands */
service_handler control_message_purge, control_method_invoke;                      /* commands */
service_handler control_enrolments, control_enrolment_put, control_enrolment_delete;
service_handler control_authorities, control_authority_put, control_authority_delete;
service_handler control_registrations, control_registration_delete;
service_handler control_fault_add, control_fault_list, control_fault_clear, control_fault_delete;
service_handler control_telemetry;

/* The thread "hub-follow", which wakes readers of telemetry when there is more. */
struct control_followers *control_followers_new(struct telemetry_log *log,
                                                const struct models *models);

/* All streams must have ended. NULL is allowed. */
void control_followers_free(struct control_followers *followers);

#endif
