// SPDX-License-Identifier: MIT
#include "gateway/link/device_link_inside.h"

#include <assert.h>
#include <stdlib.h>

#include "base/backoff.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "base/text.h"
#include "base/thread.h"
#include "gateway/command/command_ledger.h"
#include "gateway/command/command_network.h"

/* After a throttled or unanswered send; doubled at each failure. */
#define SEND_AGAIN_MIN_MS 500
#define SEND_AGAIN_MAX_MS (60 * 1000)

/* After a refusal by DPS or hub; doubled at each one. */
#define HELD_MIN_MS (30 * 1000)
#define HELD_MAX_MS (15 * 60 * 1000)

/* After a refusal that comes right after the clock was set. */
#define FRESH_AGAIN_MS (2 * 1000)

/* After the link was stolen, if the device is still this gateway's; doubled at each one. */
#define STOLEN_MIN_MS (2 * 1000)
#define STOLEN_MAX_MS (5 * 60 * 1000)

/* A device that was ready for so long starts with short pauses when it fails again. */
#define GOOD_MS (5 * 60 * 1000)

static struct device_link *links_of(const struct device *device)
{
        return list_entry(device->keeper, struct device_link, keeper);
}

void device_link_move(struct device *device, enum device_phase phase)
{
        int64_t now_ms = clock_steady_ms();

        assert(phase == device->phase || device_phase_can_follow(device->phase, phase));
        if (device->ready_ms != 0 && now_ms - device->ready_ms >= GOOD_MS) {
                device->failures = 0;
                device->thefts = 0;
                device->asks = 0;
                device->ask_after_ms = 0;
        }
        device->ready_ms = phase == DEVICE_READY ? now_ms : 0;
        if (device->phase == DEVICE_HELD && phase != DEVICE_HELD)
                metrics_gauge_add(METRIC_DEVICES_REFUSED, -1);
        if (device->phase != DEVICE_HELD && phase == DEVICE_HELD)
                metrics_gauge_add(METRIC_DEVICES_REFUSED, 1);
        metrics_gauge_add(device_phase_gauge(device->phase), -1);
        metrics_gauge_add(device_phase_gauge(phase), 1);
        device->phase = phase;
}

bool device_link_has_events(const struct device *lane)
{
        return lane->backlog.events.count > 0 || lane->backlog.state != UPLINK_BACKLOG_WHOLE;
}

/* Its identity must be its own first. */
static void provision(struct device_link *links, struct device *device)
{
        if (device->claim != DEVICE_CLAIMED) {
                device_link_move(device, DEVICE_CLAIMING);
                if (device->claim == DEVICE_UNCLAIMED && !device->clash)
                        device_table_claim(links->options.devices, device);
                return;
        }
        device_link_move(device, DEVICE_REGISTERING);
        device_provision_start(links->options.provision, device,
                               device_link_has_events(device->lane));
}

/* Starts anew if what the device is connected as is out of date. */
static void renew(struct device_link *links, struct device *device);

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
static struct device *place_of(struct device_link *links, struct device *lane,
                               const struct uplink_event *event)
{
        struct device *device = device_table_place(links->options.devices, lane, &event->event);

        renew(links, device);
        return device;
}

void device_link_pump(struct device_link *links, struct device *device)
{
        struct uplink_sender *sender = &links->options.sender;
        struct uplink_event *event;

        if (device->lane->leaves || !device_table_owns(links->options.devices, device->lane->shard))
                return;
        renew(links, device);
        while (!links->stopped && (event = uplink_send_next(sender, device->lane))) {
                device = place_of(links, device->lane, event);
                if (device->timer.position != 0)
                        return;
                if (obstacle(device)) {
                        uplink_send_set_aside(sender, device, event, obstacle(device));
                        continue;
                }
                if (device->phase == DEVICE_NEW) {
                        provision(links, device);
                        return;
                }
                if (device->phase == DEVICE_REGISTERING)
                        device_provision_hurry(links->options.provision, device);
                if (device->phase == DEVICE_CONNECTING && device->link)
                        hub_device_hurry(device->link);
                if (device->phase != DEVICE_READY || !uplink_send(sender, device, event))
                        return;
        }
}

/* --- waiting ------------------------------------------------------------------------------ */

/* The connection that it had before is of no use any more. */
static void leave(struct device *device)
{
        struct hub_device *leaving = device->leaving;

        device->leaving = NULL;
        if (leaving)
                hub_device_close(leaving);
}

