// SPDX-License-Identifier: MIT
/* A camera's connection: asks for its hub, connects, waits when it is refused. Thread "loop". */
#include <stdio.h>

#include "base/backoff.h"
#include "base/log.h"
#include "base/metrics.h"
#include "camera/cloud/cloud_inside.h"

/* After a refusal; doubled at each further one. */
#define HELD_MIN_MS (30 * 1000)
#define HELD_MAX_MS (15 * 60 * 1000)

/* After no answer of the provisioning service. */
#define AWAY_MIN_MS 1000
#define AWAY_MAX_MS (60 * 1000)

/* A hub that can't be reached for so long may not be the device's any more. */
#define DOUBT_MIN_MS (60 * 1000)

static const struct hub_device_handler link_handler;

static void set_phase(struct cloud_device *device, enum cloud_phase phase, const char *reason)
{
        if ((device->phase == CLOUD_READY) != (phase == CLOUD_READY))
                metrics_gauge_add(METRIC_DEVICES_CONNECTED, phase == CLOUD_READY ? 1 : -1);
        if ((device->phase == CLOUD_HELD) != (phase == CLOUD_HELD))
                metrics_gauge_add(METRIC_DEVICES_REFUSED, phase == CLOUD_HELD ? 1 : -1);
        device->phase = phase;
        pthread_mutex_lock(&device->lock);
        device->status.phase = phase;
        snprintf(device->status.hub, sizeof(device->status.hub), "%s",
                 device->assignment.hub ? device->assignment.hub : "");
        reason_set(&device->status.reason, "%s", reason ? reason : "");
        pthread_mutex_unlock(&device->lock);
}

static void close_link(struct cloud_device *device)
{
        struct hub_device *link = device->link;

        device->link = NULL;
        device->is_reporting = false;
        if (link)
                hub_device_close(link);
}

/*
 * The pause is over: which hub is it? The link stays as it is meanwhile, for the hub may come back
 * before the service does.
 */
static void try_again(struct timer *timer)
{
        struct cloud_device *device = list_entry(timer, struct cloud_device, timer);

        if (!device->link)
                set_phase(device, CLOUD_REGISTERING, NULL);
        cloud_assign(device, true);
}

static void wait(struct cloud_device *device, int64_t delay_ms)
{
        device->timer.run = try_again;
        loop_timer_start(device->cloud->options.loop, &device->timer, delay_ms);
}

static void hold(struct cloud_device *device, const char *reason, int64_t delay_ms)
{
        set_phase(device, CLOUD_HELD, reason);
        log_warn("DEVICE_HELD", "A device is refused; its events wait",
                 LOG_TEXT("device", device->key), LOG_TEXT("reason", reason),
                 LOG_INT("again_in_ms", delay_ms), LOG_END);
        wait(device, delay_ms);
}

static void doubt_secrets(const struct cloud_device *device)
{
        const struct cloud_options *options = &device->cloud->options;

        if (options->refused)
                options->refused(options->context);
}

void cloud_device_try_held(struct cloud_device *device)
{
        if (device->phase != CLOUD_HELD)
                return;
        device->failures = 0;
        wait(device, 0);
}

static void refused(struct cloud_device *device, const struct dps_result *result)
{
        bool is_away = result->status == DPS_UNAVAILABLE;
        int64_t delay_ms = is_away ? backoff_ms(++device->failures, AWAY_MIN_MS, AWAY_MAX_MS)
                                   : backoff_ms(++device->failures, HELD_MIN_MS, HELD_MAX_MS);

        if (result->retry_after_ms > delay_ms)
                delay_ms = result->retry_after_ms;
        hold(device, result->reason.text, delay_ms);
}

static void connect_device(struct cloud_device *device)
{
        struct cloud_assignment *assignment = &device->assignment;

        close_link(device);
        assignment->is_new = false;
        device->link = hub_device_open(device->cloud->hubs,
                                       &(struct hub_identity){
                                               .hub = assignment->hub,
                                               .device_id = assignment->device_id,
                                               .key = assignment->key,
                                               .key_name = assignment->key_name,
                                               .model_id = device->camera->azure.dtdl_model_id,
                                               .receive_commands = true,
                                               .follow_desired = true,
                                       },
                                       &link_handler, device);
}

