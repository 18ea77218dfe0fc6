// SPDX-License-Identifier: MIT
/* Hubs, how they are called, and their policies. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/text.h"
#include "localhub/registry/registry_data.h"

static const struct {
        const char *name;
        unsigned rights;
} default_policies[REGISTRY_POLICY_COUNT] = {
        {"iothubowner", REGISTRY_RIGHT_READ | REGISTRY_RIGHT_WRITE | REGISTRY_RIGHT_SERVICE |
                                REGISTRY_RIGHT_DEVICE},
        {"service", REGISTRY_RIGHT_SERVICE},
        {"device", REGISTRY_RIGHT_DEVICE},
        {"registryRead", REGISTRY_RIGHT_READ},
        {"registryReadWrite", REGISTRY_RIGHT_READ | REGISTRY_RIGHT_WRITE},
};

struct hub_data *registry_hub_at(struct registry *registry, int hub)
{
        return hub >= 0 && hub < registry->hub_count ? registry->hubs[hub] : NULL;
}

static struct hub_data *hub_new(const char *id)
{
        struct hub_data *hub = mem_new(1, sizeof(*hub));

        snprintf(hub->public.id, sizeof(hub->public.id), "%s", id);
        for (size_t i = 0; i < REGISTRY_POLICY_COUNT; i++) {
                struct registry_policy *policy = &hub->policies[i];

                snprintf(policy->name, sizeof(policy->name), "%s", default_policies[i].name);
                policy->rights = default_policies[i].rights;
                registry_make_key(policy->primary_key);
                registry_make_key(policy->secondary_key);
        }
        return hub;
}

struct hub_data *registry_hub_make(struct registry *registry, const char *id, int *hub)
{
        int index = 0;

        while (index < registry->hub_count && strcmp(registry->hubs[index]->public.id, id) != 0)
                index++;
        if (index == REGISTRY_HUBS_MAX)
                return NULL;
        if (index == registry->hub_count)
                registry->hubs[registry->hub_count++] = hub_new(id);
        *hub = index;
        return registry->hubs[index];
}

int registry_hub_add(struct registry *registry, const char *id, int weight, int *hub,
                     struct reason *reason)
{
        struct hub_data *data;

        if (!registry_is_registration_id(id)) {
                reason_set(reason,
                           "hub '%s': a hub's name is 1 to 128 letters, digits, '-', '.', '_'", id);
                return REGISTRY_E_INVALID;
        }
        if (weight < 0 || weight > 1000) {
                reason_set(reason, "hub '%s': the weight must be from 0 to 1000", id);
                return REGISTRY_E_INVALID;
        }
        pthread_mutex_lock(&registry->mutex);
        data = registry_hub_make(registry, id, hub);
        if (data) {
                data->public.weight = weight;
                data->public.active = true;
                registry_touch(registry);
        }
        pthread_mutex_unlock(&registry->mutex);
        if (data)
                return 0;
        reason_set(reason, "hub '%s': there can be at most %d hubs", id, REGISTRY_HUBS_MAX);
        return REGISTRY_E_INVALID;
}

void registry_hub_listens(struct registry *registry, int hub, const char *address, uint16_t port)
{
        struct hub_data *data;

        pthread_mutex_lock(&registry->mutex);
        data = registry_hub_at(registry, hub);
        if (data) {
                snprintf(data->public.address, sizeof(data->public.address), "%s", address);
                data->public.port = port;
        }
        pthread_mutex_unlock(&registry->mutex);
}

void registry_hub_set_pattern(struct registry *registry, int hub, const char *pattern)
{
        struct hub_data *data;

        pthread_mutex_lock(&registry->mutex);
        data = registry_hub_at(registry, hub);
        if (data)
                snprintf(data->pattern, sizeof(data->pattern), "%s", pattern ? pattern : "");
        pthread_mutex_unlock(&registry->mutex);
}

void registry_hub_set_port(struct registry *registry, int hub, enum registry_port which,
                           uint16_t port)
{
        struct hub_data *data;

        pthread_mutex_lock(&registry->mutex);
        data = registry_hub_at(registry, hub);
        if (data)
                data->public.other_ports[which] = port;
        pthread_mutex_unlock(&registry->mutex);
}

int registry_hub_count(struct registry *registry)
{
        int count;

        pthread_mutex_lock(&registry->mutex);
        count = registry->hub_count;
        pthread_mutex_unlock(&registry->mutex);
        return count;
}

bool registry_hub_get(struct registry *registry, int hub, struct registry_hub *found)
{
        const struct hub_data *data;

        pthread_mutex_lock(&registry->mutex);
        data = registry_hub_at(registry, hub);
        if (data) {
                *found = data->public;
                found->device_count = data->devices.count - data->module_count;
        }
        pthread_mutex_unlock(&registry->mutex);
        return data != NULL;
}

/* --- how a hub is called --------------------------------------------------------------------- */

/* Length of the host in `host` or `host:port`; `[::1]` keeps its brackets. */
static size_t host_length(const char *name, size_t size)
{
        const char *end = size > 0 && name[0] == '[' ? memchr(name, ']', size) : NULL;
        const char *colon;

        if (end)
                return (size_t)(end - name) + 1;
        colon = memchr(name, ':', size);
        return colon ? (size_t)(colon - name) : size;
}

static bool same_name(const char *a, size_t a_size, const char *b, size_t b_size)
{
        return a_size == b_size && strncasecmp(a, b, a_size) == 0;
}

static bool is_this_machine(const char *host, size_t size)
{
        static const char *const names[] = {"localhost", "127.0.0.1", "[::1]"};

        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                if (same_name(host, size, names[i], strlen(names[i])))
                        return true;
        }
        return false;
}

