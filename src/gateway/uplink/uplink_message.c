// SPDX-License-Identifier: MIT
#include "gateway/uplink/uplink_message.h"

int uplink_message(const struct settings *settings, const struct event *event,
                   const struct formatted *formatted, struct telemetry *telemetry,
                   struct reason *reason)
{
        struct telemetry_options options = {
                .payload_decoded_member = settings->telemetry.payload_decoded_member,
                .times_without_zone = settings->telemetry.times_without_zone,
        };
        const struct network *network = network_by_name(event->network);

        if (!network) {
                reason_set(reason, "the event is of network '%s', which this program does not know",
                           event->network ? event->network : "");
                return 1;
        }
        return network->telemetry(event, formatted, &options, telemetry, reason);
}
