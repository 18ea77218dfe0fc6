// SPDX-License-Identifier: MIT
#include "gateway/device_link.h"

#include <stdlib.h>

#include "base/backoff.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "base/text.h"
#include "base/thread.h"
#include "gateway/command/command_arrive.h"
#include "gateway/command/command_ledger.h"
#include "gateway/device/clock_check.h"
#include "gateway/device/device_place.h"
#include "gateway/device/hub_health.h"
#include "gateway/device/network_settings.h"
#include "gateway/uplink/command_outcome.h"
#include "gateway/uplink/uplink_translate.h"

/* After a throttled or unanswered send; doubled at each failure. */
#define SEND_AGAIN_MIN_MS 500
#define SEND_AGAIN_MAX_MS (60 * 1000)

/* After a refusal by DPS or hub; doubled at each one. */
#define HELD_MIN_MS (30 * 1000)
#define HELD_MAX_MS (15 * 60 * 1000)

/* A device that was ready for so long starts with short pauses when it fails again. */
#define GOOD_MS (5 * 60 * 1000)

#define WATCH_MS 1000

struct device_link {
        struct device_link_options options;
        struct hub_healths healths;
        struct clock_check clock;
        struct timer watch;
        bool stopped;
};

struct device_link *device_link_new(const struct device_link_options *options)
{
        struct device_link *hub = mem_new(1, sizeof(*hub));

        hub->options = *options;
        hub_healths_init(&hub->healths);
        return hub;
}

void device_link_join_commands(struct device_link *hub, struct command_arrive *arrive,
                               struct command_ledger *ledger)
{
        hub->options.arrive = arrive;
        hub->options.ledger = ledger;
}

void device_link_join(struct device_link *hub, struct uplink_queue *queue,
                      struct device_provision *provision, struct uplink_format *format)
{
        hub->options.queue = queue;
        hub->options.provision = provision;
        hub->options.format = format;
}

void device_link_stop(struct device_link *hub)
{
        THREAD_ASSERT(LOOP_THREAD);
        hub->stopped = true;
        loop_timer_stop(hub->options.loop, &hub->watch);
}

void device_link_free(struct device_link *hub)
{
        if (!hub)
                return;
        hub_healths_deinit(&hub->healths);
        free(hub);
}

static void move(struct device *device, enum device_phase phase)
{
        int64_t now_ms = clock_steady_ms();

        if (device->ready_ms != 0 && now_ms - device->ready_ms >= GOOD_MS) {
                device->failures = 0;
                device->asks = 0;
                device->ask_after_ms = 0;
        }
        device->ready_ms = phase == DEVICE_READY ? now_ms : 0;
        if (device->phase == DEVICE_HELD && phase != DEVICE_HELD)
                metrics_gauge_add(METRIC_DEVICES_REFUSED, -1);
        if (device->phase != DEVICE_HELD && phase == DEVICE_HELD)
                metrics_gauge_add(METRIC_DEVICES_REFUSED, 1);
        device->phase = phase;
}

static void set_aside(struct device_link *hub, struct device *device,
                      const struct uplink_event *event, const char *reason)
{
        log_warn("EVENT_DEAD", "An event can't be sent and was set aside",
                 LOG_TEXT("message_id", event->event.message_id), LOG_TEXT("device", device->key),
                 LOG_TEXT("reason", reason), LOG_END);
        store_dead(hub->options.store, event->id, reason);
        uplink_queue_pop(hub->options.queue, device->lane);
}

/* --- sending ------------------------------------------------------------------------------ */

static bool send_telemetry(struct device *device, const struct uplink_event *event,
                           const struct telemetry *telemetry)
{
        size_t count = telemetry->property_count;
        struct hub_message_property *properties = mem_new(count, sizeof(*properties));
        bool sent;

        for (size_t i = 0; i < count; i++)
                properties[i] = (struct hub_message_property){telemetry->properties[i].name,
                                                              telemetry->properties[i].value};
        sent = hub_device_send(device->link,
                               &(struct hub_message){
                                       .message_id = event->event.message_id,
                                       .content_type = "application/json",
                                       .content_encoding = "utf-8",
                                       .properties = properties,
                                       .property_count = count,
                                       .body = telemetry->body.data,
                                       .body_size = telemetry->body.size,
                               },
                               (uint64_t)event->id);
        free(properties);
        return sent;
}

