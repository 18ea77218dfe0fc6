// SPDX-License-Identifier: MIT
/* How a network's API is reached for a device. */
#ifndef ISTHMUS_GATEWAY_DEVICE_NETWORK_SETTINGS_H
#define ISTHMUS_GATEWAY_DEVICE_NETWORK_SETTINGS_H

#include "base/error.h"
#include "base/reason.h"
#include "conf/settings.h"
#include "gateway/device/device.h"
#include "gateway/device/downlink_hear.h"
#include "networks/downlink.h"
#include "networks/network.h"

enum downlink_route {
        COMMAND_WAY_NONE, /* the network takes none, or nothing is configured to reach it */
        COMMAND_WAY_OFF,  /* switched off, or not completely configured: who sends must hear it */
        COMMAND_WAY_OPEN,
};

/*
 * Fills `access` with texts of the settings, or of the device's way where the settings name none
 * for its application. Unless the way is open, the reason says what stands in it. On the thread
 * "hub".
 */
enum downlink_route network_settings(const struct settings *settings, const struct device *device,
                                     struct network_access *access, struct reason *reason);

/* The LoRaWAN class of the device: as its network's registry says, else as the settings do. */
enum device_class network_settings_class(const struct settings *settings,
                                         const struct device *device);

/*
 * The way that a webhook tells for the device of its event, if it may be followed: 0, or
 * enum downlink_way_condition with the reason. Fills `heard`, whose way is the caller's to deinit
 * in any case. Every thread.
 */
int network_settings_told(const struct settings *settings, const struct webhook *webhook,
                          const struct event *event, struct downlink_heard *heard) MUST_CHECK;

#endif
