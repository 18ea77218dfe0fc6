// SPDX-License-Identifier: MIT
#include "azure/hub/hub_telemetry.h"

#include <inttypes.h>
#include <proton/event.h>

#include "azure/hub/amqp_message.h"
#include "azure/hub/hub_core.h"
#include "azure/hub/hub_link.h"
#include "azure/hub/hub_trial.h"
#include "azure/names.h"
#include "base/thread.h"

/* What the hub takes on a link when its ATTACH says nothing; a longer message ends the link. */
#define LINK_SIZE_MAX 1048576
/* A device's unsettled messages; each costs about 2 KiB beside its body. */
#define MOST_UNSETTLED 100
/* Bytes of proton's pn_link_t. */
#define LINK_SIZE_ABOUT 512
/* A hub may slow a device down by its credit, but not for ever. */
#define CREDIT_PATIENCE_MS (INT64_C(120) * 1000)

void hub_telemetry_init(struct hub_telemetry *telemetry)
{
        list_init(&telemetry->in_flight);
}

void hub_telemetry_attach(struct hub_device *device)
{
        struct hub_telemetry *telemetry = &device->telemetry;

        if (telemetry->link != NULL)
                return;
        telemetry->link = hub_link_sender(device, "events", AZURE_PATH_EVENTS);
        hub_link_open(device, telemetry->link, NULL);
        telemetry->wanted_ms = device->hub->client->now_ms;
        hub_link_expect_open(device, &device->pause);
}

static bool has_credit(const struct hub_device *device)
{
        const struct hub_telemetry *telemetry = &device->telemetry;
        size_t most = hub_trial_is_suspect(device) ? 1 : MOST_UNSETTLED;

        return telemetry->link != NULL && pn_link_credit(telemetry->link) > 0 &&
               telemetry->in_flight.count < most;
}

bool hub_telemetry_take_room(struct hub_device *device)
{
        if (!device->telemetry.wanted || !has_credit(device))
                return false;
        device->telemetry.wanted = false;
        return true;
}

void hub_telemetry_detach(struct hub_device *device, const char *why)
{
        struct hub_telemetry *telemetry = &device->telemetry;
        pn_link_t *link = telemetry->link;

        if (link == NULL)
                return;
        telemetry->link = NULL;
        for (struct hub_send *send; (send = hub_core_oldest(device)) != NULL;)
                hub_core_send_end(send, HUB_UNKNOWN, why);
        hub_link_end(device->connection, link);
}

void hub_telemetry_rest(struct hub_device *device)
{
        const struct hub_telemetry *telemetry = &device->telemetry;
        const struct hub_client *client = device->hub->client;

        if (telemetry->link == NULL || telemetry->wanted || !list_is_empty(&telemetry->in_flight) ||
            client->now_ms - telemetry->used_ms < client->options.telemetry_idle_ms)
                return;
        hub_telemetry_detach(device, NULL);
        if (!device->receives && device->twin == NULL)
                hub_link_leave_session(device);
}

void hub_telemetry_timed_out(struct hub_device *device)
{
        hub_trial_failed(hub_core_oldest(device), HUB_UNKNOWN, "the hub did not answer");
        hub_telemetry_detach(device, "the hub did not answer");
        hub_core_repair(device, 0);
}

static void rejected(struct hub_device *device, struct hub_send *send, pn_delivery_t *delivery)
{
        struct hub_condition condition;

        hub_condition_read(&condition, pn_disposition_condition(pn_delivery_remote(delivery)),
                           "the hub rejected the message without a word");
        switch (hub_fault_fate(condition.fault)) {
        case HUB_FATE_NEVER:
                hub_core_send_end(send, HUB_REJECTED, condition.reason.text);
                break;
        case HUB_FATE_LATER:
                hub_core_send_end(send, HUB_THROTTLED, condition.reason.text);
                break;
        case HUB_FATE_TRY:
                hub_trial_failed(send, HUB_THROTTLED, condition.reason.text);
                break;
        case HUB_FATE_NOT_ASKED:
                hub_core_send_end(send, HUB_UNKNOWN, condition.reason.text);
                hub_core_condition(device, HUB_WORK_LINK, &condition);
                break;
        }
}

static void delivery_updated(struct hub_device *device, pn_delivery_t *delivery)
{
        struct hub_send *send = pn_delivery_get_context(delivery);

        if (send == NULL || !pn_delivery_updated(delivery))
                return;
        switch (pn_delivery_remote_state(delivery)) {
        case PN_ACCEPTED:
                hub_trial_accepted(send);
                break;
        case PN_REJECTED:
                rejected(device, send, delivery);
                break;
        case PN_RELEASED:
        case PN_MODIFIED:
                hub_trial_failed(send, HUB_UNKNOWN, "the hub released the message");
                break;
        default:
                if (pn_delivery_settled(delivery))
                        hub_trial_failed(send, HUB_UNKNOWN,
                                         "the hub settled the message without an outcome");
                break;
        }
}