static bool is_for_twin(const struct device_link *hub, const struct event *event)
{
        return event->kind == EVENT_COMMAND_OUTCOME &&
               hub->options.settings->commands.outcome_report == SETTINGS_OUTCOME_REPORTED_PROPERTY;
}

static void send_to_twin(struct device *device, struct uplink_event *event)
{
        CLEANUP(buf_deinit) struct buf patch = BUF_INIT;

        command_outcome_patch(&event->event, &patch);
        event->sent_ns = clock_steady_ns();
        device->lane->in_flight = event;
        if (!hub_device_report(device->link, patch.data, patch.size, (uint64_t)event->id))
                device->lane->in_flight = NULL;
}

/* The message of the event; UPLINK_FORMAT_FAILED with the reason if there can be none. */
static enum uplink_format_state make_telemetry(struct device_link *hub, struct device *device,
                                               struct uplink_event *event,
                                               struct telemetry *telemetry, struct reason *reason)
{
        enum uplink_format_state state = uplink_format(hub->options.format, device, event, reason);
        struct formatted formatted;

        if (state != UPLINK_FORMAT_DONE)
                return state;
        formatted = uplink_format_result(event);
        return uplink_translate(hub->options.settings, &event->event, &formatted, telemetry,
                                reason) == 0
                       ? UPLINK_FORMAT_DONE
                       : UPLINK_FORMAT_FAILED;
}

/* True if the event is gone (set aside), so that the next one may be tried. */
static bool send_event(struct device_link *hub, struct device *device, struct uplink_event *event)
{
        CLEANUP(telemetry_deinit) struct telemetry telemetry = TELEMETRY_INIT;
        struct reason reason = REASON_INIT;
        enum uplink_format_state state;

        if (is_for_twin(hub, &event->event)) {
                send_to_twin(device, event);
                return false;
        }
        state = make_telemetry(hub, device, event, &telemetry, &reason);
        if (state == UPLINK_FORMAT_WAITING)
                return false;
        if (state == UPLINK_FORMAT_FAILED) {
                set_aside(hub, device, event, reason.text);
                return true;
        }
        event->sent_ns = clock_steady_ns();
        /* Set before the call: the answer must find it. Without credit there is none. */
        device->lane->in_flight = event;
        if (!send_telemetry(device, event, &telemetry))
                device->lane->in_flight = NULL;
        else
                metrics_observe(METRIC_STORED_TO_SENT, event->sent_ns - event->stored_ns);
        return false;
}

static void provision(struct device_link *hub, struct device *device)
{
        move(device, DEVICE_REGISTERING);
        device_provision_start(hub->options.provision, device);
}

/* Starts anew if what the device is connected as is out of date. */
static void renew(struct device_link *hub, struct device *device);

/* Why none of the device's events can be sent; NULL if they can. */
static const char *obstacle(const struct device *device)
{
        if (device->clash)
                return device->clash;
        return device->off ? "the device is not to be in Azure: its attribute azureintegration, or "
                             "DeviceIntegrationDefault, is false"
                           : NULL;
}

/* The device as which the event is sent, up to date. */
static struct device *place_of(struct device_link *hub, struct device *lane,
                               const struct uplink_event *event)
{
        struct device *device = device_table_place(hub->options.devices, lane, &event->event);

        device->owner = hub;
        renew(hub, device);
        return device;
}

/* Does what can be done for this device now. */
static void pump(struct device_link *hub, struct device *device)
{
        struct uplink_event *event;

        renew(hub, device);
        while (!hub->stopped && !device->lane->in_flight) {
                event = uplink_queue_first(hub->options.queue, device->lane);
                if (!event || uplink_format_is_waiting(event))
                        return;
                device = place_of(hub, device->lane, event);
                if (device->timer.position != 0)
                        return;
                if (obstacle(device)) {
                        set_aside(hub, device, event, obstacle(device));
                        continue;
                }
                if (device->phase == DEVICE_NEW) {
                        provision(hub, device);
                        return;
                }
                if (device->phase != DEVICE_READY || !send_event(hub, device, event))
                        return;
        }
}

