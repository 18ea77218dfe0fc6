// SPDX-License-Identifier: MIT
/* The control socket's answers about devices. All on the thread "loop". */
#ifndef ISTHMUS_GATEWAY_CONTROL_CONTROL_DEVICES_H
#define ISTHMUS_GATEWAY_CONTROL_CONTROL_DEVICES_H

#include "base/buf.h"
#include "gateway/control/control_options.h"
#include "gateway/control/control_request.h"

/* Adds the devices that fit, and how many fit in all. */
void control_devices_list(const struct control_options *options,
                          const struct control_request *request, struct buf *out);

/*
 * The device that the request is about, by its key or by an id that only one has. 0, or an HTTP
 * status with the reason.
 */
int control_devices_find(const struct control_options *options,
                         const struct control_request *request, struct device **device,
                         struct reason *reason) MUST_CHECK;

/* Adds everything that is known of it. */
void control_devices_view(const struct control_options *options, const struct device *device,
                          struct buf *out);

#endif
