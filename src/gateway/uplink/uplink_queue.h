// SPDX-License-Identifier: MIT
/*
 * Uplink stage 2: what waits for each device, in order, with bounded memory.
 *
 * Laws:
 *   - events of a device come out in the order of their ids, each at least once; of those that a
 *     feed brings, those that were put at the same time come in any order;
 *   - what does not fit in memory stays in the store and is read back when its turn comes;
 *   - what is forgotten of a device stays in the store: whoever has the device next reads it;
 *   - what an event tells of a downlink is handed on when it arrives, whatever waits before it.
 *
 * On the thread "loop", but where something else is said.
 */
#ifndef ISTHMUS_GATEWAY_UPLINK_UPLINK_QUEUE_H
#define ISTHMUS_GATEWAY_UPLINK_UPLINK_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "base/loop.h"
#include "gateway/device/device.h"
#include "gateway/device/uplink_event.h"
#include "store/store.h"
#include "store/store_shard.h"

struct uplink_queue;

struct uplink_queue_options {
        struct store *store;
        struct loop *loop;            /* whose thread it lives on */
        struct device_table *devices; /* their keeper is told what arrives, and woken */
        size_t maximum_memory;        /* bytes of events held in memory; 0 = 64 MiB */
        size_t maximum_per_device;    /* events held in memory; 0 = 64 */
        struct uplink_holds *holds;   /* are told what leaves for good; or NULL */
};

struct uplink_queue *uplink_queue_new(const struct uplink_queue_options *options);

/*
 * Is called with each event that tells of a downlink, when it arrives. An event that tells nothing
 * else is not kept in the queue: this function sees to it that it leaves the store. On the thread
 * "loop".
 */
typedef void uplink_queue_news(void *context, const struct uplink_event *event);

/* Supplies who is told. Before the first event. */
void uplink_queue_join(struct uplink_queue *queue, uplink_queue_news *news, void *context);

/* Posts nothing to the thread "loop" any more. Before hub_client_free. */
void uplink_queue_stop(struct uplink_queue *queue);

/* After the thread "loop" has ended and the store is closed. */
void uplink_queue_free(struct uplink_queue *queue);

/* On the store's thread: takes all struct uplink_event off `events`. */
void uplink_queue_add(struct uplink_queue *queue, struct list *events);

/*
 * On the store's thread: an event that this process did not put just now, or put into a store that
 * it shares. `is_fed`: the feed of a shared store brings it, once, perhaps behind events with
 * higher ids.
 */
void uplink_queue_add_stored(struct uplink_queue *queue, const struct store_event *stored,
                             bool is_fed);

/*
 * The device with this key has events in the store: they are read, and its keeper is told of them.
 * Before the first uplink_queue_add for it since the start, or since it was forgotten. Any thread.
 */
void uplink_queue_recover(struct uplink_queue *queue, const char *device_key);

/* Devices of these shards have left; nothing of them may be in flight. */
void uplink_queue_forget(struct uplink_queue *queue, const struct store_shards *shards);

/*
 * When its device is taken over: a waiting event that tells of a downlink (store_selection's
 * `news`) is handed on. If it is sent, too, its turn to be read comes later. Always true: for
 * store_events_each, with a struct uplink_queue. Any thread.
 */
bool uplink_queue_recover_news(void *queue, const struct store_event *stored);

/* The oldest waiting event; NULL if none is in memory (the keeper is woken if one is stored). */
struct uplink_event *uplink_queue_first(struct uplink_queue *queue, struct device *device);

/* Takes the oldest one off and frees it; reads more from the store if that was the last. */
void uplink_queue_pop(struct uplink_queue *queue, struct device *device);

#endif