void device_link_unlink(struct device *device)
{
        leave(device);
        if (!device->link)
                return;
        hub_device_close(device->link);
        device->link = NULL;
}

static const struct hub_device_handler leaving_handler;

/* Commands and answers still come by the old connection, until there is a new one. */
static void step_aside(struct device *device)
{
        struct hub_device *link = device->link;

        if (!link || device->phase != DEVICE_READY || obstacle(device)) {
                device_link_unlink(device);
                return;
        }
        leave(device);
        hub_device_hand_over(link, &leaving_handler);
        device->leaving = link;
        device->link = NULL;
}

static void start_anew(struct device_link *links, struct device *device)
{
        log_info("DEVICE_CHANGED", "A device is connected anew, or not any more",
                 LOG_TEXT("device", device->key),
                 LOG_TEXT("model", device->model_id ? device->model_id : ""),
                 LOG_INT("integrated", !device->off), LOG_END);
        device->changed = false;
        step_aside(device);
        loop_timer_stop(links->options.loop, &device->timer);
        device->failures = 0;
        device_link_move(device, DEVICE_NEW);
        if (!obstacle(device))
                provision(links, device);
}

static void renew(struct device_link *links, struct device *device)
{
        /* A registration under way ends first (on_decided). */
        if (links->stopped || !device->changed || device->phase == DEVICE_REGISTERING)
                return;
        if (device->phase == DEVICE_NEW || device->phase == DEVICE_CLAIMING)
                device->changed = false;
        else
                start_anew(links, device);
}

/* Is the clock no reason not to ask? */
static bool lets_ask(const struct device_link *links, const struct device *device)
{
        return clock_check_lets_ask(&links->clock, device, clock_steady_ms());
}

static bool may_ask(const struct device_link *links, const struct device *device)
{
        return lets_ask(links, device) &&
               device_provision_may_ask(links->options.provision, device);
}

void device_link_doubt(struct device_link *links, struct device *device)
{
        device->assignment.doubted = true;
        clock_check_asks(&links->clock, device, clock_steady_ms());
        loop_timer_stop(links->options.loop, &device->timer);
        device_link_unlink(device);
        provision(links, device);
}

/* A device that is held has its turn: the service if its hub is doubted, else the hub. */
static void try_again(struct device_link *links, struct device *device)
{
        if (device->link && !(device->assignment.doubted && lets_ask(links, device))) {
                device_link_move(device, DEVICE_CONNECTING);
                hub_device_retry(device->link);
        } else if (device->assignment.doubted) {
                device_link_doubt(links, device);
        } else {
                device_link_unlink(device);
                provision(links, device);
        }
}

/* The time of waiting is over. */
static void on_timer(struct timer *timer)
{
        struct device *device = list_entry(timer, struct device, timer);
        struct device_link *links = links_of(device);

        if (links->stopped)
                return;
        if (device->phase == DEVICE_HELD)
                try_again(links, device);
        else
                device_link_pump(links, device);
}

static void wait(struct device_link *links, struct device *device, int64_t delay_ms)
{
        device->timer.run = on_timer;
        loop_timer_start(links->options.loop, &device->timer, delay_ms);
}

static void set_held(struct device *device, const char *reason)
{
        leave(device);
        device_link_move(device, DEVICE_HELD);
        free(device->held_because);
        device->held_because = mem_text(reason);
}

/* Keeps the device's events and tries again slowly; nobody else is delayed. */
static void hold(struct device_link *links, struct device *device, const char *reason,
                 int64_t delay_ms)
{
        set_held(device, reason);
        log_warn("DEVICE_HELD", "A device is refused; its events wait",
                 LOG_TEXT("device", device->key), LOG_TEXT("reason", reason),
                 LOG_INT("again_in_ms", delay_ms), LOG_END);
        wait(links, device, delay_ms);
}

/* Devices that wait because of a refusal; those of HUB_REFUSAL_COMMON the client tries by itself.
 */
static bool try_refused(void *context, struct device *device)
{
        if (device->phase == DEVICE_HELD && device->timer.position != 0) {
                device->assignment.doubted = false;
                wait(context, device, 0);
        }
        return true;
}

void device_link_try_held(struct device_link *links)
{
        THREAD_ASSERT(LOOP_THREAD);
        if (!links->stopped)
                device_table_each(links->options.devices, try_refused, links);
}

void device_link_check_clock(struct device_link *links, int64_t now_ms)
{
        if (!clock_check_notice_set(&links->clock, clock_wall_ms(), now_ms))
                return;
        hub_healths_clock_was_set(&links->healths, now_ms);
        links->certificates_ms = now_ms;
        device_table_each(links->options.devices, try_refused, links);
}

