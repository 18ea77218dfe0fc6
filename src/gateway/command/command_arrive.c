// SPDX-License-Identifier: MIT
#include "gateway/command/command_arrive.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "gateway/command/command_device_move.h"
#include "gateway/command/command_settle.h"
#include "gateway/command/command_translate.h"
#include "gateway/device/downlink_route.h"

/* IoT Central's property that names a command. */
#define METHOD_PROPERTY "method-name"

/* Callers of IoT Hub wait 30 s unless they say otherwise, and IoT Central waits no longer. */
#define CALL_PATIENCE_MS (25 * 1000)

#define MS_PER_HOUR (INT64_C(3600) * 1000)

static enum downlink_access access_of(const struct command_arrive *arrive,
                                      const struct device *device, struct reason *reason)
{
        struct network_access access;

        return downlink_route(arrive->settings, device, &access, reason);
}

/*
 * A command without its way to the cloud, of a source to which what the device tells is added; NULL
 * with the condition and the reason.
 */
static struct command *make_command(const struct command_arrive *arrive, struct device *device,
                                    struct command_source *source, int *condition,
                                    struct reason *reason)
{
        const struct settings *settings = arrive->settings;
        struct command *command = mem_new(1, sizeof(*command));

        source->driver = device_network(device)->downlink;
        source->device_formatter = device->attributes.downlink_formatter;
        source->application = device->application;
        source->has_no_encoder =
                !network_settings_encodes(settings, device_network(device), device->application);
        *condition = command_translate(settings, source, command, reason);
        if (*condition != 0) {
                command_free(command);
                return NULL;
        }
        command->device = device;
        command->device_key = mem_text(device->key);
        command->downlink.application = mem_text(device->application);
        command->downlink.device = mem_text(device->name);
        command->attempt = 1;
        command->received = clock_moment_now();
        command->started_ns = clock_steady_ns();
        command->downlink.expires_ms =
                command->received.wall_ms + settings->commands.default_expiry_hours * MS_PER_HOUR;
        return command;
}

/* --- messages ------------------------------------------------------------------------------ */

/*
 * What stays the same when the hub delivers a message again: its message id; without one, its
 * number and time. Senders may use a message id twice, which the hub's number tells.
 */
static char *find_known(const struct command_arrive *arrive, const struct device *device,
                        const struct hub_command *delivery, struct command **known)
{
        char *identity;

        if (delivery->message_id[0] == '\0')
                identity = mem_format("#%" PRIu64 "@%" PRId64, delivery->sequence_number,
                                      delivery->enqueued_ms);
        else
                identity = mem_text(delivery->message_id);
        *known = command_ledger_find(arrive->ledger, device->key, identity);
        if (!*known || (*known)->sequence == delivery->sequence_number || (*known)->sequence == 0 ||
            delivery->sequence_number == 0)
                return identity;
        free(identity);
        identity = mem_format("%s#%" PRIu64, delivery->message_id, delivery->sequence_number);
        *known = command_ledger_find(arrive->ledger, device->key, identity);
        return identity;
}

/*
 * A hub delivers nothing whose time is over: if it is over by our clock, or not yet begun, the two
 * clocks differ, and only the time that the sender gave it is sure.
 */
static void limit_lifetime(struct command *command, const struct hub_command *delivery)
{
        int64_t now_ms = command->received.wall_ms;
        int64_t given_ms = delivery->expires_ms - delivery->enqueued_ms;
        int64_t expires_ms = delivery->expires_ms;

        if (expires_ms <= 0)
                return;
        if (delivery->enqueued_ms > 0 && (expires_ms <= now_ms || expires_ms > now_ms + given_ms))
                expires_ms = now_ms + given_ms;
        if (expires_ms < command->downlink.expires_ms)
                command->downlink.expires_ms = expires_ms;
}

static void reject(const struct device *device, struct hub_command *delivery,
                   const struct reason *reason)
{
        log_warn("COMMAND_INVALID", "A cloud-to-device message was rejected",
                 LOG_TEXT("device", device->key), LOG_TEXT("message_id", delivery->message_id),
                 LOG_TEXT("reason", reason->text), LOG_END);
        metrics_add(METRIC_COMMAND_REJECTED, 1);
        hub_command_settle(delivery, HUB_REJECT);
}

/* DeviceMove, as a queued command: done once it is begun. */
static void move_by_message(const struct command_arrive *arrive, struct device *device,
                            struct hub_command *delivery)
{
        struct reason reason = REASON_INIT;

