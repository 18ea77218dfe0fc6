// SPDX-License-Identifier: MIT
/* A request of a device over HTTPS. */
#ifndef ISTHMUS_LOCALHUB_HTTPS_HTTPS_CALL_H
#define ISTHMUS_LOCALHUB_HTTPS_HTTPS_CALL_H

#include "base/error.h"
#include "http/http_route.h"
#include "http/http_server.h"
#include "localhub/local_hub.h"

/* The most bytes of telemetry, with properties, in a request. */
#define HTTPS_TELEMETRY_MAX 262144

struct https_call {
        struct local_hub *hub;
        struct registry *registry; /* of `hub` */
        struct http_exchange *exchange;
        const char *arguments[HTTP_ARGUMENTS_MAX]; /* of the path: the device id first */
        struct registry_device device;             /* that it is allowed to be */
        char hub_id[REGISTRY_ID_SIZE];             /* of the device's hub */
        enum telemetry_auth auth;
};

/* Each answers the call, which is authorized. */
typedef void https_handler(struct https_call *call);
https_handler https_events_post, https_command_get, https_command_delete, https_command_abandon;

/*
 * Finds out which device of which hub calls, from the call's first four members. False, and the
 * call is answered, if it may not.
 */
bool https_authorize(struct https_call *call);

/* Ends the call with an empty answer. */
void https_answer_nothing(struct https_call *call);

/* True if a fault was ordered that takes the place of what the device wants; it is answered. */
bool https_take_fault(struct https_call *call, enum fault_kind kind);

#endif