void device_link_ready(struct device_link *hub, struct device *device)
{
        device->owner = hub;
        pump(hub, device);
}

/* --- waiting ------------------------------------------------------------------------------ */

static void unlink_device(struct device *device)
{
        if (!device->link)
                return;
        hub_device_close(device->link);
        device->link = NULL;
}

static void start_anew(struct device_link *hub, struct device *device)
{
        log_info("DEVICE_CHANGED", "A device is connected anew, or not any more",
                 LOG_TEXT("device", device->key),
                 LOG_TEXT("model", device->model_id ? device->model_id : ""),
                 LOG_INT("integrated", !device->off), LOG_END);
        device->changed = false;
        unlink_device(device);
        loop_timer_stop(hub->options.loop, &device->timer);
        device->failures = 0;
        move(device, DEVICE_NEW);
        if (!obstacle(device))
                provision(hub, device);
}

static void renew(struct device_link *hub, struct device *device)
{
        /* A registration under way ends first (device_link_decided). */
        if (hub->stopped || !device->changed || device->phase == DEVICE_REGISTERING)
                return;
        if (device->phase == DEVICE_NEW)
                device->changed = false;
        else
                start_anew(hub, device);
}

/* A device that is held has its turn: the service if its hub is doubted, else the hub. */
static void try_again(struct device_link *hub, struct device *device)
{
        if (device->link && !device->assignment.doubted) {
                move(device, DEVICE_CONNECTING);
                hub_device_retry(device->link);
                return;
        }
        unlink_device(device);
        provision(hub, device);
}

/* The time of waiting is over. */
static void on_timer(struct timer *timer)
{
        struct device *device = list_entry(timer, struct device, timer);
        struct device_link *hub = device->owner;

        if (hub->stopped)
                return;
        if (device->phase == DEVICE_HELD)
                try_again(hub, device);
        else
                pump(hub, device);
}

static void wait(struct device_link *hub, struct device *device, int64_t delay_ms)
{
        device->timer.run = on_timer;
        loop_timer_start(hub->options.loop, &device->timer, delay_ms);
}

static void set_held(struct device *device, const char *reason)
{
        move(device, DEVICE_HELD);
        free(device->held_because);
        device->held_because = mem_text(reason);
}

/* Keeps the device's events and tries again slowly; nobody else is delayed. */
static void hold(struct device_link *hub, struct device *device, const char *reason,
                 int64_t delay_ms)
{
        set_held(device, reason);
        log_warn("DEVICE_HELD", "A device is refused; its events wait",
                 LOG_TEXT("device", device->key), LOG_TEXT("reason", reason),
                 LOG_INT("again_in_ms", delay_ms), LOG_END);
        wait(hub, device, delay_ms);
}

/* --- what the hub says -------------------------------------------------------------------- */

static void accepted(struct device_link *hub, struct device *device, struct uplink_event *event)
{
        int64_t now_ns = clock_steady_ns();

        metrics_add(METRIC_EVENT_SENT, 1);
        metrics_observe(METRIC_SENT_TO_ACCEPTED, now_ns - event->sent_ns);
        if (event->arrived_ns > 0)
                metrics_observe(METRIC_WEBHOOK_TO_ACCEPTED, now_ns - event->arrived_ns);
        log_debug("EVENT_ACCEPTED", "The hub has accepted an event",
                  LOG_TEXT("message_id", event->event.message_id), LOG_TEXT("device", device->key),
                  LOG_INT("event", event->id), LOG_END);
        device->failures = 0;
        store_done(hub->options.store, event->id);
        uplink_queue_pop(hub->options.queue, device->lane);
}

