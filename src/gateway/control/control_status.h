// SPDX-License-Identifier: MIT
/* The control socket's answers about the gateway and its devices. All on the thread "hub". */
#ifndef ISTHMUS_GATEWAY_CONTROL_CONTROL_STATUS_H
#define ISTHMUS_GATEWAY_CONTROL_CONTROL_STATUS_H

#include <stdint.h>

#include "base/buf.h"
#include "gateway/control/control.h"
#include "gateway/control/control_request.h"

/* Adds the state of the whole: devices, hubs, store, commands. `started_ms` is wall clock. */
void control_status_write(const struct control_options *options, int64_t started_ms,
                          struct buf *out);

/* Adds the devices that fit, and how many fit in all. */
void control_status_devices(const struct control_options *options,
                            const struct control_request *request, struct buf *out);

#endif
