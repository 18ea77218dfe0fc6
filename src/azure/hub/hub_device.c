// SPDX-License-Identifier: MIT
#include "azure/hub/hub_device.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "azure/hub/hub_cbs.h"
#include "azure/hub/hub_commands.h"
#include "azure/hub/hub_core.h"
#include "azure/hub/hub_link.h"
#include "azure/hub/hub_methods.h"
#include "azure/hub/hub_telemetry.h"
#include "azure/hub/hub_trial.h"
#include "azure/hub/hub_twin.h"
#include "base/backoff.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "base/text.h"
#include "base/thread.h"

/* From so many devices on a connection on their renewals are spread over the tokens' whole life. */
#define SPREAD_LEAST 200

/* Tokens that the clock says are about to end are renewed within this time. */
#define RENEWAL_SPREAD_MS 10000

/* Between two looks whether the hub's rate allows its links again. */
#define PACE_MIN_MS 1000
#define PACE_MAX_MS 5000

static void renew(struct timer *timer);
static void pause_ends(struct timer *timer);
static void command_pause_ends(struct timer *timer);

/* --- all of its links --------------------------------------------------------------------- */

static void attach(struct hub_device *device)
{
        if (!hub_core_may_act(device))
                return;
        if (device->telemetry.wanted)
                hub_telemetry_attach(device);
        if (device->receives && device->command_pause.timer.position == 0) {
                hub_commands_attach(device);
                if (!device->hub->client->options.without_methods)
                        hub_methods_attach(device);
        }
        hub_twin_follow(device);
}

static bool is_unanswered(pn_link_t *link, const struct hub_pause *pause)
{
        return link != NULL && pause->timer.position == 0 &&
               (pn_link_state(link) & PN_REMOTE_UNINIT) != 0;
}

/* True if the time for a link to be opened by the hub is over and it has not been. */
static bool has_unanswered(const struct hub_device *device)
{
        return is_unanswered(device->telemetry.link, &device->pause) ||
               is_unanswered(device->commands.link, &device->command_pause) ||
               is_unanswered(device->methods.links.in, &device->command_pause) ||
               is_unanswered(device->methods.links.out, &device->command_pause);
}

static void detach(struct hub_device *device, const char *why)
{
        hub_telemetry_detach(device, why);
        hub_commands_detach(device);
        hub_methods_detach(device);
        hub_twin_detach(device, why);
        hub_link_leave_session(device);
}

static bool is_of(const struct hub_pair *pair, const pn_link_t *link)
{
        return link == pair->in || link == pair->out;
}

void hub_device_session_ended(struct hub_session *session)
{
        struct hub_condition condition;
        size_t count = session->devices.count;

        hub_condition_read(&condition, pn_session_remote_condition(session->session),
                           "the hub ended the session");
        /* Which of several has brought it about the hub says when they are apart. */
        if (count > 1)
                condition.fault = HUB_FAULT_AGAIN;
        for (size_t i = count; i > 0; i--) { /* with the last one the session goes */
                struct hub_device *device =
                        list_entry(session->devices.head.next, struct hub_device, session_node);

                device->is_apart = true;
                if (count == 1)
                        hub_telemetry_ended(device, &condition);
                detach(device, condition.reason.text);
                hub_core_condition(device, HUB_WORK_LINK, &condition);
        }
}

static void link_ended(struct hub_device *device, pn_link_t *link)
{
        struct hub_pause *pause =
                link == device->telemetry.link ? &device->pause : &device->command_pause;
        struct hub_condition condition;

        hub_condition_read(&condition, pn_link_remote_condition(link), "the hub ended the link");
        /* Later it would be for what has been sent on it. */
        condition.is_pace = condition.is_pace && pause->timer.position != 0;
        if (link == device->telemetry.link) {
                hub_telemetry_ended(device, &condition);
                hub_core_condition(device, HUB_WORK_LINK, &condition);
        } else if (link == device->commands.link) {
                hub_commands_detach(device);
                hub_core_condition(device, HUB_WORK_COMMANDS, &condition);
        } else if (is_of(&device->methods.links, link)) {
                hub_methods_detach(device);
                hub_core_condition(device, HUB_WORK_COMMANDS, &condition);
        } else if (hub_twin_has(device, link)) {
                hub_twin_ended(device, &condition);
        }
}

