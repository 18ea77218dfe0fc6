// SPDX-License-Identifier: MIT
/* The cloud's side: messages to devices, and feedback about them (rule W13). */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/mem.h"
#include "base/text.h"
#include "localhub/amqp/amqp_core.h"
#include "localhub/sessions/device_twin.h"

#define PROPERTIES_MAX 256

/* --- messages to devices --------------------------------------------------------------------- */

struct outgoing {
        struct local_hub_command command;
        struct property properties[PROPERTIES_MAX];
        struct buf texts[6]; /* message id, correlation id, type, encoding, user id, properties */
        struct link_address to;
};

static const char *text_or_null(struct buf *text, const struct amqp_wire_value *value)
{
        if (value->kind == AMQP_WIRE_NULL)
                return NULL;
        if (value->kind == AMQP_WIRE_BINARY)
                buf_add(text, value->bytes.data, value->bytes.size);
        else
                amqp_wire_add_text(text, value);
        return buf_text(text);
}

static bool take_ack(const struct amqp_wire_value *value, enum local_hub_ack *ack)
{
        for (size_t i = 0; i < LOCAL_HUB_ACK_COUNT; i++) {
                if (!amqp_wire_is_text(value, local_hub_ack_names[i]))
                        continue;
                *ack = (enum local_hub_ack)i;
                return true;
        }
        return false;
}

/* `iothub-ack` is not a property of the application. */
static bool read_properties(struct outgoing *out, const struct amqp_wire_message *message)
{
        struct amqp_wire_bytes members = message->properties;
        struct buf *texts = &out->texts[5];
        size_t count = 0;

        buf_reserve(texts, 2 * members.size + (size_t)message->property_count * 64);
        for (uint32_t i = 0; i < message->property_count && count < PROPERTIES_MAX; i += 2) {
                struct amqp_wire_value name;
                struct amqp_wire_value value;

                if (!amqp_wire_read(&members, &name) || !amqp_wire_read(&members, &value))
                        return false;
                if (amqp_wire_is_text(&name, "iothub-ack")) {
                        if (!take_ack(&value, &out->command.ack))
                                return false;
                        continue;
                }
                out->properties[count].name = texts->data + texts->size;
                amqp_wire_add_text(texts, &name);
                buf_add_char(texts, '\0');
                out->properties[count++].value = texts->data + texts->size;
                amqp_wire_add_text(texts, &value);
                buf_add_char(texts, '\0');
        }
        out->command.properties = out->properties;
        out->command.property_count = count;
        return true;
}

static bool read_outgoing(struct outgoing *out, const struct amqp_wire_message *message)
{
        CLEANUP(buf_deinit) struct buf to = BUF_INIT;
        struct local_hub_command *command = &out->command;

        amqp_wire_add_text(&to, &message->to);
        if (!link_address_parse(buf_text(&to), &out->to) || out->to.function != LINK_COMMANDS)
                return false;
        command->message_id = text_or_null(&out->texts[0], &message->message_id);
        command->correlation_id = text_or_null(&out->texts[1], &message->correlation_id);
        command->content_type = text_or_null(&out->texts[2], &message->content_type);
        command->content_encoding = text_or_null(&out->texts[3], &message->content_encoding);
        command->user_id = text_or_null(&out->texts[4], &message->user_id);
        command->expires_ms =
                message->expiry.kind == AMQP_WIRE_TIMESTAMP ? message->expiry.number : 0;
        command->body = message->has_value ? message->value.bytes.data : message->data.data;
        command->body_size = message->has_value ? message->value.bytes.size : message->data.size;
        return read_properties(out, message);
}

static void reject(pn_delivery_t *delivery, const char *condition, int code, const char *text)
{
        CLEANUP(buf_deinit) struct buf description = BUF_INIT;

        device_error_text(&description, code, text);
        amqp_reject(delivery, condition, description.data);
}

static void enqueue(struct amqp_peer *peer, pn_delivery_t *delivery, const struct outgoing *out)
{
        struct amqp_core *core = peer->core;
        char message_id[LOCAL_HUB_MESSAGE_ID_SIZE];
        struct reason reason = REASON_INIT;
        struct registry_device device;
        int r = LOCAL_HUB_E_NO_DEVICE;

        if (quotas_take(core->sessions.quotas, peer->hub, QUOTA_COMMANDS, 1, core->now_ms) !=
            QUOTA_TAKEN) {
                amqp_reject(delivery, "com.microsoft:device-container-throttled", NULL);
                return;
        }
        if (registry_device_get(core->registry, peer->hub, out->to.device_id, &device))
                r = command_queue_send(core->commands, peer->hub, device.id, device.generation_id,
                                       &out->command, core->now_ms, message_id, &reason);
        else
                reason_set(&reason, "The device '%s' does not exist.", out->to.device_id);
        if (r == LOCAL_HUB_E_NO_DEVICE)
                reject(delivery, "amqp:not-found", 404001, reason.text);
        else if (r == LOCAL_HUB_E_QUEUE_FULL)
                reject(delivery, "amqp:resource-limit-exceeded", 403004, reason.text);
        else if (r == LOCAL_HUB_E_TOO_LARGE)
                reject(delivery, "amqp:link:message-size-exceeded", 413001, reason.text);
        else if (r != 0)
                reject(delivery, "com.microsoft:argument-error", 403009, reason.text);
        else
                amqp_accept(delivery);
        if (r == 0)
                device_sessions_commands_wait(&core->sessions, peer->hub, out->to.device_id);
}

