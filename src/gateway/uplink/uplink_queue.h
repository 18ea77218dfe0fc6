// SPDX-License-Identifier: MIT
/*
 * Uplink stage 2: what waits for each device, in order, with bounded memory.
 *
 * Laws:
 *   - events of a device come out in the order of their ids, each at least once;
 *   - what does not fit in memory stays in the store and is read back when its turn comes.
 *
 * Threads: uplink_queue_add on the store's thread; everything else on the thread "hub".
 */
#ifndef ISTHMUS_GATEWAY_UPLINK_UPLINK_QUEUE_H
#define ISTHMUS_GATEWAY_UPLINK_UPLINK_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "azure/hub/hub_client.h"
#include "base/list.h"
#include "networks/event.h"
#include "networks/network.h"
#include "store/store.h"

/* What a payload formatter made of an event (uplink_format.c); owns all texts. */
struct uplink_formatted {
        bool waiting; /* nothing yet */
        char *data;   /* JSON object text */
        struct telemetry_property *properties;
        size_t property_count;
        char *failure; /* why there is nothing, for people; else NULL */
};

void uplink_formatted_free(struct uplink_formatted *formatted);

/* One stored event on its way. */
struct uplink_event {
        struct list_node node;
        int64_t id; /* the store's */
        char *device_key;
        struct event event;
        struct uplink_formatted *formatted; /* NULL = no formatter was asked */
        struct downlink_heard *heard;       /* of the way back for commands; or NULL */
        size_t size;        /* of its record on disk: what it costs in memory, roughly */
        int64_t arrived_ns; /* steady clock; 0 = before this process started */
        int64_t stored_ns;  /* steady clock; when it was durable, or read back */
        int64_t sent_ns;    /* steady clock; when it was handed to AMQP last */
};

void uplink_event_free(struct uplink_event *event);

/* What waits for one device. Embedded in struct device. */
struct uplink_backlog {
        struct list events;     /* in memory, oldest first */
        int64_t last_in_memory; /* everything up to this id is or was in `events` */
        int64_t last_in_store;  /* highest id that arrived in this run */
        bool unread;            /* the store holds more than was read, how much is not known */
        bool reading;           /* a store_take is under way */
};

void uplink_backlog_init(struct uplink_backlog *backlog);
void uplink_backlog_deinit(struct uplink_backlog *backlog);

struct uplink_queue;
struct device;

struct uplink_queue_options {
        struct store *store;
        struct hub_client *hubs;   /* whose thread it lives on */
        size_t maximum_memory;     /* bytes of events held in memory; 0 = 64 MiB */
        size_t maximum_per_device; /* events held in memory; 0 = 64 */
        /* On the thread "hub": the device of a stored event, made if it is new. Never NULL. */
        struct device *(*device_of)(void *context, const struct uplink_event *event);
        /* On the thread "hub": the first waiting event of this device is in memory now. */
        void (*ready)(void *context, struct device *device);
        void *context;
};

struct uplink_queue *uplink_queue_new(const struct uplink_queue_options *options);

/* Posts nothing to the thread "hub" any more. Before hub_client_free. */
void uplink_queue_stop(struct uplink_queue *queue);

/* After the thread "hub" has ended and the store is closed. */
void uplink_queue_free(struct uplink_queue *queue);

/* On the store's thread: takes all struct uplink_event off `events`. */
void uplink_queue_add(struct uplink_queue *queue, struct list *events);

/* On the store's thread: a dead letter that waits again. */
void uplink_queue_add_stored(struct uplink_queue *queue, const struct store_event *event);

/*
 * At start, before the first uplink_queue_add: the device with this key has events in the store;
 * they are read, and `device_of` and `ready` follow. Any thread.
 */
void uplink_queue_recover(struct uplink_queue *queue, const char *device_key);

/* The oldest waiting event; NULL if none is in memory (`ready` follows if one is stored). */
struct uplink_event *uplink_queue_first(struct uplink_queue *queue, struct device *device);

/* Takes the oldest one off and frees it; reads more from the store if that was the last. */
void uplink_queue_pop(struct uplink_queue *queue, struct device *device);

#endif
