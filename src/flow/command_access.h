// SPDX-License-Identifier: MIT
/* How a network's API is reached for the devices of an application, from the settings. */
#ifndef ISTHMUS_FLOW_COMMAND_ACCESS_H
#define ISTHMUS_FLOW_COMMAND_ACCESS_H

#include <stdbool.h>

#include "conf/settings.h"
#include "networks/downlink.h"

/*
 * Fills `access` with texts of the settings. False if commands can't be handed to this network:
 * it takes none, or nothing is configured to reach it. Every thread.
 */
bool command_access(const struct settings *settings, const char *network, const char *application,
                    struct network_access *access);

#endif
