// SPDX-License-Identifier: MIT
#include "azure/hub/hub_pool.h"

#include <stdlib.h>
#include <string.h>

#include "azure/endpoint.h"
#include "azure/hub/hub_cbs.h"
#include "azure/hub/hub_connection.h"
#include "azure/hub/hub_core.h"
#include "azure/hub/hub_device.h"
#include "azure/hub/hub_doubt.h"
#include "azure/hub/hub_trial.h"
#include "azure/names.h"
#include "base/backoff.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/thread.h"

/* Connections to a hub that are being made at a time. */
#define MOST_CONNECTING 8

/* The same of devices with a certificate, all of one hub together; who must wait looks again. */
#define MOST_DIALS  32
#define DIAL_MIN_MS 100
#define DIAL_MAX_MS 300

#define DEFAULT_TOKEN_LIFETIME_MS (INT64_C(3600) * 1000)
#define DEFAULT_BACKOFF_MIN_MS    500
#define DEFAULT_BACKOFF_MAX_MS    (INT64_C(60) * 1000)

/* By less the clock may run away from the steady one; that is not to matter. */
#define CLOCK_STEP_MS 10000

static void seat_waiting(struct timer *timer);

static struct hub *hub_new(struct hub_client *client, const char *name, struct hub *home,
                           struct certificate *certificate)
{
        struct hub *hub = mem_new(1, sizeof(*hub));
        struct reason reason = REASON_INIT;
        struct endpoint endpoint;

        hub->client = client;
        hub->home = home ? home : hub;
        hub->certificate = certificate_share(certificate);
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
        if (certificate)
                list_push_back(&client->hubs, &hub->node);
        else
                list_push_front(&client->hubs, &hub->node);
        return hub;
}

static struct hub *shared_hub(struct hub_client *client, const char *name)
{
        list_for_each (node, &client->hubs) {
                struct hub *hub = list_entry(node, struct hub, node);

                if (hub->certificate != NULL)
                        break;
                if (strcmp(hub->name, name) == 0)
                        return hub;
        }
        return hub_new(client, name, NULL, NULL);
}

static struct hub *hub_of(struct hub_client *client, const struct hub_identity *identity)
{
        struct hub *home = shared_hub(client, identity->hub);

        if (identity->certificate == NULL)
                return home;
        return hub_new(client, identity->hub, home, identity->certificate);
}

static void hub_free(struct hub *hub)
{
        for (size_t i = 0; i < HUB_PLACES; i++) {
                list_for_each_safe (node, &hub->devices[i])
                        hub_device_free(list_entry(node, struct hub_device, node));
        }
        loop_timer_stop(hub->client->loop, &hub->seat_timer);
        loop_timer_stop(hub->client->loop, &hub->rate.timer);
        hub_doubt_deinit(hub);
        list_remove(&hub->client->hubs, &hub->node);
        certificate_free(hub->certificate);
        free(hub->name);
        free(hub->host);
        free(hub->invalid);
        free(hub);
}

void hub_pool_retire(struct hub *hub)
{
        if (hub->certificate == NULL)
                return;
        hub->retired = true;
        hub->client->retired++;
}

/* True if none is left. */
static bool close_connections(struct hub *hub)
{
        list_for_each_safe (node, &hub->connections) {
                struct hub_connection *connection = list_entry(node, struct hub_connection, node);

                if (connection->state == HUB_CONNECTION_CONNECTING)
                        hub_connection_abandon(connection, "its device is closed");
                else if (connection->state == HUB_CONNECTION_OPEN)
                        hub_connection_close(connection, "its device is closed");
        }
        return list_is_empty(&hub->connections);
}

void hub_pool_sweep(struct hub_client *client)
{
        if (client->retired == 0)
                return;
        list_for_each_safe (node, &client->hubs) {
                struct hub *hub = list_entry(node, struct hub, node);

                if (!hub->retired || !close_connections(hub))
                        continue;
                hub_free(hub);
                client->retired--;
        }
}

/* True if one more connection may be opened now; one with a certificate uses up a part of the rate.
 */
static bool allow_connection(struct hub *hub)
{
        size_t connecting = 0;

        if (hub->certificate != NULL && hub->home->dials >= MOST_DIALS)
                return false;
        list_for_each (node, &hub->connections)
                connecting += list_entry(node, struct hub_connection, node)->state ==
                              HUB_CONNECTION_CONNECTING;
        if (hub->client->now_ms < hub->not_before_ms || connecting >= MOST_CONNECTING)
                return false;
        /* Others pay with their tokens. */
        return hub->certificate == NULL || hub_cbs_take_rate(hub);
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
        if (!allow_connection(hub) || (for_suspects && count >= HUB_TRIAL_CONNECTIONS))
                return NULL;
        return hub_connection_new(hub, for_suspects);
}

