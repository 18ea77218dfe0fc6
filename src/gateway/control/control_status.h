// SPDX-License-Identifier: MIT
/* The control socket's answer about the gateway as a whole. On the thread "loop". */
#ifndef ISTHMUS_GATEWAY_CONTROL_CONTROL_STATUS_H
#define ISTHMUS_GATEWAY_CONTROL_CONTROL_STATUS_H

#include <stdint.h>

#include "base/buf.h"
#include "gateway/control/control_options.h"

/* Adds the state of the whole: devices, hubs, store, commands. `started_ms` is wall clock. */
void control_status_write(const struct control_options *options, int64_t started_ms,
                          struct buf *out);

#endif
