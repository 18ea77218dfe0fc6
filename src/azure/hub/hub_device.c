// SPDX-License-Identifier: MIT
#include "azure/hub/hub_device.h"

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
#define ATTACH_TIMEOUT_MS      60000
#define REFUSED_PAUSE_MS       (INT64_C(10) * 60 * 1000)
#define FAILURES_FORGOTTEN_MS  (INT64_C(5) * 60 * 1000)
#define SECOND_UNAUTHORIZED_MS (INT64_C(2) * 60 * 1000)

/* Tokens that the clock says are about to end are renewed within this time. */
#define RENEWAL_SPREAD_MS 10000

/* A failed renewal is tried again as after so many failures: within seconds. */
#define RENEWAL_FAILURES 3

static void renew(struct timer *timer);
static void pause_ends(struct timer *timer);
static void command_pause_ends(struct timer *timer);

/* --- places ------------------------------------------------------------------------------- */

static struct list *place_list(struct hub_device *device)
{
        return device->connection == NULL ? &device->hub->devices[device->place]
                                          : &device->connection->devices[device->place];
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

static void stop_timers(struct hub_device *device)
{
        loop_timer_stop(device->hub->client->loop, &device->token_timer);
        loop_timer_stop(device->hub->client->loop, &device->pause.timer);
        loop_timer_stop(device->hub->client->loop, &device->command_pause.timer);
        loop_timer_stop(device->hub->client->loop, &device->twin.timer);
}

void hub_device_leave(struct hub_device *device, enum hub_place place, const char *why)
{
        struct hub_connection *connection = device->connection;

        set_reason(device, why);
        stop_timers(device);
        if (connection == NULL) {
                move(device, place, NULL);
                return;
        }
        hub_links_detach(device, why);
        hub_cbs_forget(device);
        move(device, place, NULL);
        hub_connection_left(connection, device->has_token);
        device->has_token = false;
}

static enum hub_place waiting_place(const struct hub_device *device)
{
        return hub_trial_is_suspect(device) ? HUB_PLACE_SUSPECT : HUB_PLACE_WAITING;
}

void hub_device_unseat(struct hub_device *device, const char *why)
{
        hub_device_leave(device, waiting_place(device), why);
        hub_pool_seat_soon(device->hub);
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
                hub_pool_seat_soon(device->hub);
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
                loop_timer_start(device->hub->client->loop, &device->pause.timer, pause_ms);
                return;
        }
        move(device, HUB_PLACE_AUTHORISING, connection);
        hub_cbs_request(device);
}

/* --- pauses ------------------------------------------------------------------------------- */

/* Starts it after one more failure; a long quiet time forgives earlier ones. */
static int64_t pause_start(struct hub_client *client, struct hub_pause *pause, int64_t least_ms)
{
        int64_t delay_ms;

        if (client->now_ms - pause->failed_ms > FAILURES_FORGOTTEN_MS)
                pause->failures = 0;
        pause->failed_ms = client->now_ms;
        delay_ms = hub_core_backoff(client, pause->failures++);
        if (delay_ms < least_ms)
                delay_ms = hub_core_random(least_ms, least_ms * 2);
        loop_timer_start(client->loop, &pause->timer, delay_ms);
        return delay_ms;
}

void hub_device_pause(struct hub_device *device, int64_t least_ms, const char *why)
{
        struct hub_client *client = device->hub->client;
        int64_t delay_ms;

        set_reason(device, why);
        stop_timers(device);
        hub_links_detach(device, why);
        hub_cbs_forget(device);
        move(device, HUB_PLACE_PAUSED, device->connection);
        delay_ms = pause_start(client, &device->pause, least_ms);
        device->not_before_ms = client->now_ms + delay_ms;
        log_debug("HUB_DEVICE_PAUSED", "A device authorises again later",
                  LOG_TEXT("device", device->device_id), LOG_TEXT("reason", why),
                  LOG_INT("pause_ms", delay_ms), LOG_END);
}