/* A hub may end the link or the session instead of rejecting the message at its head. */
void hub_telemetry_ended(struct hub_device *device, const struct hub_condition *condition)
{
        struct hub_send *oldest = hub_core_oldest(device);
        enum hub_fate fate = hub_fault_fate(condition->fault);

        if (oldest != NULL && fate == HUB_FATE_NEVER)
                hub_core_send_end(oldest, HUB_REJECTED, condition->reason.text);
        else if (oldest != NULL && fate == HUB_FATE_TRY)
                hub_trial_failed(oldest, HUB_UNKNOWN, condition->reason.text);
        hub_telemetry_detach(device, condition->reason.text);
}

void hub_telemetry_event(struct hub_device *device, pn_event_t *event)
{
        if (pn_event_type(event) == PN_LINK_FLOW && device->telemetry.wanted)
                hub_core_news(device);
        else if (pn_event_type(event) == PN_DELIVERY)
                delivery_updated(device, pn_event_delivery(event));
}

/* If there is no credit now, the owner hears of it when there is. */
static bool want_credit(struct hub_device *device)
{
        struct hub_telemetry *telemetry = &device->telemetry;

        if (has_credit(device))
                return true;
        if (!telemetry->wanted)
                telemetry->wanted_ms = device->hub->client->now_ms;
        telemetry->wanted = true;
        if (device->pause.timer.position != 0)
                return false;
        if (telemetry->link == NULL)
                hub_telemetry_attach(device);
        else
                loop_timer_start(device->hub->client->loop, &device->pause.timer,
                                 CREDIT_PATIENCE_MS);
        return false;
}

int64_t hub_telemetry_patience_ms(const struct hub_device *device)
{
        const struct hub_telemetry *telemetry = &device->telemetry;
        int64_t left_ms = telemetry->wanted_ms + CREDIT_PATIENCE_MS - device->hub->client->now_ms;

        if (telemetry->link == NULL || !telemetry->wanted || has_credit(device))
                return -1;
        if (!list_is_empty(&telemetry->in_flight)) /* those have an end of their own */
                return CREDIT_PATIENCE_MS;
        return left_ms > 0 ? left_ms : 0;
}

static size_t size_limit(pn_link_t *link)
{
        uint64_t limit = pn_link_remote_max_message_size(link);

        return limit == 0 || limit > LINK_SIZE_MAX ? LINK_SIZE_MAX : (size_t)limit;
}

static bool encode(struct hub_device *device, const struct hub_message *message,
                   struct reason *reason)
{
        struct hub_client *client = device->hub->client;
        size_t limit = size_limit(device->telemetry.link);

        buf_clear(&client->encoded);
        amqp_message_event(&client->encoded, message);
        if (client->encoded.size > limit) {
                reason_set(reason, "the message has %zu bytes, the hub takes %zu at most",
                           client->encoded.size, limit);
                return false;
        }
        return true;
}

static void transmit(struct hub_device *device, struct hub_send *send)
{
        struct hub_client *client = device->hub->client;
        struct hub_telemetry *telemetry = &device->telemetry;

        send->delivery = hub_link_send(device->connection, telemetry->link, ++telemetry->sent,
                                       &client->encoded);
        pn_delivery_set_context(send->delivery, send);
        send->sent_ms = telemetry->used_ms = client->now_ms;
        list_push_back(&telemetry->in_flight, &send->device_node);
        list_push_back(&device->connection->in_flight, &send->connection_node);
}

void hub_device_warm(const struct hub_device *device)
{
        loop_warm(device, sizeof(*device));
        if (device->telemetry.link)
                loop_warm(device->telemetry.link, LINK_SIZE_ABOUT);
}

bool hub_device_send(struct hub_device *device, const struct hub_message *message, uint64_t token)
{
        struct reason reason = REASON_INIT;
        struct hub_send *send;

        THREAD_ASSERT(LOOP_THREAD);
        if (device->place != HUB_PLACE_READY || device->hub->client->stopping ||
            !hub_core_may_act(device) || !want_credit(device))
                return false;
        send = hub_core_send_new(device, token);
        if (encode(device, message, &reason))
                transmit(device, send);
        else
                hub_core_send_end(send, HUB_REJECTED, reason.text);
        return true;
}
