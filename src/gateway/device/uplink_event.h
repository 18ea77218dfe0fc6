// SPDX-License-Identifier: MIT
/* An event on its way from the store to its hub, and what waits for one device. */
#ifndef ISTHMUS_GATEWAY_DEVICE_UPLINK_EVENT_H
#define ISTHMUS_GATEWAY_DEVICE_UPLINK_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "base/property.h"
#include "gateway/device/downlink_heard.h"
#include "networks/event.h"
#include "networks/network.h"
#include "store/store.h"

/* What a payload formatter made of an event (uplink_format.c); owns all texts. */
struct uplink_formatted {
        bool waiting; /* nothing yet */
        char *data;   /* JSON object text */
        struct property *properties;
        size_t property_count;
        char *failure; /* why there is nothing, for people; else NULL */
};

void uplink_formatted_free(struct uplink_formatted *formatted);

struct uplink_queue;

/* One stored event on its way. */
struct uplink_event {
        struct list_node node;
        int64_t id;                 /* the store's */
        struct uplink_queue *queue; /* that it is on its way to */
        char *device_key;
        struct event event;
        enum store_purpose purpose;
        struct uplink_formatted *formatted; /* NULL = no formatter was asked */
        struct downlink_heard *heard;       /* of the way back for commands; or NULL */
        bool keeps_heard;                   /* also on disk */
        bool is_fed;                        /* by the store, see uplink_queue_add_stored */
        bool is_one_piece;                  /* uplink_event_new made it */
        int32_t stands_for;                 /* of its operation: monitor_begin */
        size_t size;        /* of its record on disk: what it costs in memory, roughly */
        int64_t arrived_ns; /* steady clock; 0 = before this process started */
        int64_t stored_ns;  /* steady clock; when it was durable, or read back */
        int64_t sent_ns;    /* steady clock; when it was handed to AMQP last */
};

/*
 * One with copies of these texts, all in one piece of memory, which another thread may free at the
 * price of one (two where there are attributes). Empties `event`.
 */
struct uplink_event *uplink_event_new(struct event *event, const char *device_key);

void uplink_event_free(struct uplink_event *event);

/* Frees all struct uplink_event of the list; it is empty then. */
void uplink_events_free(struct list *events);

/* What a device's backlog has of what waits in the store. */
enum uplink_backlog_state {
        UPLINK_BACKLOG_WHOLE,   /* all of it */
        UPLINK_BACKLOG_BEHIND,  /* the store holds more */
        UPLINK_BACKLOG_READING, /* that is being read */
};

struct uplink_reading;

/* What waits for one device. Embedded in struct device; uplink_queue.c moves it. */
struct uplink_backlog {
        struct list events;     /* in memory, oldest first */
        int64_t last_in_memory; /* everything up to this id is or was in `events` */
        int64_t last_in_store;  /* highest id that arrived in this run */
        enum uplink_backlog_state state;
        struct uplink_reading *reading; /* of UPLINK_BACKLOG_READING, if the device was known */
};

void uplink_backlog_init(struct uplink_backlog *backlog);
void uplink_backlog_deinit(struct uplink_backlog *backlog);

#endif
