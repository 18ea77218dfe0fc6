// SPDX-License-Identifier: MIT
#include "gateway/uplink/uplink_send.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "base/thread.h"
#include "gateway/uplink/uplink_message.h"

void uplink_sender_deinit(struct uplink_sender *sender)
{
        telemetry_deinit(&sender->message);
}

void uplink_send_set_aside(const struct uplink_sender *sender, const struct device *device,
                           const struct uplink_event *event, const char *reason)
{
        log_warn("EVENT_DEAD", "An event can't be sent and was set aside",
                 LOG_TEXT("message_id", event->event.message_id), LOG_TEXT("device", device->key),
                 LOG_TEXT("reason", reason), LOG_END);
        uplink_recent_note(sender->recent, device, event, "dead");
        store_dead(sender->store, event->id, reason);
        uplink_queue_pop(sender->queue, device->lane);
}

struct uplink_event *uplink_send_next(const struct uplink_sender *sender, struct device *lane)
{
        struct uplink_event *event =
                lane->in_flight ? NULL : uplink_queue_first(sender->queue, lane);

        return event && !uplink_format_is_waiting(event) ? event : NULL;
}

/* --- sending ------------------------------------------------------------------------------ */

static bool send_message(struct device *device, const struct uplink_event *event,
                         const struct telemetry *telemetry)
{
        return hub_device_send(device->link,
                               &(struct hub_message){
                                       .message_id = event->event.message_id,
                                       .content_type = "application/json",
                                       .content_encoding = "utf-8",
                                       .properties = telemetry->properties,
                                       .property_count = telemetry->property_count,
                                       .body = telemetry->body.data,
                                       .body_size = telemetry->body.size,
                               },
                               (uint64_t)event->id);
}

static bool send_to_twin(struct device *device, const struct uplink_event *event)
{
        CLEANUP(buf_deinit) struct buf patch = BUF_INIT;

        uplink_message_patch(&event->event, &patch);
        return hub_device_report(device->link, patch.data, patch.size, (uint64_t)event->id);
}

static bool is_for_twin(const struct uplink_sender *sender, const struct event *event)
{
        return event->kind == EVENT_COMMAND_OUTCOME &&
               sender->settings->commands.outcome_report == SETTINGS_OUTCOME_REPORTED_PROPERTY;
}

/* The message of the event; UPLINK_FORMAT_FAILED with the reason if there can be none. */
static enum uplink_format_state make_message(const struct uplink_sender *sender,
                                             struct device *device, struct uplink_event *event,
                                             struct telemetry *telemetry, struct reason *reason)
{
        enum uplink_format_state state = uplink_format(sender->format, device, event, reason);
        struct formatted formatted;

        if (state != UPLINK_FORMAT_DONE)
                return state;
        formatted = uplink_format_result(event);
        return uplink_message(sender->settings, &event->event, &formatted, telemetry, reason) == 0
                       ? UPLINK_FORMAT_DONE
                       : UPLINK_FORMAT_FAILED;
}

bool uplink_send(struct uplink_sender *sender, struct device *device, struct uplink_event *event)
{
        struct telemetry *telemetry = &sender->message;
        bool for_twin = is_for_twin(sender, &event->event);
        enum uplink_format_state state = UPLINK_FORMAT_DONE;
        struct reason reason = REASON_INIT;

        THREAD_ASSERT(LOOP_THREAD);
        telemetry_clear(telemetry);
        if (!for_twin)
                state = make_message(sender, device, event, telemetry, &reason);
        if (state == UPLINK_FORMAT_WAITING)
                return false;
        if (state == UPLINK_FORMAT_FAILED) {
                uplink_send_set_aside(sender, device, event, reason.text);
                return true;
        }
        event->sent_ns = clock_steady_ns();
        /* Set before the call: the answer must find it. Without credit there is none. */
        device->lane->in_flight = event;
        if (!(for_twin ? send_to_twin(device, event) : send_message(device, event, telemetry)))
                device->lane->in_flight = NULL;
        else if (!for_twin)
                metrics_observe(METRIC_STORED_TO_SENT, event->sent_ns - event->stored_ns);
        return false;
}

