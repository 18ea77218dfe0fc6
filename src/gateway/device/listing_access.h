// SPDX-License-Identifier: MIT
/* Which registries of devices there are to read, and how, from the settings. */
#ifndef ISTHMUS_GATEWAY_DEVICE_LISTING_ACCESS_H
#define ISTHMUS_GATEWAY_DEVICE_LISTING_ACCESS_H

#include <stdbool.h>
#include <stdint.h>

#include "conf/settings.h"
#include "networks/network.h"

/*
 * Calls `visit` for each: an application of The Things Stack with an API key, if ApiBaseUrl is
 * there; Myriota's modules, if there is a token. The texts of `access` are the settings'.
 * `refresh_minutes` 0 = read at start only. Every thread.
 */
void listing_access_each(const struct settings *settings,
                         void (*visit)(void *context, const struct network *network,
                                       const struct listing_access *access,
                                       int64_t refresh_minutes),
                         void *context);

/* Are devices connected of which no registry says whether they are to be? Every thread. */
bool listing_integrates(const struct settings *settings, const char *network,
                        const char *application);

#endif