/* One label before the domain, as in certificates (RFC 6125, 6.4.3). */
static bool fits_pattern(const struct hub_data *hub, const char *host, size_t size)
{
        const char *dot = size > 0 ? memchr(host, '.', size) : NULL;
        size_t label = dot ? (size_t)(dot - host) : 0;

        return hub->pattern[0] && label > 0 &&
               same_name(dot, size - label, hub->pattern + 1, strlen(hub->pattern) - 1);
}

static bool port_is(const char *text, size_t size, uint16_t port)
{
        char expected[8];
        int length = snprintf(expected, sizeof(expected), ":%u", (unsigned)port);

        return size == (size_t)length && memcmp(text, expected, size) == 0;
}

static bool is_called(const struct hub_data *hub, const char *name, size_t size)
{
        size_t length = host_length(name, size);
        size_t own_size = strlen(hub->public.address);
        size_t own_length = host_length(hub->public.address, own_size);

        if (same_name(name, size, hub->public.address, own_size))
                return true;
        if (!same_name(name, length, hub->public.address, own_length) &&
            !is_this_machine(name, length) && !fits_pattern(hub, name, length))
                return false;
        if (length == size || port_is(name + length, size - length, hub->public.port))
                return true;
        for (size_t i = 0; i < REGISTRY_PORT_COUNT; i++) {
                if (port_is(name + length, size - length, hub->public.other_ports[i]))
                        return true;
        }
        return false;
}

bool registry_hub_is_called(struct registry *registry, int hub, const char *host, size_t size)
{
        const struct hub_data *data;
        bool called;

        pthread_mutex_lock(&registry->mutex);
        data = registry_hub_at(registry, hub);
        called = data && is_called(data, host, size);
        pthread_mutex_unlock(&registry->mutex);
        return called;
}

/* A name that is this hub's own, not one that it shares with others. */
static bool is_own_name(const struct hub_data *hub, const char *name, size_t size)
{
        size_t length = host_length(name, size);

        return !is_this_machine(name, length) && !fits_pattern(hub, name, length);
}

int registry_hub_find(struct registry *registry, const char *name)
{
        size_t size = strlen(name);
        int exact = -1;
        int own = -1;
        int own_count = 0;
        int any = -1;
        int any_count = 0;

        pthread_mutex_lock(&registry->mutex);
        for (int i = 0; i < registry->hub_count && exact < 0; i++) {
                const struct hub_data *hub = registry->hubs[i];

                if (strcmp(hub->public.id, name) == 0 ||
                    text_equal_nocase(hub->public.address, name))
                        exact = i;
                if (!hub->public.active || !is_called(hub, name, size))
                        continue;
                any = i;
                any_count++;
                if (!is_own_name(hub, name, size))
                        continue;
                own = i;
                own_count++;
        }
        pthread_mutex_unlock(&registry->mutex);
        if (exact >= 0 || own_count > 0)
                return exact >= 0 ? exact : own_count == 1 ? own : -1;
        return any_count == 1 ? any : -1;
}

int registry_hub_choose(struct registry *registry, int hub, const char *name)
{
        size_t size = strlen(name);
        const struct hub_data *current;
        int own = -1;
        int count = 0;
        bool called;

        pthread_mutex_lock(&registry->mutex);
        for (int i = 0; i < registry->hub_count; i++) {
                const struct hub_data *data = registry->hubs[i];

                if (data->public.active && is_called(data, name, size) &&
                    is_own_name(data, name, size)) {
                        own = i;
                        count++;
                }
        }
        current = registry_hub_at(registry, hub);
        called = current && is_called(current, name, size);
        pthread_mutex_unlock(&registry->mutex);
        if (count == 1)
                return own;
        return called ? hub : registry_hub_find(registry, name);
}

/* --- policies -------------------------------------------------------------------------------- */

static struct registry_policy *find_policy(struct registry *registry, int hub, const char *name)
{
        struct hub_data *data = registry_hub_at(registry, hub);

        for (size_t i = 0; data && i < REGISTRY_POLICY_COUNT; i++) {
                if (strcmp(data->policies[i].name, name) == 0)
                        return &data->policies[i];
        }
        return NULL;
}

bool registry_policy_get(struct registry *registry, int hub, const char *name,
                         struct registry_policy *found)
{
        const struct registry_policy *policy;

        pthread_mutex_lock(&registry->mutex);
        policy = find_policy(registry, hub, name);
        if (policy)
                *found = *policy;
        pthread_mutex_unlock(&registry->mutex);
        return policy != NULL;
}

bool registry_policy_string(struct registry *registry, int hub, const char *name, struct buf *out)
{
        const struct registry_policy *policy;

        pthread_mutex_lock(&registry->mutex);
        policy = find_policy(registry, hub, name);
        if (policy)
                buf_add_format(out, "HostName=%s;SharedAccessKeyName=%s;SharedAccessKey=%s",
                               registry->hubs[hub]->public.address, name, policy->primary_key);
        pthread_mutex_unlock(&registry->mutex);
        return policy != NULL;
}

bool registry_events_string(struct registry *registry, int hub, struct buf *out)
{
        static const char name[] = "service";
        const struct registry_policy *policy;

        pthread_mutex_lock(&registry->mutex);
        policy = find_policy(registry, hub, name);
        if (policy)
                buf_add_format(out,
                               "Endpoint=sb://%s/;SharedAccessKeyName=%s;SharedAccessKey=%s;"
                               "EntityPath=%s",
                               registry->hubs[hub]->public.address, name, policy->primary_key,
                               registry->hubs[hub]->public.id);
        pthread_mutex_unlock(&registry->mutex);
        return policy != NULL;
}
