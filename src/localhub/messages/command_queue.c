// SPDX-License-Identifier: MIT
/*
 * Invariants, guarded by `mutex`: a message is on exactly one list, `waiting` or `locked` of its
 * mailbox, until it has its end; `waiting` is in the order of sequence numbers; the timer of a
 * waiting message is the end of its life, that of a locked one the end of its lock.
 */
#include "localhub/messages/command_queue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/mem.h"
#include "base/text.h"
#include "localhub/messages/command_data.h"

#define DEFAULT_LOCK_MS    60000
#define DEFAULT_DELIVERIES 10
#define DEFAULT_LIFE_MS    INT64_C(3600000)
#define LONGEST_LIFE_MS    (INT64_C(48) * 3600000)
#define HISTORY_MAX        10000

static const char *const state_names[] = {
        [LOCAL_HUB_COMMAND_ENQUEUED] = "enqueued",   [LOCAL_HUB_COMMAND_LOCKED] = "locked",
        [LOCAL_HUB_COMMAND_COMPLETED] = "completed", [LOCAL_HUB_COMMAND_REJECTED] = "rejected",
        [LOCAL_HUB_COMMAND_EXPIRED] = "expired",     [LOCAL_HUB_COMMAND_EXHAUSTED] = "exhausted",
        [LOCAL_HUB_COMMAND_PURGED] = "purged",
};

const char *const local_hub_ack_names[] = {
        [LOCAL_HUB_ACK_NONE] = "none",
        [LOCAL_HUB_ACK_POSITIVE] = "positive",
        [LOCAL_HUB_ACK_NEGATIVE] = "negative",
        [LOCAL_HUB_ACK_FULL] = "full",
};

const char *local_hub_command_state_name(enum local_hub_command_state state)
{
        return state_names[state];
}

/* --- mailboxes ------------------------------------------------------------------------------- */

static struct mailbox *find_mailbox(struct command_queue *queue, int hub, const char *device_id)
{
        char key[REGISTRY_IDENTITY_SIZE + 16];
        struct table_entry *entry;

        snprintf(key, sizeof(key), "%d/%s", hub, device_id);
        entry = table_find(&queue->mailboxes, key);
        return entry ? table_of(entry, struct mailbox, by_key) : NULL;
}

static struct mailbox *make_mailbox(struct command_queue *queue, int hub, const char *device_id)
{
        struct mailbox *mailbox = find_mailbox(queue, hub, device_id);

        if (mailbox)
                return mailbox;
        mailbox = mem_new(1, sizeof(*mailbox));
        mailbox->owner = queue;
        mailbox->key = mem_format("%d/%s", hub, device_id);
        mailbox->hub = hub;
        mailbox->device_id = strchr(mailbox->key, '/') + 1;
        list_init(&mailbox->waiting);
        list_init(&mailbox->locked);
        mailbox->by_key.key = mailbox->key;
        table_add(&queue->mailboxes, &mailbox->by_key);
        list_push_back(&queue->all, &mailbox->node);
        return mailbox;
}

static size_t depth(const struct mailbox *mailbox)
{
        return mailbox->waiting.count + mailbox->locked.count;
}

/* --- a message's states: the only places where it moves -------------------------------------- */

static void on_time(struct timer *timer);

static void remember(struct command_queue *queue, int hub,
                     const struct local_hub_command_status *status)
{
        struct past_item *past = mem_new(1, sizeof(*past));

        if (queue->history.count >= HISTORY_MAX) {
                struct list_node *oldest = queue->history.head.previous;

                list_remove(&queue->history, oldest);
                free(list_entry(oldest, struct past_item, node));
        }
        past->hub = hub;
        past->status = *status;
        list_push_front(&queue->history, &past->node);
}

static void take_off(struct item *item)
{
        timers_stop(&item->mailbox->owner->timers, &item->timer);
        list_remove(item->holder ? &item->mailbox->locked : &item->mailbox->waiting, &item->node);
}

static void to_end(struct item *item, enum local_hub_command_state state, int64_t now_ms)
{
        struct command_queue *queue = item->mailbox->owner;

        take_off(item);
        item->status.state = state;
        item->status.settled_ms = clock_wall_ms();
        remember(queue, item->mailbox->hub, &item->status);
        command_item_add_feedback(queue, item, now_ms);
        command_item_release(item);
}