static void send_again(struct device_link *hub, struct device *device, enum hub_outcome outcome,
                       const struct reason *reason)
{
        metrics_add(METRIC_EVENT_RETRIED, 1);
        device->failures++;
        log_debug("EVENT_RETRY", "An event was not accepted and will be sent again",
                  LOG_TEXT("device", device->key), LOG_INT("outcome", outcome),
                  LOG_TEXT("reason", reason ? reason->text : ""), LOG_END);
        /* A device that is held has a longer time to wait than this. */
        if (!hub->stopped && device->phase != DEVICE_HELD)
                wait(hub, device,
                     backoff_ms(device->failures, SEND_AGAIN_MIN_MS, SEND_AGAIN_MAX_MS));
}

static void on_outcome(void *context, uint64_t token, enum hub_outcome outcome,
                       const struct reason *reason)
{
        struct device *device = context;
        struct device_link *hub = device->owner;
        struct uplink_event *event = device->lane->in_flight;

        if (!event || (uint64_t)event->id != token)
                return;
        device->lane->in_flight = NULL;
        switch (outcome) {
        case HUB_ACCEPTED:
                accepted(hub, device, event);
                break;
        case HUB_REJECTED:
                set_aside(hub, device, event, reason ? reason->text : "rejected by the hub");
                break;
        case HUB_THROTTLED:
        case HUB_UNKNOWN:
                send_again(hub, device, outcome, reason);
                return;
        }
        pump(hub, device);
}

static bool may_ask(const struct device_link *hub, const struct device *device)
{
        return !hub->clock.is_wrong && device_provision_may_ask(hub->options.provision, device);
}

/* Asks the service, whatever the device was doing. */
static void doubt(struct device_link *hub, struct device *device)
{
        device->assignment.doubted = true;
        loop_timer_stop(hub->options.loop, &device->timer);
        unlink_device(device);
        provision(hub, device);
}

static void refused(struct device_link *hub, struct device *device, enum hub_refusal refusal,
                    const struct reason *reason)
{
        const char *why = reason ? reason->text : "refused by the hub";

        if (refusal == HUB_REFUSAL_COMMON) { /* the client tries again by itself */
                set_held(device, why);
                hub_health_refuses(&hub->healths, device->assignment.hub, clock_steady_ms());
                return;
        }
        /* The device may have another hub by now: the service is asked once, at once. */
        move(device, DEVICE_HELD);
        device->assignment.doubted = refusal != HUB_REFUSAL_OTHER && may_ask(hub, device);
        device->failures++;
        hold(hub, device, why,
             device->assignment.doubted ? 0
                                        : backoff_ms(device->failures, HELD_MIN_MS, HELD_MAX_MS));
}

static void ready(struct device_link *hub, struct device *device)
{
        move(device, DEVICE_READY);
        hub_health_works(&hub->healths, device->assignment.hub);
        clock_check_accepted(&hub->clock);
        /* The answer was right; what comes later is a new matter. */
        if (device->asks == 1)
                device->ask_after_ms = 0;
        pump(hub, device);
}

static void on_state(void *context, enum hub_device_state state, enum hub_refusal refusal,
                     const struct reason *reason)
{
        struct device *device = context;
        struct device_link *hub = device->owner;

        if (hub->stopped)
                return;
        /* The client tries refused devices by itself, for example when the clock was set. */
        if (device->phase == DEVICE_HELD)
                loop_timer_stop(hub->options.loop, &device->timer);
        switch (state) {
        case HUB_DEVICE_CONNECTING:
                move(device, DEVICE_CONNECTING);
                break;
        case HUB_DEVICE_READY:
                ready(hub, device);
                break;
        case HUB_DEVICE_REFUSED:
                refused(hub, device, refusal, reason);
                break;
        }
}

/* --- commands -------------------------------------------------------------------------- */

static void on_command(void *context, struct hub_command *command)
{
        struct device *device = context;
        struct device_link *hub = device->owner;

        if (hub->stopped)
                hub_command_settle(command, HUB_ABANDON);
        else
                command_arrive_message(hub->options.arrive, device, command);
}

static void on_command_lost(void *context, struct hub_command *command)
{
        struct device *device = context;
        struct device_link *hub = device->owner;

        command_ledger_lost(hub->options.ledger, command);
}

