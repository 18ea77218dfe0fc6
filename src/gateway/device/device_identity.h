// SPDX-License-Identifier: MIT
/* Which IoT Hub device id a device has, and where that id must be its own. Every thread. */
#ifndef ISTHMUS_GATEWAY_DEVICE_DEVICE_IDENTITY_H
#define ISTHMUS_GATEWAY_DEVICE_DEVICE_IDENTITY_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/reason.h"
#include "conf/settings.h"
#include "networks/event.h"

/*
 * Adds the id of the event's device, made by AzureIoT.DeviceIdTemplate; false, with the reason, if
 * a part of it has no value.
 */
bool device_identity_make(const struct settings *settings, const struct event *event,
                          struct buf *out, struct reason *reason);

/*
 * May the device of this event exist in IoT Hub at all (characters, length, template)? Else false
 * with the reason.
 */
bool device_identity_check(const struct settings *settings, const struct event *event,
                           struct reason *reason);

/*
 * Where the ids of an application's devices must be their own: the hub's name, or the ID scope; ""
 * if no way to Azure is configured. The caller's.
 */
char *device_identity_scope(const struct settings *settings, const char *application);

/*
 * "id@scope" by which a device of this application claims its id in the store: the provisioning
 * service takes ids that differ in case only for one, so that they are one claim; an IoT Hub does
 * not. The caller's.
 */
char *device_identity_claim(const struct settings *settings, const char *application,
                            const char *hub_id);

/*
 * The same, by which devices with this id are compared: hosts are compared without case, too. The
 * caller's.
 */
char *device_identity_key(const struct settings *settings, const char *application,
                          const char *hub_id);

#endif
