// SPDX-License-Identifier: MIT
/* What the settings say of a network: how its API is reached, and where it lists its devices. */
#ifndef ISTHMUS_GATEWAY_DEVICE_NETWORK_SETTINGS_H
#define ISTHMUS_GATEWAY_DEVICE_NETWORK_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/reason.h"
#include "conf/settings.h"
#include "networks/downlink.h"
#include "networks/listing.h"
#include "networks/network.h"

enum downlink_access {
        DOWNLINK_ACCESS_NONE, /* the network takes none, or nothing is configured to reach it */
        /* Switched off, or not completely configured: the sender must get an error. */
        DOWNLINK_ACCESS_OFF,
        DOWNLINK_ACCESS_OPEN,
};

/*
 * The way to the devices of an application, in a network that takes downlinks. Fills `access` with
 * texts of the settings. Unless the way is open, the reason (or NULL) says what stands in it. Every
 * thread.
 */
enum downlink_access network_settings_access(const struct settings *settings,
                                             const struct network *network, const char *application,
                                             struct network_access *access, struct reason *reason);

/* The LoRaWAN class of the devices of an application in the network called `name`, of which no
 * listing says it. Every thread. */
enum device_class network_settings_class(const struct settings *settings, const char *name,
                                         const char *application);

/* Is a webhook of the network sent again if it was not answered 2xx? */
bool network_settings_repeats(const struct settings *settings, const struct network *network);

/* Does the network encode objects for the devices of this application, if it encodes any? */
bool network_settings_encodes(const struct settings *settings, const struct network *network,
                              const char *application);

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
