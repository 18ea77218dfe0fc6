// SPDX-License-Identifier: MIT
#include "azure/hub/hub_connection.h"

#include <assert.h>
#include <proton/connection.h>
#include <proton/transport.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "azure/hub/hub_cbs.h"
#include "azure/hub/hub_core.h"
#include "azure/hub/hub_device.h"
#include "azure/hub/hub_link.h"
#include "azure/hub/hub_telemetry.h"
#include "azure/hub/hub_trial.h"
#include "base/crypto.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"

/* Proton announces half of it: the hub is to send something every two minutes. */
#define IDLE_TIMEOUT_MS (2 * 120000)
#define FRAME_SIZE      65536

/* A hub that wants frames more often than this is not served: that would cost a whole processor. */
#define LEAST_IDLE_TIMEOUT_MS 1000

#define WATCH_INTERVAL_MS  1000
#define CONNECT_TIMEOUT_MS 30000
#define CLOSE_TIMEOUT_MS   10000
#define TLS_PATIENCE       2     /* failures before that are taken for a refusal */
#define SEND_TIMEOUT_MS    60000 /* the hub's own answers come within seconds */
#define SILENCE_MS         30000 /* then not even that a link ends is answered: nobody is there */
#define REST_INTERVAL_MS   30000 /* links without use are looked for */
#define EMPTY_TIMEOUT_MS   30000 /* a connection without devices is kept so long */

static void watch(struct timer *timer);

static void set_state(struct hub_connection *connection, enum hub_connection_state state)
{
        assert(state > connection->state);
        if (connection->state == HUB_CONNECTION_CONNECTING)
                connection->hub->home->dials--;
        if (connection->state == HUB_CONNECTION_OPEN)
                metrics_gauge_add(METRIC_HUB_CONNECTIONS, -1);
        if (state == HUB_CONNECTION_OPEN)
                metrics_gauge_add(METRIC_HUB_CONNECTIONS, 1);
        connection->state = state;
        connection->since_ms = connection->hub->client->now_ms;
}

void hub_connection_prepare(pn_transport_t *transport)
{
        pn_transport_set_idle_timeout(transport, IDLE_TIMEOUT_MS);
        pn_transport_set_max_frame(transport, FRAME_SIZE);
}

struct hub_connection *hub_connection_new(struct hub *hub, bool for_suspects)
{
        struct hub_connection *connection = mem_new(1, sizeof(*connection));
        char uuid[CRYPTO_UUID_SIZE];
        char container[CRYPTO_UUID_SIZE + 32];

        connection->hub = hub;
        connection->for_suspects = for_suspects;
        connection->most_devices = (size_t)hub->client->options.devices_per_connection;
        connection->since_ms = hub->client->now_ms;
        for (size_t i = 0; i < HUB_PLACES; i++)
                list_init(&connection->devices[i]);
        list_init(&connection->in_flight);
        list_init(&connection->sessions);
        hub_cbs_init(connection);
        connection->watch.run = watch;
        loop_timer_start(hub->client->loop, &connection->watch, WATCH_INTERVAL_MS);
        list_push_back(&hub->connections, &connection->node);
        hub->home->dials++;

        connection->connection = pn_connection();
        crypto_uuid4(uuid);
        /* Whoever looks at a hub's connections sees which process each belongs to. */
        snprintf(container, sizeof(container), "isthmus-%d-%s", (int)getpid(), uuid);
        pn_connection_set_container(connection->connection, container);
        pn_connection_set_hostname(connection->connection, hub->host);
        pn_connection_set_context(connection->connection, connection);
        hub->client->io->connect(
                hub->client, connection->connection,
                &(struct hub_address){hub->host, hub->port, hub->which, hub->certificate});
        return connection;
}

static void connection_free(struct hub_connection *connection)
{
        struct hub *hub = connection->hub;

        loop_timer_stop(hub->client->loop, &connection->watch);
        if (connection->unsent_node.next != NULL)
                list_remove(&hub->client->unsent, &connection->unsent_node);
        if (hub->client->current == connection)
                hub->client->current = NULL;
        if (connection->work_node.next != NULL)
                list_remove(&hub->client->busy_connections, &connection->work_node);
        list_remove(&hub->connections, &connection->node);
        free(connection->fails);
        free(connection);
        hub_core_seat_soon(hub);
}

