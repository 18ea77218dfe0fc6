// SPDX-License-Identifier: MIT
#include "gateway/command/command_begin.h"

#include "base/clock.h"
#include "gateway/device/device.h"

/* A network that can't list what it has may hold a downlink so long before a device gets it. */
#define LONGEST_DELIVERY_MS (INT64_C(24) * 3600 * 1000)

/* May another downlink be in the only place that the network has for the device? */
static bool is_behind(const struct command *command)
{
        const struct device *device = command->device;
        struct clock_moment now = clock_moment_now();

        if (device_network(device)->downlink->list_request)
                return false;
        return device->network_busy ||
               (device->taken.wall_ms > 0 &&
                clock_elapsed_ms(&device->taken, &now) < LONGEST_DELIVERY_MS);
}

enum command_state command_beginning(const struct command *command)
{
        bool has_payload = !command->formatter || command->downlink.payload;

        if (!has_payload || command->device->next_command_ms > clock_steady_ms())
                return COMMAND_WAITING;
        return is_behind(command) ? COMMAND_BEGUN_BEHIND : COMMAND_BEGUN;
}
