// SPDX-License-Identifier: MIT
#include "azure/hub_device.h"

#include <proton/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "azure/names.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "base/text.h"
#include "base/thread.h"

#define THROTTLED_PAUSE_MS     10000
#define STOLEN_PAUSE_MS        60000
#define FAILURES_FORGOTTEN_MS  (INT64_C(5) * 60 * 1000)
#define SECOND_UNAUTHORIZED_MS (INT64_C(2) * 60 * 1000)
#define LINK_NAME_SIZE         32

static void renew(struct hub_timer *timer);
static void retry(struct hub_timer *timer);

/* --- places ------------------------------------------------------------------------------- */

static struct list *place_list(struct hub_device *device)
{
        if (device->place == HUB_PLACE_WAITING || device->place == HUB_PLACE_REFUSED)
                return &device->hub->devices[device->place];
        return &device->connection->devices[device->place];
}

/* The one mover. */
static void move(struct hub_device *device, enum hub_place place, struct hub_connection *connection)
{
        list_remove(place_list(device), &device->node);
        if (device->place == HUB_PLACE_READY)
                metrics_gauge_add(METRIC_DEVICES_CONNECTED, -1);
        if (place == HUB_PLACE_READY)
                metrics_gauge_add(METRIC_DEVICES_CONNECTED, 1);
        device->place = place;
        device->connection = connection;
        list_push_back(place_list(device), &device->node);
        hub_device_news(device);
}

static void set_reason(struct hub_device *device, const char *why)
{
        char *copy = mem_text(why);

        free(device->reason);
        device->reason = copy;
}

static void detach(struct hub_device *device, const char *why)
{
        pn_session_t *session = device->session;

        hub_telemetry_detach(device, why);
        if (session == NULL)
                return;
        device->session = NULL;
        pn_session_set_context(session, NULL);
        pn_session_close(session);
        pn_session_free(session);
        hub_connection_wrote(device->connection);
}

static void stop_timers(struct hub_device *device)
{
        hub_timers_stop(&device->hub->client->timers, &device->token_timer);
        hub_timers_stop(&device->hub->client->timers, &device->retry_timer);
}

/* Gives its seat up for a place of the hub. */
static void leave_seat(struct hub_device *device, enum hub_place place, const char *why)
{
        struct hub_connection *connection = device->connection;

        set_reason(device, why);
        stop_timers(device);
        if (connection == NULL) {
                move(device, place, NULL);
                return;
        }
        detach(device, why);
        hub_cbs_forget(device);
        move(device, place, NULL);
        hub_connection_left(connection, device->has_token);
        device->has_token = false;
}

void hub_device_unseat(struct hub_device *device, const char *why)
{
        leave_seat(device, HUB_PLACE_WAITING, why);
        hub_pool_seat_soon(device->hub);
}

void hub_device_refuse(struct hub_device *device, enum hub_refusal refusal, const char *why)
{
        log_warn("HUB_DEVICE_REFUSED", "A hub refuses a device",
                 LOG_TEXT("device", device->device_id), LOG_TEXT("hub", device->hub->name),
                 LOG_TEXT("reason", why), LOG_END);
        leave_seat(device, HUB_PLACE_REFUSED, why);
        device->refusal = refusal;
        device->tell_again = true;
}

static void authorise(struct hub_device *device)
{
        if (device->place != HUB_PLACE_AUTHORISING)
                move(device, HUB_PLACE_AUTHORISING, device->connection);
        hub_cbs_request(device);
        hub_cbs_pump(device->connection);
}

void hub_device_seat(struct hub_device *device, struct hub_connection *connection)
{
        int64_t pause_ms = device->not_before_ms - device->hub->client->now_ms;

        if (pause_ms > 0) {
                move(device, HUB_PLACE_PAUSED, connection);
                hub_timer_start(device->hub->client, &device->retry_timer, pause_ms);
                return;
        }
        move(device, HUB_PLACE_AUTHORISING, connection);
        hub_cbs_request(device);
}

/* --- pauses ------------------------------------------------------------------------------- */

/* How long after one more failure; a long quiet time forgives earlier ones. */
static int64_t pause_after_failure(struct hub_device *device, int64_t least_ms)
{
        struct hub_client *client = device->hub->client;
        int64_t delay_ms;

        if (client->now_ms - device->failed_ms > FAILURES_FORGOTTEN_MS)
                device->failures = 0;
        device->failed_ms = client->now_ms;
        delay_ms = hub_core_backoff(client, device->failures++);
        if (delay_ms < least_ms)
                delay_ms = hub_core_random(least_ms, least_ms * 2);
        return delay_ms;
}

