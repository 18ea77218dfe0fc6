// SPDX-License-Identifier: MIT
/* How a network's API is reached for the devices of an application, from the settings. */
#ifndef ISTHMUS_FLOW_COMMAND_ACCESS_H
#define ISTHMUS_FLOW_COMMAND_ACCESS_H

#include "base/reason.h"
#include "conf/settings.h"
#include "networks/downlink.h"

enum command_way {
        COMMAND_WAY_NONE, /* the network takes none, or nothing is configured to reach it */
        COMMAND_WAY_OFF,  /* switched off, or not completely configured: who sends must hear it */
        COMMAND_WAY_OPEN,
};

/*
 * Fills `access` with texts of the settings. Unless the way is open, the reason says what stands
 * in it. Every thread.
 */
enum command_way command_access(const struct settings *settings, const char *network,
                                const char *application, struct network_access *access,
                                struct reason *reason);

#endif