/* A hub that stays away may not be the device's any more: in the end the service is asked. */
static void start_doubting(struct cloud_device *device)
{
        if (device->timer.position == 0)
                wait(device, backoff_ms(++device->failures, DOUBT_MIN_MS, HELD_MAX_MS));
}

void cloud_device_decided(struct cloud_device *device, const struct dps_result *result)
{
        if (device->link && device->phase == CLOUD_READY && !device->assignment.is_new)
                return; /* its hub has come back meanwhile */
        if (result && device->phase == CLOUD_CONNECTING) {
                start_doubting(device);
                return;
        }
        if (result) {
                refused(device, result);
                return;
        }
        if (!device->link || device->assignment.is_new)
                connect_device(device);
        else if (device->phase == CLOUD_HELD)
                hub_device_retry(device->link);
        set_phase(device, CLOUD_CONNECTING, NULL);
        start_doubting(device);
}

void cloud_device_open(struct cloud_device *device)
{
        device->queue.is_unread = true;
        set_phase(device, CLOUD_REGISTERING, NULL);
        cloud_assign(device, false);
}

void cloud_device_close(struct cloud_device *device)
{
        loop_timer_stop(device->cloud->options.loop, &device->timer);
        loop_timer_stop(device->cloud->options.loop, &device->send_timer);
        close_link(device);
}

/* --- what the hub says ----------------------------------------------------------------------- */

static void became_ready(struct cloud_device *device)
{
        bool is_new = device->phase != CLOUD_READY;

        loop_timer_stop(device->cloud->options.loop, &device->timer);
        (void)clock_check_accepted(&device->cloud->clock);
        device->failures = 0;
        if (is_new) {
                set_phase(device, CLOUD_READY, NULL);
                log_info("DEVICE_READY", "A device is connected", LOG_TEXT("device", device->key),
                         LOG_TEXT("hub", device->assignment.hub), LOG_END);
                pthread_mutex_lock(&device->lock);
                device->is_report_due = device->patch.size > 0;
                pthread_mutex_unlock(&device->lock);
        }
        cloud_queue_pump(device);
}

static void on_state(void *context, enum hub_device_state state, enum hub_refusal refusal,
                     const struct reason *reason)
{
        struct cloud_device *device = context;

        if (device->cloud->is_stopped)
                return;
        if (state == HUB_DEVICE_READY) {
                became_ready(device);
        } else if (state == HUB_DEVICE_CONNECTING) {
                set_phase(device, CLOUD_CONNECTING, NULL);
                start_doubting(device);
        } else if (refusal == HUB_REFUSAL_COMMON) {
                set_phase(device, CLOUD_HELD, reason ? reason->text : "");
                start_doubting(device);
                doubt_secrets(device);
        } else {
                hold(device, reason ? reason->text : "refused by the hub",
                     backoff_ms(++device->failures, HELD_MIN_MS, HELD_MAX_MS));
                if (refusal == HUB_REFUSAL_UNAUTHORIZED)
                        doubt_secrets(device);
        }
}

static void on_outcome(void *context, uint64_t token, enum hub_outcome outcome,
                       const struct reason *reason)
{
        cloud_queue_outcome(context, token, outcome, reason);
}

/* A camera has no use for messages to it. */
static void on_command(void *context, struct hub_command *command)
{
        const struct cloud_device *device = context;

        log_warn("CAMERA_MESSAGE_REJECTED", "A cloud-to-device message means nothing to a camera",
                 LOG_TEXT("device", device->key), LOG_TEXT("message_id", command->message_id),
                 LOG_END);
        (void)hub_command_settle(command, HUB_REJECT);
}

static void on_command_lost(void *context, struct hub_command *command)
{
        (void)context;
        (void)command;
}

static void on_method(void *context, struct hub_method *method)
{
        cloud_call_begin(context, method);
}

static void on_desired(void *context, const char *json, size_t size, bool is_whole)
{
        const struct cloud_device *device = context;

        device->handler->desired(device->context, json, size, is_whole);
}

static const struct hub_device_handler link_handler = {
        .state = on_state,
        .outcome = on_outcome,
        .command = on_command,
        .command_lost = on_command_lost,
        .method = on_method,
        .desired = on_desired,
};
