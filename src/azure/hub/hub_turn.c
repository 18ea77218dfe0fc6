// SPDX-License-Identifier: MIT
#include "azure/hub/hub_turn.h"

#include <stdlib.h>
#include <string.h>

#include "azure/hub/hub_cbs.h"
#include "azure/hub/hub_commands.h"
#include "azure/hub/hub_connection.h"
#include "azure/hub/hub_core.h"
#include "azure/hub/hub_device.h"
#include "azure/hub/hub_doubt.h"
#include "azure/hub/hub_methods.h"
#include "azure/hub/hub_pool.h"
#include "azure/hub/hub_telemetry.h"
#include "azure/hub/hub_twin.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/thread.h"

#define THROTTLED_PAUSE_MS     10000
#define REFUSED_PAUSE_MS       (INT64_C(10) * 60 * 1000)
#define SECOND_UNAUTHORIZED_MS (INT64_C(2) * 60 * 1000)

/* A failed renewal is tried again as after so many failures: within seconds. */
#define RENEWAL_FAILURES 3

/* --- what the hub says of tokens ----------------------------------------------------------- */

static void token_accepted(struct hub_device *device)
{
        device->hub->failures = 0;
        if (device->place != HUB_PLACE_READY)
                hub_cbs_taken(device->hub);
        hub_doubt_accepted(device->hub);
        hub_device_authorised(device);
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

        if (status == 429)
                hub_cbs_throttled(device->hub);
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
        else if (hub_doubt_judge_renewal(device, refusal))
                hub_device_refuse(device, refusal, why);
        else
                token_not_now(device, status, why);
}

static void token_answered(struct hub_device *device, int status, const char *said)
{
        struct hub_connection *connection = device->connection;
        bool is_ready = device->place == HUB_PLACE_READY;
        struct reason reason = REASON_INIT;

        if (status == HUB_TOKEN_UNANSWERED || status == HUB_TOKEN_UNSIGNED)
                reason_set(&reason, "%s", said);
        else
                reason_set(&reason, "the hub answered the token with %d %s", status, said);
        if (status == HUB_TOKEN_UNSIGNED) {
                hub_device_refuse(device, HUB_REFUSAL_UNAUTHORIZED, reason.text);
        } else if (status >= 200 && status < 300) {
                token_accepted(device);
        } else if (says_full(status, said) && !is_ready &&
                   connection->devices[HUB_PLACE_READY].count > 0) {
                hub_connection_full(connection);
                hub_device_unseat(device, reason.text);
        } else if (is_passing(status, said)) {
                token_not_now(device, status, reason.text);
        } else {
                token_refused(device, status, reason.text);
        }
        hub_cbs_pump(connection);
}

/* --- what the hub says of links and session ------------------------------------------------ */

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

static void attach_throttled(struct hub_device *device, struct hub_pause *pause,
                             const struct hub_condition *condition)
{
        if (!condition->is_pace || pause->awaits_pace) /* once for all of its links */
                return;
        pause->awaits_pace = true;
        hub_cbs_attach_throttled(device->hub);
}

static void link_ended(struct hub_device *device, const struct hub_condition *condition)
{
        const char *why = condition->reason.text;

        switch (condition->fault) {
        case HUB_FAULT_AGAIN:
        case HUB_FAULT_TOO_LARGE:
        case HUB_FAULT_ARGUMENT:
                hub_core_repair(device, 0);
                break;
        case HUB_FAULT_THROTTLED:
                hub_core_repair(device, THROTTLED_PAUSE_MS);
                attach_throttled(device, &device->pause, condition);
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
                metrics_add(METRIC_DEVICE_LINKS_STOLEN, 1);
                hub_device_refuse(device, HUB_REFUSAL_STOLEN, why);
                break;
        case HUB_FAULT_REFUSED:
                hub_device_refuse(device, HUB_REFUSAL_OTHER, why);
                break;
        }
}

static void command_link_ended(struct hub_device *device, const struct hub_condition *condition)
{
        int64_t least_ms = condition->fault == HUB_FAULT_THROTTLED ? THROTTLED_PAUSE_MS : 0;

        if (hub_fault_fate(condition->fault) == HUB_FATE_NOT_ASKED) {
                link_ended(device, condition);
                return;
        }
        if (condition->fault == HUB_FAULT_REFUSED) { /* a hub of the basic tier has no commands */
                log_warn("HUB_COMMANDS_REFUSED", "A hub refuses a device's links for commands",
                         LOG_TEXT("device", device->device_id), LOG_TEXT("hub", device->hub->name),
                         LOG_TEXT("reason", condition->reason.text), LOG_END);
                least_ms = REFUSED_PAUSE_MS;
        }
        if (device->place != HUB_PLACE_READY)
                return;
        hub_core_pause(device->hub->client, &device->command_pause, least_ms);
        attach_throttled(device, &device->command_pause, condition);
}

