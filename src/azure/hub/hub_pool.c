// SPDX-License-Identifier: MIT
#include "azure/hub/hub_pool.h"

#include <stdlib.h>
#include <string.h>

#include "azure/endpoint.h"
#include "azure/hub/hub_connection.h"
#include "azure/hub/hub_device.h"
#include "base/mem.h"
#include "base/thread.h"

#define US_PER_S INT64_C(1000000)

/* Connections to a hub that are being made at a time. */
#define MOST_CONNECTING 8

/* A burst may use what the rate allows in this time. */
#define RATE_BURST_US (US_PER_S / 10)

static void seat_waiting(struct timer *timer);
static void rate_allows_again(struct timer *timer);

static struct hub *hub_new(struct hub_client *client, const char *name)
{
        struct hub *hub = mem_new(1, sizeof(*hub));
        struct reason reason = REASON_INIT;
        struct endpoint endpoint;

        hub->client = client;
        hub->name = mem_text(name);
        if (endpoint_parse(name, client->options.port, &endpoint, &reason)) {
                hub->host = mem_text(endpoint.host);
                hub->port = endpoint.port;
        } else {
                hub->invalid = mem_format("the hub name '%s': %s", name, reason.text);
        }
        list_init(&hub->connections);
        for (size_t i = 0; i < HUB_PLACES; i++)
                list_init(&hub->devices[i]);
        hub_doubt_init(hub);
        hub->seat_timer.run = seat_waiting;
        hub->rate_timer.run = rate_allows_again;
        list_push_back(&client->hubs, &hub->node);
        return hub;
}

struct hub *hub_pool_hub(struct hub_client *client, const char *name)
{
        list_for_each (node, &client->hubs) {
                struct hub *hub = list_entry(node, struct hub, node);

                if (strcmp(hub->name, name) == 0)
                        return hub;
        }
        return hub_new(client, name);
}

void hub_pool_free(struct hub *hub)
{
        for (size_t i = 0; i < HUB_PLACES; i++) {
                list_for_each_safe (node, &hub->devices[i])
                        hub_device_free(list_entry(node, struct hub_device, node));
        }
        loop_timer_stop(hub->client->loop, &hub->seat_timer);
        loop_timer_stop(hub->client->loop, &hub->rate_timer);
        hub_doubt_deinit(hub);
        list_remove(&hub->client->hubs, &hub->node);
        free(hub->name);
        free(hub->host);
        free(hub->invalid);
        free(hub);
}

static bool may_connect(const struct hub *hub)
{
        size_t connecting = 0;

        list_for_each (node, &hub->connections)
                connecting += list_entry(node, struct hub_connection, node)->state ==
                              HUB_CONNECTION_CONNECTING;
        return hub->client->now_ms >= hub->not_before_ms && connecting < MOST_CONNECTING;
}

/* A connection with a free seat, a new one if that is allowed now, or NULL. */
static struct hub_connection *connection_with_seat(struct hub *hub, bool for_suspects)
{
        size_t count = 0;

        list_for_each (node, &hub->connections) {
                struct hub_connection *connection = list_entry(node, struct hub_connection, node);

                if (connection->for_suspects != for_suspects)
                        continue;
                if (hub_connection_seats(connection) > 0)
                        return connection;
                count += connection->state != HUB_CONNECTION_ENDING;
        }
        if (!may_connect(hub) || (for_suspects && count >= HUB_TRIAL_CONNECTIONS))
                return NULL;
        return hub_connection_new(hub, for_suspects);
}

/* Otherwise it goes on when one of those that are connecting has come to an end. */
static void wait_to_connect(struct hub *hub)
{
        int64_t delay_ms = hub->not_before_ms - hub->client->now_ms;

        if (delay_ms > 0)
                loop_timer_start(hub->client->loop, &hub->seat_timer, delay_ms);
}

static void seat_all(struct hub *hub, enum hub_place place)
{
        struct list *waiting = &hub->devices[place];

        while (!list_is_empty(waiting) && !hub->client->stopping) {
                struct hub_connection *connection =
                        connection_with_seat(hub, place == HUB_PLACE_SUSPECT);
                size_t seats;

                if (connection == NULL) {
                        wait_to_connect(hub);
                        return;
                }
                seats = hub_connection_seats(connection);
                while (seats-- > 0 && !list_is_empty(waiting))
                        hub_device_seat(list_entry(waiting->head.next, struct hub_device, node),
                                        connection);
                hub_cbs_pump(connection);
        }
}

static void seat_waiting(struct timer *timer)
{
        struct hub *hub = list_entry(timer, struct hub, seat_timer);

        seat_all(hub, HUB_PLACE_WAITING);
        seat_all(hub, HUB_PLACE_SUSPECT);
}

void hub_pool_seat_soon(struct hub *hub)
{
        if (hub->seat_timer.position == 0 || hub->seat_timer.due_ms > hub->client->now_ms)
                loop_timer_start(hub->client->loop, &hub->seat_timer, 0);
}

void hub_pool_back_off(struct hub *hub)
{
        int64_t now_ms = hub->client->now_ms;

        /* Many connections that are lost together count once. */
        if (now_ms < hub->not_before_ms)
                return;
        hub->not_before_ms = now_ms + hub_core_backoff(hub->client, hub->failures);
        hub->failures++;
}

void hub_pool_works(struct hub *hub)
{
        hub->failures = 0;
}

static void rate_allows_again(struct timer *timer)
{
        struct hub *hub = list_entry(timer, struct hub, rate_timer);

        list_for_each_safe (node, &hub->connections)
                hub_cbs_pump(list_entry(node, struct hub_connection, node));
}

bool hub_pool_rate_allows(struct hub *hub)
{
        int64_t now_us = hub->client->now_ms * 1000;
        int64_t rate = hub->client->options.devices_per_second;

        if (rate <= 0)
                return true;
        if (hub->rate_us > now_us + RATE_BURST_US) {
                if (hub->rate_timer.position == 0)
                        loop_timer_start(hub->client->loop, &hub->rate_timer,
                                         (hub->rate_us - RATE_BURST_US - now_us) / 1000 + 1);
                return false;
        }
        if (hub->rate_us < now_us)
                hub->rate_us = now_us;
        hub->rate_us += US_PER_S / rate;
        return true;
}

/* --- for people ----------------------------------------------------------------------------- */

static void add_places(struct hub_summary *summary, const struct list devices[HUB_PLACES])
{
        for (size_t i = 0; i < HUB_PLACES; i++)
                summary->devices += devices[i].count;
        summary->ready += devices[HUB_PLACE_READY].count;
        summary->refused += devices[HUB_PLACE_REFUSED].count + devices[HUB_PLACE_DOUBTED].count;
}

void hub_client_each(struct hub_client *client,
                     void (*visit)(void *context, const struct hub_summary *hub), void *context)
{
        THREAD_ASSERT(LOOP_THREAD);
        list_for_each (node, &client->hubs) {
                const struct hub *hub = list_entry(node, struct hub, node);
                struct hub_summary summary = {
                        .name = hub->name, .failures = hub->failures, .invalid = hub->invalid};

                add_places(&summary, hub->devices);
                list_for_each (other, &hub->connections) {
                        const struct hub_connection *connection =
                                list_entry(other, struct hub_connection, node);

                        add_places(&summary, connection->devices);
                        if (connection->state == HUB_CONNECTION_OPEN)
                                summary.connections++;
                }
                visit(context, &summary);
        }
}
