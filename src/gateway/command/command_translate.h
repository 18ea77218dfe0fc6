// SPDX-License-Identifier: MIT
/*
 * Command stage 2: what the cloud said becomes a downlink, by the rules of the connectors before
 * this one (rules D1 to D4): a cloud-to-device message with properties Port, Confirmed, Priority
 * and Queue; an IoT Central command (property `method-name`); a direct method. Pure; every thread.
 * A network without ports is asked for none of those properties.
 */
#ifndef ISTHMUS_GATEWAY_COMMAND_COMMAND_TRANSLATE_H
#define ISTHMUS_GATEWAY_COMMAND_COMMAND_TRANSLATE_H

#include <stddef.h>

#include "base/error.h"
#include "base/reason.h"
#include "conf/settings.h"
#include "gateway/command/command.h"
#include "networks/downlink.h"

/* Why a command is refused; each is the status that a method's caller gets. */
enum command_condition {
        COMMAND_E_INVALID = 400,       /* bad property or payload */
        COMMAND_E_UNKNOWN = 404,       /* no such method is configured */
        COMMAND_E_UNPROCESSABLE = 422, /* bad setting, or no bytes can be made of it */
        COMMAND_E_OFF = 503,           /* downlinks are switched off */
};

/* A command as it came, whichever way. */
struct command_source {
        const struct downlink_driver *driver; /* of the device's network */
        const char *application;
        bool has_no_encoder;          /* the network encodes, but not for this application */
        const char *device_formatter; /* as the network's listing says; or NULL */
        const char *method; /* name of the IoT Central command or direct method; NULL = neither */
        const struct property *properties;
        size_t property_count;
        const void *payload;
        size_t payload_size;
};

/*
 * Fills name, policy, formatter, body and the downlink's port, confirmed, priority, replace and
 * payload of the zeroed `command`, which is the caller's to free in any case. Returns 0 or a
 * condition with the reason.
 *
 * With a payload formatter the downlink has no payload yet: the formatter makes it of `decoded`
 * (may be NULL) and `body`. It is named by the method's settings, else by the message's property
 * PayloadFormatter, else by the device, else by the settings of its application or of all. Finished
 * bytes, for a network that takes them as base64, are left alone unless the message names one.
 */
int command_translate(const struct settings *settings, const struct command_source *source,
                      struct command *command, struct reason *reason) MUST_CHECK;

/* The value of a property (name in any case), NULL if there is none. */
const char *command_property(const struct command_source *source, const char *name);

#endif
