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

        for (size_t i = 0; i < ARRAY_SIZE(policies); i++) {
                CLEANUP(buf_deinit) struct buf text = BUF_INIT;

                if (registry_policy_string(registry, hub, policies[i], &text))
                        control_add_text(strings, policies[i], buf_text(&text));
        }
        return strings;
}

void control_hubs(struct control_call *call)
{
        struct registry *registry = local_hub_registry(call->api->hub);
        struct json_object *answer = json_object_new_object();
        struct json_object *list = json_object_new_array();

        for (int i = 0; i < registry_hub_count(registry); i++) {
                struct json_object *entry;
                struct registry_hub hub;

                if (!registry_hub_get(registry, i, &hub) || !hub.active)
                        continue;
                entry = json_object_new_object();
                control_add_hub(entry, registry, i);
                control_add_number(entry, "port", hub.port);
                control_add_number(entry, "weight", hub.weight);
                control_add_number(entry, "devices", (int64_t)hub.device_count);
                json_object_object_add(entry, "connectionStrings", connection_strings(registry, i));
                json_object_array_add(list, entry);
        }
        json_object_object_add(answer, "hubs", list);
        control_answer(call, 200, answer);
}

static struct json_object *connection_entry(struct registry *registry,
                                            const struct local_hub_connection *connection)
{
        struct json_object *entry = json_object_new_object();

        control_add_text(entry, "id", connection->id);
        control_add_hub(entry, registry, connection->hub);
        control_add_text(entry, "peer", connection->peer);
        control_add_time(entry, "openedTimeUtc", connection->opened_ms);
        control_add_number(entry, "tokens", (int64_t)connection->tokens);
        control_add_number(entry, "devices", (int64_t)connection->devices);
        control_add_number(entry, "messages", (int64_t)connection->messages);
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

void control_connections(struct control_call *call)
{
        struct registry *registry = local_hub_registry(call->api->hub);
        struct json_object *answer = json_object_new_object();
        struct json_object *array = json_object_new_array();
        size_t count;
        struct local_hub_connection *list = copy_connections(call->api->hub, &count);

        for (size_t i = 0; i < count; i++)
                json_object_array_add(array, connection_entry(registry, &list[i]));
        free(list);
        json_object_object_add(answer, "connections", array);
        control_answer(call, 200, answer);
}

static struct json_object *dps_stats(struct dps_endpoint *dps)
{
        struct json_object *stats = json_object_new_object();
        struct dps_endpoint_counts counts;

        dps_endpoint_counts(dps, &counts);
        control_add_number(stats, "registers", (int64_t)counts.registers);
        control_add_number(stats, "polls", (int64_t)counts.polls);
        control_add_number(stats, "assigned", (int64_t)counts.assigned);
        control_add_number(stats, "refused", (int64_t)counts.refused);
        control_add_number(stats, "throttled", (int64_t)counts.throttled);
        control_add_number(stats, "unavailable", (int64_t)counts.unavailable);
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
        control_add_number(stats, "uptimeMs", clock_steady_ms() - api->started_ms);
        control_add_number(stats, "cpuUserUs", micros(&usage.ru_utime));
        control_add_number(stats, "cpuSystemUs", micros(&usage.ru_stime));
        control_add_number(stats, "maxResidentKiB", usage.ru_maxrss);
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
        control_add_number(stats, "connections", (int64_t)count);
        control_add_number(stats, "tokens", (int64_t)tokens);
        control_add_number(stats, "devicesConnected", (int64_t)devices);
}

void control_stats(struct control_call *call)
{
        struct local_hub *hub = call->api->hub;
        struct registry *registry = local_hub_registry(hub);
        struct json_object *stats = json_object_new_object();
        struct json_object *telemetry = json_object_new_object();
        int64_t devices = 0;

        for (int i = 0; i < registry_hub_count(registry); i++) {
                struct registry_hub found;

                if (registry_hub_get(registry, i, &found))
                        devices += (int64_t)found.device_count;
        }
        control_add_number(stats, "devices", devices);
        add_connection_stats(stats, hub);
        control_add_number(telemetry, "newest",
                           (int64_t)telemetry_log_newest(local_hub_telemetry(hub)));
        control_add_number(telemetry, "oldest",
                           (int64_t)telemetry_log_oldest(local_hub_telemetry(hub)));
        json_object_object_add(stats, "telemetry", telemetry);
        json_object_object_add(stats, "provisioning", dps_stats(call->api->dps));
        json_object_object_add(stats, "process", process_stats(call->api));
        control_answer(call, 200, stats);
}