/* Otherwise it goes on when one of those that are connecting has come to an end. */
static void wait_to_connect(struct hub *hub)
{
        int64_t delay_ms = hub->not_before_ms - hub->client->now_ms;

        if (delay_ms <= 0 && hub->certificate != NULL)
                delay_ms = backoff_between_ms(DIAL_MIN_MS, DIAL_MAX_MS);
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

/* --- devices and clocks --------------------------------------------------------------------- */

struct hub_device *hub_device_open(struct hub_client *client, const struct hub_identity *identity,
                                   const struct hub_device_handler *handler, void *context)
{
        THREAD_ASSERT(LOOP_THREAD);
        return hub_device_new(hub_of(client, identity), identity, handler, context);
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

void hub_pool_time(struct hub_client *client, int64_t steady_ms, int64_t wall_ms)
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

/* --- begin and end -------------------------------------------------------------------------- */

static int64_t given(int64_t value, int64_t otherwise)
{
        return value > 0 ? value : otherwise;
}

void hub_pool_init(struct hub_client *client, const struct hub_client_options *options,
                   const struct hub_io *io)
{
        struct hub_client_options *own = &client->options;

        *client = (struct hub_client){.options = *options, .loop = options->loop, .io = io};
        if (own->port == 0)
                own->port = AZURE_AMQP_PORT;
        if (own->devices_per_connection <= 0 ||
            own->devices_per_connection > AZURE_DEVICES_PER_CONNECTION)
                own->devices_per_connection = AZURE_DEVICES_PER_CONNECTION;
        own->token_lifetime_ms = given(options->token_lifetime_ms, DEFAULT_TOKEN_LIFETIME_MS);
        own->backoff_min_ms = given(options->backoff_min_ms, DEFAULT_BACKOFF_MIN_MS);
        own->backoff_max_ms = given(options->backoff_max_ms, DEFAULT_BACKOFF_MAX_MS);
        client->client_version =
                mem_text(options->client_version != NULL ? options->client_version
                                                         : "isthmus/" ISTHMUS_VERSION);
        own->client_version = client->client_version;
        own->trusted_certificates = NULL;
        list_init(&client->hubs);
        list_init(&client->busy_devices);
        list_init(&client->busy_connections);
        list_init(&client->news);
        list_init(&client->unsent);
        hub_pool_time(client, clock_steady_ms(), clock_wall_ms());
}

void hub_pool_stop(struct hub_client *client)
{
        client->stopping = true;
        list_for_each (hub_node, &client->hubs) {
                struct hub *hub = list_entry(hub_node, struct hub, node);

                list_for_each_safe (node, &hub->connections)
                        hub_connection_check_stop(list_entry(node, struct hub_connection, node));
        }
}

bool hub_pool_is_stopped(const struct hub_client *client)
{
        list_for_each (node, &client->hubs) {
                if (!list_is_empty(&list_entry(node, struct hub, node)->connections))
                        return false;
        }
        return true;
}

void hub_pool_abandon(struct hub_client *client)
{
        list_for_each (hub_node, &client->hubs) {
                struct hub *hub = list_entry(hub_node, struct hub, node);

                list_for_each_safe (node, &hub->connections)
                        hub_connection_abandon(list_entry(node, struct hub_connection, node),
                                               "the client was closed");
        }
}

void hub_pool_deinit(struct hub_client *client)
{
        list_for_each_safe (node, &client->hubs)
                hub_free(list_entry(node, struct hub, node));
        buf_deinit(&client->encoded);
        amqp_inbox_deinit(&client->inbox);
        free(client->client_version);
}

/* --- for people ----------------------------------------------------------------------------- */

static void add_places(struct hub_summary *summary, const struct list devices[HUB_PLACES])
{
        summary->devices += hub_core_count(devices);
        summary->ready += devices[HUB_PLACE_READY].count;
        summary->refused += devices[HUB_PLACE_REFUSED].count + devices[HUB_PLACE_DOUBTED].count;
}

/* To what is said of its home, which comes before it. */
static void add_hub(struct hub *hub)
{
        struct hub_summary *summary = &hub->home->summary;

        if (hub->home == hub)
                *summary = (struct hub_summary){
                        .name = hub->name, .invalid = hub->invalid, .rate = (int)hub->rate.found};
        if (summary->failures < hub->failures)
                summary->failures = hub->failures;
        add_places(summary, hub->devices);
        list_for_each (other, &hub->connections) {
                const struct hub_connection *connection =
                        list_entry(other, struct hub_connection, node);

                add_places(summary, connection->devices);
                if (connection->state == HUB_CONNECTION_OPEN)
                        summary->connections++;
        }
}

size_t hub_client_closing(struct hub_client *client)
{
        size_t count = 0;

        THREAD_ASSERT(LOOP_THREAD);
        list_for_each (node, &client->hubs) {
                list_for_each (inner, &list_entry(node, struct hub, node)->connections) {
                        const struct hub_connection *connection =
                                list_entry(inner, struct hub_connection, node);

                        count += connection->state == HUB_CONNECTION_OPEN ? connection->closing : 1;
                }
        }
        return count;
}

void hub_client_set_rate(struct hub_client *client, int devices_per_second)
{
        THREAD_ASSERT(LOOP_THREAD);
        client->options.devices_per_second = devices_per_second;
}

void hub_client_each(struct hub_client *client,
                     void (*visit)(void *context, const struct hub_summary *hub), void *context)
{
        THREAD_ASSERT(LOOP_THREAD);
        list_for_each (node, &client->hubs)
                add_hub(list_entry(node, struct hub, node));
        list_for_each (node, &client->hubs) {
                struct hub *hub = list_entry(node, struct hub, node);

                if (hub->certificate != NULL)
                        break;
                visit(context, &hub->summary);
        }
}
