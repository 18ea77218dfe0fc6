// SPDX-License-Identifier: MIT
#include "networks/event.h"

#include <ctype.h>
#include <stdlib.h>

#include "base/clock.h"
#include "networks/device_attributes.h"

static const char *const kind_names[EVENT_KIND_COUNT] = {
        [EVENT_UPLINK] = "uplink_message",
        [EVENT_JOIN_ACCEPT] = "join_accept",
        [EVENT_UPLINK_NORMALIZED] = "uplink_normalized",
        [EVENT_LOCATION_SOLVED] = "location_solved",
        [EVENT_SERVICE_DATA] = "service_data",
        [EVENT_DOWNLINK_QUEUED] = "downlink_queued",
        [EVENT_DOWNLINK_SENT] = "downlink_sent",
        [EVENT_DOWNLINK_ACK] = "downlink_ack",
        [EVENT_DOWNLINK_NACK] = "downlink_nack",
        [EVENT_DOWNLINK_FAILED] = "downlink_failed",
        [EVENT_DOWNLINK_QUEUE_INVALIDATED] = "downlink_queue_invalidated",
        [EVENT_DEVICE_STATUS] = "device_status",
        [EVENT_NETWORK_LOG] = "network_log",
        [EVENT_COMMAND_OUTCOME] = "command_outcome",
};

const char *event_kind_name(enum event_kind kind)
{
        return kind_names[kind];
}

bool event_time_is_valid(int64_t time_ns)
{
        /* 2261-01-01T00:00:00Z */
        return time_ns >= 0 && time_ns < INT64_C(9183110400) * CLOCK_NS_PER_S;
}

void event_eui(char *text)
{
        for (char *digit = text; digit && *digit; digit++)
                *digit = (char)toupper((unsigned char)*digit);
}

void event_deinit(struct event *event)
{
        free(event->application);
        free(event->application_name);
        free(event->device);
        free(event->dev_eui);
        free(event->payload);
        free(event->decoded);
        free(event->details);
        device_attributes_free(event->attributes);
        *event = EVENT_INIT;
}
