// SPDX-License-Identifier: MIT
/* Which event's operation a registration belongs to, and how a monitor is told of it. */
#ifndef ISTHMUS_GATEWAY_PROVISION_REGISTRATION_OPERATION_H
#define ISTHMUS_GATEWAY_PROVISION_REGISTRATION_OPERATION_H

#include <stdint.h>

#include "azure/dps/dps_client.h"
#include "base/crypto.h"
#include "gateway/device/device.h"
#include "monitor/monitor.h"

struct registration_operation {
        int64_t started_ns;                /* steady clock */
        char message_id[CRYPTO_UUID_SIZE]; /* of the event that waits for it; "" = none */
        int32_t stands_for;                /* of that event */
};

/* The device's registration begins. On the thread "loop". */
struct registration_operation registration_operation_begin(const struct device *device);

/* The service at this endpoint has answered. NULL for a monitor is allowed. */
void registration_operation_end(const struct registration_operation *operation,
                                struct monitor *monitor, const char *endpoint,
                                const struct device *device, const struct dps_result *answer);

#endif
