// SPDX-License-Identifier: MIT
/*
 * Faults that a device orders for itself (rule W35): a message with `AzIoTHub_FaultOperationType`
 * is no telemetry, but has the hub cut, close or refuse something of this device, at once or after
 * a while. Microsoft's SDKs test with it how they come back.
 */
#ifndef ISTHMUS_LOCALHUB_SESSIONS_DEVICE_INJECTION_H
#define ISTHMUS_LOCALHUB_SESSIONS_DEVICE_INJECTION_H

#include "localhub/sessions/device_owner.h"

/* True if the message's properties order a fault, which will happen. */
bool device_injection_take(struct device_session *session, const struct property *properties,
                           size_t count);

/* Forgets all that was ordered. */
void device_injections_end(struct device_sessions *all);

#endif