void hub_device_event(struct hub_device *device, pn_event_t *event)
{
        pn_event_type_t type = pn_event_type(event);
        pn_link_t *link = pn_event_link(event);

        if (type == PN_LINK_REMOTE_CLOSE || type == PN_LINK_REMOTE_DETACH)
                link_ended(device, link);
        else if (link == device->telemetry.link)
                hub_telemetry_event(device, event);
        else if (link == device->commands.link && type == PN_DELIVERY)
                hub_commands_receive(device, pn_event_delivery(event));
        else if (link == device->methods.links.in && type == PN_DELIVERY)
                hub_methods_receive(device, pn_event_delivery(event));
        else if (hub_twin_has(device, link))
                hub_twin_event(device, event);
}

/* --- places ------------------------------------------------------------------------------- */

static struct list *place_list(struct hub_device *device)
{
        return device->connection == NULL ? &device->hub->devices[device->place]
                                          : &device->connection->devices[device->place];
}

#define TO(place) (1U << HUB_PLACE_##place)
#define LEAVING   (TO(WAITING) | TO(SUSPECT) | TO(CLOSED))

/* The places that can follow. */
static const unsigned next_places[HUB_PLACES + 1] = {
        [HUB_PLACE_WAITING] = TO(AUTHORISING) | TO(PAUSED) | TO(REFUSED) | TO(CLOSED),
        [HUB_PLACE_SUSPECT] = TO(AUTHORISING) | TO(PAUSED) | TO(CLOSED),
        [HUB_PLACE_REFUSED] = LEAVING,
        [HUB_PLACE_DOUBTED] = TO(REFUSED) | LEAVING,
        [HUB_PLACE_AUTHORISING] = TO(READY) | TO(PAUSED) | TO(REFUSED) | TO(DOUBTED) | LEAVING,
        [HUB_PLACE_READY] = TO(PAUSED) | TO(REFUSED) | TO(DOUBTED) | LEAVING,
        [HUB_PLACE_PAUSED] = TO(AUTHORISING) | LEAVING,
        [HUB_PLACE_CLOSED] = 0,
};

bool hub_device_can_follow(enum hub_place before, enum hub_place after)
{
        return (next_places[before] & 1U << after) != 0;
}

/* The one mover. */
static void move(struct hub_device *device, enum hub_place place, struct hub_connection *connection)
{
        assert(hub_device_can_follow(device->place, place));
        list_remove(place_list(device), &device->node);
        if (device->place == HUB_PLACE_READY)
                metrics_gauge_add(METRIC_DEVICES_CONNECTED, -1);
        if (place == HUB_PLACE_READY)
                metrics_gauge_add(METRIC_DEVICES_CONNECTED, 1);
        device->place = place;
        device->connection = connection;
        if (place != HUB_PLACE_CLOSED)
                list_push_back(place_list(device), &device->node);
        hub_core_news(device);
}

static void set_reason(struct hub_device *device, const char *why)
{
        char *copy = mem_text(why);

        free(device->reason);
        device->reason = copy;
}

static void stop_timers(struct hub_device *device)
{
        loop_timer_stop(device->hub->client->loop, &device->token_timer);
        loop_timer_stop(device->hub->client->loop, &device->pause.timer);
        loop_timer_stop(device->hub->client->loop, &device->command_pause.timer);
        hub_twin_stop_timers(device);
}

/* Nothing of it is under way on its connection any more. */
static void withdraw(struct hub_device *device, const char *why)
{
        set_reason(device, why);
        stop_timers(device);
        hub_core_forget_work(device);
        if (device->connection == NULL)
                return;
        detach(device, why);
        hub_cbs_forget(device);
}

/* A seat whose token the hub has accepted stays spent for a while. */
static void seat_is_left(struct hub_connection *connection, bool had_token)
{
        struct hub_client *client = connection->hub->client;

        if (had_token) {
                connection->spent++;
                connection->spent_until_ms = client->now_ms + client->options.token_lifetime_ms;
        }
        if (hub_core_count(connection->devices) == 0)
                connection->empty_since_ms = client->now_ms;
}

void hub_device_leave(struct hub_device *device, enum hub_place place, const char *why)
{
        struct hub_connection *connection = device->connection;

        withdraw(device, why);
        move(device, place, NULL);
        if (connection != NULL)
                seat_is_left(connection, device->has_token);
        device->has_token = false;
}

static enum hub_place waiting_place(const struct hub_device *device)
{
        return hub_trial_is_suspect(device) ? HUB_PLACE_SUSPECT : HUB_PLACE_WAITING;
}

void hub_device_unseat(struct hub_device *device, const char *why)
{
        hub_device_leave(device, waiting_place(device), why);
        device->is_apart = false;
        hub_core_seat_soon(device->hub);
}