void hub_device_repair(struct hub_device *device, int64_t least_ms)
{
        if (device->place == HUB_PLACE_READY)
                pause_start(device->hub->client, &device->pause, least_ms);
}

void hub_device_expect_open(struct hub_device *device, struct hub_pause *pause)
{
        loop_timer_start(device->hub->client->loop, &pause->timer, ATTACH_TIMEOUT_MS);
}

static void attach_or_give_up(struct hub_device *device)
{
        int64_t patience_ms = hub_telemetry_patience_ms(device);

        if (hub_links_are_unanswered(device)) {
                hub_device_pause(device, 0, "the hub did not answer an attach");
                return;
        }
        if (patience_ms > 0 && device->pause.timer.position == 0)
                loop_timer_start(device->hub->client->loop, &device->pause.timer, patience_ms);
        if (patience_ms == 0) {
                hub_telemetry_detach(device, "the hub gives no credit");
                hub_device_repair(device, 0);
        } else {
                hub_links_attach(device);
        }
}

static void pause_ends(struct timer *timer)
{
        struct hub_device *device = list_entry(timer, struct hub_device, pause.timer);

        if (device->hub->client->stopping)
                return;
        if (device->place == HUB_PLACE_PAUSED)
                authorise(device);
        else
                attach_or_give_up(device);
}

static void command_pause_ends(struct timer *timer)
{
        struct hub_device *device = list_entry(timer, struct hub_device, command_pause.timer);

        if (!device->hub->client->stopping)
                attach_or_give_up(device);
}

void hub_device_accepted(struct hub_device *device, uint64_t token)
{
        device->pause.failures = 0;
        device->hub->accepted++;
        hub_trial_accepted(device, token);
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
                due_ms = hub_core_random(0, RENEWAL_SPREAD_MS);
        if (device->token_timer.position != 0 &&
            device->token_timer.due_ms - client->now_ms > due_ms)
                loop_timer_start(client->loop, &device->token_timer, due_ms);
}

static void token_accepted(struct hub_device *device)
{
        struct hub_client *client = device->hub->client;
        int64_t lifetime_ms = client->options.token_lifetime_ms;

        device->has_token = true;
        device->token_until_ms = device->token.until_ms;
        hub_pool_works(device->hub);
        hub_doubt_accepted(device->hub);
        /* Spread, so that devices that came together do not renew together for ever. */
        loop_timer_start(client->loop, &device->token_timer,
                         hub_core_random(lifetime_ms * 75 / 100, lifetime_ms * 85 / 100));
        if (device->place == HUB_PLACE_READY)
                return;
        set_reason(device, NULL);
        move(device, HUB_PLACE_READY, device->connection);
        hub_links_attach(device);
}

/* The hub counts the tokens of a connection and refuses one more with status 500. */
static bool says_full(int status, const char *description)
{
        return status >= 400 && (strstr(description, "maximum number of tokens") != NULL ||
                                 strstr(description, "403005") != NULL);
}

/* A used-up quota is a 403 too. */
static bool is_passing(int status, const char *description)
{
        return status < 400 || status >= 500 || status == 408 || status == 429 ||
               (status == 403 && strstr(description, "403002") != NULL);
}

/* The old token of a ready device still holds for a while. */
static void token_not_now(struct hub_device *device, int status, const char *why)
{
        struct hub_client *client = device->hub->client;
        int64_t least_ms = status == 429 || status == 403 ? THROTTLED_PAUSE_MS : 0;

        if (device->place == HUB_PLACE_READY)
                loop_timer_start(client->loop, &device->token_timer,
                                 least_ms + hub_core_backoff(client, RENEWAL_FAILURES));
        else
                hub_device_pause(device, least_ms, why);
}

