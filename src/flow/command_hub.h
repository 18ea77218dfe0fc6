// SPDX-License-Identifier: MIT
/*
 * Command stage 1: what the hub delivers enters the ledger, or is refused with a reason.
 * All on the thread "hub".
 */
#ifndef ISTHMUS_FLOW_COMMAND_HUB_H
#define ISTHMUS_FLOW_COMMAND_HUB_H

#include "azure/hub_client.h"
#include "conf/settings.h"
#include "flow/command_pending.h"
#include "flow/device.h"

struct command_hub;

struct command_hub_options {
        const struct settings *settings;
        struct hub_client *hubs;
        struct command_pending *pending;
};

struct command_hub *command_hub_new(const struct command_hub_options *options);
void command_hub_free(struct command_hub *hub);

/* A cloud-to-device message: IoT Hub's own kind, or an IoT Central command. */
void command_hub_message(struct command_hub *hub, struct device *device,
                         struct hub_command *delivery);

/* A direct method call. */
void command_hub_method(struct command_hub *hub, struct device *device, struct hub_method *call);

#endif
