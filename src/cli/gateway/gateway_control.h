// SPDX-License-Identifier: MIT
/* A caller of a running gateway's control socket, for `isthmus command`, `queue` and `status`. */
#ifndef ISTHMUS_CLI_GATEWAY_GATEWAY_CONTROL_H
#define ISTHMUS_CLI_GATEWAY_GATEWAY_CONTROL_H

#include <json-c/json.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/reason.h"

struct gateway_control;

enum gateway_control_condition {
        GATEWAY_CONTROL_E_ABSENT = 1, /* no gateway runs with this data directory */
        GATEWAY_CONTROL_E_REFUSED,    /* the gateway does not do that; the reason says why */
};

/* 0, GATEWAY_CONTROL_E_ABSENT or a negative errno, both with the reason. */
int gateway_control_open(const char *data_directory, struct gateway_control **control,
                         struct reason *reason) MUST_CHECK;

/* NULL is allowed. */
void gateway_control_close(struct gateway_control *control);

/* Adds an argument to the query of `path`; nothing happens if `value` is NULL. */
void gateway_control_argument(struct buf *path, const char *name, const char *value);

/* The same with a number; nothing happens if it is 0. */
void gateway_control_number(struct buf *path, const char *name, int64_t value);

/*
 * Waits for the answer to a request without a body; `path` has its query, percent escapes done.
 * 0 with the answer's JSON object, the caller's; or GATEWAY_CONTROL_E_REFUSED or a negative errno
 * with the reason.
 */
int gateway_control_call(struct gateway_control *control, const char *method, const char *path,
                         struct json_object **answer, struct reason *reason) MUST_CHECK;

/* The same of a POST with a JSON body. */
int gateway_control_send(struct gateway_control *control, const char *path, const struct buf *body,
                         struct json_object **answer, struct reason *reason) MUST_CHECK;

#endif
