// SPDX-License-Identifier: MIT
/* A caller of a running gateway's control socket, for `isthmus command`, `queue` and `status`. */
#ifndef ISTHMUS_CLI_GATEWAY_GATEWAY_CONTROL_H
#define ISTHMUS_CLI_GATEWAY_GATEWAY_CONTROL_H

#include <json-c/json.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/reason.h"
#include "http/client/http_client.h"

/* No gateway runs with this data directory. */
#define GATEWAY_CONTROL_E_ABSENT 1

/*
 * Makes a client of that gateway's socket, the caller's (http_client_free). 0,
 * GATEWAY_CONTROL_E_ABSENT or a negative errno, both with the reason.
 */
int gateway_control_open(const char *data_directory, struct http_client **control,
                         struct reason *reason) MUST_CHECK;

/* Adds an argument to the query of `path`; nothing happens if `value` is NULL. */
void gateway_control_argument(struct buf *path, const char *name, const char *value);

/* The same with a number; nothing happens if it is 0. */
void gateway_control_number(struct buf *path, const char *name, int64_t value);

/*
 * Waits for the answer to a request without a body; `path` has its query, percent escapes done.
 * The answer's JSON object, the caller's; NULL, with the reason, if there is none, or if the
 * gateway does not do that.
 */
struct json_object *gateway_control_call(struct http_client *control, const char *method,
                                         const char *path, struct reason *reason) MUST_CHECK;

/* The same of a POST with a JSON body. */
struct json_object *gateway_control_send(struct http_client *control, const char *path,
                                         const struct buf *body, struct reason *reason) MUST_CHECK;

#endif
