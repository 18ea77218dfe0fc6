// SPDX-License-Identifier: MIT
/* What the files that take messages from storage queues share. All of it lives on the thread
 * "http", but where something else is said. */
#ifndef ISTHMUS_GATEWAY_INTAKE_QUEUE_INSIDE_H
#define ISTHMUS_GATEWAY_INTAKE_QUEUE_INSIDE_H

#include <stdatomic.h>

#include "azure/storage/storage_access.h"
#include "azure/storage/storage_queue.h"
#include "base/list.h"
#include "gateway/intake/delivery.h"
#include "gateway/intake/queue_intake.h"
#include "gateway/intake/queue_message.h"

/* Messages of one queue that wait until a hub has accepted their events. */
#define QUEUE_HELD_MAX 1024

/* One queue. */
struct drain {
        struct queue_intake *intake;
        const struct settings_storage_queue *settings;
        char *poison; /* name of the queue for what can't be understood */
        struct storage_access access;
        struct queue_message_rules rules;
        struct list taken;            /* all messages that are ours now */
        size_t left;                  /* of the batch, not settled and not held */
        bool refused;                 /* something of the batch, for now */
        size_t held;                  /* of `taken`: wait for a hub */
        bool extends;                 /* the held ones are looked at from time to time */
        int64_t idle_ms;              /* last pause of an empty queue */
        int failures;                 /* in a row */
        char told[STORAGE_CODE_SIZE]; /* what was last logged of them; "" = that it works, or
                                       * nothing
                                       */
        bool told_unsigned;
        atomic_int_least64_t messages; /* in the queue, about; -1 = not known. Any thread */
};

/* A message that was got. */
struct taken {
        struct list_node node; /* of drain->taken */
        struct drain *drain;
        struct storage_message stored;
        struct queue_message message;
        enum delivery_fate fate;
        bool partly;     /* something of it was not stored */
        struct buf rest; /* only that, as a message; empty = it can't be told apart */
        struct reason reason;
        bool in_batch; /* it counts in drain->left */
        bool owes;     /* its delivery will say that no event waits any more */
        bool is_held;
        bool is_free;      /* no event waits any more */
        bool extending;    /* a request is under way */
        bool is_gone;      /* somebody else has it: nothing more to do in the queue */
        bool is_over;      /* only what `owes` says keeps it */
        int64_t extend_ms; /* when it is to be extended; steady clock */
};

/* --- queue_intake.c ------------------------------------------------------------------------- */

/* The message has nothing more to do with its batch; the last one ends that. */
void queue_leave_batch(struct taken *taken);

/* Looks which events of held ones other gateways have sent. */
void queue_look_up_held(struct drain *drain);

/* --- queue_taken.c -------------------------------------------------------------------------- */

/* What was got, as one of drain->taken; takes the message. */
struct taken *queue_taken_new(struct drain *drain, struct storage_message *stored);

/* Frees it, at the end of everything. */
void queue_taken_free(struct taken *taken);

/* Its delivery has ended so: deletes it, puts it aside, holds it, or leaves it for later. */
void queue_taken_settle(struct taken *taken);

/* Puts it into the poison queue, for `reason` (rule S6). */
void queue_taken_poison(struct taken *taken);

/* No event of it waits any more. */
void queue_taken_left(struct taken *taken);

#endif
