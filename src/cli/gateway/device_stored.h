// SPDX-License-Identifier: MIT
/*
 * Devices as a store remembers them, for commands that run while no gateway does. One thread.
 */
#ifndef ISTHMUS_CLI_GATEWAY_DEVICE_STORED_H
#define ISTHMUS_CLI_GATEWAY_DEVICE_STORED_H

#include <json-c/json.h>

#include "base/error.h"
#include "base/reason.h"
#include "store/store.h"

/*
 * Adds to `devices` (an array) each device that has an id in IoT Hub, as the control socket shows
 * it: `device` (its key), `network`, `application`, `deviceId`, `hubDeviceId`, `scope`, `hub`.
 */
int device_stored_list(struct store *store, struct json_object *devices,
                       struct reason *reason) MUST_CHECK;

/*
 * Gives the id of one of those free, as device_table_release does, and makes what waits for the
 * device dead letters. The store must be open for writing.
 */
int device_stored_release(struct store *store, struct json_object *device,
                          struct reason *reason) MUST_CHECK;

#endif
