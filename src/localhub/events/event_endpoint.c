// SPDX-License-Identifier: MIT
#include "localhub/events/event_endpoint.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/text.h"

bool event_endpoint_has_readers(const struct event_endpoint *endpoint)
{
        return atomic_load(&endpoint->reader_count) > 0;
}

bool event_endpoint_is_hub(const struct amqp_peer *peer, const char *name)
{
        return registry_hub_find(peer->core->registry, name) == peer->hub;
}

bool event_endpoint_has_group(const struct event_endpoint *endpoint, const char *name)
{
        if (text_equal_nocase(name, EVENT_DEFAULT_GROUP))
                return true;
        for (size_t i = 0; i < endpoint->group_count; i++) {
                if (text_equal_nocase(name, endpoint->groups[i]))
                        return true;
        }
        return false;
}

void event_endpoint_init(struct event_endpoint *endpoint, struct amqp_core *core,
                         const char *const *groups, size_t group_count)
{
        endpoint->started_ms = core->wall_ms;
        endpoint->group_count = group_count;
        endpoint->groups = mem_new(group_count + 1, sizeof(*endpoint->groups));
        for (size_t i = 0; i < group_count; i++)
                endpoint->groups[i] = mem_text(groups[i]);
        list_init(&endpoint->readers);
        core->events = endpoint;
        core->types[LINK_EVENTS].hub_sends = &event_reader;
        core->types[LINK_REDIRECT].hub_sends = &event_redirect;
        core->types[LINK_MANAGEMENT] =
                (struct amqp_link_types){&event_management_requests, &event_management_responses};
}

void event_endpoint_deinit(struct event_endpoint *endpoint)
{
        for (size_t i = 0; i < endpoint->group_count; i++)
                free(endpoint->groups[i]);
        free(endpoint->groups);
        *endpoint = (struct event_endpoint){.groups = NULL};
}
