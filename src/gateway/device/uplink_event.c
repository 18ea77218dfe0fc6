// SPDX-License-Identifier: MIT
#include "gateway/device/uplink_event.h"

#include <stdlib.h>

void uplink_formatted_free(struct uplink_formatted *formatted)
{
        if (!formatted)
                return;
        for (size_t i = 0; i < formatted->property_count; i++) {
                free(formatted->properties[i].name);
                free(formatted->properties[i].value);
        }
        free(formatted->properties);
        free(formatted->data);
        free(formatted->failure);
        free(formatted);
}

void downlink_heard_free(struct downlink_heard *heard)
{
        if (!heard)
                return;
        downlink_way_deinit(&heard->way);
        free(heard);
}

void uplink_event_free(struct uplink_event *event)
{
        if (!event)
                return;
        event_deinit(&event->event);
        downlink_heard_free(event->heard);
        uplink_formatted_free(event->formatted);
        free(event->device_key);
        free(event);
}

void uplink_events_free(struct list *events)
{
        struct list_node *node;

        while ((node = list_pop_front(events)))
                uplink_event_free(list_entry(node, struct uplink_event, node));
}

void uplink_backlog_init(struct uplink_backlog *backlog)
{
        *backlog = (struct uplink_backlog){.state = UPLINK_BACKLOG_WHOLE};
        list_init(&backlog->events);
}

void uplink_backlog_deinit(struct uplink_backlog *backlog)
{
        uplink_events_free(&backlog->events);
}