/* --- what the hub says -------------------------------------------------------------------- */

static void on_outcome(void *context, uint64_t token, enum hub_outcome outcome,
                       const struct reason *reason)
{
        struct device *device = context;
        struct device_link *links = links_of(device);

        switch (uplink_send_settle(&links->options.sender, device, token, outcome, reason)) {
        case UPLINK_SEND_NOT_OURS:
                break;
        case UPLINK_SEND_SETTLED:
                if (outcome == HUB_ACCEPTED)
                        device->failures = 0;
                device_link_pump(links, device);
                break;
        case UPLINK_SEND_AGAIN:
                device->failures++;
                /* A device that is held has a longer time to wait than this. */
                if (!links->stopped && device->phase != DEVICE_HELD)
                        wait(links, device,
                             backoff_ms(device->failures, SEND_AGAIN_MIN_MS, SEND_AGAIN_MAX_MS));
        }
}

/* When a refused device has its turn: at once if it is to ask, and nobody else asks for all. */
static int64_t pause_of_refused(struct device_link *links, struct device *device,
                                enum hub_refusal refusal)
{
        int64_t now_ms = clock_steady_ms();

        device_link_check_clock(links, now_ms);
        if (clock_check_is_fresh(&links->clock, now_ms))
                return FRESH_AGAIN_MS;
        device->assignment.doubted = refusal != HUB_REFUSAL_OTHER &&
                                     device_provision_may_ask(links->options.provision, device);
        device->failures++;
        if (!device->assignment.doubted || !lets_ask(links, device))
                return backoff_ms(device->failures, HELD_MIN_MS, HELD_MAX_MS);
        clock_check_asks(&links->clock, device, now_ms);
        return 0;
}

/* The store's answer, on its way back from the thread of the store. */
struct doubted {
        struct device *device;
        const struct hub_device *link; /* that was stolen; for comparing */
        bool ours;
};

static void take_back(void *context)
{
        struct doubted *doubted = context;
        struct device *device = doubted->device;
        struct device_link *links = links_of(device);

        /* If it is not, the loss of its shard is told soon. */
        if (!links->stopped && doubted->ours && device->phase == DEVICE_HELD &&
            device->link == doubted->link)
                wait(links, device, backoff_ms(++device->thefts, STOLEN_MIN_MS, STOLEN_MAX_MS));
        free(doubted);
}

static void on_asked(void *context, int shard, bool ours)
{
        struct doubted *doubted = context;

        (void)shard;
        doubted->ours = ours;
        loop_post(links_of(doubted->device)->options.loop, take_back, doubted);
}

/* Two that take a device from each other would go on for ever: who does not own it stays away. */
static void stolen(struct device_link *links, struct device *device, const char *why)
{
        struct doubted *doubted = mem_new(1, sizeof(*doubted));

        set_held(device, why);
        *doubted = (struct doubted){.device = device, .link = device->link};
        store_share_ask(links->options.sender.store, device->lane->shard, on_asked, doubted);
}

static void refused(struct device_link *links, struct device *device, enum hub_refusal refusal,
                    const struct reason *reason)
{
        const char *why = reason ? reason->text : "refused by the hub";

        if (links->options.refused &&
            (refusal == HUB_REFUSAL_UNAUTHORIZED || refusal == HUB_REFUSAL_COMMON))
                links->options.refused(links->options.context);
        if (refusal == HUB_REFUSAL_COMMON) { /* the client tries again by itself */
                set_held(device, why);
                hub_health_refuses(&links->healths, device->assignment.hub, clock_steady_ms());
                return;
        }
        if (refusal == HUB_REFUSAL_STOLEN) {
                stolen(links, device, why);
                return;
        }
        /* Before the pause is computed: what was long good forgets its earlier failures in this
         * move. */
        device_link_move(device, DEVICE_HELD);
        /* The device may have another hub by now: the service is asked once, at once. */
        hold(links, device, why, pause_of_refused(links, device, refusal));
}

/* Those who waited to hear whether the clock is right ask now. */
static bool ask_too(void *context, struct device *device)
{
        if (device->phase == DEVICE_HELD && device->assignment.doubted &&
            device->timer.position != 0)
                wait(context, device, 0);
        return true;
}

static void clock_is_right(struct device_link *links)
{
        device_table_each(links->options.devices, ask_too, links);
}