/* --- what the hub answers ----------------------------------------------------------------- */

static void tell_monitor(const struct uplink_sender *sender, const struct device *device,
                         const struct uplink_event *event, enum hub_outcome outcome,
                         const struct reason *reason)
{
        static const char *const results[] = {
                [HUB_ACCEPTED] = "accepted",
                [HUB_REJECTED] = "rejected",
                [HUB_THROTTLED] = "throttled",
                [HUB_UNKNOWN] = "no answer",
        };

        char condition[HUB_CONDITION_SIZE];

        if (!sender->monitor)
                return;
        hub_reason_condition(reason, condition);
        monitor_dependency(sender->monitor,
                           &(struct monitor_dependency){
                                   .type = MONITOR_TYPE_HUB,
                                   .target = device->assignment.hub,
                                   .name = "send",
                                   .result = condition[0] != '\0' ? condition : results[outcome],
                                   .success = outcome == HUB_ACCEPTED,
                                   .started_ns = event->sent_ns,
                                   .message_id = event->event.message_id,
                                   .stage = MONITOR_SEND,
                                   .network = event->event.network,
                                   .application = event->event.application,
                                   .device = device->key,
                                   .stands_for = event->stands_for,
                           });
}

static void accepted(const struct uplink_sender *sender, const struct device *device,
                     const struct uplink_event *event)
{
        int64_t now_ns = clock_steady_ns();

        metrics_add(METRIC_EVENT_SENT, 1);
        metrics_observe(METRIC_SENT_TO_ACCEPTED, now_ns - event->sent_ns);
        if (event->arrived_ns > 0)
                metrics_observe(METRIC_WEBHOOK_TO_ACCEPTED, now_ns - event->arrived_ns);
        log_debug("EVENT_ACCEPTED", "The hub has accepted an event",
                  LOG_TEXT("message_id", event->event.message_id), LOG_TEXT("device", device->key),
                  LOG_INT("event", event->id), LOG_END);
        if (device->lane->taken_over_ms > 0)
                metrics_observe(METRIC_TAKEOVER,
                                now_ns - device->lane->taken_over_ms * CLOCK_NS_PER_MS);
        device->lane->taken_over_ms = 0;
        uplink_recent_note(sender->recent, device, event, "accepted");
        store_done(sender->store, event->id);
        uplink_queue_pop(sender->queue, device->lane);
}

enum uplink_send_result uplink_send_settle(const struct uplink_sender *sender,
                                           struct device *device, uint64_t token,
                                           enum hub_outcome outcome, const struct reason *reason)
{
        const struct uplink_event *event = device->lane->in_flight;

        THREAD_ASSERT(LOOP_THREAD);
        if (!event || (uint64_t)event->id != token)
                return UPLINK_SEND_NOT_OURS;
        device->lane->in_flight = NULL;
        tell_monitor(sender, device, event, outcome, reason);
        switch (outcome) {
        case HUB_ACCEPTED:
                accepted(sender, device, event);
                return UPLINK_SEND_SETTLED;
        case HUB_REJECTED:
                uplink_send_set_aside(sender, device, event,
                                      reason ? reason->text : "rejected by the hub");
                return UPLINK_SEND_SETTLED;
        case HUB_THROTTLED:
        case HUB_UNKNOWN:
                break;
        }
        metrics_add(METRIC_EVENT_RETRIED, 1);
        uplink_recent_note(sender->recent, device, event, "tried again");
        log_debug("EVENT_RETRY", "An event was not accepted and will be sent again",
                  LOG_TEXT("device", device->key), LOG_INT("outcome", outcome),
                  LOG_TEXT("reason", reason ? reason->text : ""), LOG_END);
        return UPLINK_SEND_AGAIN;
}