/* Nobody is on it any more, whatever becomes of the transport; who was ready waits in front. */
static void leave(struct hub_connection *connection, const char *why)
{
        if (connection->state == HUB_CONNECTION_ENDING)
                return;
        set_state(connection, HUB_CONNECTION_ENDING);
        for (size_t i = 0; i < HUB_PLACES; i++) {
                list_for_each_safe (node, &connection->devices[i])
                        hub_device_unseat(list_entry(node, struct hub_device, node), why);
        }
        hub_cbs_close(connection);
        while (!list_is_empty(&connection->sessions))
                hub_link_forget_session(connection, list_entry(connection->sessions.head.next,
                                                               struct hub_session, node));
        hub_core_seat_soon(connection->hub);
}

/* The next connection to the hub waits. Many that are lost together count once. */
static void back_off(struct hub *hub)
{
        int64_t now_ms = hub->client->now_ms;

        if (now_ms < hub->not_before_ms)
                return;
        hub->not_before_ms = now_ms + hub_core_backoff(hub->client, hub->failures);
        hub->failures++;
}

static void lost(struct hub_connection *connection, const char *why)
{
        struct hub *hub = connection->hub;
        bool was_open = connection->state == HUB_CONNECTION_OPEN;
        int64_t retry_ms;

        if (connection->state == HUB_CONNECTION_ENDING)
                return;
        /* What suspects do to their connections is to delay nobody else. */
        if (!was_open || !connection->for_suspects)
                back_off(hub);
        if (was_open)
                hub_trial_lost(connection);
        if (was_open)
                metrics_add(METRIC_HUB_DISCONNECTS, 1);
        else
                hub->which++;
        retry_ms = hub->not_before_ms - hub->client->now_ms;
        log_warn(was_open ? "HUB_DISCONNECTED" : "HUB_UNREACHABLE",
                 was_open ? "A connection to a hub was lost" : "A hub could not be connected",
                 LOG_TEXT("hub", hub->name), LOG_TEXT("reason", why),
                 LOG_INT("retry_ms", retry_ms > 0 ? retry_ms : 0), LOG_END);
        leave(connection, why);
}

/* One channel is for tokens, each device needs one: others wait for the next connection. */
static void keep_to_channels(struct hub_connection *connection, size_t channels)
{
        struct list *seated = &connection->devices[HUB_PLACE_AUTHORISING];

        if (channels < connection->most_devices)
                connection->most_devices = channels > 0 ? channels : 1;
        while (seated->count > connection->most_devices)
                hub_device_unseat(list_entry(seated->head.previous, struct hub_device, node),
                                  "the hub has no channel for it on this connection");
}

static void opened(struct hub_connection *connection)
{
        pn_transport_t *transport = pn_connection_transport(connection->connection);
        uint32_t idle_ms = pn_transport_get_remote_idle_timeout(transport);

        if (connection->state != HUB_CONNECTION_CONNECTING)
                return;
        if (idle_ms > 0 && idle_ms < LEAST_IDLE_TIMEOUT_MS) {
                hub_connection_fail(connection, "the hub wants to hear from us all the time");
                return;
        }
        keep_to_channels(connection, pn_transport_remote_channel_max(transport));
        set_state(connection, HUB_CONNECTION_OPEN);
        metrics_add(METRIC_HUB_CONNECTS, 1);
        log_info("HUB_CONNECTED", "Connected to a hub", LOG_TEXT("hub", connection->hub->name),
                 LOG_END);
        hub_cbs_open(connection);
        hub_core_seat_soon(connection->hub);
}

/* In TLS a hub may say so, or just go; not if it is we who do not trust the hub. */
static bool refuses_in_tls(const struct hub_connection *connection, const char *why)
{
        if (connection->state != HUB_CONNECTION_CONNECTING || strstr(why, "SSL Failure") == NULL ||
            strstr(why, "verify failed") != NULL)
                return false;
        return strstr(why, "alert") != NULL || connection->hub->failures >= TLS_PATIENCE;
}

/* What the hub thinks of a certificate it says by ending the connection. */
static bool is_refusal(const struct hub_connection *connection,
                       const struct hub_condition *condition)
{
        if (connection->hub->certificate == NULL || connection->state == HUB_CONNECTION_ENDING)
                return false;
        return condition->fault == HUB_FAULT_UNAUTHORIZED ||
               condition->fault == HUB_FAULT_NOT_FOUND || condition->fault == HUB_FAULT_HUB ||
               refuses_in_tls(connection, condition->reason.text);
}

