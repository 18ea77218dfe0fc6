// SPDX-License-Identifier: MIT
/*
 * Cloud-to-device messages and what becomes of them: a queue per device with locks, delivery
 * counts, time to live and feedback, as IoT Hub's (rules W8 and W13).
 *
 *     enqueued --take--> locked --complete--> gone (feedback Success)
 *        ^                 | reject ---------> dead letter (Rejected)
 *        +-- abandon, lock ended, link ended (an abandon counts as a delivery)
 *        +-- time to live ended -------------> dead letter (Expired)
 *        +-- abandoned too often ------------> dead letter (DeliveryCountExceeded)
 *
 * Every function may be called on every thread. Times are steady milliseconds, given by the
 * caller; only what people read is wall clock.
 */
#ifndef ISTHMUS_LOCALHUB_MESSAGES_COMMAND_QUEUE_H
#define ISTHMUS_LOCALHUB_MESSAGES_COMMAND_QUEUE_H

#include "base/list.h"
#include "localhub/messages/telemetry_log.h"
#include "localhub/registry/registry.h"

#define COMMAND_LOCK_SIZE 16
#define COMMAND_DEPTH_MAX 50
#define COMMAND_SIZE_MAX  65536
#define COMMAND_BATCH_MAX 64 /* feedback records in one message */

/* Whose messages are a hub's file notifications: the id of no device. */
#define COMMAND_FILE_NOTIFICATIONS "/filenotifications"

/* A message or correlation id with its zero byte. */
#define LOCAL_HUB_MESSAGE_ID_SIZE 129

enum local_hub_condition {
        LOCAL_HUB_E_NO_DEVICE = 1,
        LOCAL_HUB_E_QUEUE_FULL, /* 50 messages wait for this device */
        LOCAL_HUB_E_TOO_LARGE,  /* 64 KB */
        LOCAL_HUB_E_INVALID,    /* expiry or message id out of range: see the reason */
};

enum local_hub_ack {
        LOCAL_HUB_ACK_NONE,
        LOCAL_HUB_ACK_POSITIVE,
        LOCAL_HUB_ACK_NEGATIVE,
        LOCAL_HUB_ACK_FULL,
        LOCAL_HUB_ACK_COUNT,
};

/* By enum local_hub_ack: `none`, `positive`, `negative`, `full`. */
extern const char *const local_hub_ack_names[LOCAL_HUB_ACK_COUNT];

struct local_hub_command {
        const char *message_id;       /* NULL or "" = one is made */
        const char *correlation_id;   /* or NULL */
        const char *content_type;     /* or NULL */
        const char *content_encoding; /* or NULL */
        const char *user_id;          /* or NULL */
        enum local_hub_ack ack;
        int64_t expires_ms; /* wall clock; 0 = in one hour */
        const struct property *properties;
        size_t property_count;
        const void *body;
        size_t body_size;
};

enum local_hub_command_state {
        LOCAL_HUB_COMMAND_ENQUEUED, /* waits (again) for the device */
        LOCAL_HUB_COMMAND_LOCKED,   /* delivered, neither settled nor timed out yet */
        LOCAL_HUB_COMMAND_COMPLETED,
        LOCAL_HUB_COMMAND_REJECTED,  /* by the device; dead-lettered */
        LOCAL_HUB_COMMAND_EXPIRED,   /* its time to live ended; dead-lettered */
        LOCAL_HUB_COMMAND_EXHAUSTED, /* abandoned too often; dead-lettered */
        LOCAL_HUB_COMMAND_PURGED,
};

/* `enqueued`, `locked`, `completed`, ... */
const char *local_hub_command_state_name(enum local_hub_command_state state);

struct local_hub_command_status {
        char message_id[LOCAL_HUB_MESSAGE_ID_SIZE];
        char device_id[REGISTRY_IDENTITY_SIZE];
        uint64_t sequence_number;
        enum local_hub_command_state state;
        int deliveries; /* how often it was handed to the device */
        int abandoned;  /* how often the device gave it back */
        int locks_lost; /* how often the lock or the link ended before it was settled */
        int64_t enqueued_ms;
        int64_t expires_ms;
        int64_t settled_ms; /* 0 = not yet */
};

