// SPDX-License-Identifier: MIT
/*
 * What a network's listing, or a webhook of it, says of a device for the gateway.
 *
 * Whoever maintains them writes attributes, free texts by name. These are understood, in
 * any case and with or without dashes, in every network:
 *
 *     azureintegration                            true or false: connect this device or not
 *     dtdlmodelid                                 its DTDL model id
 *     lorawanclass                                A, B or C
 *     payloadformatteruplink,   uplinkdefault     names of payload formatters; of two spellings
 *     payloadformatterdownlink, downlinkdefault   the longer one counts
 */
#ifndef ISTHMUS_NETWORKS_DEVICE_ATTRIBUTES_H
#define ISTHMUS_NETWORKS_DEVICE_ATTRIBUTES_H

#include <json-c/json.h>
#include <stdbool.h>

#include "base/reason.h"

enum device_integration {
        INTEGRATION_UNSAID, /* the settings decide */
        INTEGRATION_ON,
        INTEGRATION_OFF,
};

/* LoRaWAN's classes: when a device can hear. */
enum device_class {
        DEVICE_CLASS_NOT_KNOWN,
        DEVICE_CLASS_A, /* for some seconds after each of its uplinks, and never else */
        DEVICE_CLASS_B, /* in slots, many in an hour */
        DEVICE_CLASS_C, /* always */
};

/* Owns its texts; NULL = not said. */
struct device_attributes {
        char *model_id;           /* beats those of the settings */
        char *uplink_formatter;   /* name of a payload formatter */
        char *downlink_formatter; /* the same */
        enum device_integration integration;
        enum device_class device_class;
};

void device_attributes_deinit(struct device_attributes *attributes);

/* Of ones that mem_new made; NULL is allowed. */
void device_attributes_free(struct device_attributes *attributes);

void device_attributes_copy(struct device_attributes *to, const struct device_attributes *from);
bool device_attributes_equal(const struct device_attributes *a, const struct device_attributes *b);

/*
 * Reads those of a JSON object of texts; NULL and what is no object give none. An empty text says
 * nothing. `remark` names what can't be used.
 */
void device_attributes_read(struct json_object *object, struct device_attributes *attributes,
                            struct reason *remark);

/* Adds those that say something to a record of ours; and reads them back, into ones that say
 * nothing. */
void device_attributes_write(const struct device_attributes *attributes,
                             struct json_object *record);
void device_attributes_restore(struct json_object *record, struct device_attributes *attributes);

#endif