static void on_method(void *context, struct hub_method *method)
{
        struct device *device = context;
        struct device_link *hub = device->owner;

        command_arrive_method(hub->options.arrive, device, method);
}

/* Also where downlinks are switched off: the sender of a command must get an error. */
static bool takes_commands(const struct device_link *hub, const struct device *device)
{
        struct network_access access;

        return network_settings(hub->options.settings, device, &access, NULL) != COMMAND_WAY_NONE;
}

static const struct hub_device_handler handler = {
        .state = on_state,
        .outcome = on_outcome,
        .command = on_command,
        .command_lost = on_command_lost,
        .method = on_method,
};

void device_link_connect(struct device_link *hub, struct device *device)
{
        device->owner = hub;
        if (!hub->stopped && device->phase == DEVICE_NEW && !obstacle(device) &&
            (device->listed || takes_commands(hub, device)))
                provision(hub, device);
}

void device_link_renew(struct device_link *hub, struct device *device)
{
        device->owner = hub;
        pump(hub, device);
}

void device_link_receive(struct device_link *hub, struct device *device)
{
        if (!hub->stopped && device->link && takes_commands(hub, device))
                hub_device_receive_commands(device->link);
}

/* --- what the provisioning service says --------------------------------------------------- */

static void not_assigned(struct device_link *hub, struct device *device,
                         const struct dps_result *result)
{
        int64_t delay_ms = backoff_ms(++device->failures, HELD_MIN_MS, HELD_MAX_MS);

        if (result->status == DPS_UNAUTHORIZED)
                clock_check_refused(&hub->clock, result->clock_ahead_ms);
        if (result->status == DPS_UNAVAILABLE)
                delay_ms = result->retry_after_ms > 0
                                   ? result->retry_after_ms
                                   : backoff_ms(device->failures, SEND_AGAIN_MIN_MS,
                                                SEND_AGAIN_MAX_MS);
        hold(hub, device, result->reason.text, delay_ms);
}

static void open_link(struct device_link *hub, struct device *device)
{
        move(device, DEVICE_CONNECTING);
        device->link = hub_device_open(hub->options.hubs,
                                       &(struct hub_identity){
                                               .hub = device->assignment.hub,
                                               .device_id = device->assignment.device_id,
                                               .key = device->assignment.key,
                                               .key_name = device->assignment.key_name,
                                               .model_id = device->model_id,
                                               .receive_commands = takes_commands(hub, device),
                                       },
                                       &handler, device);
}

/* What another device has, this one may get later: that one may be assigned to another hub. */
static void take_place(struct device_link *hub, struct device *device)
{
        struct reason reason = REASON_INIT;

        if (device_places_claim(hub->options.places, device, &reason))
                open_link(hub, device);
        else
                hold(hub, device, reason.text,
                     backoff_ms(++device->failures, HELD_MIN_MS, HELD_MAX_MS));
}

/* What becomes of the other devices of a hub that one of them asked the service about. */
struct others {
        struct device_link *hub;
        const char *name;     /* of the hub */
        struct device *asker; /* pick_asker: the device that is to ask */
};

static bool is_stuck(const struct others *others, const struct device *device)
{
        return (device->phase == DEVICE_CONNECTING || device->phase == DEVICE_HELD) &&
               text_equal(device->assignment.hub, others->name) && may_ask(others->hub, device);
}

static bool doubt_too(void *context, struct device *device)
{
        const struct others *others = context;

        if (is_stuck(others, device))
                doubt(others->hub, device);
        return true;
}

void device_link_decided(struct device_link *hub, struct device *device,
                         const struct dps_result *result)
{
        const struct hub_health *asked = hub_health_answered(&hub->healths, device);

        if (hub->stopped)
                return;
        device->assignment.doubted = false;
        if (device->changed) {
                start_anew(hub, device);
                return;
        }
        if (result)
                not_assigned(hub, device, result);
        else
                take_place(hub, device);
        if (asked && !result && !text_equal(asked->name, device->assignment.hub))
                device_table_each(hub->options.devices, doubt_too,
                                  &(struct others){.hub = hub, .name = asked->name});
}

