// SPDX-License-Identifier: MIT
/* Link addresses of IoT Hub, in all the spellings of shipping SDKs (azure-iot wire reference,
 * 3.6 and 7.1). */
#ifndef ISTHMUS_HUB_AMQP_ADDRESS_H
#define ISTHMUS_HUB_AMQP_ADDRESS_H

#include <stdbool.h>

#include "hub/registry.h"

enum amqp_function {
        AMQP_FUNCTION_CBS,       /* $cbs */
        AMQP_FUNCTION_TELEMETRY, /* /devices/ID/messages/events */
        AMQP_FUNCTION_COMMANDS,  /* /devices/ID/messages/devicebound */
        AMQP_FUNCTION_METHODS,   /* /devices/ID/methods/devicebound */
        AMQP_FUNCTION_TWIN,      /* /devices/ID/twin */
        AMQP_FUNCTION_SERVICE,   /* /messages/devicebound: the cloud sends */
        AMQP_FUNCTION_FEEDBACK,  /* /messages/servicebound/feedback */
};

struct amqp_address {
        enum amqp_function function;
        char device_id[REGISTRY_ID_SIZE]; /* decoded; "" where there is none */
};

/* False if the text matches none of the forms. NULL matches none. */
bool amqp_address_parse(const char *text, struct amqp_address *address);

#endif
