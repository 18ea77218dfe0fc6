// SPDX-License-Identifier: MIT
/*
 * Command stage 2: what the cloud said becomes a downlink, by the rules of the connectors before
 * this one (D1 to D3): a cloud-to-device message with properties Port, Confirmed, Priority and
 * Queue; an IoT Central command (property `method-name`); a direct method. Pure; every thread.
 */
#ifndef ISTHMUS_FLOW_COMMAND_TRANSLATE_H
#define ISTHMUS_FLOW_COMMAND_TRANSLATE_H

#include <stddef.h>

#include "azure/hub_client.h"
#include "base/error.h"
#include "base/reason.h"
#include "conf/settings.h"
#include "networks/downlink.h"

enum command_condition {
        COMMAND_E_INVALID = 1, /* bad property, payload or setting: reject; 400 */
        COMMAND_E_UNKNOWN,     /* no such method is configured: reject; 404 */
};

/* A command as it came, whichever way. */
struct command_source {
        const char *application;
        const char *method; /* name of the IoT Central command or direct method; NULL = neither */
        const struct hub_message_property *properties;
        size_t property_count;
        const void *payload;
        size_t payload_size;
};

/*
 * Fills port, confirmed, priority, replace and payload of the initialised `downlink`, which is the
 * caller's to deinit in any case. `*method` becomes the method's settings or NULL. Returns 0 or a
 * condition with the reason.
 */
int command_translate(const struct settings *settings, const struct command_source *source,
                      struct downlink *downlink, const struct settings_method **method,
                      struct reason *reason) MUST_CHECK;

/* The value of a property (name in any case), NULL if there is none. */
const char *command_property(const struct command_source *source, const char *name);

#endif
