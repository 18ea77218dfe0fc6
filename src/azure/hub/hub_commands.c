// SPDX-License-Identifier: MIT
#include "azure/hub/hub_commands.h"

#include <proton/disposition.h>
#include <stdlib.h>

#include "azure/hub/amqp_message.h"
#include "azure/hub/hub_core.h"
#include "azure/hub/hub_link.h"
#include "azure/names.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"

/* Commands that are locked by us at a time; the hub keeps 50 per device. */
#define WINDOW 20
/* The hub takes 64 KiB of body and properties; this is with AMQP's share. */
#define SIZE_MAX_ENCODED ((size_t)2 * AZURE_COMMAND_SIZE_MAX)

struct received {
        struct hub_command command; /* first: what the owner is given */
        struct hub_device *device;  /* NULL: the lock is gone */
        pn_delivery_t *delivery;
        struct list *list;
        struct list_node node;
        struct amqp_properties properties;
        struct buf message_id;
        struct buf body;
};

static struct received *received_of(struct list_node *node)
{
        return list_entry(node, struct received, node);
}

void hub_commands_init(struct hub_commands *commands)
{
        list_init(&commands->arrived);
        list_init(&commands->held);
        list_init(&commands->lost);
}

static void move(struct received *received, struct list *to)
{
        if (received->list != NULL)
                list_remove(received->list, &received->node);
        received->list = to;
        if (to != NULL)
                list_push_back(to, &received->node);
}

static void received_free(struct received *received)
{
        move(received, NULL);
        amqp_properties_deinit(&received->properties);
        buf_deinit(&received->message_id);
        buf_deinit(&received->body);
        free(received);
}

void hub_commands_attach(struct hub_device *device)
{
        struct hub_commands *commands = &device->commands;

        if (commands->link != NULL)
                return;
        commands->link = hub_link_receiver(device, "commands", AZURE_PATH_COMMANDS);
        pn_link_set_max_message_size(commands->link, SIZE_MAX_ENCODED);
        hub_link_open(device, commands->link, NULL);
        pn_link_flow(commands->link, WINDOW);
        hub_link_expect_open(device, &device->command_pause);
}

static void lose(struct received *received)
{
        pn_delivery_set_context(received->delivery, NULL);
        received->delivery = NULL;
        received->device = NULL;
}

void hub_commands_detach(struct hub_device *device)
{
        struct hub_commands *commands = &device->commands;
        pn_link_t *link = commands->link;
        struct list_node *node;

        if (link == NULL)
                return;
        while ((node = list_pop_front(&commands->arrived)) != NULL) {
                received_of(node)->list = NULL;
                lose(received_of(node));
                received_free(received_of(node));
        }
        while (!list_is_empty(&commands->held)) {
                struct received *received = received_of(commands->held.head.next);

                lose(received);
                move(received, &commands->lost);
                hub_core_news(device);
        }
        commands->link = NULL;
        hub_link_end(device->connection, link);
}

void hub_commands_release(struct hub_device *device)
{
        struct hub_commands *commands = &device->commands;

        while (!list_is_empty(&commands->lost))
                move(received_of(commands->lost.head.next), NULL);
}

/* --- reading ---------------------------------------------------------------------------------- */

static void read_annotations(struct hub_command *command, const struct amqp_inbox *inbox)
{
        struct amqp_wire_value value;
        int64_t number;

        value = amqp_inbox_annotation(inbox, AZURE_ANNOTATION_SEQUENCE_NUMBER);
        if (amqp_wire_int(&value, &number) && number > 0)
                command->sequence_number = (uint64_t)number;
        value = amqp_inbox_annotation(inbox, AZURE_ANNOTATION_ENQUEUED_TIME);
        if (amqp_wire_int(&value, &number))
                command->enqueued_ms = number;
}

static void read_command(struct received *received, const struct amqp_inbox *inbox)
{
        struct hub_command *command = &received->command;
        int64_t expires_ms;

        (void)amqp_wire_add_plain(&received->message_id, &inbox->message.message_id);
        command->message_id = buf_text(&received->message_id);
        if (amqp_wire_int(&inbox->message.expiry, &expires_ms))
                command->expires_ms = expires_ms;
        read_annotations(command, inbox);
        amqp_properties_read(&received->properties, inbox);
        command->properties = received->properties.list;
        command->property_count = received->properties.count;
        buf_add(&received->body, inbox->body.data, inbox->body.size);
        command->body = buf_text(&received->body);
        command->body_size = received->body.size;
}

static void reject(pn_delivery_t *delivery, const char *why)
{
        pn_condition_t *condition = pn_disposition_condition(pn_delivery_local(delivery));

        pn_condition_set_name(condition, AZURE_E_DECODE);
        pn_condition_set_description(condition, why);
        pn_delivery_update(delivery, PN_REJECTED);
        pn_delivery_settle(delivery);
}

void hub_commands_receive(struct hub_device *device, pn_delivery_t *delivery)
{
        struct amqp_inbox *inbox = &device->hub->client->inbox;
        struct received *received;

        if (!pn_delivery_readable(delivery) || pn_delivery_partial(delivery))
                return;
        if (!amqp_inbox_take(inbox, delivery, SIZE_MAX_ENCODED) || inbox->odd_body) {
                log_warn("HUB_COMMAND_UNREADABLE", "A cloud-to-device message can't be read",
                         LOG_TEXT("device", device->device_id), LOG_END);
                reject(delivery, "the message can't be read");
                pn_link_flow(device->commands.link, 1);
                return;
        }
        received = mem_new(1, sizeof(*received));
        read_command(received, inbox);
        received->device = device;
        received->delivery = delivery;
        pn_delivery_set_context(delivery, received);
        move(received, &device->commands.arrived);
        hub_core_news(device);
}

/* --- its owner -------------------------------------------------------------------------------- */

void hub_commands_tell(struct hub_device *device)
{
        struct hub_commands *commands = &device->commands;

        while (!list_is_empty(&commands->lost)) {
                struct received *received = received_of(commands->lost.head.next);

                move(received, NULL);
                device->handler->command_lost(device->context, &received->command);
        }
        while (!list_is_empty(&commands->arrived)) {
                struct received *received = received_of(commands->arrived.head.next);

                move(received, &commands->held);
                device->handler->command(device->context, &received->command);
        }
}

bool hub_command_settle(struct hub_command *command, enum hub_settlement settlement)
{
        static const uint64_t outcomes[] = {
                [HUB_COMPLETE] = PN_ACCEPTED,
                [HUB_ABANDON] = PN_RELEASED,
                [HUB_REJECT] = PN_REJECTED,
        };
        struct received *received = list_entry(command, struct received, command);
        struct hub_device *device = received->device;
        bool settles = device != NULL && hub_core_may_act(device);

        THREAD_ASSERT(LOOP_THREAD);
        if (device != NULL)
                pn_delivery_set_context(received->delivery, NULL);
        if (settles) {
                pn_delivery_update(received->delivery, outcomes[settlement]);
                pn_delivery_settle(received->delivery);
                pn_link_flow(device->commands.link, 1);
                hub_core_wrote(device->connection);
        }
        received_free(received);
        return settles;
}
