// SPDX-License-Identifier: MIT
#include "gateway/command/command_format.h"

#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"
#include "gateway/uplink/formatters_off.h"
#include "networks/network.h"

/* Nothing can be made of the payload. */
#define STATUS_UNPROCESSABLE 422

struct command_format {
        struct command_format_options options;
        struct formatters_off off;
        struct list calls; /* under way */
        bool stopped;
};

/* One formatter call, and its result on the way between threads. */
struct call {
        struct list_node node;
        struct command_format *format;
        struct command *command; /* its device's `handing_over` until this is over */
        enum formatter_status status;
        struct reason reason;
        struct buf bytes;
        int port;
        char *warnings;
};

struct command_format *command_format_new(const struct command_format_options *options)
{
        struct command_format *format = mem_new(1, sizeof(*format));

        format->options = *options;
        list_init(&format->calls);
        return format;
}

void command_format_stop(struct command_format *format)
{
        THREAD_ASSERT(LOOP_THREAD);
        format->stopped = true;
}

static void call_free(struct call *call)
{
        list_remove(&call->format->calls, &call->node);
        buf_deinit(&call->bytes);
        free(call->warnings);
        free(call);
}

void command_format_free(struct command_format *format)
{
        if (!format)
                return;
        list_for_each_safe (node, &format->calls)
                call_free(list_entry(node, struct call, node));
        free(format);
}

/* --- the result ---------------------------------------------------------------------------- */

static void refuse(struct command_format *format, struct command *command, const char *reason)
{
        command->refusal_status = STATUS_UNPROCESSABLE;
        command_ledger_finish(format->options.ledger, command, COMMAND_REFUSED, reason);
}

/* Can the network take the result? Else false with the reason. */
static bool is_usable(const struct call *call, const struct downlink_driver *driver,
                      struct reason *reason)
{
        if (!downlink_fits(driver, call->bytes.size, reason))
                return false;
        if (!driver->has_ports || call->port == 0 ||
            (call->port >= DOWNLINK_PORT_MIN && call->port <= DOWNLINK_PORT_MAX))
                return true;
        reason_set(reason, "fPort is %d, not a number from %d to %d", call->port, DOWNLINK_PORT_MIN,
                   DOWNLINK_PORT_MAX);
        return false;
}

/* Takes over bytes and port, or says why they can't be used. */
static bool take_payload(struct command *command, struct call *call)
{
        const struct downlink_driver *driver = network_by_name(command->device->network)->downlink;
        struct buf payload = BUF_INIT;

        if (!is_usable(call, driver, &call->reason)) {
                reason_prefix(&call->reason, "payload formatter '%s'", command->formatter);
                return false;
        }
        if (driver->has_ports && call->port != 0)
                command->downlink.port = (uint8_t)call->port;
        crypto_base64_encode(&payload, call->bytes.data, call->bytes.size);
        command->downlink.payload = buf_take(&payload);
        return true;
}

static void judge(struct call *call)
{
        struct command_format *format = call->format;
        struct command *command = call->command;

        if (call->warnings)
                log_info("COMMAND_FORMATTER_WARNS", "A formatter warns of a downlink",
                         LOG_TEXT("reference", command->downlink.reference),
                         LOG_TEXT("device", command->device_key),
                         LOG_TEXT("formatter", command->formatter),
                         LOG_TEXT("warnings", call->warnings), LOG_END);
        if (call->status != FORMATTER_GOOD || !take_payload(command, call))
                refuse(format, command, call->reason.text);
        else
                command_ledger_record(format->options.ledger, command);
}

/* Back on the thread "loop" with the result. */
static void finish_call(void *context)
{
        struct call *call = context;
        struct command_format *format = call->format;

        if (format->stopped)
                return;
        if (command_ledger_let_go(format->options.ledger, call->command)) {
                /* It may have been cancelled, or its time may be over, meanwhile. */
                if (call->command->state < COMMAND_QUEUED)
                        judge(call);
                command_ledger_release(format->options.ledger, call->command);
        }
        call_free(call);
}

/* On the thread "formatter". */
static void on_result(void *context, const struct formatter_result *result)
{
        struct call *call = context;

        call->status = result->status;
        call->reason = result->reason;
        call->port = result->port;
        call->warnings = mem_text(result->warnings);
        if (result->bytes.size > 0)
                buf_add(&call->bytes, result->bytes.data, result->bytes.size);
        if (!formatter_status_is_ours(result->status))
                loop_post(call->format->options.loop, finish_call, call);
}

/* --- the call ------------------------------------------------------------------------------ */

static void start(struct command_format *format, struct command *command)
{
        const char *body = command->body ? command->body : "";
        const struct downlink *downlink = &command->downlink;
        CLEANUP(buf_deinit) struct buf bytes = BUF_INIT;
        struct call *call = mem_new(1, sizeof(*call));

        call->format = format;
        call->command = command;
        command_ledger_hold(command);
        list_push_back(&format->calls, &call->node);
        if (!crypto_base64_decode(&bytes, body, strlen(body)))
                buf_clear(&bytes);
        formatter_call(format->options.pool, command->formatter, FORMATTER_ENCODE_DOWNLINK,
                       &(struct formatter_input){
                               .bytes = (const uint8_t *)buf_text(&bytes),
                               .size = bytes.size,
                               .port = downlink->port > 0 ? downlink->port : FORMATTER_NO_PORT,
                               .time_ns = command->received.wall_ms * CLOCK_NS_PER_MS,
                               .data = downlink->decoded,
                               .device = downlink->device,
                               .application = downlink->application,
                               .method = command->name,
                       },
                       on_result, call);
}

enum command_turn command_format_hand_over(struct command_format *format, struct command *command)
{
        THREAD_ASSERT(LOOP_THREAD);
        if (format->stopped)
                return COMMAND_TURN_GOES_ON;
        if (!command->formatter || command->downlink.payload)
                return command_network_hand_over(format->options.network, command);
        if (format->options.pool) {
                start(format, command);
                return COMMAND_TURN_GOES_ON;
        }
        formatters_off_say(&format->off, command->formatter, command->device_key);
        return command_ledger_wait(format->options.ledger, command, FORMATTERS_OFF_SAID_MS);
}