/* --- release ------------------------------------------------------------------------------ */

/* True with the reason if the device can't be released now. */
static bool is_busy(const struct device_link *hub, const struct device *device, bool force,
                    struct reason *reason)
{
        const struct uplink_backlog *backlog = &device->backlog;
        size_t commands = device->commands.count + device->held_commands.count;
        bool waiting = backlog->events.count > 0 || backlog->unread || backlog->reading;

        if (hub->stopped)
                reason_set(reason, "the gateway is stopping");
        else if (device->phase == DEVICE_REGISTERING)
                reason_set(reason, "the device is being registered; try again in a moment");
        else if (device->lane != device && device->lane->in_flight)
                reason_set(reason, "an event is on its way to the hub; try again in a moment");
        else if (commands > 0)
                reason_set(reason,
                           "%zu of its commands are not finished; `isthmus command cancel` "
                           "ends them",
                           commands);
        else if (waiting && !force)
                reason_set(reason, "events wait to be sent for it; with force they become dead "
                                   "letters");
        else
                return false;
        return true;
}

int device_link_release(struct device_link *hub, struct device *device, bool force, char **identity,
                        struct reason *reason)
{
        device->owner = hub;
        if (is_busy(hub, device, force, reason))
                return -EBUSY;
        *identity = device_table_release(hub->options.devices, device, reason);
        if (!*identity)
                return -EBUSY;
        log_info("DEVICE_RELEASED", "An operator has released a device's id in IoT Hub",
                 LOG_TEXT("device", device->key), LOG_TEXT("hub_device", device->hub_id), LOG_END);
        unlink_device(device);
        loop_timer_stop(hub->options.loop, &device->timer);
        device->failures = 0;
        device->changed = false;
        move(device, DEVICE_NEW);
        device_places_release(hub->options.places, device);
        device_provision_forget(hub->options.provision, device);
        /* What was on its way is not settled any more; with the rest it is set aside. */
        if (device->lane == device)
                device->in_flight = NULL;
        pump(hub, device->lane);
        return 0;
}

/* --- hubs that are away, and clocks that are wrong ---------------------------------------- */

static void observe(void *context, const struct hub_summary *summary)
{
        struct device_link *hub = context;

        hub_health_observe(&hub->healths, summary, clock_steady_ms());
}

static bool pick_asker(void *context, struct device *device)
{
        struct others *others = context;

        if (is_stuck(others, device))
                others->asker = device;
        return !others->asker;
}

/* One device of a hub that is away, or refuses everybody, asks the service for all. */
static void ask_for_all(struct device_link *hub, struct hub_health *health, int64_t now_ms)
{
        struct others others = {.hub = hub, .name = health->name};

        device_table_each(hub->options.devices, pick_asker, &others);
        hub_health_ask(health, others.asker, now_ms);
        if (others.asker)
                doubt(hub, others.asker);
}

/* Devices that wait because of a refusal; those of HUB_REFUSAL_COMMON the client tries by itself.
 */
static bool try_refused(void *context, struct device *device)
{
        if (device->phase == DEVICE_HELD && device->timer.position != 0)
                wait(context, device, 0);
        return true;
}

static void watch(struct timer *timer)
{
        struct device_link *hub = list_entry(timer, struct device_link, watch);
        int64_t now_ms = clock_steady_ms();

        loop_timer_start(hub->options.loop, timer, WATCH_MS);
        if (clock_check_was_set(&hub->clock, clock_wall_ms(), now_ms))
                device_table_each(hub->options.devices, try_refused, hub);
        hub_client_each(hub->options.hubs, observe, hub);
        list_for_each (node, &hub->healths.hubs) {
                struct hub_health *health = list_entry(node, struct hub_health, node);

                if (hub_health_is_due(health, now_ms))
                        ask_for_all(hub, health, now_ms);
        }
}

void device_link_start(struct device_link *hub)
{
        clock_check_init(&hub->clock, clock_wall_ms(), clock_steady_ms());
        hub->watch.run = watch;
        loop_timer_start(hub->options.loop, &hub->watch, WATCH_MS);
}
