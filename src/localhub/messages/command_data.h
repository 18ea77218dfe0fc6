// SPDX-License-Identifier: MIT
/* Inside the command queue: shared by its files command_*.c only. The mutex is held. */
#ifndef ISTHMUS_LOCALHUB_MESSAGES_COMMAND_DATA_H
#define ISTHMUS_LOCALHUB_MESSAGES_COMMAND_DATA_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/table.h"
#include "base/timers.h"
#include "localhub/messages/command_queue.h"

/* The queue of one device. */
struct mailbox {
        struct table_entry by_key; /* "HUB/DEVICE" */
        struct list_node node;
        struct command_queue *owner;
        char *key;
        int hub;
        const char *device_id; /* within `key` */
        char generation[REGISTRY_TAG_SIZE];
        struct list waiting;
        struct list locked;
        uint64_t last_sequence;
        bool is_freed; /* on the list `freed` of a tick, not on `all` */
};

/* A message in a mailbox. */
struct item {
        struct command command; /* first: what is handed out is the item */
        atomic_int references;
        struct list_node node;
        struct mailbox *mailbox;
        struct timer timer;
        struct local_hub_command_status status;
        int64_t expires_ms; /* steady */
        uint64_t holder;    /* 0 = waiting */
        uint8_t lock[COMMAND_LOCK_SIZE];
};

struct past_item {
        struct list_node node;
        int hub;
        struct local_hub_command_status status;
};

struct command_queue {
        pthread_mutex_t mutex;
        struct table mailboxes;
        struct list all; /* of the mailboxes */
        struct timers timers;
        struct list history; /* newest first */
        struct list feedback[REGISTRY_HUBS_MAX];
        struct list *freed; /* mailboxes with something to take, while a tick runs */
        int64_t now_ms;     /* of the tick that runs */
        int64_t lock_ms;
        int max_delivery_count;
};

/* A copy of a message in one block of memory; its id is made if it has none. */
struct item *command_item_new(const struct local_hub_command *message);
void command_item_release(struct item *item);

/* Notes what the sender wants to know; NULL code or no interest = nothing. */
void command_item_add_feedback(struct command_queue *queue, const struct item *item,
                               int64_t now_ms);

#endif
