// SPDX-License-Identifier: MIT
/* Link addresses of IoT Hub, in all the spellings of shipping SDKs (rules W6, W23, W24). */
#ifndef ISTHMUS_LOCALHUB_AMQP_LINK_ADDRESS_H
#define ISTHMUS_LOCALHUB_AMQP_LINK_ADDRESS_H

#include <stdbool.h>

#include "localhub/registry/registry.h"

enum link_function {
        LINK_CBS,          /* $cbs */
        LINK_TELEMETRY,    /* /devices/ID/messages/events */
        LINK_COMMANDS,     /* /devices/ID/messages/devicebound */
        LINK_METHODS,      /* /devices/ID/methods/devicebound */
        LINK_TWIN,         /* /devices/ID/twin */
        LINK_SERVICE,      /* /messages/devicebound: the cloud sends */
        LINK_FEEDBACK,     /* /messages/servicebound/feedback */
        LINK_UPLOADS,      /* /messages/servicebound/filenotifications */
        LINK_EVENTS,       /* HUB/ConsumerGroups/GROUP/Partitions/N: telemetry is read */
        LINK_MANAGEMENT,   /* $management, perhaps below a hub: partitions are asked for */
        LINK_REDIRECT,     /* messages/events, and all below it: telemetry is read elsewhere */
        LINK_REGISTRATION, /* SCOPE/registrations/ID: a device is provisioned */
        LINK_FUNCTION_COUNT,
};

/* A consumer group's name with its zero byte. */
#define LINK_GROUP_SIZE 51

struct link_address {
        enum link_function function;
        char device_id[REGISTRY_IDENTITY_SIZE]; /* decoded; "" where there is none */
        char hub[REGISTRY_ADDRESS_SIZE];        /* of LINK_EVENTS, LINK_MANAGEMENT; "" = not said */
        char id_scope[REGISTRY_ID_SIZE];        /* of LINK_REGISTRATION */
        char registration_id[REGISTRY_ID_SIZE]; /* likewise */
        char group[LINK_GROUP_SIZE];            /* of LINK_EVENTS */
        int partition;                          /* of LINK_EVENTS */
        char below[REGISTRY_ADDRESS_SIZE];      /* of LINK_REDIRECT: what follows, with its slash */
};

/* False if the text matches none of the forms. NULL matches none. */
bool link_address_parse(const char *text, struct link_address *address);

#endif
