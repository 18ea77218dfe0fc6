// SPDX-License-Identifier: MIT
/* What the files of the service's REST API share. */
#ifndef ISTHMUS_LOCALHUB_REST_REST_CALL_H
#define ISTHMUS_LOCALHUB_REST_REST_CALL_H

#include "base/error.h"
#include "base/json/json.h"
#include "localhub/fleet/fleet.h"
#include "localhub/query/query.h"
#include "localhub/service/service_call.h"

/* The most devices of a page. */
#define REST_PAGE 1000

/* The service's conditions: HTTP status times 1000 and a detail. */
enum rest_error {
        REST_ARGUMENT_INVALID = 400004,
        REST_UNAUTHORIZED = 401002,
        REST_QUOTA_EXCEEDED = 403002,
        REST_JOB_QUOTA_EXCEEDED = 403003,
        REST_TOO_MANY_UPLOADS = 403006,
        REST_NOT_FOUND = 404000,
        REST_DEVICE_NOT_FOUND = 404001,
        REST_JOB_NOT_FOUND = 404002,
        REST_CONFIGURATION_NOT_FOUND = 404013,
        REST_DEVICE_NOT_ONLINE = 404103,
        REST_METHOD_NOT_ALLOWED = 405001,
        REST_DEVICE_EXISTS = 409001,
        REST_JOB_EXISTS = 409004,
        REST_CONFIGURATION_EXISTS = 409013,
        REST_PRECONDITION_FAILED = 412001,
        REST_LOCK_LOST = 412002,
        REST_PAYLOAD_TOO_LARGE = 413001,
        REST_MESSAGE_TOO_LARGE = 413002,
        REST_THROTTLED = 429001,
        REST_NOT_IMPLEMENTED = 501001,
        REST_SERVER_BUSY = 503001,
        REST_GATEWAY_TIMEOUT = 504101,
};

struct json_object *rest_device_document(struct service_call *call,
                                         const struct registry_device *device);

/* Each ends the call. `rest_answer` takes `value`. */
void rest_answer(struct http_exchange *exchange, int status, struct json_object *value);
void rest_fail(struct http_exchange *exchange, enum rest_error error, const char *format, ...)
        PRINTF_LIKE(3, 4);

/* The device of the first argument; false if the call has been answered. */
bool rest_find_device(struct service_call *call, struct registry_device *device);

/*
 * False, and answered, if the request's If-Match fits neither the ETag nor any. `*given` says
 * whether there was one; NULL if that does not matter.
 */
bool rest_match(struct service_call *call, const char *etag, bool *given);

/* How many entries of a list are asked for by `?top=`, at most `most`. */
int64_t rest_read_top(struct service_call *call, int64_t most);

/* As the request's headers say; false if the call has been answered. */
bool rest_read_page(struct service_call *call, struct query_page *page);

/* Says where the next page begins. */
void rest_add_continuation(struct service_call *call, const struct query_page *page);

struct fleet *rest_fleet_of(const struct service_call *call);

/* Registers or changes a device or module as a document says: 0 or the error. */
int rest_put_device(struct service_call *call, const char *id, struct json_object *document,
                    enum registry_put how, struct reason *reason);

/*
 * One device or module of a bulk request or an import, as its `importMode` says, with its tags and
 * desired properties if they are there: 0 or the error.
 */
int rest_import_device(struct service_call *call, struct json_object *entry, struct reason *reason);

/* `authentication` of a device's document. */
struct json_object *rest_authentication(const struct registry_device *device);

/* Of a method call that was not answered. */
void rest_fail_method(struct http_exchange *exchange, enum local_hub_method_result result);

/* Adds the header ETag. */
void rest_add_etag(struct http_exchange *exchange, const char *etag);

/* With the current ETag as a header. */
void rest_answer_device(struct service_call *call, const struct registry_device *device,
                        struct json_object *document);

/* Azure's "never" for 0. */
void rest_add_time(struct json_object *object, const char *name, int64_t wall_ms);

/* The member `x509Thumbprint`. */
void rest_add_thumbprints(struct json_object *object, const struct registry_device *device);

/* Members that the documents of a device and of its twin have both, besides service_add_device. */
void rest_add_device_state(struct json_object *object, struct service_call *call,
                           const struct registry_device *device);

struct json_object *rest_twin_document(struct service_call *call,
                                       const struct registry_device *device);

service_handler rest_device_put, rest_device_get, rest_device_delete, rest_device_list;
service_handler rest_device_bulk, rest_command_purge, rest_statistics;
service_handler rest_module_list;
service_handler rest_twin_get, rest_twin_write, rest_query, rest_method_invoke;
service_handler rest_job_put, rest_job_get, rest_job_cancel, rest_job_query;
service_handler rest_transfer_start, rest_transfer_get, rest_transfer_list, rest_transfer_cancel;
service_handler rest_configuration_put, rest_configuration_get, rest_configuration_list;
service_handler rest_configuration_delete, rest_configuration_test, rest_content_apply;
service_handler rest_service_statistics;
service_handler rest_digital_twin_get, rest_digital_twin_patch, rest_digital_twin_command;
service_handler rest_digital_twin_component_command;

#endif