void hub_device_pause(struct hub_device *device, int64_t least_ms, const char *why)
{
        int64_t delay_ms = pause_after_failure(device, least_ms);

        log_debug("HUB_DEVICE_PAUSED", "A device authorises again later",
                  LOG_TEXT("device", device->device_id), LOG_TEXT("reason", why),
                  LOG_INT("pause_ms", delay_ms), LOG_END);
        set_reason(device, why);
        stop_timers(device);
        detach(device, why);
        hub_cbs_forget(device);
        move(device, HUB_PLACE_PAUSED, device->connection);
        device->not_before_ms = device->hub->client->now_ms + delay_ms;
        hub_timer_start(device->hub->client, &device->retry_timer, delay_ms);
}

void hub_device_repair(struct hub_device *device, int64_t least_ms)
{
        if (device->place != HUB_PLACE_READY)
                return;
        hub_timer_start(device->hub->client, &device->retry_timer,
                        pause_after_failure(device, least_ms));
}

static void attach_links(struct hub_device *device)
{
        if (device->telemetry.wanted)
                hub_telemetry_attach(device);
}

static void retry(struct hub_timer *timer)
{
        struct hub_device *device = list_entry(timer, struct hub_device, retry_timer);

        if (device->hub->client->stopping)
                return;
        if (device->place == HUB_PLACE_PAUSED)
                authorise(device);
        else
                attach_links(device);
}

void hub_device_works(struct hub_device *device)
{
        device->failures = 0;
}

/* --- tokens ------------------------------------------------------------------------------- */

static void renew(struct hub_timer *timer)
{
        struct hub_device *device = list_entry(timer, struct hub_device, token_timer);

        hub_cbs_request(device);
        hub_cbs_pump(device->connection);
}

static void token_accepted(struct hub_device *device)
{
        struct hub_client *client = device->hub->client;
        int64_t lifetime_ms = client->options.token_lifetime_ms;

        device->has_token = true;
        hub_pool_works(device->hub);
        /* Spread, so that devices that came together do not renew together for ever. */
        hub_timer_start(client, &device->token_timer,
                        hub_core_random(lifetime_ms * 75 / 100, lifetime_ms * 85 / 100));
        if (device->place == HUB_PLACE_READY)
                return;
        set_reason(device, NULL);
        move(device, HUB_PLACE_READY, device->connection);
        attach_links(device);
}

/* The hub counts the tokens of a connection and refuses one more with status 500. */
static bool says_full(int status, const char *description)
{
        return status >= 400 && (strstr(description, "maximum number of tokens") != NULL ||
                                 strstr(description, "403005") != NULL);
}

static void token_not_now(struct hub_device *device, int status, const char *why)
{
        struct hub_client *client = device->hub->client;
        int64_t least_ms = status == 429 || status == 403 ? THROTTLED_PAUSE_MS : 0;

        if (device->place == HUB_PLACE_READY)
                hub_timer_start(client, &device->token_timer,
                                pause_after_failure(device, least_ms));
        else
                hub_device_pause(device, least_ms, why);
}

void hub_device_token_answered(struct hub_device *device, int status, const char *description)
{
        struct hub_connection *connection = device->connection;
        struct reason reason = REASON_INIT;

        if (status >= 200 && status < 300) {
                token_accepted(device);
                return;
        }
        if (status == 0)
                reason_set(&reason, "%s", description);
        else
                reason_set(&reason, "the hub answered the token with %d %s", status, description);
        if (says_full(status, description) && connection->devices[HUB_PLACE_READY].count > 0 &&
            device->place != HUB_PLACE_READY) {
                hub_connection_full(connection);
                hub_device_unseat(device, reason.text);
        } else if (status == 403 && strstr(description, "403002") != NULL) {
                token_not_now(device, status, reason.text);
        } else if (status == 401 || status == 403) {
                hub_device_refuse(device, HUB_REFUSAL_UNAUTHORIZED, reason.text);
        } else if (status == 404) {
                hub_device_refuse(device, HUB_REFUSAL_NOT_FOUND, reason.text);
        } else if (status >= 400 && status < 500 && status != 408 && status != 429) {
                hub_device_refuse(device, HUB_REFUSAL_OTHER, reason.text);
        } else {
                token_not_now(device, status, reason.text);
        }
}

/* --- what the hub says of links and session ------------------------------------------------- */