/* Back to its place among the waiting, unless its life or its tries are over. */
static void to_waiting(struct item *item, int64_t now_ms)
{
        struct command_queue *queue = item->mailbox->owner;
        struct list *waiting = &item->mailbox->waiting;
        struct list_node *before = waiting->head.previous;

        if (item->status.abandoned >= queue->max_delivery_count) {
                to_end(item, LOCAL_HUB_COMMAND_EXHAUSTED, now_ms);
                return;
        }
        if (item->expires_ms <= now_ms) {
                to_end(item, LOCAL_HUB_COMMAND_EXPIRED, now_ms);
                return;
        }
        take_off(item);
        item->holder = 0;
        item->status.state = LOCAL_HUB_COMMAND_ENQUEUED;
        while (before != &waiting->head &&
               list_entry(before, struct item, node)->command.sequence_number >
                       item->command.sequence_number)
                before = before->previous;
        list_insert_after(waiting, before, &item->node);
        timers_start(&queue->timers, &item->timer, item->expires_ms);
}

static void to_locked(struct item *item, uint64_t holder, int64_t now_ms)
{
        struct command_queue *queue = item->mailbox->owner;

        take_off(item);
        item->holder = holder;
        item->status.state = LOCAL_HUB_COMMAND_LOCKED;
        item->status.deliveries++;
        crypto_random(item->lock, sizeof(item->lock));
        list_push_back(&item->mailbox->locked, &item->node);
        timers_start(&queue->timers, &item->timer, now_ms + queue->lock_ms);
}

/* The lock ended, or the life. */
static void on_time(struct timer *timer)
{
        struct item *item = table_of(timer, struct item, timer);
        struct mailbox *mailbox = item->mailbox;
        struct command_queue *queue = mailbox->owner;

        if (!item->holder) {
                to_end(item, LOCAL_HUB_COMMAND_EXPIRED, queue->now_ms);
                return;
        }
        item->status.locks_lost++;
        to_waiting(item, queue->now_ms);
        if (mailbox->waiting.count > 0 && queue->freed && !mailbox->is_freed) {
                mailbox->is_freed = true;
                list_remove(&queue->all, &mailbox->node);
                list_push_back(queue->freed, &mailbox->node);
        }
}

/* --- the queue ------------------------------------------------------------------------------- */

struct command_queue *command_queue_new(const struct command_queue_options *options)
{
        struct command_queue *queue = mem_new(1, sizeof(*queue));

        pthread_mutex_init(&queue->mutex, NULL);
        list_init(&queue->all);
        list_init(&queue->history);
        for (size_t i = 0; i < ARRAY_SIZE(queue->feedback); i++)
                list_init(&queue->feedback[i]);
        queue->lock_ms = options->lock_ms ? options->lock_ms : DEFAULT_LOCK_MS;
        queue->max_delivery_count =
                options->max_delivery_count ? options->max_delivery_count : DEFAULT_DELIVERIES;
        return queue;
}

static void free_mailbox(struct mailbox *mailbox)
{
        list_splice_back(&mailbox->waiting, &mailbox->locked);
        list_for_each_safe (node, &mailbox->waiting)
                command_item_release(list_entry(node, struct item, node));
        free(mailbox->key);
        free(mailbox);
}

void command_queue_free(struct command_queue *queue)
{
        if (!queue)
                return;
        list_for_each_safe (node, &queue->all)
                free_mailbox(list_entry(node, struct mailbox, node));
        list_for_each_safe (node, &queue->history)
                free(list_entry(node, struct past_item, node));
        for (size_t i = 0; i < ARRAY_SIZE(queue->feedback); i++)
                command_queue_free_feedback(&queue->feedback[i]);
        table_deinit(&queue->mailboxes);
        timers_deinit(&queue->timers);
        pthread_mutex_destroy(&queue->mutex);
        free(queue);
}

static size_t message_size(const struct local_hub_command *message)
{
        size_t size = message->body_size;

        for (size_t i = 0; i < message->property_count; i++)
                size += strlen(message->properties[i].name) + strlen(message->properties[i].value);
        return size;
}

static int check(const struct local_hub_command *message, int64_t life_ms, struct reason *reason)
{
        if (message_size(message) > COMMAND_SIZE_MAX) {
                reason_set(reason, "the message has %zu bytes with its properties; at most %d",
                           message_size(message), COMMAND_SIZE_MAX);
                return LOCAL_HUB_E_TOO_LARGE;
        }
        if (message->message_id && strlen(message->message_id) >= LOCAL_HUB_MESSAGE_ID_SIZE) {
                reason_set(reason, "the message id is longer than 128 characters");
                return LOCAL_HUB_E_INVALID;
        }
        if (life_ms <= 0 || life_ms > LONGEST_LIFE_MS) {
                reason_set(reason, "the message must expire within the next two days");
                return LOCAL_HUB_E_INVALID;
        }
        return 0;
}