static void ended(struct hub_connection *connection, const struct hub_condition *condition)
{
        bool refused = is_refusal(connection, condition);
        struct hub *hub = connection->hub;

        lost(connection, condition->reason.text);
        if (!refused)
                return;
        list_for_each_safe (node, &hub->devices[HUB_PLACE_WAITING])
                hub_device_refuse(list_entry(node, struct hub_device, node),
                                  condition->fault == HUB_FAULT_NOT_FOUND ||
                                                  condition->fault == HUB_FAULT_HUB
                                          ? HUB_REFUSAL_NOT_FOUND
                                          : HUB_REFUSAL_UNAUTHORIZED,
                                  condition->reason.text);
}

static void closed_by_hub(struct hub_connection *connection)
{
        struct hub_condition condition;

        hub_condition_read(&condition, pn_connection_remote_condition(connection->connection),
                           "the hub closed the connection");
        ended(connection, &condition);
        pn_connection_close(connection->connection);
}

static void transport_closed(struct hub_connection *connection)
{
        pn_transport_t *transport = pn_connection_transport(connection->connection);
        struct hub_condition condition;

        hub_condition_read(&condition, transport == NULL ? NULL : pn_transport_condition(transport),
                           "the network connection ended");
        ended(connection, &condition);
        pn_connection_set_context(connection->connection, NULL);
        connection_free(connection);
}

/* If this is the hub's answer to a close of ours, forgets what was closed; then true. */
static bool forget_closed(struct hub_connection *connection, struct hub_session *session,
                          pn_link_t *link, pn_event_type_t type)
{
        bool link_ends = type == PN_LINK_REMOTE_CLOSE || type == PN_LINK_REMOTE_DETACH;

        if (link_ends && (pn_link_state(link) & PN_LOCAL_CLOSED) != 0) {
                hub_link_was_ended(connection, link);
                return true;
        }
        if (type == PN_SESSION_REMOTE_CLOSE && session->is_ended) {
                pn_session_t *own = session->session;

                hub_link_forget_session(connection, session);
                pn_session_free(own);
                return true;
        }
        return false;
}

static void session_event(struct hub_connection *connection, pn_event_t *event)
{
        pn_event_type_t type = pn_event_type(event);
        pn_session_t *proton_session = pn_event_session(event);
        pn_link_t *link = pn_event_link(event);
        struct hub_session *session;
        struct hub_device *device;

        if (proton_session == NULL && link != NULL)
                proton_session = pn_link_session(link);
        session = proton_session == NULL ? NULL : pn_session_get_context(proton_session);
        if (session == NULL || forget_closed(connection, session, link, type))
                return;
        connection->closed_link = type == PN_LINK_REMOTE_CLOSE ? link : NULL;
        connection->closed_session = type == PN_SESSION_REMOTE_CLOSE ? proton_session : NULL;
        device = link == NULL ? NULL : pn_link_get_context(link);
        if (session == connection->cbs.session)
                hub_cbs_event(connection, event);
        else if (type == PN_SESSION_REMOTE_CLOSE)
                hub_device_session_ended(session);
        else if (device != NULL)
                hub_device_event(device, event);
        connection->closed_link = NULL;
        connection->closed_session = NULL;
}

void hub_connection_event(pn_connection_t *pn_connection, pn_event_t *event)
{
        struct hub_connection *connection = pn_connection_get_context(pn_connection);

        if (connection == NULL)
                return;
        switch (pn_event_type(event)) {
        case PN_CONNECTION_REMOTE_OPEN:
                opened(connection);
                break;
        case PN_CONNECTION_REMOTE_CLOSE:
                closed_by_hub(connection);
                break;
        case PN_TRANSPORT_CLOSED:
                transport_closed(connection);
                break;
        case PN_SESSION_REMOTE_OPEN:
        case PN_SESSION_REMOTE_CLOSE:
        case PN_LINK_REMOTE_OPEN:
        case PN_LINK_REMOTE_CLOSE:
        case PN_LINK_REMOTE_DETACH:
        case PN_LINK_FLOW:
        case PN_DELIVERY:
                if (connection->state == HUB_CONNECTION_OPEN)
                        session_event(connection, event);
                break;
        default:
                break;
        }
}

size_t hub_connection_seats(struct hub_connection *connection)
{
        size_t share = hub_trial_share(connection->hub);
        size_t seated = hub_core_count(connection->devices);
        size_t taken;

        if (connection->state == HUB_CONNECTION_ENDING || connection->full)
                return 0;
        if (connection->hub->client->now_ms >= connection->spent_until_ms)
                connection->spent = 0;
        if (connection->for_suspects && seated >= share)
                return 0;
        taken = seated + connection->spent;
        if (taken >= connection->most_devices)
                return 0;
        return connection->for_suspects ? 1 : connection->most_devices - taken;
}

