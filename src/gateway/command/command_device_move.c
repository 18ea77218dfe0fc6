// SPDX-License-Identifier: MIT
#include "gateway/command/command_device_move.h"

#include <ctype.h>
#include <string.h>

#include "base/text.h"

#define NAME "DeviceMove"

bool command_device_move_is(const struct settings *settings, const char *application,
                            const char *method)
{
        const char *part = method ? strrchr(method, '*') : NULL;

        return text_equal(part ? part + 1 : method, NAME) &&
               !settings_method(settings, application, NAME);
}

bool command_device_move_scope(const char *payload, size_t size,
                               char scope[COMMAND_DEVICE_MOVE_SIZE])
{
        size_t length;

        while (size > 0 && (isspace((unsigned char)*payload) || *payload == '"')) {
                payload++;
                size--;
        }
        while (size > 0 && (isspace((unsigned char)payload[size - 1]) || payload[size - 1] == '"'))
                size--;
        for (length = 0; length < size; length++) {
                if (length == COMMAND_DEVICE_MOVE_SIZE - 1 ||
                    !isalnum((unsigned char)payload[length]))
                        return false;
                scope[length] = payload[length];
        }
        scope[length] = '\0';
        return length > 0;
}

int command_device_move_begin(struct device_provision *provision, struct device *device,
                              const char *payload, size_t size, struct reason *reason)
{
        char scope[COMMAND_DEVICE_MOVE_SIZE];

        if (!command_device_move_scope(payload, size, scope)) {
                reason_set(reason, "the payload of " NAME " must be an ID scope");
                return 400;
        }
        return device_provision_move(provision, device, scope, reason) == 0 ? 0 : 409;
}