struct command_queue;

struct command_queue_options {
        int64_t lock_ms;        /* 0 = 60 s */
        int max_delivery_count; /* 0 = 10 */
};

struct command_queue *command_queue_new(const struct command_queue_options *options);
void command_queue_free(struct command_queue *queue);

/*
 * Queues a message for a device; whether there is such a device is the caller's to know.
 * `generation` is the device's, for the feedback. 0 or an enum local_hub_condition.
 */
int command_queue_send(struct command_queue *queue, int hub, const char *device_id,
                       const char *generation, const struct local_hub_command *command,
                       int64_t now_ms, char message_id[LOCAL_HUB_MESSAGE_ID_SIZE],
                       struct reason *reason) MUST_CHECK;

/* A message handed out; it does not change, and lives until command_queue_release. */
struct command {
        struct local_hub_command message; /* with its id and expiry */
        uint64_t sequence_number;
        int64_t enqueued_ms; /* wall clock */
};

/*
 * Locks the oldest waiting message of a device for `holder` (a link: any number but 0). NULL =
 * none waits. `delivery_count` says how often it was abandoned before.
 */
const struct command *command_queue_take(struct command_queue *queue, int hub,
                                         const char *device_id, uint64_t holder, int64_t now_ms,
                                         uint8_t lock[COMMAND_LOCK_SIZE], int *delivery_count);

void command_queue_release(const struct command *command);

enum command_settlement {
        COMMAND_COMPLETE,
        COMMAND_ABANDON,
        COMMAND_REJECT,
};

/* False if the lock is not held (any more). */
bool command_queue_settle(struct command_queue *queue, int hub, const char *device_id,
                          const uint8_t lock[COMMAND_LOCK_SIZE], enum command_settlement how,
                          int64_t now_ms);

/* What `holder` has locked waits again, because its link ended; returns how many. */
size_t command_queue_unlock(struct command_queue *queue, int hub, const char *device_id,
                            uint64_t holder, int64_t now_ms);

/* When command_queue_tick has work; INT64_MAX = not foreseen. */
int64_t command_queue_next(struct command_queue *queue);

/* Ends locks and lives that are over; `available` is told each device with waiting messages
 * because of it. */
void command_queue_tick(struct command_queue *queue, int64_t now_ms,
                        void (*available)(void *context, int hub, const char *device_id),
                        void *context);

/* Of the newest message with this id; false if it is not known (any more). */
bool command_queue_status(struct command_queue *queue, int hub, const char *device_id,
                          const char *message_id, struct local_hub_command_status *status);

/* The messages of a device that wait or are locked, oldest first, up to `max`; returns how many
 * there are. */
size_t command_queue_list(struct command_queue *queue, int hub, const char *device_id,
                          struct local_hub_command_status *list, size_t max);

/* Drops what waits for a device; returns how many. */
size_t command_queue_purge(struct command_queue *queue, int hub, const char *device_id);

/* --- feedback -------------------------------------------------------------------------------- */

struct command_feedback {
        struct list_node node;
        char message_id[LOCAL_HUB_MESSAGE_ID_SIZE];
        char device_id[REGISTRY_IDENTITY_SIZE];
        char generation[REGISTRY_TAG_SIZE];
        const char *code;   /* Success, Expired, DeliveryCountExceeded, Rejected, Purged */
        int64_t settled_ms; /* wall clock */
        int64_t since_ms;   /* steady: when it came into being */
};

/* When the oldest record of a hub came into being; INT64_MAX = none waits. `*count` of them. */
int64_t command_queue_feedback_since(struct command_queue *queue, int hub, size_t *count);

/* Moves up to COMMAND_BATCH_MAX records to the empty list `batch`. */
void command_queue_take_feedback(struct command_queue *queue, int hub, struct list *batch);

/* Puts a batch that was not accepted back to the front. */
void command_queue_return_feedback(struct command_queue *queue, int hub, struct list *batch);

void command_queue_free_feedback(struct list *batch);

#endif
