// SPDX-License-Identifier: MIT
/*
 * The command `DeviceMove` of Microsoft's tool that migrates devices between IoT Central and IoT
 * Hub: its payload is the ID scope that the device shall register with from now on ("Migrate
 * devices to Azure IoT Hub" in the documentation of IoT Central). It may be a component's
 * (`component*DeviceMove`), and comes as a direct method or as a queued command. All on the thread
 * "loop".
 */
#ifndef ISTHMUS_GATEWAY_COMMAND_COMMAND_DEVICE_MOVE_H
#define ISTHMUS_GATEWAY_COMMAND_COMMAND_DEVICE_MOVE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/reason.h"
#include "conf/settings.h"
#include "gateway/device/device.h"
#include "gateway/provision/device_provision.h"

/* An ID scope has some eleven letters and digits ("0ne00123ABC"). */
#define COMMAND_DEVICE_MOVE_SIZE 65

/* The ID scope of a payload: a JSON text, or bare, as queued commands have it. False if none. */
bool command_device_move_scope(const char *payload, size_t size,
                               char scope[COMMAND_DEVICE_MOVE_SIZE]);

/* Is it that command? Not if the settings have a method of this name. `method` may be NULL. */
bool command_device_move_is(const struct settings *settings, const char *application,
                            const char *method);

/*
 * Begins to move: 0, or an HTTP status with the reason (400: the payload is no ID scope, 409: not
 * now, or no service assigns the device).
 */
int command_device_move_begin(struct device_provision *provision, struct device *device,
                              const char *payload, size_t size, struct reason *reason) MUST_CHECK;

#endif