static void enqueue(struct mailbox *mailbox, struct item *item, int64_t life_ms, int64_t now_ms)
{
        item->mailbox = mailbox;
        item->timer.run = on_time;
        item->command.sequence_number = ++mailbox->last_sequence;
        item->command.enqueued_ms = clock_wall_ms();
        item->command.message.expires_ms = item->command.enqueued_ms + life_ms;
        item->expires_ms = now_ms + life_ms;
        item->status.sequence_number = item->command.sequence_number;
        item->status.enqueued_ms = item->command.enqueued_ms;
        item->status.expires_ms = item->command.message.expires_ms;
        snprintf(item->status.device_id, sizeof(item->status.device_id), "%s", mailbox->device_id);
        list_push_back(&mailbox->waiting, &item->node);
        timers_start(&mailbox->owner->timers, &item->timer, item->expires_ms);
}

int command_queue_send(struct command_queue *queue, int hub, const char *device_id,
                       const char *generation, const struct local_hub_command *command,
                       int64_t now_ms, char message_id[LOCAL_HUB_MESSAGE_ID_SIZE],
                       struct reason *reason)
{
        int64_t life_ms =
                command->expires_ms ? command->expires_ms - clock_wall_ms() : DEFAULT_LIFE_MS;
        int r = check(command, life_ms, reason);
        struct mailbox *mailbox;

        if (r != 0)
                return r;
        pthread_mutex_lock(&queue->mutex);
        mailbox = make_mailbox(queue, hub, device_id);
        if (depth(mailbox) < COMMAND_DEPTH_MAX) {
                struct item *item = command_item_new(command);

                snprintf(mailbox->generation, sizeof(mailbox->generation), "%s", generation);
                memcpy(message_id, item->status.message_id, LOCAL_HUB_MESSAGE_ID_SIZE);
                enqueue(mailbox, item, life_ms, now_ms);
        } else {
                reason_set(reason, "%d messages wait for device '%s' already", COMMAND_DEPTH_MAX,
                           device_id);
                r = LOCAL_HUB_E_QUEUE_FULL;
        }
        pthread_mutex_unlock(&queue->mutex);
        return r;
}

/* The oldest waiting message whose time is not over; what is over goes. NULL = none waits. */
static struct item *first_alive(struct mailbox *mailbox, int64_t now_ms)
{
        while (mailbox && mailbox->waiting.count > 0) {
                struct item *item = list_entry(mailbox->waiting.head.next, struct item, node);

                if (item->expires_ms > now_ms)
                        return item;
                to_end(item, LOCAL_HUB_COMMAND_EXPIRED, now_ms);
        }
        return NULL;
}

const struct command *command_queue_take(struct command_queue *queue, int hub,
                                         const char *device_id, uint64_t holder, int64_t now_ms,
                                         uint8_t lock[COMMAND_LOCK_SIZE], int *delivery_count)
{
        struct item *item;

        pthread_mutex_lock(&queue->mutex);
        item = first_alive(find_mailbox(queue, hub, device_id), now_ms);
        if (item) {
                to_locked(item, holder, now_ms);
                memcpy(lock, item->lock, COMMAND_LOCK_SIZE);
                *delivery_count = item->status.abandoned;
                atomic_fetch_add(&item->references, 1);
        }
        pthread_mutex_unlock(&queue->mutex);
        return item ? &item->command : NULL;
}

static struct item *find_locked(struct mailbox *mailbox, const uint8_t lock[COMMAND_LOCK_SIZE])
{
        if (!mailbox)
                return NULL;
        list_for_each (node, &mailbox->locked) {
                struct item *item = list_entry(node, struct item, node);

                if (memcmp(item->lock, lock, COMMAND_LOCK_SIZE) == 0)
                        return item;
        }
        return NULL;
}

bool command_queue_settle(struct command_queue *queue, int hub, const char *device_id,
                          const uint8_t lock[COMMAND_LOCK_SIZE], enum command_settlement how,
                          int64_t now_ms)
{
        struct item *item;

        pthread_mutex_lock(&queue->mutex);
        item = find_locked(find_mailbox(queue, hub, device_id), lock);
        if (item && how == COMMAND_COMPLETE) {
                to_end(item, LOCAL_HUB_COMMAND_COMPLETED, now_ms);
        } else if (item && how == COMMAND_REJECT) {
                to_end(item, LOCAL_HUB_COMMAND_REJECTED, now_ms);
        } else if (item) {
                item->status.abandoned++;
                to_waiting(item, now_ms);
        }
        pthread_mutex_unlock(&queue->mutex);
        return item != NULL;
}

size_t command_queue_unlock(struct command_queue *queue, int hub, const char *device_id,
                            uint64_t holder, int64_t now_ms)
{
        struct mailbox *mailbox;
        size_t count = 0;

        pthread_mutex_lock(&queue->mutex);
        mailbox = find_mailbox(queue, hub, device_id);
        if (mailbox) {
                list_for_each_safe (node, &mailbox->locked) {
                        struct item *item = list_entry(node, struct item, node);

                        if (item->holder != holder)
                                continue;
                        item->status.locks_lost++;
                        to_waiting(item, now_ms);
                        count++;
                }
        }
        pthread_mutex_unlock(&queue->mutex);
        return count;
}

