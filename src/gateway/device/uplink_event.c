// SPDX-License-Identifier: MIT
#include "gateway/device/uplink_event.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "networks/device_attributes.h"

void uplink_formatted_free(struct uplink_formatted *formatted)
{
        if (!formatted)
                return;
        properties_deinit(formatted->properties, formatted->property_count);
        free(formatted->properties);
        free(formatted->data);
        free(formatted->failure);
        free(formatted);
}

/* With its end; 0 for NULL. */
static size_t text_size(const char *text)
{
        return text ? strlen(text) + 1 : 0;
}

/* A copy at `*at`, which is then behind it; NULL of NULL. */
static char *take_along(char **at, const char *text)
{
        size_t size = text_size(text);
        char *copy = size > 0 ? memcpy(*at, text, size) : NULL;

        *at += size;
        return copy;
}

struct uplink_event *uplink_event_new(struct event *event, const char *device_key)
{
        size_t size = text_size(device_key) + text_size(event->application) +
                      text_size(event->application_name) + text_size(event->device) +
                      text_size(event->dev_eui) + text_size(event->payload) +
                      text_size(event->decoded) + text_size(event->details);
        struct uplink_event *made = mem_new(1, sizeof(*made) + size);
        struct event *copy = &made->event;
        char **const texts[] = {&copy->application, &copy->application_name, &copy->device,
                                &copy->dev_eui,     &copy->payload,          &copy->decoded,
                                &copy->details};
        char *at = (char *)(made + 1);

        made->is_one_piece = true;
        *copy = *event;
        for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
                *texts[i] = take_along(&at, *texts[i]);
        made->device_key = take_along(&at, device_key);
        event->attributes = NULL;
        event_deinit(event);
        return made;
}

void uplink_event_free(struct uplink_event *event)
{
        if (!event)
                return;
        downlink_heard_free(event->heard);
        uplink_formatted_free(event->formatted);
        if (event->is_one_piece) {
                device_attributes_free(event->event.attributes);
        } else {
                event_deinit(&event->event);
                free(event->device_key);
        }
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
