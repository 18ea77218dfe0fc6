// SPDX-License-Identifier: MIT
/*
 * Uplink stage 1: events become durable, then they go to the queue. Whoever has events for Azure
 * (webhooks, reports of commands) brings them here.
 *
 * Law: an event is in the queue only after it is on disk; all of a put are, or none.
 */
#ifndef ISTHMUS_GATEWAY_UPLINK_UPLINK_STORE_H
#define ISTHMUS_GATEWAY_UPLINK_UPLINK_STORE_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/list.h"
#include "conf/settings.h"
#include "gateway/device/uplink_event.h"
#include "gateway/uplink/uplink_queue.h"
#include "networks/event.h"
#include "store/store.h"

/* Is this kind of event sent as telemetry? Uplinks always, others as configured. Every thread. */
bool uplink_store_wants(const struct settings *settings, enum event_kind kind);

/* Events that are stored together. Embedded in what brings them; must stay until `done`. */
struct uplink_put {
        struct list events; /* struct uplink_event with `event` and `device_key`, at least one */
        bool owed;          /* see struct store_put */
        /*
         * On the store's thread. 0: the events are durable and in the queue, or had been stored
         * before, and the list is empty. Else as store_put's result, and they are still in it.
         */
        void (*done)(struct uplink_put *put, int result);
        bool any_known; /* set before `done`: one or more had been stored before */

        /* uplink_store's own. */
        struct uplink_queue *queue;
        struct store_put put;
        struct store_event *stored;
        struct buf *records;
        struct store_event one_stored; /* where there is one event, the usual case */
        struct buf one_record;
};

/*
 * From now on events come more slowly, if whoever sends them waits for the answer: more uplinks are
 * here than formatters can decode. Or that is over. Any thread; `store` is a struct store.
 */
void uplink_store_slow_down(void *store, bool slow);

/* Any thread; returns before anything is durable. */
void uplink_store(struct store *store, struct uplink_queue *queue, struct uplink_put *put);

#endif
