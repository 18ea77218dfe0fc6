// SPDX-License-Identifier: MIT
/* What the files of the control API share: one call, its arguments and its answer. */
#ifndef ISTHMUS_LOCALHUB_CONTROL_CONTROL_CALL_H
#define ISTHMUS_LOCALHUB_CONTROL_CONTROL_CALL_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/reason.h"
#include "http/http_route.h"
#include "http/http_server.h"
#include "localhub/dps/dps_endpoint.h"
#include "localhub/local_hub.h"

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
        struct control_followers *followers;
        int64_t started_ms; /* steady clock */
};

struct control_call {
        struct control_api *api;
        struct http_exchange *exchange;
        const char *arguments[HTTP_ARGUMENTS_MAX]; /* of the path */
        struct json_object *body;                  /* a JSON object; NULL if the request had none */
};

typedef void control_handler(struct control_call *call);

struct control_route {
        const char *method;
        const char *pattern; /* http_route.h */
        control_handler *handle;
};

/* --- answers (each ends the call) ------------------------------------------------------------ */

/* Takes `value`. */
void control_answer(struct control_call *call, int status, struct json_object *value);

/* `{"error":{"code":CODE,"message":...}}` */
void control_fail(struct control_call *call, int status, const char *code, const char *format, ...)
        PRINTF_LIKE(4, 5);

/* --- arguments (false: the call has been answered) -------------------------------------------- */

/* A whole number of the query; `fall_back` if absent. */
bool control_query_number(struct control_call *call, const char *name, int64_t fall_back,
                          int64_t max, int64_t *number);

/* A whole number of the body, from `min` to `max`; `*number` stays if absent. */
bool control_body_number(struct control_call *call, const char *name, int64_t min, int64_t max,
                         int64_t *number);

/* A text of the body; `*text` stays if absent. It belongs to the body. */
bool control_body_text(struct control_call *call, const char *name, const char **text);

/* True or false of the body; `*value` stays if absent. */
bool control_body_bool(struct control_call *call, const char *name, bool *value);

/* Refuses members of the body that `names` (ends in NULL) does not hold: a misspelt one would be
 * ignored in silence. */
bool control_body_only(struct control_call *call, const char *const *names);

/* The hub of `?hub=`; -1 if it is absent. */
bool control_query_hub(struct control_call *call, int *hub);

/* The hub of the device that the first argument names: that of `?hub=`, else the first that has
 * the device. */
bool control_find_device(struct control_call *call, int *hub);

/* --- JSON ------------------------------------------------------------------------------------ */

void control_add_text(struct json_object *object, const char *name, const char *text);
void control_add_number(struct json_object *object, const char *name, int64_t number);
/* Nothing if `wall_ms` is 0. */
void control_add_time(struct json_object *object, const char *name, int64_t wall_ms);

/* The id of a hub as a member `hub`, and its address as `hostName`. */
void control_add_hub(struct json_object *object, struct registry *registry, int hub);

/* --- handlers -------------------------------------------------------------------------------- */

control_handler control_hubs, control_stats, control_connections;                  /* hubs */
control_handler control_devices, control_device_get, control_device_put;           /* devices */
control_handler control_device_delete, control_twin_get, control_twin_put;         /* devices */
control_handler control_twin_patch;                                                /* devices */
control_handler control_message_send, control_message_list, control_message_state; /* commands */
control_handler control_message_purge, control_method_invoke;                      /* commands */
control_handler control_enrolments, control_enrolment_put, control_enrolment_delete;
control_handler control_registrations, control_registration_delete;
control_handler control_fault_add, control_fault_list, control_fault_clear, control_fault_delete;
control_handler control_telemetry;

/* The thread "hub-follow", which wakes readers of telemetry when there is more. */
struct control_followers *control_followers_new(struct telemetry_log *log);

/* All streams must have ended. NULL is allowed. */
void control_followers_free(struct control_followers *followers);

#endif