void hub_connection_full(struct hub_connection *connection)
{
        if (connection->full)
                return;
        connection->full = true;
        log_info("HUB_CONNECTION_FULL", "The hub takes no more devices on a connection",
                 LOG_TEXT("hub", connection->hub->name),
                 LOG_INT("devices", hub_core_count(connection->devices)), LOG_END);
}

void hub_connection_close(struct hub_connection *connection, const char *why)
{
        leave(connection, why);
        pn_connection_close(connection->connection);
        hub_core_wrote(connection);
}

void hub_connection_abandon(struct hub_connection *connection, const char *why)
{
        pn_connection_t *pn_connection = connection->connection;
        struct hub_client *client = connection->hub->client;

        leave(connection, why);
        pn_connection_set_context(pn_connection, NULL);
        connection_free(connection);
        client->io->abandon(client, pn_connection);
}

void hub_connection_unreachable(struct hub_connection *connection, const char *why)
{
        lost(connection, why);
        hub_connection_abandon(connection, why);
}

void hub_connection_check_stop(struct hub_connection *connection)
{
        if (connection->state == HUB_CONNECTION_CONNECTING)
                hub_connection_abandon(connection, "the client is closing");
        else if (connection->state == HUB_CONNECTION_OPEN && list_is_empty(&connection->in_flight))
                hub_connection_close(connection, "the client is closing");
}

void hub_connection_fail(struct hub_connection *connection, const char *why)
{
        lost(connection, why);
        pn_connection_close(connection->connection);
        hub_core_wrote(connection);
}

/* Sends that were never answered: their links are made anew (trap 6 of the reference). */
static void check_sends(struct hub_connection *connection)
{
        int64_t oldest_ms = connection->hub->client->now_ms - SEND_TIMEOUT_MS;

        while (!list_is_empty(&connection->in_flight)) {
                struct hub_send *send = list_entry(connection->in_flight.head.next, struct hub_send,
                                                   connection_node);

                if (send->sent_ms > oldest_ms)
                        break;
                if (connection->unheard_since_ms == 0)
                        connection->unheard_since_ms = connection->hub->client->now_ms;
                hub_telemetry_timed_out(send->device);
        }
}

/* Notes whether anything was heard; true after too long a silence. A cable that was pulled is found
 * long before the idle time is over, if something is sent. */
static bool note_silence(struct hub_connection *connection)
{
        pn_transport_t *transport = pn_connection_transport(connection->connection);
        uint64_t heard = pn_transport_get_frames_input(transport);

        if (heard != connection->heard)
                connection->unheard_since_ms = 0;
        connection->heard = heard;
        return connection->unheard_since_ms != 0 &&
               connection->hub->client->now_ms - connection->unheard_since_ms > SILENCE_MS;
}

static void rest(struct hub_connection *connection)
{
        const struct hub_client *client = connection->hub->client;

        if (client->options.telemetry_idle_ms == 0 ||
            client->now_ms - connection->rested_ms < REST_INTERVAL_MS)
                return;
        connection->rested_ms = client->now_ms;
        list_for_each (node, &connection->devices[HUB_PLACE_READY])
                hub_telemetry_rest(list_entry(node, struct hub_device, node));
}

static void watch_open(struct hub_connection *connection)
{
        int64_t now_ms = connection->hub->client->now_ms;

        if (note_silence(connection)) {
                hub_connection_fail(connection, "the hub is silent");
                return;
        }
        check_sends(connection);
        rest(connection);
        if (!hub_cbs_check(connection)) {
                hub_connection_fail(connection, "the hub does not answer tokens");
                return;
        }
        if (hub_core_count(connection->devices) == 0 &&
            now_ms - connection->empty_since_ms > EMPTY_TIMEOUT_MS)
                hub_connection_close(connection, "no device needs it");
}

/* Whatever waits for the hub has an end; the timers of the parts would be many. */
static void watch(struct timer *timer)
{
        struct hub_connection *connection = list_entry(timer, struct hub_connection, watch);
        struct hub_client *client = connection->hub->client;
        int64_t age_ms = client->now_ms - connection->since_ms;

        loop_timer_start(client->loop, timer, WATCH_INTERVAL_MS);
        switch (connection->state) {
        case HUB_CONNECTION_CONNECTING:
                if (age_ms > CONNECT_TIMEOUT_MS)
                        hub_connection_unreachable(connection, "the hub does not answer");
                break;
        case HUB_CONNECTION_OPEN:
                watch_open(connection);
                break;
        case HUB_CONNECTION_ENDING:
                if (age_ms > CLOSE_TIMEOUT_MS)
                        hub_connection_abandon(connection, "the hub does not close");
                break;
        }
}