static void unauthorized(struct hub_device *device, const char *why)
{
        int64_t now_ms = device->hub->client->now_ms;
        bool again = device->unauthorized_ms != 0 &&
                     now_ms - device->unauthorized_ms < SECOND_UNAUTHORIZED_MS;

        device->unauthorized_ms = now_ms;
        if (again)
                hub_device_refuse(device, HUB_REFUSAL_UNAUTHORIZED, why);
        else
                hub_device_pause(device, 0, why); /* perhaps the token only expired */
}

void hub_device_condition(struct hub_device *device, const struct hub_condition *condition)
{
        const char *why = condition->reason.text;

        switch (condition->fault) {
        case HUB_FAULT_AGAIN:
        case HUB_FAULT_TOO_LARGE:
        case HUB_FAULT_ARGUMENT:
                hub_device_repair(device, 0);
                break;
        case HUB_FAULT_THROTTLED:
                hub_device_repair(device, THROTTLED_PAUSE_MS);
                break;
        case HUB_FAULT_UNAUTHORIZED:
                unauthorized(device, why);
                break;
        case HUB_FAULT_NOT_FOUND:
                hub_device_refuse(device, HUB_REFUSAL_NOT_FOUND, why);
                break;
        case HUB_FAULT_STOLEN:
                log_warn("HUB_DEVICE_STOLEN", "Another connection uses the same device",
                         LOG_TEXT("device", device->device_id), LOG_TEXT("hub", device->hub->name),
                         LOG_TEXT("reason", why), LOG_END);
                hub_device_pause(device, STOLEN_PAUSE_MS, why);
                break;
        case HUB_FAULT_REFUSED:
                hub_device_refuse(device, HUB_REFUSAL_OTHER, why);
                break;
        }
}

void hub_device_event(struct hub_device *device, pn_event_t *event)
{
        pn_link_t *link = pn_event_link(event);
        struct hub_condition condition;

        if (pn_event_type(event) == PN_SESSION_REMOTE_CLOSE) {
                hub_condition_read(&condition, pn_session_remote_condition(device->session),
                                   "the hub ended the session");
                detach(device, condition.reason.text);
                hub_device_condition(device, &condition);
        } else if (link != NULL && link == device->telemetry.link) {
                hub_telemetry_event(device, event);
        }
}

/* --- links ---------------------------------------------------------------------------------- */

static pn_session_t *session_of(struct hub_device *device)
{
        if (device->session == NULL) {
                device->session = pn_session(device->connection->connection);
                pn_session_set_context(device->session, device);
                pn_session_open(device->session);
        }
        return device->session;
}

static void link_name(struct hub_device *device, const char *name, char text[LINK_NAME_SIZE])
{
        snprintf(text, LINK_NAME_SIZE, "%s-%u", name, ++device->connection->links);
}

static void set_address(struct hub_device *device, pn_terminus_t *terminus, const char *path)
{
        CLEANUP(buf_deinit) struct buf address = BUF_INIT;

        buf_add_text(&address, AZURE_PATH_DEVICES);
        text_url_escape(&address, device->device_id);
        buf_add_text(&address, path);
        pn_terminus_set_address(terminus, buf_text(&address));
}

pn_link_t *hub_device_sender(struct hub_device *device, const char *name, const char *path)
{
        char unique[LINK_NAME_SIZE];
        pn_link_t *link;

        link_name(device, name, unique);
        link = pn_sender(session_of(device), unique);
        set_address(device, pn_link_target(link), path);
        return link;
}

pn_link_t *hub_device_receiver(struct hub_device *device, const char *name, const char *path)
{
        char unique[LINK_NAME_SIZE];
        pn_link_t *link;

        link_name(device, name, unique);
        link = pn_receiver(session_of(device), unique);
        set_address(device, pn_link_source(link), path);
        return link;
}

static void put_property(pn_data_t *map, const char *name, const char *value)
{
        if (text_is_empty(value))
                return;
        pn_data_put_symbol(map, pn_bytes(strlen(name), name));
        pn_data_put_string(map, pn_bytes(strlen(value), value));
}

void hub_device_link_properties(struct hub_device *device, pn_link_t *link, const char *correlation)
{
        pn_data_t *map = pn_link_properties(link);

        pn_data_put_map(map);
        pn_data_enter(map);
        put_property(map, AZURE_LINK_CLIENT_VERSION, device->hub->client->client_version);
        put_property(map, AZURE_LINK_API_VERSION, AZURE_HUB_API_VERSION);
        put_property(map, AZURE_LINK_MODEL_ID, device->model_id);
        put_property(map, AZURE_LINK_CORRELATION_ID, correlation);
        pn_data_exit(map);
}

/* --- its owner ------------------------------------------------------------------------------ */

void hub_device_news(struct hub_device *device)
{
        if (!device->closed && device->news_node.next == NULL)
                list_push_back(&device->hub->client->news, &device->news_node);
}

