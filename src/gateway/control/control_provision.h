// SPDX-License-Identifier: MIT
/* Requests at the control socket that register many devices (device_bulk.h). */
#ifndef ISTHMUS_GATEWAY_CONTROL_CONTROL_PROVISION_H
#define ISTHMUS_GATEWAY_CONTROL_CONTROL_PROVISION_H

#include <json-c/json.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/reason.h"
#include "gateway/control/control_options.h"
#include "gateway/control/control_request.h"

/*
 * The body of CONTROL_NAME: a JSON array of objects with `device`, `network` and, if known,
 * `application`, `devEui` and `modelId`. The caller's; NULL with the reason. Any thread.
 */
struct json_object *control_provision_read(const struct buf *body, struct reason *reason);

/*
 * Does what is asked and adds how the bulk stands then: 0, or an HTTP status with the reason.
 * `body` is that of CONTROL_NAME, else NULL. On the thread "loop".
 */
int control_provision_answer(const struct control_options *options,
                             const struct control_request *request, struct json_object *body,
                             struct buf *out, struct reason *reason) MUST_CHECK;

#endif