static void ready(struct device_link *links, struct device *device)
{
        device_link_move(device, DEVICE_READY);
        leave(device);
        hub_health_works(&links->healths, device->assignment.hub);
        device->assignment.doubted = false;
        if (clock_check_accepted(&links->clock))
                clock_is_right(links);
        /* The answer was right; what comes later is a new matter. */
        if (device->asks == 1)
                device->ask_after_ms = 0;
        device_link_pump(links, device);
}

static void on_state(void *context, enum hub_device_state state, enum hub_refusal refusal,
                     const struct reason *reason)
{
        struct device *device = context;
        struct device_link *links = links_of(device);

        if (links->stopped)
                return;
        /* The client tries refused devices by itself, for example when the clock was set. */
        if (device->phase == DEVICE_HELD)
                loop_timer_stop(links->options.loop, &device->timer);
        switch (state) {
        case HUB_DEVICE_CONNECTING:
                device_link_move(device, DEVICE_CONNECTING);
                if (device_link_has_events(device->lane))
                        hub_device_hurry(device->link);
                break;
        case HUB_DEVICE_READY:
                ready(links, device);
                break;
        case HUB_DEVICE_REFUSED:
                refused(links, device, refusal, reason);
                break;
        }
}

/* --- commands -------------------------------------------------------------------------- */

static void on_command(void *context, struct hub_command *command)
{
        struct device *device = context;
        struct device_link *links = links_of(device);

        if (links->stopped)
                hub_command_settle(command, HUB_ABANDON);
        else
                command_arrive_message(&links->options.arrive, device, command);
}

static void on_command_lost(void *context, struct hub_command *command)
{
        struct device *device = context;
        struct device_link *links = links_of(device);

        command_ledger_lost(links->options.arrive.ledger, command);
}

static void on_method(void *context, struct hub_method *method)
{
        struct device *device = context;
        struct device_link *links = links_of(device);

        command_arrive_method(&links->options.arrive, device, method);
}

bool device_link_takes_commands(const struct device_link *links, const struct device *device)
{
        struct network_access access;

        return downlink_route(links->options.settings, device, &access, NULL) !=
               DOWNLINK_ACCESS_NONE;
}

static void on_leaving_state(void *context, enum hub_device_state state, enum hub_refusal refusal,
                             const struct reason *reason)
{
        (void)context;
        (void)state;
        (void)refusal;
        (void)reason;
}

static const struct hub_device_handler leaving_handler = {
        .state = on_leaving_state,
        .outcome = on_outcome,
        .command = on_command,
        .command_lost = on_command_lost,
        .method = on_method,
};

static const struct hub_device_handler handler = {
        .state = on_state,
        .outcome = on_outcome,
        .command = on_command,
        .command_lost = on_command_lost,
        .method = on_method,
};

/* --- what the provisioning service says --------------------------------------------------- */

static void not_assigned(struct device_link *links, struct device *device,
                         const struct dps_result *result)
{
        int64_t delay_ms = backoff_ms(++device->failures, HELD_MIN_MS, HELD_MAX_MS);

        if (result->status == DPS_UNAVAILABLE)
                delay_ms = result->retry_after_ms > 0
                                   ? result->retry_after_ms
                                   : backoff_ms(device->failures, SEND_AGAIN_MIN_MS,
                                                SEND_AGAIN_MAX_MS);
        hold(links, device, result->reason.text, delay_ms);
}

static void open_link(struct device_link *links, struct device *device)
{
        /* A hub has one connection of a device; another hub has its own. */
        if (device->leaving && text_equal(hub_device_hub(device->leaving), device->assignment.hub))
                leave(device);
        device_link_move(device, DEVICE_CONNECTING);
        device->link = hub_device_open(
                links->options.hubs,
                &(struct hub_identity){
                        .hub = device->assignment.hub,
                        .device_id = device->assignment.device_id,
                        .key = device->assignment.key,
                        .key_name = device->assignment.key_name,
                        .certificate = device->assignment.certificate,
                        .model_id = device->model_id,
                        .receive_commands = device_link_takes_commands(links, device),
                },
                &handler, device);
        if (device_link_has_events(device->lane))
                hub_device_hurry(device->link);
}

/* What another device has, this one may get later: that one may be assigned to another hub. */
static void on_placed(struct device *device, const struct reason *refusal)
{
        struct device_link *links = links_of(device);

        if (links->stopped)
                return;
        if (device->changed)
                start_anew(links, device);
        else if (!refusal)
                open_link(links, device);
        else
                hold(links, device, refusal->text,
                     backoff_ms(++device->failures, HELD_MIN_MS, HELD_MAX_MS));
}