void hub_device_refuse(struct hub_device *device, enum hub_refusal refusal, const char *why)
{
        log_info("HUB_DEVICE_REFUSED", "A hub refuses a device",
                 LOG_TEXT("device", device->device_id), LOG_TEXT("hub", device->hub->name),
                 LOG_TEXT("reason", why), LOG_END);
        hub_device_leave(device, HUB_PLACE_REFUSED, why);
        device->refusal = refusal;
        device->tell_again = true;
}

void hub_device_doubt(struct hub_device *device, enum hub_refusal refusal, const char *why)
{
        hub_device_leave(device, HUB_PLACE_DOUBTED, why);
        device->refusal = refusal;
        device->tell_again = true;
}

static void seat_or_refuse(struct hub_device *device)
{
        if (device->hub->invalid != NULL)
                hub_device_refuse(device, HUB_REFUSAL_OTHER, device->hub->invalid);
        else
                hub_core_seat_soon(device->hub);
}

static void authorise(struct hub_device *device)
{
        move(device, HUB_PLACE_AUTHORISING, device->connection);
        hub_cbs_request(device);
        hub_cbs_pump(device->connection);
}

void hub_device_seat(struct hub_device *device, struct hub_connection *connection)
{
        int64_t pause_ms = device->not_before_ms - device->hub->client->now_ms;

        if (pause_ms > 0) {
                move(device, HUB_PLACE_PAUSED, connection);
                loop_timer_start(device->hub->client->loop, &device->pause.timer, pause_ms);
                return;
        }
        move(device, HUB_PLACE_AUTHORISING, connection);
        hub_cbs_request(device);
}

/* --- pauses ------------------------------------------------------------------------------- */

void hub_device_pause(struct hub_device *device, int64_t least_ms, const char *why)
{
        struct hub_client *client = device->hub->client;
        int64_t delay_ms;

        withdraw(device, why);
        move(device, HUB_PLACE_PAUSED, device->connection);
        delay_ms = hub_core_pause(client, &device->pause, least_ms);
        device->not_before_ms = client->now_ms + delay_ms;
        log_debug("HUB_DEVICE_PAUSED", "A device authorises again later",
                  LOG_TEXT("device", device->device_id), LOG_TEXT("reason", why),
                  LOG_INT("pause_ms", delay_ms), LOG_END);
}

/* Its links were refused because too many were attached: true if it must go on waiting. Otherwise
 * it has used up its part of the rate. */
static bool wait_for_pace(struct hub_device *device, struct hub_pause *pause)
{
        if (!pause->awaits_pace)
                return false;
        if (!hub_cbs_take_rate(device->hub)) {
                loop_timer_start(device->hub->client->loop, &pause->timer,
                                 backoff_between_ms(PACE_MIN_MS, PACE_MAX_MS));
                return true;
        }
        pause->awaits_pace = false;
        hub_cbs_taken(device->hub);
        return false;
}

static void attach_or_give_up(struct hub_device *device)
{
        int64_t patience_ms = hub_telemetry_patience_ms(device);

        if (has_unanswered(device)) {
                hub_device_pause(device, 0, "the hub did not answer an attach");
                return;
        }
        if (patience_ms > 0 && device->pause.timer.position == 0)
                loop_timer_start(device->hub->client->loop, &device->pause.timer, patience_ms);
        if (patience_ms == 0) {
                hub_telemetry_detach(device, "the hub gives no credit");
                hub_core_repair(device, 0);
        } else {
                attach(device);
        }
}

static void go_on(struct hub_device *device, struct hub_pause *pause)
{
        if (device->hub->client->stopping)
                return;
        if (device->place == HUB_PLACE_PAUSED)
                authorise(device);
        else if (!wait_for_pace(device, pause))
                attach_or_give_up(device);
}

static void pause_ends(struct timer *timer)
{
        struct hub_device *device = list_entry(timer, struct hub_device, pause.timer);

        go_on(device, &device->pause);
}

static void command_pause_ends(struct timer *timer)
{
        struct hub_device *device = list_entry(timer, struct hub_device, command_pause.timer);

        go_on(device, &device->command_pause);
}

/* --- tokens ------------------------------------------------------------------------------- */

static void renew(struct timer *timer)
{
        struct hub_device *device = list_entry(timer, struct hub_device, token_timer);

        hub_cbs_request(device);
        hub_cbs_pump(device->connection);
}

void hub_device_renew(struct hub_device *device)
{
        renew(&device->token_timer);
}