        if (command_device_move_begin(arrive->provision, device, delivery->body,
                                      delivery->body_size, &reason) == 0)
                hub_command_settle(delivery, HUB_COMPLETE);
        else
                reject(device, delivery, &reason);
}

void command_arrive_message(const struct command_arrive *arrive, struct device *device,
                            struct hub_command *delivery)
{
        struct command *known;
        CLEANUP(mem_cleanup) char *identity = find_known(arrive, device, delivery, &known);
        struct command_source source = {
                .properties = delivery->properties,
                .property_count = delivery->property_count,
                .payload = delivery->body,
                .payload_size = delivery->body_size,
        };
        struct reason reason = REASON_INIT;
        struct command *command;
        int condition;

        if (known) {
                command_ledger_redelivered(arrive->ledger, known, delivery);
                return;
        }
        metrics_add(METRIC_COMMAND_RECEIVED, 1);
        source.method = command_property(&source, METHOD_PROPERTY);
        if (command_device_move_is(arrive->settings, device->application, source.method)) {
                move_by_message(arrive, device, delivery);
                return;
        }
        /* For a way that is not known yet a message waits. */
        if (access_of(arrive, device, &reason) == DOWNLINK_ACCESS_OFF) {
                reject(device, delivery, &reason);
                return;
        }
        command = make_command(arrive, device, &source, &condition, &reason);
        if (!command) {
                reject(device, delivery, &reason);
                return;
        }
        command->identity = mem_text(identity);
        command->message_id = mem_text(delivery->message_id);
        command->sequence = delivery->sequence_number;
        limit_lifetime(command, delivery);
        command->delivery = delivery;
        command_make_reference(command);
        command_ledger_add(arrive->ledger, command);
}

/* --- direct methods ------------------------------------------------------------------------ */

static void on_deadline(struct timer *timer)
{
        struct command *command = list_entry(timer, struct command, timer);
        struct command_ledger *ledger = command->owner;

        /* Its caller knows that it waits, perhaps for days. */
        if (command->told == COMMAND_TOLD_WAITS && !command->call)
                return;
        command_settle_timeout(command);
        /* Its caller was told that it failed: it must not be handed over later. */
        if (command->state < COMMAND_QUEUED)
                command_ledger_finish(ledger, command, COMMAND_EXPIRED,
                                      "its caller could not wait any longer");
}

static void refuse_call(const struct device *device, struct hub_method *call, int status,
                        const struct reason *reason)
{
        log_warn("METHOD_INVALID", "A direct method call was refused",
                 LOG_TEXT("device", device->key), LOG_TEXT("method", call->name),
                 LOG_TEXT("reason", reason->text), LOG_END);
        command_settle_refuse_call(call, status, reason->text);
}

static void move_by_method(const struct command_arrive *arrive, struct device *device,
                           struct hub_method *call)
{
        struct reason reason = REASON_INIT;
        int status = command_device_move_begin(arrive->provision, device, call->payload,
                                               call->payload_size, &reason);

        if (status != 0)
                refuse_call(device, call, status, &reason);
        else
                (void)hub_method_answer(call, 200, "{}", 2);
}

void command_arrive_method(const struct command_arrive *arrive, struct device *device,
                           struct hub_method *call)
{
        struct command_source source = {
                .method = call->name,
                .payload = call->payload,
                .payload_size = call->payload_size,
        };
        struct reason reason = REASON_INIT;
        struct command *command;
        char uuid[CRYPTO_UUID_SIZE];
        int condition;

        metrics_add(METRIC_COMMAND_RECEIVED, 1);
        if (command_device_move_is(arrive->settings, device->application, call->name)) {
                move_by_method(arrive, device, call);
                return;
        }
        if (access_of(arrive, device, &reason) != DOWNLINK_ACCESS_OPEN) {
                refuse_call(device, call, COMMAND_E_OFF, &reason);
                return;
        }
        command = make_command(arrive, device, &source, &condition, &reason);
        if (!command) {
                refuse_call(device, call, condition, &reason);
                return;
        }
        if (!command_ledger_has_room(arrive->ledger, device)) {
                reason_set(&reason, "%zu commands wait for this device already",
                           command_ledger_count(device));
                refuse_call(device, call, 429, &reason);
                command_free(command);
                return;
        }
        crypto_uuid4(uuid);
        command->identity = mem_format("method:%s", uuid);
        command->message_id = mem_text("");
        command->is_method = true;
        command->call = call;
        command->owner = arrive->ledger;
        command->timer.run = on_deadline;
        command_make_reference(command);
        loop_timer_start(arrive->loop, &command->timer, CALL_PATIENCE_MS);
        command_ledger_add(arrive->ledger, command);
}
