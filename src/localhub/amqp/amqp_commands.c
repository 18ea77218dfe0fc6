// SPDX-License-Identifier: MIT
/* Cloud-to-device messages on a device's link (rule W8). */
#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "localhub/amqp/amqp_core.h"

/* --- the message ----------------------------------------------------------------------------- */

/* The types are those that Microsoft's converters ask for. */
static void put_annotations(struct buf *out, const struct command *command, int delivery_count)
{
        size_t begin;

        amqp_wire_put_section(out, AMQP_WIRE_SECTION_MESSAGE_ANNOTATIONS);
        begin = amqp_wire_begin_map(out);
        amqp_wire_put_symbol(out, "x-opt-sequence-number");
        amqp_wire_put_ulong(out, command->sequence_number);
        amqp_wire_put_symbol(out, "iothub-enqueuedtime");
        amqp_wire_put_timestamp(out, command->enqueued_ms);
        amqp_wire_put_symbol(out, "iothub-deliverycount");
        amqp_wire_put_ubyte(out, (uint8_t)(delivery_count > 255 ? 255 : delivery_count));
        amqp_wire_end(out, begin, 6);
}

static void put_properties(struct buf *out, const struct command *command, const char *device_id)
{
        const struct local_hub_command *message = &command->message;
        CLEANUP(buf_deinit) struct buf to = BUF_INIT;
        size_t begin;

        buf_add_text(&to, "/devices/");
        text_url_escape(&to, device_id);
        buf_add_text(&to, "/messages/devicebound");
        amqp_wire_put_section(out, AMQP_WIRE_SECTION_PROPERTIES);
        begin = amqp_wire_begin_list(out);
        amqp_wire_put_string(out, message->message_id);
        if (message->user_id)
                amqp_wire_put_binary(out, message->user_id, strlen(message->user_id));
        else
                amqp_wire_put_null(out);
        amqp_wire_put_string(out, to.data);
        amqp_wire_put_null(out); /* subject */
        amqp_wire_put_null(out); /* reply-to */
        amqp_wire_put_string(out, message->correlation_id);
        amqp_wire_put_symbol(out, message->content_type);
        amqp_wire_put_symbol(out, message->content_encoding);
        amqp_wire_put_timestamp(out, message->expires_ms);
        amqp_wire_end(out, begin, 9);
}

static void put_application_properties(struct buf *out, const struct local_hub_command *message)
{
        uint32_t count = (uint32_t)message->property_count * 2;
        size_t begin;

        if (count == 0 && message->ack == LOCAL_HUB_ACK_NONE)
                return;
        amqp_wire_put_section(out, AMQP_WIRE_SECTION_APPLICATION_PROPERTIES);
        begin = amqp_wire_begin_map(out);
        for (size_t i = 0; i < message->property_count; i++) {
                amqp_wire_put_string(out, message->properties[i].name);
                amqp_wire_put_string(out, message->properties[i].value);
        }
        if (message->ack != LOCAL_HUB_ACK_NONE) {
                amqp_wire_put_string(out, "iothub-ack");
                amqp_wire_put_string(out, local_hub_ack_names[message->ack]);
                count += 2;
        }
        amqp_wire_end(out, begin, count);
}

/* --- delivering ------------------------------------------------------------------------------ */

/* The device's, or the hub's file notifications. */
static const char *mailbox_of(const struct amqp_link *link)
{
        return link->device ? link->device->session.id : COMMAND_FILE_NOTIFICATIONS;
}

static void deliver(struct amqp_link *link, const struct command *command, const uint8_t *lock,
                    int delivery_count)
{
        CLEANUP(buf_deinit) struct buf message = BUF_INIT;
        struct amqp_peer *peer = link->peer;
        pn_delivery_t *delivery;

        put_annotations(&message, command, delivery_count);
        put_properties(&message, command, mailbox_of(link));
        put_application_properties(&message, &command->message);
        amqp_wire_put_data(&message, command->message.body, command->message.body_size);
        delivery = amqp_link_transfer(link, lock, COMMAND_LOCK_SIZE, &message);
        if (pn_link_snd_settle_mode(link->handle) != PN_SND_SETTLED)
                return;
        pn_delivery_settle(delivery);
        (void)command_queue_settle(peer->core->commands, peer->hub, mailbox_of(link), lock,
                                   COMMAND_COMPLETE, peer->core->now_ms);
}