int64_t command_queue_next(struct command_queue *queue)
{
        int64_t next;

        pthread_mutex_lock(&queue->mutex);
        next = timers_next(&queue->timers);
        pthread_mutex_unlock(&queue->mutex);
        return next;
}

/* The callback runs without the mutex: the mailboxes stay, they are never freed before the end. */
static void tell(struct command_queue *queue, struct list *freed,
                 void (*available)(void *context, int hub, const char *device_id), void *context)
{
        list_for_each (node, freed) {
                const struct mailbox *mailbox = list_entry(node, struct mailbox, node);

                available(context, mailbox->hub, mailbox->device_id);
        }
        pthread_mutex_lock(&queue->mutex);
        list_for_each (node, freed)
                list_entry(node, struct mailbox, node)->is_freed = false;
        list_splice_back(&queue->all, freed);
        pthread_mutex_unlock(&queue->mutex);
}

void command_queue_tick(struct command_queue *queue, int64_t now_ms,
                        void (*available)(void *context, int hub, const char *device_id),
                        void *context)
{
        struct list freed;

        list_init(&freed);
        pthread_mutex_lock(&queue->mutex);
        queue->now_ms = now_ms;
        queue->freed = &freed;
        timers_run(&queue->timers, now_ms);
        queue->freed = NULL;
        pthread_mutex_unlock(&queue->mutex);
        if (freed.count > 0)
                tell(queue, &freed, available, context);
}

/* --- questions ------------------------------------------------------------------------------- */

static const struct item *find_item(const struct list *list, const char *message_id)
{
        const struct item *found = NULL;

        list_for_each (node, list) {
                const struct item *item = list_entry(node, struct item, node);

                if (strcmp(item->status.message_id, message_id) == 0 &&
                    (!found || item->command.sequence_number > found->command.sequence_number))
                        found = item;
        }
        return found;
}

static bool find_past(const struct command_queue *queue, int hub, const char *device_id,
                      const char *message_id, struct local_hub_command_status *status)
{
        list_for_each (node, &queue->history) {
                const struct past_item *past = list_entry(node, struct past_item, node);

                if (past->hub == hub && strcmp(past->status.device_id, device_id) == 0 &&
                    strcmp(past->status.message_id, message_id) == 0) {
                        *status = past->status;
                        return true;
                }
        }
        return false;
}

bool command_queue_status(struct command_queue *queue, int hub, const char *device_id,
                          const char *message_id, struct local_hub_command_status *status)
{
        const struct mailbox *mailbox;
        const struct item *item = NULL;
        bool found;

        pthread_mutex_lock(&queue->mutex);
        mailbox = find_mailbox(queue, hub, device_id);
        if (mailbox)
                item = find_item(&mailbox->waiting, message_id);
        if (mailbox && !item)
                item = find_item(&mailbox->locked, message_id);
        if (item)
                *status = item->status;
        found = item || find_past(queue, hub, device_id, message_id, status);
        pthread_mutex_unlock(&queue->mutex);
        return found;
}

static int by_sequence(const void *a, const void *b)
{
        const struct local_hub_command_status *left = a;
        const struct local_hub_command_status *right = b;

        return (left->sequence_number > right->sequence_number) -
               (left->sequence_number < right->sequence_number);
}

static void copy_statuses(const struct list *list, struct local_hub_command_status *to, size_t max,
                          size_t *count)
{
        list_for_each (node, list) {
                if (*count < max)
                        to[*count] = list_entry(node, struct item, node)->status;
                ++*count;
        }
}

size_t command_queue_list(struct command_queue *queue, int hub, const char *device_id,
                          struct local_hub_command_status *list, size_t max)
{
        const struct mailbox *mailbox;
        size_t count = 0;

        pthread_mutex_lock(&queue->mutex);
        mailbox = find_mailbox(queue, hub, device_id);
        if (mailbox) {
                copy_statuses(&mailbox->locked, list, max, &count);
                copy_statuses(&mailbox->waiting, list, max, &count);
        }
        pthread_mutex_unlock(&queue->mutex);
        if (count > 1 && max > 0)
                qsort(list, count < max ? count : max, sizeof(*list), by_sequence);
        return count;
}

size_t command_queue_purge(struct command_queue *queue, int hub, const char *device_id)
{
        struct mailbox *mailbox;
        size_t count = 0;

        pthread_mutex_lock(&queue->mutex);
        mailbox = find_mailbox(queue, hub, device_id);
        while (mailbox && mailbox->waiting.count > 0) {
                to_end(list_entry(mailbox->waiting.head.next, struct item, node),
                       LOCAL_HUB_COMMAND_PURGED, clock_steady_ms());
                count++;
        }
        pthread_mutex_unlock(&queue->mutex);
        return count;
}