/* --- work ------------------------------------------------------------------------------------- */

static void work_on(struct hub_device *device)
{
        struct hub_condition *condition = device->condition;
        char *said = device->token.said;
        unsigned work = device->work;

        device->work = 0;
        device->condition = NULL;
        device->token.said = NULL;
        if ((work & HUB_WORK_TOKEN) != 0)
                token_answered(device, device->token.status, said != NULL ? said : "");
        if ((work & HUB_WORK_LINK) != 0 && device->connection != NULL)
                link_ended(device, condition);
        if ((work & HUB_WORK_COMMANDS) != 0 && device->connection != NULL)
                command_link_ended(device, condition);
        if ((work & HUB_WORK_PAROLE) != 0 && device->connection != NULL)
                hub_device_unseat(device, "it goes back to the connection of the others");
        if ((work & HUB_WORK_PROBE) != 0)
                hub_doubt_asked(device);
        free(condition);
        free(said);
}

static bool work(struct hub_client *client)
{
        struct list_node *node;
        bool any = false;

        for (; (node = list_pop_front(&client->busy_devices)) != NULL; any = true)
                work_on(list_entry(node, struct hub_device, work_node));
        for (; (node = list_pop_front(&client->busy_connections)) != NULL; any = true) {
                struct hub_connection *connection =
                        list_entry(node, struct hub_connection, work_node);

                hub_connection_fail(connection, connection->fails);
        }
        return any;
}

void hub_turn_event(struct hub_client *client, pn_connection_t *connection, pn_event_t *event)
{
        client->current = pn_connection_get_context(connection);
        hub_connection_event(connection, event);
        work(client);
}

/* --- what owners are told ------------------------------------------------------------------ */

static enum hub_device_state state_of(const struct hub_device *device)
{
        switch (device->place) {
        case HUB_PLACE_READY:
                return HUB_DEVICE_READY;
        case HUB_PLACE_REFUSED:
                return HUB_DEVICE_REFUSED;
        case HUB_PLACE_DOUBTED:
                return device->hub->doubt.trust == HUB_DOUBTED ? HUB_DEVICE_REFUSED
                                                               : HUB_DEVICE_CONNECTING;
        default:
                return HUB_DEVICE_CONNECTING;
        }
}

static void tell_state(struct hub_device *device)
{
        enum hub_device_state state = state_of(device);
        enum hub_refusal refusal = HUB_REFUSAL_NONE;
        struct reason reason = REASON_INIT;

        if (state == device->told && (!device->tell_again || state == HUB_DEVICE_CONNECTING))
                return;
        device->told = state;
        device->tell_again = false;
        if (device->reason != NULL)
                reason_set(&reason, "%s", device->reason);
        if (state == HUB_DEVICE_REFUSED)
                refusal = device->place == HUB_PLACE_DOUBTED ? HUB_REFUSAL_COMMON : device->refusal;
        device->handler->state(device->context, state, refusal, &reason);
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
                hub_core_send_free(send);
        }
}

/*
 * That a device is not ready any more is told before what comes back because of that, which its
 * owner would else send again at once. That it is ready is told last. Anything that is told may
 * make the owner close the device: hub_device_close then leaves it to this function to free it.
 */
static void tell(struct hub_device *device)
{
        device->telling = true;
        if (device->place != HUB_PLACE_READY)
                tell_state(device);
        tell_outcomes(device);
        hub_commands_tell(device);
        hub_methods_tell(device);
        hub_twin_tell(device);
        if (hub_telemetry_take_room(device))
                device->tell_again = true;
        if (device->place != HUB_PLACE_CLOSED)
                tell_state(device);
        device->telling = false;
        if (device->place == HUB_PLACE_CLOSED)
                hub_device_free(device);
}

bool hub_turn_tell(struct hub_client *client)
{
        bool any = work(client);
        struct list_node *node;

        while ((node = list_pop_front(&client->news)) != NULL) {
                tell(list_entry(node, struct hub_device, news_node));
                any = true;
        }
        return any;
}

void hub_turn_end(struct hub_client *client)
{
        struct list_node *node;

        while (hub_turn_tell(client))
                continue;
        hub_pool_sweep(client);
        while ((node = list_pop_front(&client->unsent)) != NULL) {
                struct hub_connection *connection =
                        list_entry(node, struct hub_connection, unsent_node);

                client->io->wake(client, connection->connection);
        }
}

void hub_device_close(struct hub_device *device)
{
        THREAD_ASSERT(LOOP_THREAD);
        if (device->place == HUB_PLACE_CLOSED)
                return;
        hub_doubt_forget(device);
        hub_device_leave(device, HUB_PLACE_CLOSED, NULL);
        hub_pool_retire(device->hub);
        if (device->news_node.next != NULL)
                list_remove(&device->hub->client->news, &device->news_node);
        tell_outcomes(device);
        if (!device->telling)
                hub_device_free(device);
}