void amqp_commands_push(struct amqp_link *link)
{
        struct amqp_peer *peer = link->peer;
        uint8_t lock[COMMAND_LOCK_SIZE];
        int delivery_count = 0;

        while (!link->closing && pn_link_credit(link->handle) > 0) {
                const struct command *command =
                        command_queue_take(peer->core->commands, peer->hub, mailbox_of(link),
                                           link->number, peer->core->now_ms, lock, &delivery_count);

                if (!command)
                        break;
                deliver(link, command, lock, delivery_count);
                log_debug("HUB_COMMAND_DELIVERED", "A message was delivered to its device",
                          LOG_TEXT("hub", peer->hub_id), LOG_TEXT("device", mailbox_of(link)),
                          LOG_TEXT("message", command->message.message_id), LOG_END);
                command_queue_release(command);
        }
}

static enum command_settlement settlement_of(const pn_delivery_t *delivery)
{
        switch (pn_delivery_remote_state((pn_delivery_t *)(uintptr_t)delivery)) {
        case PN_ACCEPTED:
                return COMMAND_COMPLETE;
        case PN_REJECTED:
                return COMMAND_REJECT;
        default: /* released, modified, settled without a word */
                return COMMAND_ABANDON;
        }
}

static void on_outcome(struct amqp_link *link, pn_delivery_t *delivery)
{
        struct amqp_peer *peer = link->peer;
        pn_delivery_tag_t tag = pn_delivery_tag(delivery);
        uint64_t state = pn_delivery_remote_state(delivery);
        uint8_t lock[COMMAND_LOCK_SIZE];
        bool held;

        if (state == PN_RECEIVED || (state == 0 && !pn_delivery_settled(delivery)))
                return;
        memcpy(lock, tag.start, sizeof(lock)); /* it is ours: 16 bytes */
        held = command_queue_settle(peer->core->commands, peer->hub, mailbox_of(link), lock,
                                    settlement_of(delivery), peer->core->now_ms);
        log_debug("HUB_COMMAND_SETTLED", "A device settled a message",
                  LOG_TEXT("hub", peer->hub_id), LOG_TEXT("device", mailbox_of(link)),
                  LOG_INT("outcome", state), LOG_INT("held", held), LOG_END);
        if (held)
                pn_delivery_update(delivery, state);
        else
                amqp_error_set(pn_disposition_condition(pn_delivery_local(delivery)),
                               "com.microsoft:message-lock-lost", NULL);
        if (!held)
                pn_delivery_update(delivery, PN_REJECTED);
        pn_delivery_settle(delivery);
        amqp_commands_push(link); /* an abandoned one comes again */
}

/* --- the link -------------------------------------------------------------------------------- */

static void on_opened(struct amqp_link *link)
{
        amqp_link_take_place(&link->device->command_link, link);
}

static void on_ended(struct amqp_link *link)
{
        struct amqp_peer *peer = link->peer;
        size_t count = command_queue_unlock(peer->core->commands, peer->hub, mailbox_of(link),
                                            link->number, peer->core->now_ms);

        if (link->device->command_link == link)
                link->device->command_link = NULL;
        if (count > 0)
                device_sessions_commands_wait(&peer->core->sessions, peer->hub, mailbox_of(link));
}

const struct amqp_link_type amqp_commands = {
        .opened = on_opened,
        .outcome = on_outcome,
        .credit_came = amqp_commands_push,
        .ended = on_ended,
};

/* --- file notifications, whose link is a service's -------------------------------------------- */

void amqp_uploads_wait(struct amqp_core *core, int hub)
{
        list_for_each (peer_node, &core->peers) {
                struct amqp_peer *peer = list_entry(peer_node, struct amqp_peer, node);

                if (peer->hub != hub)
                        continue;
                list_for_each (node, &peer->links) {
                        if (list_entry(node, struct amqp_link, node)->type == &amqp_service_uploads)
                                peer->wake(peer);
                }
        }
}

static void on_uploads_ended(struct amqp_link *link)
{
        struct amqp_core *core = link->peer->core;

        if (command_queue_unlock(core->commands, link->peer->hub, COMMAND_FILE_NOTIFICATIONS,
                                 link->number, core->now_ms) > 0)
                amqp_uploads_wait(core, link->peer->hub);
}

const struct amqp_link_type amqp_service_uploads = {
        .for_service = true,
        .work = amqp_commands_push,
        .outcome = on_outcome,
        .credit_came = amqp_commands_push,
        .ended = on_uploads_ended,
};
