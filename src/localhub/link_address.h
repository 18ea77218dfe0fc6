// SPDX-License-Identifier: MIT
/* Link addresses of IoT Hub, in all the spellings of shipping SDKs (rule W6). */
#ifndef ISTHMUS_LOCALHUB_LINK_ADDRESS_H
#define ISTHMUS_LOCALHUB_LINK_ADDRESS_H

#include <stdbool.h>

#include "localhub/registry/registry.h"

enum link_function {
        LINK_CBS,       /* $cbs */
        LINK_TELEMETRY, /* /devices/ID/messages/events */
        LINK_COMMANDS,  /* /devices/ID/messages/devicebound */
        LINK_METHODS,   /* /devices/ID/methods/devicebound */
        LINK_TWIN,      /* /devices/ID/twin */
        LINK_SERVICE,   /* /messages/devicebound: the cloud sends */
        LINK_FEEDBACK,  /* /messages/servicebound/feedback */
};

struct link_address {
        enum link_function function;
        char device_id[REGISTRY_ID_SIZE]; /* decoded; "" where there is none */
};

/* False if the text matches none of the forms. NULL matches none. */
bool link_address_parse(const char *text, struct link_address *address);

#endif