void hub_device_ready_again(struct hub_device *device)
{
        device->tell_again = true;
        hub_device_news(device);
}

static enum hub_device_state state_of(const struct hub_device *device)
{
        switch (device->place) {
        case HUB_PLACE_READY:
                return HUB_DEVICE_READY;
        case HUB_PLACE_REFUSED:
                return HUB_DEVICE_REFUSED;
        default:
                return HUB_DEVICE_CONNECTING;
        }
}

static void tell_state(struct hub_device *device)
{
        enum hub_device_state state = state_of(device);
        struct reason reason = REASON_INIT;

        if (state == device->told && (!device->tell_again || state == HUB_DEVICE_CONNECTING))
                return;
        device->told = state;
        device->tell_again = false;
        if (device->reason != NULL)
                reason_set(&reason, "%s", device->reason);
        device->handler->state(device->context, state,
                               state == HUB_DEVICE_REFUSED ? device->refusal : HUB_REFUSAL_NONE,
                               &reason);
}

static void tell_outcomes(struct hub_device *device)
{
        struct list_node *node;

        while ((node = list_pop_front(&device->ended)) != NULL) {
                struct hub_send *send = list_entry(node, struct hub_send, device_node);
                struct reason reason = REASON_INIT;

                if (send->reason != NULL)
                        reason_set(&reason, "%s", send->reason);
                device->handler->outcome(device->context, send->token, send->outcome, &reason);
                hub_send_free(send);
        }
}

void hub_device_tell(struct hub_device *device)
{
        bool ready = device->place == HUB_PLACE_READY;

        device->telling = true;
        if (!ready) /* before owners send again what comes back */
                tell_state(device);
        tell_outcomes(device);
        if (!device->closed)
                tell_state(device);
        device->telling = false;
        if (device->closed)
                hub_device_free(device);
}

void hub_device_free(struct hub_device *device)
{
        struct hub_client *client = device->hub->client;

        stop_timers(device);
        if (device->news_node.next != NULL)
                list_remove(&client->news, &device->news_node);
        if (!device->closed)
                list_remove(place_list(device), &device->node);
        if (device->key != NULL)
                mem_wipe(device->key, strlen(device->key));
        free(device->key);
        free(device->key_name);
        free(device->device_id);
        free(device->model_id);
        free(device->reason);
        free(device);
}

struct hub_device *hub_device_open(struct hub_client *client, const struct hub_identity *identity,
                                   const struct hub_device_handler *handler, void *context)
{
        struct hub_device *device = mem_new(1, sizeof(*device));

        THREAD_ASSERT(HUB_CLIENT_THREAD);
        device->hub = hub_pool_hub(client, identity->hub);
        device->device_id = mem_text(identity->device_id);
        device->key = mem_text(identity->key);
        device->key_name = text_is_empty(identity->key_name) ? NULL : mem_text(identity->key_name);
        device->model_id = text_is_empty(identity->model_id) ? NULL : mem_text(identity->model_id);
        device->handler = handler;
        device->context = context;
        device->token_timer.run = renew;
        device->retry_timer.run = retry;
        list_init(&device->telemetry.in_flight);
        list_init(&device->ended);
        device->told = HUB_DEVICE_CONNECTING;
        device->place = HUB_PLACE_WAITING;
        list_push_back(place_list(device), &device->node);
        if (device->hub->invalid != NULL)
                hub_device_refuse(device, HUB_REFUSAL_OTHER, device->hub->invalid);
        else
                hub_pool_seat_soon(device->hub);
        return device;
}

void hub_device_retry(struct hub_device *device)
{
        THREAD_ASSERT(HUB_CLIENT_THREAD);
        if (device->closed || device->place != HUB_PLACE_REFUSED)
                return;
        if (device->hub->invalid != NULL) {
                hub_device_refuse(device, HUB_REFUSAL_OTHER, device->hub->invalid);
                return;
        }
        device->unauthorized_ms = 0;
        move(device, HUB_PLACE_WAITING, NULL);
        hub_pool_seat_soon(device->hub);
}

void hub_device_close(struct hub_device *device)
{
        THREAD_ASSERT(HUB_CLIENT_THREAD);
        if (device->closed)
                return;
        leave_seat(device, HUB_PLACE_WAITING, "the device was closed");
        list_remove(place_list(device), &device->node);
        device->closed = true;
        if (device->news_node.next != NULL)
                list_remove(&device->hub->client->news, &device->news_node);
        tell_outcomes(device);
        if (!device->telling)
                hub_device_free(device);
}