bool device_link_is_stuck(const struct device_link *links, const struct device *device,
                          const char *hub)
{
        return (device->phase == DEVICE_CONNECTING || device->phase == DEVICE_HELD) &&
               text_equal(device->assignment.hub, hub) && may_ask(links, device);
}

/* One device of a hub has asked the service: the others do it, too. */
struct others {
        struct device_link *links;
        const char *hub;
};

static bool doubt_too(void *context, struct device *device)
{
        const struct others *others = context;

        if (device_link_is_stuck(others->links, device, others->hub))
                device_link_doubt(others->links, device);
        return true;
}

/* What the service's answer says of the clock. */
static void judge_clock(struct device_link *links, const struct device *device,
                        const struct dps_result *result)
{
        bool is_right = false;

        if (result && result->status == DPS_UNAUTHORIZED)
                is_right = clock_check_refused(&links->clock, result->clock_ahead_ms);
        else if (!result && links->clock.asker == device)
                is_right = clock_check_accepted(&links->clock);
        clock_check_asked_in_vain(&links->clock, device);
        if (is_right)
                clock_is_right(links);
}

static void on_decided(struct device *device, const struct dps_result *result)
{
        struct device_link *links = links_of(device);
        const struct hub_health *asked = hub_health_answered(&links->healths, device);

        if (links->stopped)
                return;
        device->assignment.doubted = false;
        judge_clock(links, device, result);
        if (device->changed) {
                start_anew(links, device);
                return;
        }
        if (result)
                not_assigned(links, device, result);
        else
                device_places_claim(links->options.places, device);
        if (asked && !result && !text_equal(asked->name, device->assignment.hub))
                device_table_each(links->options.devices, doubt_too,
                                  &(struct others){.links = links, .hub = asked->name});
}

/* --- what others say ------------------------------------------------------------------------ */

static void on_arrived(struct device *device, const struct uplink_event *event)
{
        struct device_link *links = links_of(device);

        if (event->heard && downlink_routes_learn(links->options.routes, device, event->heard) &&
            !links->stopped && device->link && device_link_takes_commands(links, device))
                hub_device_receive_commands(device->link);
        if (event->event.kind == EVENT_UPLINK)
                command_network_contact(links->options.network, device);
}

int64_t device_link_idle_ms(const struct device_link *links)
{
        return links->options.settings->azure.detach_idle_minutes * 60 * 1000;
}

/* Devices that take commands, or are listed, need not wait for an event. */
bool device_link_connect_early(void *context, struct device *device)
{
        struct device_link *links = context;

        if (links->options.settings->azure.connect_at_start && !links->stopped && !device->leaves &&
            device_table_owns(links->options.devices, device->lane->shard) &&
            device->phase == DEVICE_NEW && !obstacle(device) &&
            ((device->listed && device_link_idle_ms(links) == 0) ||
             device_link_takes_commands(links, device)))
                provision(links, device);
        return true;
}

/* The store has answered whose the identity is, or can't. */
static void end_claiming(struct device_link *links, struct device *device)
{
        if (device->phase != DEVICE_CLAIMING || device->claim == DEVICE_CLAIM_ASKED ||
            links->stopped)
                return;
        if (device->claim == DEVICE_CLAIMED || device->clash)
                device_link_move(device, DEVICE_NEW);
        else
                hold(links, device, "the store does not tell whose the IoT Hub device id is",
                     backoff_ms(++device->failures, SEND_AGAIN_MIN_MS, SEND_AGAIN_MAX_MS));
}

static void on_wake(struct device *device)
{
        struct device_link *links = links_of(device);

        end_claiming(links, device);
        device_link_pump(links, device);
        device_link_connect_early(links, device);
}

bool device_link_may_act(const void *context)
{
        const struct device *device = context;

        return store_may_act(links_of(device)->options.sender.store, device->lane->shard);
}

struct device_link *device_link_new(const struct device_link_options *options)
{
        struct device_link *links = mem_new(1, sizeof(*links));

        links->options = *options;
        links->keeper = (struct device_keeper){
                .arrived = on_arrived,
                .wake = on_wake,
                .decided = on_decided,
                .placed = on_placed,
        };
        links->stopped = options->is_idle;
        hub_healths_init(&links->healths);
        device_table_keep(options->devices, &links->keeper);
        return links;
}

void device_link_free(struct device_link *links)
{
        if (!links)
                return;
        uplink_sender_deinit(&links->options.sender);
        hub_healths_deinit(&links->healths);
        free(links);
}
