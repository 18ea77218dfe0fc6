// SPDX-License-Identifier: MIT
#include "azure/hub/hub_core.h"

#include <stdlib.h>

#include "azure/hub/hub_connection.h"
#include "azure/hub/hub_device.h"
#include "azure/hub/hub_pool.h"
#include "azure/names.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/mem.h"
#include "base/thread.h"

#define DEFAULT_TOKEN_LIFETIME_MS (INT64_C(3600) * 1000)
#define DEFAULT_BACKOFF_MIN_MS    500
#define DEFAULT_BACKOFF_MAX_MS    (INT64_C(60) * 1000)

/* By less the clock may run away from the steady one; that is not to matter. */
#define CLOCK_STEP_MS 10000

void hub_core_init(struct hub_client *client, const struct hub_client_options *options,
                   const struct hub_io *io)
{
        struct hub_client_options *own = &client->options;

        *client = (struct hub_client){.options = *options, .loop = options->loop, .io = io};
        if (own->port == 0)
                own->port = AZURE_AMQP_PORT;
        if (own->devices_per_connection <= 0 ||
            own->devices_per_connection > AZURE_DEVICES_PER_CONNECTION)
                own->devices_per_connection = AZURE_DEVICES_PER_CONNECTION;
        if (own->token_lifetime_ms <= 0)
                own->token_lifetime_ms = DEFAULT_TOKEN_LIFETIME_MS;
        if (own->backoff_min_ms <= 0)
                own->backoff_min_ms = DEFAULT_BACKOFF_MIN_MS;
        if (own->backoff_max_ms <= 0)
                own->backoff_max_ms = DEFAULT_BACKOFF_MAX_MS;
        client->client_version =
                mem_text(options->client_version != NULL ? options->client_version
                                                         : "isthmus/" ISTHMUS_VERSION);
        own->client_version = client->client_version;
        own->trusted_certificates = NULL;
        list_init(&client->hubs);
        list_init(&client->news);
        list_init(&client->unsent);
        hub_core_time(client, clock_steady_ms(), clock_wall_ms());
}

static void clock_was_set(struct hub_client *client)
{
        list_for_each (hub_node, &client->hubs) {
                struct hub *hub = list_entry(hub_node, struct hub, node);

                list_for_each (other, &hub->connections) {
                        struct hub_connection *connection =
                                list_entry(other, struct hub_connection, node);

                        list_for_each (node, &connection->devices[HUB_PLACE_READY])
                                hub_device_clock_was_set(list_entry(node, struct hub_device, node));
                }
                hub_doubt_clock_was_set(hub);
        }
}

void hub_core_time(struct hub_client *client, int64_t steady_ms, int64_t wall_ms)
{
        int64_t step_ms = wall_ms - steady_ms - client->wall_offset_ms;

        loop_set_time(client->loop, steady_ms);
        client->now_ms = steady_ms;
        client->wall_ms = wall_ms;
        if (client->wall_offset_ms != 0 && step_ms > -CLOCK_STEP_MS && step_ms < CLOCK_STEP_MS)
                return;
        client->wall_offset_ms = wall_ms - steady_ms;
        clock_was_set(client);
}

void hub_core_deinit(struct hub_client *client)
{
        list_for_each_safe (node, &client->hubs)
                hub_pool_free(list_entry(node, struct hub, node));
        buf_deinit(&client->encoded);
        amqp_inbox_deinit(&client->inbox);
        free(client->client_version);
}

bool hub_core_tell(struct hub_client *client)
{
        struct list_node *node;
        bool any = false;

        while ((node = list_pop_front(&client->news)) != NULL) {
                hub_device_tell(list_entry(node, struct hub_device, news_node));
                any = true;
        }
        return any;
}

void hub_core_flush(struct hub_client *client)
{
        struct list_node *node;

        while ((node = list_pop_front(&client->unsent)) != NULL) {
                struct hub_connection *connection =
                        list_entry(node, struct hub_connection, unsent_node);

                client->io->wake(client, connection->connection);
        }
}

int64_t hub_core_random(int64_t low, int64_t high)
{
        uint64_t bits;

        if (high <= low)
                return low;
        crypto_random(&bits, sizeof(bits));
        return low + (int64_t)(bits % (uint64_t)(high - low));
}

int64_t hub_core_backoff(const struct hub_client *client, int attempt)
{
        int64_t delay = client->options.backoff_min_ms;

        while (attempt-- > 0 && delay < client->options.backoff_max_ms)
                delay *= 2;
        if (delay > client->options.backoff_max_ms)
                delay = client->options.backoff_max_ms;
        return hub_core_random(delay / 2, delay + 1);
}

void hub_core_stop(struct hub_client *client)
{
        client->stopping = true;
        list_for_each (hub_node, &client->hubs) {
                struct hub *hub = list_entry(hub_node, struct hub, node);

                list_for_each_safe (node, &hub->connections)
                        hub_connection_check_stop(list_entry(node, struct hub_connection, node));
        }
}

bool hub_core_is_stopped(const struct hub_client *client)
{
        list_for_each (node, &client->hubs) {
                if (!list_is_empty(&list_entry(node, struct hub, node)->connections))
                        return false;
        }
        return true;
}

void hub_core_abandon(struct hub_client *client)
{
        list_for_each (hub_node, &client->hubs) {
                struct hub *hub = list_entry(hub_node, struct hub, node);

                list_for_each_safe (node, &hub->connections)
                        hub_connection_abandon(list_entry(node, struct hub_connection, node),
                                               "the client was closed");
        }
}
