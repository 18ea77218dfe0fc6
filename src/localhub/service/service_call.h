// SPDX-License-Identifier: MIT
/*
 * What the two APIs about a hub share, the control API and the service's REST API (rule W14): how
 * a request finds its handler, and the operations that both offer, each in its own words.
 */
#ifndef ISTHMUS_LOCALHUB_SERVICE_SERVICE_CALL_H
#define ISTHMUS_LOCALHUB_SERVICE_SERVICE_CALL_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/reason.h"
#include "http/http_route.h"
#include "http/http_server.h"
#include "localhub/local_hub.h"

struct service_api;

/* A request under way. */
struct service_call {
        const struct service_api *api;
        void *context; /* the API's own */
        struct local_hub *hub;
        struct registry *registry; /* of `hub` */
        struct http_exchange *exchange;
        int hub_index;                             /* which hub is meant; set by `admit` */
        const char *arguments[HTTP_ARGUMENTS_MAX]; /* of the path */
        struct json_object *body;                  /* NULL if the request had none */
};

typedef void service_handler(struct service_call *call);

struct service_route {
        const char *method;
        /*
         * http_route.h. With `modules` between two stars, DEVICE/MODULE is the first argument: a
         * module is a device of that id, so that what is asked of devices can be asked of modules.
         */
        const char *pattern;
        unsigned right; /* enum registry_right; 0 = none is needed */
        service_handler *handle;
};

struct service_api {
        const struct service_route *routes;
        size_t route_count;
        /* May this be asked? False if the call has been answered. */
        bool (*admit)(struct service_call *call, const struct service_route *route);
        /* Answers 400 (the body is no JSON), 404 (no such path) or 405 (no such method). */
        void (*fail)(struct service_call *call, int status, const char *message);
};

/* Answers the request that `call` names with its first five members. */
void service_handle(struct service_call *call);

/* --- devices --------------------------------------------------------------------------------- */

/* `deviceId`, `generationId`, `etag`, `status` and `connectionState`. */
void service_add_device(struct json_object *document, const struct registry_device *device);

/* `selfSigned` and its like; false if it is none. */
bool service_read_authentication(const char *text, enum registry_authentication *authentication);

/* `enabled` or `disabled` in any case; false if it is neither. */
bool service_read_status(const char *text, bool *enabled);

/* A section of a twin; NULL if there is no such device. The caller's. */
struct json_object *service_twin_section(const struct service_call *call, const char *device_id,
                                         enum registry_section section);

/* --- direct methods -------------------------------------------------------------------------- */

/*
 * Calls a device's method with a JSON payload, NULL for none (`method` has its other members), as
 * local_hub_invoke_method; the context of `done` is the exchange. False, and nothing is called,
 * if the payload has more than 128 KB.
 */
bool service_invoke(const struct service_call *call, const char *device_id,
                    struct local_hub_method method, struct json_object *payload,
                    local_hub_method_done *done);

/* `{"status":...,"payload":...}`; a payload that is no JSON is told as text. The caller's. */
struct json_object *service_method_answer(int status, const void *payload, size_t size);

#endif
