// SPDX-License-Identifier: MIT
/*
 * Command stage 1: what the hub delivers enters the ledger, or is refused with a reason.
 * All on the thread "loop".
 */
#ifndef ISTHMUS_GATEWAY_COMMAND_COMMAND_ARRIVE_H
#define ISTHMUS_GATEWAY_COMMAND_COMMAND_ARRIVE_H

#include "azure/hub/hub_client.h"
#include "base/loop.h"
#include "conf/settings.h"
#include "gateway/command/command_ledger.h"
#include "gateway/device/device.h"

struct device_provision;

struct command_arrive {
        const struct settings *settings;
        struct loop *loop;
        struct command_ledger *ledger;
        struct device_provision *provision; /* moves devices (command_device_move.h) */
};

/* A cloud-to-device message: IoT Hub's own kind, or an IoT Central command. */
void command_arrive_message(const struct command_arrive *arrive, struct device *device,
                            struct hub_command *delivery);

/* A direct method call. */
void command_arrive_method(const struct command_arrive *arrive, struct device *device,
                           struct hub_method *call);

#endif
