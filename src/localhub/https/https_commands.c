// SPDX-License-Identifier: MIT
/* Cloud-to-device messages over HTTPS: taken under a lock, which the device names afterwards. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/mem.h"
#include "base/text.h"
#include "localhub/https/https_call.h"
#include "localhub/messages/command_queue.h"
#include "localhub/rest/rest_call.h"

/* No connection's: such a lock ends with its time only. */
#define HOLDER UINT64_MAX

static void add_text(struct https_call *call, const char *name, const char *value)
{
        if (!text_is_empty(value))
                http_exchange_add_header(call->exchange, name, value);
}

static void add_number(struct https_call *call, const char *name, uint64_t number)
{
        char text[24];

        snprintf(text, sizeof(text), "%llu", (unsigned long long)number);
        http_exchange_add_header(call->exchange, name, text);
}

static void add_time(struct https_call *call, const char *name, int64_t wall_ms)
{
        char text[CLOCK_TEXT_SIZE];

        clock_format_utc(text, wall_ms * CLOCK_NS_PER_MS, CLOCK_FRACTION);
        http_exchange_add_header(call->exchange, name, text);
}

static void add_properties(struct https_call *call, const struct local_hub_command *message)
{
        for (size_t i = 0; i < message->property_count; i++) {
                CLEANUP(mem_cleanup)
                char *name = mem_format("iothub-app-%s", message->properties[i].name);

                http_exchange_add_header(call->exchange, name, message->properties[i].value);
        }
}

static void add_headers(struct https_call *call, const struct command *command, int deliveries)
{
        const struct local_hub_command *message = &command->message;
        CLEANUP(mem_cleanup)
        char *to = mem_format("/devices/%s/messages/devicebound", call->device.id);

        add_text(call, "iothub-messageid", message->message_id);
        add_text(call, "iothub-to", to);
        add_text(call, "iothub-correlationid", message->correlation_id);
        add_text(call, "iothub-userid", message->user_id);
        add_text(call, "iothub-contenttype", message->content_type);
        add_text(call, "iothub-contentencoding", message->content_encoding);
        add_text(call, "iothub-ack", local_hub_ack_names[message->ack]);
        add_number(call, "iothub-sequencenumber", command->sequence_number);
        add_number(call, "iothub-deliverycount", (uint64_t)deliveries);
        add_time(call, "iothub-enqueuedtime", command->enqueued_ms);
        add_time(call, "iothub-expiry", message->expires_ms);
        add_properties(call, message);
}

void https_command_get(struct https_call *call)
{
        CLEANUP(buf_deinit) struct buf etag = BUF_INIT;
        CLEANUP(buf_deinit) struct buf body = BUF_INIT;
        uint8_t lock[COMMAND_LOCK_SIZE];
        int deliveries = 0;
        const struct command *command =
                command_queue_take(local_hub_commands(call->hub), call->device.hub, call->device.id,
                                   HOLDER, clock_steady_ms(), lock, &deliveries);

        if (!command) {
                https_answer_nothing(call);
                return;
        }
        /* The lock's time runs. */
        local_hub_commands_changed(call->hub, call->device.hub, call->device.id);
        buf_add_char(&etag, '"');
        crypto_hex_encode(&etag, lock, sizeof(lock));
        buf_add_char(&etag, '"');
        add_text(call, "ETag", buf_text(&etag));
        add_headers(call, command, deliveries);
        buf_add(&body, command->message.body, command->message.body_size);
        command_queue_release(command);
        http_exchange_answer(call->exchange, 200, "application/octet-stream", &body);
}

static void settle(struct https_call *call, enum command_settlement how)
{
        const char *text = call->arguments[1];
        CLEANUP(buf_deinit) struct buf lock = BUF_INIT;

        if (crypto_hex_decode(&lock, text, strlen(text)) && lock.size == COMMAND_LOCK_SIZE &&
            command_queue_settle(local_hub_commands(call->hub), call->device.hub, call->device.id,
                                 (const uint8_t *)lock.data, how, clock_steady_ms())) {
                local_hub_commands_changed(call->hub, call->device.hub, call->device.id);
                https_answer_nothing(call);
                return;
        }
        rest_fail(call->exchange, REST_LOCK_LOST, "the lock '%.64s' is not held (any more)", text);
}

void https_command_delete(struct https_call *call)
{
        settle(call, http_exchange_has_argument(call->exchange, "reject") ? COMMAND_REJECT
                                                                          : COMMAND_COMPLETE);
}

void https_command_abandon(struct https_call *call)
{
        settle(call, COMMAND_ABANDON);
}