static void token_refused(struct hub_device *device, int status, const char *why)
{
        enum hub_refusal refusal = status == 401 || status == 403 ? HUB_REFUSAL_UNAUTHORIZED
                                   : status == 404                ? HUB_REFUSAL_NOT_FOUND
                                                                  : HUB_REFUSAL_OTHER;

        if (device->place != HUB_PLACE_READY)
                hub_doubt_refused(device, refusal, why);
        else if (hub_doubt_believes_renewal(device, refusal))
                hub_device_refuse(device, refusal, why);
        else
                token_not_now(device, status, why);
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
        } else if (is_passing(status, description)) {
                token_not_now(device, status, reason.text);
        } else {
                token_refused(device, status, reason.text);
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
                hub_doubt_refused(device, HUB_REFUSAL_UNAUTHORIZED, why);
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
        case HUB_FAULT_HUB:
                hub_doubt_refused(device, HUB_REFUSAL_NOT_FOUND, why);
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

void hub_device_command_condition(struct hub_device *device, const struct hub_condition *condition)
{
        int64_t least_ms = 0;

        switch (condition->fault) {
        case HUB_FAULT_UNAUTHORIZED:
        case HUB_FAULT_NOT_FOUND:
        case HUB_FAULT_STOLEN:
        case HUB_FAULT_HUB:
                hub_device_condition(device, condition);
                return;
        case HUB_FAULT_REFUSED: /* a hub of the basic tier has no commands */
                log_warn("HUB_COMMANDS_REFUSED", "A hub refuses a device's links for commands",
                         LOG_TEXT("device", device->device_id), LOG_TEXT("hub", device->hub->name),
                         LOG_TEXT("reason", condition->reason.text), LOG_END);
                least_ms = REFUSED_PAUSE_MS;
                break;
        case HUB_FAULT_THROTTLED:
                least_ms = THROTTLED_PAUSE_MS;
                break;
        case HUB_FAULT_AGAIN:
        case HUB_FAULT_TOO_LARGE:
        case HUB_FAULT_ARGUMENT:
                break;
        }
        if (device->place == HUB_PLACE_READY)
                pause_start(device->hub->client, &device->command_pause, least_ms);
}

/* --- life ---------------------------------------------------------------------------------- */

struct hub_device *hub_device_open(struct hub_client *client, const struct hub_identity *identity,
                                   const struct hub_device_handler *handler, void *context)
{
        struct hub_device *device = mem_new(1, sizeof(*device));

        THREAD_ASSERT(LOOP_THREAD);
        device->hub = hub_pool_hub(client, identity->hub);
        device->device_id = mem_text(identity->device_id);
        device->key = mem_text(identity->key);
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
        hub_twin_init(&device->twin);
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
        if (device->closed || device->receives)
                return;
        device->receives = true;
        if (device->place == HUB_PLACE_READY)
                hub_links_attach(device);
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
        if (!device->closed && device->place == HUB_PLACE_REFUSED)
                hub_device_try_again(device);
}

void hub_device_close(struct hub_device *device)
{
        THREAD_ASSERT(LOOP_THREAD);
        if (device->closed)
                return;
        hub_doubt_forget(device);
        hub_device_leave(device, HUB_PLACE_WAITING, NULL);
        list_remove(place_list(device), &device->node);
        device->closed = true;
        if (device->news_node.next != NULL)
                list_remove(&device->hub->client->news, &device->news_node);
        hub_device_tell_outcomes(device);
        if (!device->telling)
                hub_device_free(device);
}

void hub_device_free(struct hub_device *device)
{
        struct hub_client *client = device->hub->client;

        stop_timers(device);
        hub_trial_forget(device);
        hub_commands_release(device);
        hub_twin_deinit(&device->twin);
        if (device->news_node.next != NULL)
                list_remove(&client->news, &device->news_node);
        if (!device->closed)
                list_remove(place_list(device), &device->node);
        mem_wipe(device->key, strlen(device->key));
        free(device->key);
        free(device->key_name);
        free(device->device_id);
        free(device->model_id);
        free(device->reason);
        free(device);
}
