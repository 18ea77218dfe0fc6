// SPDX-License-Identifier: MIT
#include "gateway/uplink/uplink_translate.h"

bool uplink_translate_wants(const struct settings *settings, enum event_kind kind)
{
        static const uint32_t bits[EVENT_KIND_COUNT] = {
                [EVENT_JOIN_ACCEPT] = SETTINGS_EVENT_JOIN_ACCEPT,
                [EVENT_UPLINK_NORMALIZED] = SETTINGS_EVENT_UPLINK_NORMALIZED,
                [EVENT_LOCATION_SOLVED] = SETTINGS_EVENT_LOCATION_SOLVED,
                [EVENT_SERVICE_DATA] = SETTINGS_EVENT_SERVICE_DATA,
                [EVENT_DOWNLINK_QUEUED] = SETTINGS_EVENT_DOWNLINK_QUEUED,
                [EVENT_DOWNLINK_SENT] = SETTINGS_EVENT_DOWNLINK_SENT,
                [EVENT_DOWNLINK_ACK] = SETTINGS_EVENT_DOWNLINK_ACK,
                [EVENT_DOWNLINK_NACK] = SETTINGS_EVENT_DOWNLINK_NACK,
                [EVENT_DOWNLINK_FAILED] = SETTINGS_EVENT_DOWNLINK_FAILED,
                [EVENT_DOWNLINK_QUEUE_INVALIDATED] = SETTINGS_EVENT_DOWNLINK_QUEUE_INVALIDATED,
        };

        return kind == EVENT_UPLINK || kind == EVENT_COMMAND_OUTCOME ||
               (settings->telemetry.events & bits[kind]) != 0;
}

int uplink_translate(const struct settings *settings, const struct event *event,
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