static void on_message(struct amqp_link *link, pn_delivery_t *delivery,
                       const struct amqp_wire_message *message)
{
        struct outgoing *out = mem_new(1, sizeof(*out));

        if (!read_outgoing(out, message))
                reject(delivery, "com.microsoft:argument-error", 400004,
                       "`to` must be /devices/ID/messages/devicebound, iothub-ack one of none, "
                       "positive, negative, full.");
        else
                enqueue(link->peer, delivery, out);
        for (size_t i = 0; i < ARRAY_SIZE(out->texts); i++)
                buf_deinit(&out->texts[i]);
        free(out);
}

const struct amqp_link_type amqp_service_commands = {
        .hub_receives = true,
        .for_service = true,
        .credit = 100,
        .max_size = AMQP_MESSAGE_MAX,
        .message = on_message,
};

/* --- feedback -------------------------------------------------------------------------------- */

static void add_record(struct buf *out, const struct command_feedback *record)
{
        char time[CLOCK_TEXT_SIZE];

        clock_format_utc(time, record->settled_ms * CLOCK_NS_PER_MS, CLOCK_FRACTION);
        buf_add_text(out, "{\"originalMessageId\":");
        buf_add_json_string(out, record->message_id, strlen(record->message_id));
        buf_add_format(out,
                       ",\"enqueuedTimeUtc\":\"%s\",\"statusCode\":\"%s\",\"description\":\"%s\","
                       "\"deviceId\":",
                       time, record->code, record->code);
        buf_add_json_string(out, record->device_id, strlen(record->device_id));
        buf_add_format(out, ",\"deviceGenerationId\":\"%s\"}", record->generation);
}

static void write_feedback(struct buf *out, const struct amqp_link *link)
{
        CLEANUP(buf_deinit) struct buf body = BUF_INIT;
        char message_id[CRYPTO_UUID_SIZE];
        size_t begin;

        list_for_each (node, &link->batch) {
                buf_add_char(&body, body.size ? ',' : '[');
                add_record(&body, list_entry(node, struct command_feedback, node));
        }
        buf_add_char(&body, ']');
        crypto_uuid4(message_id);
        amqp_wire_put_section(out, AMQP_WIRE_SECTION_PROPERTIES);
        begin = amqp_wire_begin_list(out);
        amqp_wire_put_string(out, message_id);
        amqp_wire_put_binary(out, link->peer->hub_id, strlen(link->peer->hub_id)); /* user-id */
        for (int i = 0; i < 4; i++)
                amqp_wire_put_null(out); /* to, subject, reply-to, correlation-id */
        amqp_wire_put_symbol(out, "application/vnd.microsoft.iothub.feedback.json");
        amqp_wire_put_symbol(out, "utf-8");
        amqp_wire_end(out, begin, 8);
        amqp_wire_put_data(out, body.data, body.size);
}

/* When the waiting records of a hub are due: a full batch now, else after the delay. */
static int64_t due_time(struct amqp_core *core, int hub)
{
        size_t count;
        int64_t since = command_queue_feedback_since(core->commands, hub, &count);

        if (count == 0)
                return INT64_MAX;
        return count >= COMMAND_BATCH_MAX ? core->now_ms : since + core->feedback_delay_ms;
}

/* One batch at a time on a link, so that what was not accepted is known. */
static void push(struct amqp_link *link)
{
        CLEANUP(buf_deinit) struct buf message = BUF_INIT;
        struct amqp_peer *peer = link->peer;
        pn_delivery_t *delivery;
        uint64_t tag;

        if (link->batch.count > 0 || pn_link_credit(link->handle) <= 0 ||
            due_time(peer->core, peer->hub) > peer->core->now_ms)
                return;
        command_queue_take_feedback(peer->core->commands, peer->hub, &link->batch);
        if (link->batch.count == 0)
                return;
        write_feedback(&message, link);
        tag = ++peer->core->last_number;
        delivery = amqp_link_transfer(link, &tag, sizeof(tag), &message);
        if (pn_link_snd_settle_mode(link->handle) == PN_SND_SETTLED) {
                pn_delivery_settle(delivery);
                command_queue_free_feedback(&link->batch);
        }
}

void amqp_service_check(struct amqp_core *core, int64_t *next_ms)
{
        list_for_each (node, &core->feedback_links) {
                struct amqp_link *link = list_entry(node, struct amqp_link, feedback_node);
                int64_t due = due_time(core, link->peer->hub);

                if (link->batch.count > 0 || due == INT64_MAX)
                        continue;
                if (due <= core->now_ms)
                        link->peer->wake(link->peer);
                else if (due < *next_ms)
                        *next_ms = due;
        }
}

static void on_feedback_outcome(struct amqp_link *link, pn_delivery_t *delivery)
{
        struct amqp_peer *peer = link->peer;

        if (pn_delivery_remote_state(delivery) == PN_ACCEPTED ||
            pn_delivery_remote_state(delivery) == PN_REJECTED)
                command_queue_free_feedback(&link->batch);
        else
                command_queue_return_feedback(peer->core->commands, peer->hub, &link->batch);
        pn_delivery_settle(delivery);
        push(link);
}

static void on_feedback_opened(struct amqp_link *link)
{
        link->on_feedback = true;
        list_push_back(&link->peer->core->feedback_links, &link->feedback_node);
}

static void on_feedback_ended(struct amqp_link *link)
{
        struct amqp_core *core = link->peer->core;

        if (link->on_feedback)
                list_remove(&core->feedback_links, &link->feedback_node);
        link->on_feedback = false;
        command_queue_return_feedback(core->commands, link->peer->hub, &link->batch);
}

const struct amqp_link_type amqp_service_feedback = {
        .for_service = true,
        .work = push,
        .opened = on_feedback_opened,
        .outcome = on_feedback_outcome,
        .credit_came = push,
        .ended = on_feedback_ended,
};
