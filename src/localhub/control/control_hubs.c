// SPDX-License-Identifier: MIT
/* Control API: hubs, connections, statistics. */
#include <stdlib.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/mem.h"
#include "localhub/control/control_call.h"

#define CONNECTIONS_LISTED 10000

static const char *const policies[] = {"iothubowner", "service", "device", "registryRead",
                                       "registryReadWrite"};

static struct json_object *connection_strings(struct registry *registry, int hub)
{
        struct json_object *strings = json_object_new_object();
        CLEANUP(buf_wipe) struct buf events = BUF_INIT;

        for (size_t i = 0; i < ARRAY_SIZE(policies); i++) {
                CLEANUP(buf_deinit) struct buf text = BUF_INIT;

                if (registry_policy_string(registry, hub, policies[i], &text))
                        json_add_text(strings, policies[i], buf_text(&text));
        }
        if (registry_events_string(registry, hub, &events))
                json_add_text(strings, "eventHub", buf_text(&events));
        return strings;
}

void control_hubs(struct service_call *call)
{
        struct registry *registry = call->registry;
        struct json_object *list = json_object_new_array();

        for (int i = 0; i < registry_hub_count(registry); i++) {
                struct json_object *entry;
                struct registry_hub hub;

                if (!registry_hub_get(registry, i, &hub) || !hub.active)
                        continue;
                entry = json_object_new_object();
                control_add_hub(entry, registry, i);
                json_add_int(entry, "port", hub.port);
                json_add_int(entry, "weight", hub.weight);
                json_add_int(entry, "devices", (int64_t)hub.device_count);
                json_object_object_add(entry, "connectionStrings", connection_strings(registry, i));
                json_object_array_add(list, entry);
        }
        control_answer_list(call, "hubs", list);
}

static struct json_object *connection_entry(struct registry *registry,
                                            const struct local_hub_connection *connection)
{
        struct json_object *entry = json_object_new_object();

        json_add_text(entry, "id", connection->id);
        control_add_hub(entry, registry, connection->hub);
        json_add_text(entry, "peer", connection->peer);
        control_add_time(entry, "openedTimeUtc", connection->opened_ms);
        json_add_int(entry, "tokens", (int64_t)connection->tokens);
        json_add_int(entry, "devices", (int64_t)connection->devices);
        json_add_int(entry, "messages", (int64_t)connection->messages);
        return entry;
}

/* Copies the open connections to memory that the caller frees. */
static struct local_hub_connection *copy_connections(struct local_hub *hub, size_t *count)
{
        struct local_hub_connection *list = mem_new(CONNECTIONS_LISTED, sizeof(*list));

        *count = local_hub_connection_list(hub, list, CONNECTIONS_LISTED);
        if (*count > CONNECTIONS_LISTED)
                *count = CONNECTIONS_LISTED;
        return list;
}

void control_connections(struct service_call *call)
{
        struct registry *registry = call->registry;
        struct json_object *array = json_object_new_array();
        size_t count;
        struct local_hub_connection *list = copy_connections(call->hub, &count);

        for (size_t i = 0; i < count; i++)
                json_object_array_add(array, connection_entry(registry, &list[i]));
        free(list);
        control_answer_list(call, "connections", array);
}

static struct json_object *dps_stats(struct dps_endpoint *dps)
{
        struct json_object *stats = json_object_new_object();
        struct dps_endpoint_counts counts;

        dps_endpoint_counts(dps, &counts);
        json_add_int(stats, "registers", (int64_t)counts.registers);
        json_add_int(stats, "polls", (int64_t)counts.polls);
        json_add_int(stats, "assigned", (int64_t)counts.assigned);
        json_add_int(stats, "refused", (int64_t)counts.refused);
        json_add_int(stats, "throttled", (int64_t)counts.throttled);
        json_add_int(stats, "unavailable", (int64_t)counts.unavailable);
        return stats;
}

static int64_t micros(const struct timeval *time)
{
        return (int64_t)time->tv_sec * 1000000 + time->tv_usec;
}

static struct json_object *process_stats(const struct control_api *api)
{
        struct json_object *stats = json_object_new_object();
        struct rusage usage = {.ru_maxrss = 0};

        getrusage(RUSAGE_SELF, &usage);
        json_add_int(stats, "uptimeMs", clock_steady_ms() - api->started_ms);
        json_add_int(stats, "cpuUserUs", micros(&usage.ru_utime));
        json_add_int(stats, "cpuSystemUs", micros(&usage.ru_stime));
        json_add_int(stats, "maxResidentKiB", usage.ru_maxrss);
        return stats;
}

static void add_connection_stats(struct json_object *stats, struct local_hub *hub)
{
        size_t count;
        struct local_hub_connection *list = copy_connections(hub, &count);
        size_t tokens = 0;
        size_t devices = 0;

        for (size_t i = 0; i < count; i++) {
                tokens += list[i].tokens;
                devices += list[i].devices;
        }
        free(list);
        json_add_int(stats, "connections", (int64_t)count);
        json_add_int(stats, "tokens", (int64_t)tokens);
        json_add_int(stats, "devicesConnected", (int64_t)devices);
}

/* Of each hub, if it has a size. */
static void add_quota_stats(struct json_object *stats, struct local_hub *hub, int hubs)
{
        struct json_object *list = json_object_new_array();
        struct quota_usage usage;

        for (int i = 0; i < hubs; i++) {
                struct json_object *one;

                if (!quotas_usage(local_hub_quotas(hub), i, clock_wall_ms(), &usage))
                        continue;
                one = json_object_new_object();
                control_add_hub(one, local_hub_registry(hub), i);
                json_add_text(one, "sku", usage.sku);
                json_add_int(one, "units", usage.units);
                json_add_int(one, "messagesToday", usage.messages);
                json_add_int(one, "messagesADay", usage.messages_a_day);
                json_object_array_add(list, one);
        }
        if (json_object_array_length(list) > 0)
                json_object_object_add(stats, "quotas", list);
        else
                json_object_put(list);
}

void control_stats(struct service_call *call)
{
        struct local_hub *hub = call->hub;
        struct registry *registry = local_hub_registry(hub);
        struct json_object *stats = json_object_new_object();
        struct json_object *telemetry = json_object_new_object();
        int64_t devices = 0;

        for (int i = 0; i < registry_hub_count(registry); i++) {
                struct registry_hub found;

                if (registry_hub_get(registry, i, &found))
                        devices += (int64_t)found.device_count;
        }
        json_add_int(stats, "devices", devices);
        add_connection_stats(stats, hub);
        json_add_int(telemetry, "newest", (int64_t)telemetry_log_newest(local_hub_telemetry(hub)));
        json_add_int(telemetry, "oldest", (int64_t)telemetry_log_oldest(local_hub_telemetry(hub)));
        json_object_object_add(stats, "telemetry", telemetry);
        json_object_object_add(stats, "provisioning", dps_stats(control_of(call)->dps));
        add_quota_stats(stats, hub, registry_hub_count(registry));
        json_object_object_add(stats, "process", process_stats(control_of(call)));
        control_answer(call, 200, stats);
}