void hub_device_clock_was_set(struct hub_device *device)
{
        struct hub_client *client = device->hub->client;
        int64_t left_ms = device->token_until_ms - client->wall_ms;
        int64_t due_ms = left_ms * 80 / 100;

        if (due_ms < RENEWAL_SPREAD_MS)
                due_ms = backoff_between_ms(0, RENEWAL_SPREAD_MS);
        if (device->token_timer.position != 0 &&
            device->token_timer.due_ms - client->now_ms > due_ms)
                loop_timer_start(client->loop, &device->token_timer, due_ms);
}

/* Many that came together are to renew evenly in all the time that there is, not together again. */
static int64_t renewal_ms(const struct hub_device *device)
{
        int64_t lifetime_ms = device->hub->client->options.token_lifetime_ms;
        bool is_first = device->place != HUB_PLACE_READY &&
                        hub_core_count(device->connection->devices) >= SPREAD_LEAST;

        return backoff_between_ms(lifetime_ms * (is_first ? 10 : 75) / 100, lifetime_ms * 85 / 100);
}

void hub_device_authorised(struct hub_device *device)
{
        struct hub_client *client = device->hub->client;

        device->has_token = device->key != NULL;
        device->token_until_ms = device->token.until_ms;
        if (device->has_token)
                loop_timer_start(client->loop, &device->token_timer, renewal_ms(device));
        if (device->place == HUB_PLACE_READY)
                return;
        set_reason(device, NULL);
        move(device, HUB_PLACE_READY, device->connection);
        attach(device);
}

/* --- life ---------------------------------------------------------------------------------- */

struct hub_device *hub_device_new(struct hub *hub, const struct hub_identity *identity,
                                  const struct hub_device_handler *handler, void *context)
{
        struct hub_device *device = mem_new(1, sizeof(*device));

        device->hub = hub;
        device->device_id = mem_text(identity->device_id);
        device->key = identity->certificate != NULL ? NULL : mem_text(identity->key);
        device->key_name = text_is_empty(identity->key_name) ? NULL : mem_text(identity->key_name);
        device->model_id = text_is_empty(identity->model_id) ? NULL : mem_text(identity->model_id);
        device->receives = identity->receive_commands;
        device->handler = handler;
        device->context = context;
        device->token_timer.run = renew;
        device->pause.timer.run = pause_ends;
        device->command_pause.timer.run = command_pause_ends;
        hub_telemetry_init(&device->telemetry);
        hub_commands_init(&device->commands);
        hub_methods_init(&device->methods);
        device->follows = identity->follow_desired;
        list_init(&device->ended);
        device->told = HUB_DEVICE_CONNECTING;
        device->place = HUB_PLACE_WAITING;
        list_push_back(place_list(device), &device->node);
        seat_or_refuse(device);
        return device;
}

void hub_device_receive_commands(struct hub_device *device)
{
        THREAD_ASSERT(LOOP_THREAD);
        if (device->receives)
                return;
        device->receives = true;
        if (device->place == HUB_PLACE_READY)
                attach(device);
}

void hub_device_hurry(struct hub_device *device)
{
        THREAD_ASSERT(LOOP_THREAD);
        if (device->connection != NULL) {
                hub_cbs_hurry(device);
        } else if (device->place == HUB_PLACE_WAITING) {
                list_remove(place_list(device), &device->node);
                list_push_front(place_list(device), &device->node);
        }
}

void hub_device_hand_over(struct hub_device *device, const struct hub_device_handler *handler)
{
        THREAD_ASSERT(LOOP_THREAD);
        device->handler = handler;
}

const char *hub_device_hub(const struct hub_device *device)
{
        return device->hub->name;
}

void hub_device_try_again(struct hub_device *device)
{
        device->unauthorized_ms = 0;
        device->not_before_ms = 0;
        move(device, waiting_place(device), NULL);
        seat_or_refuse(device);
}

void hub_device_retry(struct hub_device *device)
{
        THREAD_ASSERT(LOOP_THREAD);
        if (device->place == HUB_PLACE_REFUSED)
                hub_device_try_again(device);
}

void hub_device_free(struct hub_device *device)
{
        struct hub_client *client = device->hub->client;

        stop_timers(device);
        hub_core_forget_work(device);
        hub_trial_forget(device);
        hub_commands_release(device);
        hub_twin_free(device);
        if (device->news_node.next != NULL)
                list_remove(&client->news, &device->news_node);
        if (device->place != HUB_PLACE_CLOSED)
                list_remove(place_list(device), &device->node);
        if (device->key != NULL)
                mem_wipe(device->key, strlen(device->key));
        free(device->key);
        free(device->key_name);
        free(device->device_id);
        free(device->model_id);
        free(device->token.said);
        free(device->reason);
        free(device);
}
