// SPDX-License-Identifier: MIT
/* What the settings say of a network: how its API is reached, and where it lists its devices. */
#ifndef ISTHMUS_GATEWAY_DEVICE_NETWORK_SETTINGS_H
#define ISTHMUS_GATEWAY_DEVICE_NETWORK_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/reason.h"
#include "conf/settings.h"
#include "gateway/device/device.h"
#include "networks/downlink.h"
#include "networks/network.h"

struct downlink_heard;

enum downlink_route {
        COMMAND_WAY_NONE, /* the network takes none, or nothing is configured to reach it */
        COMMAND_WAY_OFF, /* switched off, or not completely configured: the sender must get an error
                          */
        COMMAND_WAY_OPEN,
};

/*
 * Fills `access` with texts of the settings, or of the device's way where the settings name none
 * for its application. Unless the way is open, the reason says what stands in it. On the thread
 * "loop".
 */
enum downlink_route network_settings(const struct settings *settings, const struct device *device,
                                     struct network_access *access, struct reason *reason);

/* The LoRaWAN class of the device: as its network's listing says, else as the settings do. */
enum device_class network_settings_class(const struct settings *settings,
                                         const struct device *device);

/*
 * The way that a webhook tells for the device of its event, if it may be followed: 0, or
 * enum downlink_way_condition with the reason. Fills `heard`, whose way is the caller's to deinit
 * in any case. Every thread.
 */
int network_settings_told(const struct settings *settings, const struct webhook *webhook,
                          const struct event *event, struct downlink_heard *heard) MUST_CHECK;

typedef void network_settings_visitor(void *context, const struct network *network,
                                      const struct listing_access *access, int64_t refresh_minutes);

/*
 * Calls `visit` for each list of devices that there is a key for: one of all devices where ids are
 * unique in the network, else one of each application. The texts of `access` are the settings'.
 * `refresh_minutes` 0 = read at start only. Every thread.
 */
void network_settings_each_listing(const struct settings *settings, network_settings_visitor *visit,
                                   void *context);

/* Are devices connected of which no listing says whether they are to be? Every thread. */
bool network_settings_integrates(const struct settings *settings, const char *network,
                                 const char *application);

#endif
