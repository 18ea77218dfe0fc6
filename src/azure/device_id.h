// SPDX-License-Identifier: MIT
/* The rules for names of devices. */
#ifndef ISTHMUS_AZURE_DEVICE_ID_H
#define ISTHMUS_AZURE_DEVICE_ID_H

#include <stdbool.h>

#include "base/error.h"
#include "base/reason.h"

/*
 * IoT Hub's rule for device and module ids: 1 to 128 ASCII letters, digits and
 * AZURE_DEVICE_ID_CHARACTERS; case counts. False with a reason that names the first character
 * that is not allowed and its position (from 1, in bytes). (Microsoft's SDKs let ';' pass for the
 * sake of old devices; the hub creates no such ids any more.)
 */
bool device_id_is_valid(const char *id, struct reason *reason) MUST_CHECK;

/*
 * The Device Provisioning Service's rule for registration ids: 1 to 128 ASCII letters, digits and
 * AZURE_REGISTRATION_ID_CHARACTERS, the last one a letter, a digit or '-'. Every registration id
 * is also a valid device id, which is what a group enrolment makes of it.
 */
bool device_id_is_registration_id(const char *id, struct reason *reason) MUST_CHECK;

#endif
