// SPDX-License-Identifier: MIT
/* The parts of the gateway that requests at the control socket are about. */
#ifndef ISTHMUS_GATEWAY_CONTROL_CONTROL_OPTIONS_H
#define ISTHMUS_GATEWAY_CONTROL_CONTROL_OPTIONS_H

#include "azure/hub/hub_client.h"
#include "base/loop.h"
#include "conf/settings.h"
#include "gateway/command/command_ledger.h"
#include "gateway/device/device.h"
#include "gateway/link/device_link.h"
#include "gateway/provision/device_bulk.h"
#include "gateway/uplink/uplink_queue.h"
#include "gateway/uplink/uplink_recent.h"
#include "store/store.h"

struct control_options {
        const char *directory; /* the data directory; its lock must be held */
        const struct settings *settings;
        struct store *store;
        struct loop *loop;
        struct hub_client *hubs;
        struct uplink_queue *queue;
        struct device_table *devices;
        struct command_ledger *ledger;
        struct device_link *link;
        struct device_bulk *bulk;
        struct device_provision *provision;
        struct uplink_recent *recent;
};

#endif
