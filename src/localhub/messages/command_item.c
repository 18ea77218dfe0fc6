// SPDX-License-Identifier: MIT
/* Copies of messages, and the feedback about them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/mem.h"
#include "base/text.h"
#include "localhub/messages/command_data.h"

#define FEEDBACK_MAX 10000

/* --- messages -------------------------------------------------------------------------------- */

static size_t text_size(const char *text)
{
        return text ? strlen(text) + 1 : 0;
}

/* The copy of a text behind the others; NULL stays NULL. */
static const char *place(char **at, const char *text)
{
        size_t size = text_size(text);
        char *start = *at;

        if (!text)
                return NULL;
        memcpy(start, text, size);
        *at += size;
        return start;
}

static size_t texts_size(const struct local_hub_command *message)
{
        size_t size = text_size(message->correlation_id) + text_size(message->content_type) +
                      text_size(message->content_encoding) + text_size(message->user_id);

        for (size_t i = 0; i < message->property_count; i++)
                size += text_size(message->properties[i].name) +
                        text_size(message->properties[i].value);
        return size;
}

static void copy_id(struct item *item, const char *message_id)
{
        char made[CRYPTO_UUID_SIZE];

        if (text_is_empty(message_id)) {
                crypto_uuid4(made);
                message_id = made;
        }
        snprintf(item->status.message_id, sizeof(item->status.message_id), "%s", message_id);
        item->command.message.message_id = item->status.message_id;
}

/* One block: the item, its properties, its texts, its body. */
struct item *command_item_new(const struct local_hub_command *message)
{
        size_t list_size = message->property_count * sizeof(struct property);
        struct item *item = mem_new(1, sizeof(*item) + list_size + texts_size(message) +
                                               message->body_size + 1);
        struct property *properties = (void *)(item + 1);
        struct local_hub_command *copy = &item->command.message;
        char *at = (char *)properties + list_size;

        *copy = *message;
        copy_id(item, message->message_id);
        copy->correlation_id = place(&at, message->correlation_id);
        copy->content_type = place(&at, message->content_type);
        copy->content_encoding = place(&at, message->content_encoding);
        copy->user_id = place(&at, message->user_id);
        for (size_t i = 0; i < message->property_count; i++) {
                properties[i].name = place(&at, message->properties[i].name);
                properties[i].value = place(&at, message->properties[i].value);
        }
        copy->properties = properties;
        if (message->body_size > 0)
                memcpy(at, message->body, message->body_size);
        copy->body = at;
        atomic_init(&item->references, 1);
        return item;
}

void command_item_release(struct item *item)
{
        if (atomic_fetch_sub_explicit(&item->references, 1, memory_order_acq_rel) == 1)
                free(item);
}

void command_queue_release(const struct command *command)
{
        if (command)
                command_item_release((struct item *)(uintptr_t)command);
}

/* --- feedback -------------------------------------------------------------------------------- */

static const char *feedback_code(enum local_hub_command_state state)
{
        switch (state) {
        case LOCAL_HUB_COMMAND_COMPLETED:
                return "Success";
        case LOCAL_HUB_COMMAND_REJECTED:
                return "Rejected";
        case LOCAL_HUB_COMMAND_EXPIRED:
                return "Expired";
        case LOCAL_HUB_COMMAND_EXHAUSTED:
                return "DeliveryCountExceeded";
        case LOCAL_HUB_COMMAND_PURGED:
                return "Purged";
        case LOCAL_HUB_COMMAND_ENQUEUED:
        case LOCAL_HUB_COMMAND_LOCKED:
                break;
        }
        return NULL;
}

static bool is_wanted(enum local_hub_ack ack, enum local_hub_command_state state)
{
        bool success = state == LOCAL_HUB_COMMAND_COMPLETED;

        return ack == LOCAL_HUB_ACK_FULL ||
               ack == (success ? LOCAL_HUB_ACK_POSITIVE : LOCAL_HUB_ACK_NEGATIVE);
}

void command_item_add_feedback(struct command_queue *queue, const struct item *item, int64_t now_ms)
{
        struct list *list = &queue->feedback[item->mailbox->hub];
        struct command_feedback *record;

        if (!is_wanted(item->command.message.ack, item->status.state))
                return;
        if (list->count >= FEEDBACK_MAX)
                free(list_entry(list_pop_front(list), struct command_feedback, node));
        record = mem_new(1, sizeof(*record));
        memcpy(record->message_id, item->status.message_id, sizeof(record->message_id));
        memcpy(record->device_id, item->status.device_id, sizeof(record->device_id));
        memcpy(record->generation, item->mailbox->generation, sizeof(record->generation));
        record->code = feedback_code(item->status.state);
        record->settled_ms = item->status.settled_ms;
        record->since_ms = now_ms;
        list_push_back(list, &record->node);
}

int64_t command_queue_feedback_since(struct command_queue *queue, int hub, size_t *count)
{
        const struct list *list = &queue->feedback[hub];
        int64_t since = INT64_MAX;

        pthread_mutex_lock(&queue->mutex);
        *count = list->count;
        if (list->count > 0)
                since = list_entry(list->head.next, struct command_feedback, node)->since_ms;
        pthread_mutex_unlock(&queue->mutex);
        return since;
}

void command_queue_take_feedback(struct command_queue *queue, int hub, struct list *batch)
{
        struct list_node *node;

        pthread_mutex_lock(&queue->mutex);
        while (batch->count < COMMAND_BATCH_MAX &&
               (node = list_pop_front(&queue->feedback[hub])) != NULL)
                list_push_back(batch, node);
        pthread_mutex_unlock(&queue->mutex);
}

void command_queue_return_feedback(struct command_queue *queue, int hub, struct list *batch)
{
        pthread_mutex_lock(&queue->mutex);
        list_splice_back(batch, &queue->feedback[hub]);
        list_splice_back(&queue->feedback[hub], batch);
        pthread_mutex_unlock(&queue->mutex);
}

void command_queue_free_feedback(struct list *batch)
{
        struct list_node *node;

        while ((node = list_pop_front(batch)) != NULL)
                free(list_entry(node, struct command_feedback, node));
}
