// SPDX-License-Identifier: MIT
#include "gateway/uplink/uplink_queue.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "base/table.h"
#include "base/thread.h"
#include "gateway/uplink/uplink_hold.h"
#include "networks/event_record.h"

#define DEFAULT_MEMORY     ((size_t)64 << 20)
#define DEFAULT_PER_DEVICE 64
#define READ_AGAIN_MS      1000

struct uplink_queue {
        struct uplink_queue_options options;
        uplink_queue_news *news;
        void *news_context;
        /* Thread "loop". */
        size_t memory;          /* bytes of the events in memory */
        struct map *recovering; /* device key to its reading, whose device is not known yet */

        pthread_mutex_t lock; /* guards `stopped` against the store's threads */
        bool stopped;
};

/* One reading of a device's events from the store. */
struct uplink_reading {
        struct store_take take;
        struct timer again; /* after a failure of the disk */
        struct uplink_queue *queue;
        char *device_key;
        struct device *device; /* NULL while recovering */
        int64_t arrived;       /* highest id that had arrived when it was started */
        struct list events;
        size_t count;    /* that the store gave */
        int64_t last_id; /* of these; also of one that is not sent */
        int result;
        bool forgotten;        /* nobody wants it any more */
        struct list_node node; /* while those to be forgotten are looked for */
};

struct uplink_queue *uplink_queue_new(const struct uplink_queue_options *options)
{
        struct uplink_queue *queue = mem_new(1, sizeof(*queue));

        queue->options = *options;
        if (queue->options.maximum_memory == 0)
                queue->options.maximum_memory = DEFAULT_MEMORY;
        if (queue->options.maximum_per_device == 0)
                queue->options.maximum_per_device = DEFAULT_PER_DEVICE;
        pthread_mutex_init(&queue->lock, NULL);
        queue->recovering = map_new();
        return queue;
}

void uplink_queue_join(struct uplink_queue *queue, uplink_queue_news *news, void *context)
{
        queue->news = news;
        queue->news_context = context;
}

void uplink_queue_stop(struct uplink_queue *queue)
{
        pthread_mutex_lock(&queue->lock);
        queue->stopped = true;
        pthread_mutex_unlock(&queue->lock);
}

void uplink_queue_free(struct uplink_queue *queue)
{
        if (!queue)
                return;
        map_free(queue->recovering);
        pthread_mutex_destroy(&queue->lock);
        free(queue);
}

/* loop_post_warm, unless the queue has stopped; then false. */
static bool post(struct uplink_queue *queue, void (*warm)(const void *context),
                 void (*run)(void *context), void *context)
{
        bool stopped;

        pthread_mutex_lock(&queue->lock);
        stopped = queue->stopped;
        if (!stopped)
                loop_post_warm(queue->options.loop, warm, run, context);
        pthread_mutex_unlock(&queue->lock);
        return !stopped;
}

static bool has_room(const struct uplink_queue *queue, const struct uplink_backlog *backlog,
                     const struct uplink_event *event)
{
        /* A device with nothing in memory always gets its next event, or it would stand still. */
        return list_is_empty(&backlog->events) ||
               (backlog->events.count < queue->options.maximum_per_device &&
                queue->memory + event->size <= queue->options.maximum_memory);
}

static void raise_to(int64_t *highest, int64_t id)
{
        if (id > *highest)
                *highest = id;
}

static void append(struct uplink_queue *queue, struct uplink_backlog *backlog,
                   struct uplink_event *event)
{
        raise_to(&backlog->last_in_memory, event->id);
        queue->memory += event->size;
        list_push_back(&backlog->events, &event->node);
}

static void move_backlog(struct uplink_backlog *backlog, enum uplink_backlog_state state)
{
        /* Who is behind must read, and nobody reads twice at a time. */
        assert(state == UPLINK_BACKLOG_READING ? backlog->state != UPLINK_BACKLOG_READING
                                               : backlog->state != UPLINK_BACKLOG_BEHIND);
        backlog->state = state;
}

/* The device of an event that has come; its keeper is told of that. */
static struct device *greet_device(struct uplink_queue *queue, const struct uplink_event *event)
{
        struct device *device = device_table_get(queue->options.devices, event);

        device->keeper->arrived(device, event);
        return device;
}

/* Hands on what the event tells of a downlink; true if that is all that it is for. */
static bool hand_on_news(struct uplink_queue *queue, const struct uplink_event *event)
{
        if (event->purpose != STORE_DOWNLINK_NEWS && event->purpose != STORE_BOTH)
                return false;
        queue->news(queue->news_context, event);
        return event->purpose == STORE_DOWNLINK_NEWS;
}

/*
 * True if an event that has come is to be held in memory. If there is no room for it the backlog is
 * behind from now on, and it is read from the store later.
 * An id that is not above the last one in memory: what this gateway stored itself comes in order,
 * so it was read already; what a feed brings is read by nobody, so it has no other place.
 */
static bool admit_to_memory(struct uplink_queue *queue, struct uplink_backlog *backlog,
                            const struct uplink_event *event)
{
        if (event->id <= backlog->last_in_memory)
                return event->is_fed;
        if (backlog->state == UPLINK_BACKLOG_WHOLE && !has_room(queue, backlog, event))
                move_backlog(backlog, UPLINK_BACKLOG_BEHIND);
        return backlog->state == UPLINK_BACKLOG_WHOLE;
}

static void take_arrived(struct uplink_queue *queue, struct device *device,
                         struct uplink_event *event)
{
        struct uplink_backlog *backlog = &device->backlog;

        raise_to(&backlog->last_in_store, event->id);
        if (!admit_to_memory(queue, backlog, event)) {
                uplink_event_free(event);
                return;
        }
        append(queue, backlog, event);
        if (backlog->events.count == 1)
                device->keeper->wake(device);
}

/* Then it stays in the store: whoever has the device, or gets it, reads it there. */
static bool is_elsewhere(const struct uplink_queue *queue, const struct uplink_event *event)
{
        const struct device_table *devices = queue->options.devices;

        return !device_table_owns_all(devices) &&
               !device_table_owns(devices, store_shard_of(event->device_key));
}

static void warm(const void *context)
{
        const struct uplink_event *event = context;

        device_warm(device_table_find(event->queue->options.devices, event->device_key));
}

/* A freshly stored event. */
static void arrive(void *context)
{
        struct uplink_event *event = context;
        struct uplink_queue *queue = event->queue;
        struct uplink_reading *recovering = map_get(queue->recovering, event->device_key);
        bool is_gone = is_elsewhere(queue, event);

        if (!is_gone && hand_on_news(queue, event)) {
                uplink_event_free(event);
                return;
        }
        if (!is_gone && !recovering) {
                take_arrived(queue, greet_device(queue, event), event);
                return;
        }
        /* Older events of this device are still being read: this one follows them. */
        if (recovering)
                raise_to(&recovering->arrived, event->id);
        uplink_event_free(event);
}

void uplink_queue_add(struct uplink_queue *queue, struct list *events)
{
        struct list_node *node;

        while ((node = list_pop_front(events))) {
                struct uplink_event *event = list_entry(node, struct uplink_event, node);

                event->queue = queue;
                if (!post(queue, warm, arrive, event))
                        uplink_event_free(event);
        }
}

static void reading_free(struct uplink_reading *reading)
{
        uplink_events_free(&reading->events);
        free(reading->device_key);
        free(reading);
}

/* The store's record as an event; NULL, and a dead letter, if it can't be read. */
static struct uplink_event *event_from_record(struct uplink_queue *queue, const char *device_key,
                                              const struct store_event *stored)
{
        struct uplink_event *event = mem_new(1, sizeof(*event));
        struct reason reason = REASON_INIT;

        event->id = stored->id;
        event->purpose = stored->purpose;
        event->device_key = mem_text(device_key);
        event->size = stored->record_size;
        event->stored_ns = clock_steady_ns();
        if (event_decode(stored->record, stored->record_size, &event->event, &reason) != 0) {
                log_error("EVENT_UNREADABLE", "A stored event can't be read; it is set aside",
                          LOG_INT("event", stored->id), LOG_TEXT("device", device_key),
                          LOG_TEXT("reason", reason.text), LOG_END);
                store_dead(queue->options.store, stored->id, reason.text);
                uplink_event_free(event);
                return NULL;
        }
        event->heard = downlink_heard_find(stored->record, stored->record_size);
        return event;
}

/* News that are nothing else came when they arrived, or when the device was taken over. */
static bool is_sent(const struct store_event *event)
{
        return event->purpose != STORE_DOWNLINK_NEWS && event->purpose != STORE_ORDER;
}

/* Another gateway may have taken it, whose wall clock is about the same. */
static void note_travel_time(struct uplink_event *event, const struct store_event *stored)
{
        int64_t travel_ns = clock_wall_ns() - stored->arrived_ns;

        travel_ns = travel_ns > 0 ? travel_ns : 0;
        event->arrived_ns = event->stored_ns > travel_ns ? event->stored_ns - travel_ns : 1;
        metrics_observe(METRIC_FEED_DELAY, travel_ns);
}

void uplink_queue_add_stored(struct uplink_queue *queue, const struct store_event *stored,
                             bool is_fed)
{
        struct uplink_event *event = event_from_record(queue, stored->device, stored);
        struct list events;

        if (!event)
                return;
        event->is_fed = is_fed;
        list_init(&events);
        list_push_back(&events, &event->node);
        if (is_fed)
                note_travel_time(event, stored);
        uplink_queue_add(queue, &events);
}

/* False from the first event on for which there is no room: it is freed, with those behind it. */
static bool append_all(struct uplink_queue *queue, struct uplink_backlog *backlog,
                       struct list *events)
{
        struct list_node *node;

        while ((node = list_pop_front(events))) {
                struct uplink_event *event = list_entry(node, struct uplink_event, node);

                if (!has_room(queue, backlog, event)) {
                        uplink_event_free(event);
                        uplink_events_free(events);
                        return false;
                }
                append(queue, backlog, event);
        }
        return true;
}

/* Takes what was read into the backlog; what does not fit is read again later. */
static void take_in(struct uplink_queue *queue, struct uplink_backlog *backlog,
                    struct uplink_reading *reading)
{
        bool fits = append_all(queue, backlog, &reading->events);
        bool is_end = fits && reading->count < reading->take.maximum;

        /* Seen, too, is what was read and is not for the hub. */
        if (fits)
                raise_to(&backlog->last_in_memory, reading->last_id);
        /* And at the end of what is on disk, all that had arrived before the reading began. */
        if (is_end)
                raise_to(&backlog->last_in_memory, reading->arrived);
        move_backlog(backlog, is_end && backlog->last_in_store <= backlog->last_in_memory
                                      ? UPLINK_BACKLOG_WHOLE
                                      : UPLINK_BACKLOG_BEHIND);
}

/* The device of a reading at start, made from its first event; NULL if none was left. */
static struct device *recovered_device(struct uplink_queue *queue, struct uplink_reading *reading)
{
        struct device *device;

        map_remove(queue->recovering, reading->device_key);
        if (list_is_empty(&reading->events))
                return NULL;
        device = greet_device(queue,
                              list_entry(reading->events.head.next, struct uplink_event, node));
        device->taken_over_ms = device_table_since(queue->options.devices, device->shard);
        /*
         * What arrived meanwhile may or may not have been read. So it counts as being in the store
         * alone, which has the backlog read on behind this reading.
         */
        move_backlog(&device->backlog, UPLINK_BACKLOG_READING);
        device->backlog.last_in_store = reading->arrived;
        reading->arrived = 0;
        return device;
}

static void start_reading(struct uplink_reading *reading);

static void read_again(struct timer *timer)
{
        struct uplink_reading *reading = list_entry(timer, struct uplink_reading, again);

        if (reading->forgotten)
                reading_free(reading);
        else
                start_reading(reading);
}

/* The device's backlog has no reading any more. */
static void reading_ends(struct device *device, struct uplink_reading *reading)
{
        device->backlog.reading = NULL;
        reading_free(reading);
}

static void finish_reading(void *context)
{
        struct uplink_reading *reading = context;
        struct uplink_queue *queue = reading->queue;
        struct device *device = reading->device;

        if (reading->forgotten) {
                reading_free(reading);
                return;
        }
        if (reading->result != 0) {
                reading->again.run = read_again;
                loop_timer_start(queue->options.loop, &reading->again, READ_AGAIN_MS);
                return;
        }
        /* Nothing to be sent yet, but there is more. */
        if (!device && list_is_empty(&reading->events) &&
            (reading->arrived > 0 || reading->count == reading->take.maximum)) {
                start_reading(reading);
                return;
        }
        if (!device)
                device = recovered_device(queue, reading);
        if (!device) {
                reading_free(reading);
                return;
        }
        take_in(queue, &device->backlog, reading);
        reading_ends(device, reading);
        if (uplink_queue_first(queue, device))
                device->keeper->wake(device);
}

static void reading_done(struct store_take *take, int result, const struct store_event *events,
                         size_t count)
{
        struct uplink_reading *reading = list_entry(take, struct uplink_reading, take);

        reading->result = result;
        reading->count = count;
        if (count > 0)
                reading->last_id = events[count - 1].id;
        for (size_t i = 0; i < count; i++) {
                struct uplink_event *event = NULL;

                if (is_sent(&events[i]))
                        event = event_from_record(reading->queue, reading->device_key, &events[i]);
                if (event)
                        list_push_back(&reading->events, &event->node);
        }
        if (!post(reading->queue, NULL, finish_reading, reading))
                reading_free(reading);
}

static void start_reading(struct uplink_reading *reading)
{
        struct uplink_queue *queue = reading->queue;

        if (reading->device)
                reading->arrived = reading->device->backlog.last_in_store;
        reading->take = (struct store_take){
                .device = reading->device_key,
                .after_id = reading->device ? reading->device->backlog.last_in_memory
                                            : reading->last_id,
                .maximum = queue->options.maximum_per_device,
                .keeps = true,
                .done = reading_done,
        };
        store_take(queue->options.store, &reading->take);
}

static struct uplink_reading *reading_new(struct uplink_queue *queue, const char *device_key,
                                          struct device *device)
{
        struct uplink_reading *reading = mem_new(1, sizeof(*reading));

        reading->queue = queue;
        reading->device = device;
        reading->device_key = mem_text(device_key);
        list_init(&reading->events);
        return reading;
}

static void read_more(struct uplink_queue *queue, struct device *device)
{
        move_backlog(&device->backlog, UPLINK_BACKLOG_READING);
        device->backlog.reading = reading_new(queue, device->key, device);
        start_reading(device->backlog.reading);
}

static void start_recovery(void *context)
{
        struct uplink_reading *reading = context;

        map_set(reading->queue->recovering, reading->device_key, reading);
        start_reading(reading);
}

void uplink_queue_recover(struct uplink_queue *queue, const char *device_key)
{
        struct uplink_reading *reading = reading_new(queue, device_key, NULL);

        if (!post(queue, NULL, start_recovery, reading))
                reading_free(reading);
}

static void tell_news(void *context)
{
        struct uplink_event *event = context;

        hand_on_news(event->queue, event);
        uplink_event_free(event);
}

bool uplink_queue_recover_news(void *context, const struct store_event *stored)
{
        struct uplink_queue *queue = context;
        struct uplink_event *event = event_from_record(queue, stored->device, stored);

        if (!event)
                return true;
        event->queue = queue;
        if (!post(queue, NULL, tell_news, event))
                uplink_event_free(event);
        return true;
}

struct uplink_event *uplink_queue_first(struct uplink_queue *queue, struct device *device)
{
        struct uplink_backlog *backlog = &device->backlog;

        THREAD_ASSERT(LOOP_THREAD);
        if (!list_is_empty(&backlog->events))
                return list_entry(backlog->events.head.next, struct uplink_event, node);
        if (backlog->state == UPLINK_BACKLOG_BEHIND)
                read_more(queue, device);
        return NULL;
}

void uplink_queue_pop(struct uplink_queue *queue, struct device *device)
{
        struct list_node *node = list_pop_front(&device->backlog.events);
        struct uplink_event *event = list_entry(node, struct uplink_event, node);

        queue->memory -= event->size;
        uplink_holds_left(queue->options.holds, event->event.message_id);
        uplink_event_free(event);
        if (list_is_empty(&device->backlog.events))
                uplink_queue_first(queue, device);
}

/* --- devices that come from another gateway, or go to one ----------------------------------- */

struct forgetting {
        struct uplink_queue *queue;
        const struct store_shards *shards;
        struct list readings;
};

static bool note_reading(void *context, const char *device_key, void *value)
{
        struct forgetting *forgetting = context;
        struct uplink_reading *reading = value;

        if (store_shards_has(forgetting->shards, store_shard_of(device_key)))
                list_push_back(&forgetting->readings, &reading->node);
        return true;
}

/* Of devices that are not known yet. */
static void forget_readings(struct forgetting *forgetting)
{
        struct list_node *node;

        map_each(forgetting->queue->recovering, note_reading, forgetting);
        while ((node = list_pop_front(&forgetting->readings))) {
                struct uplink_reading *reading = list_entry(node, struct uplink_reading, node);

                reading->forgotten = true;
                map_remove(forgetting->queue->recovering, reading->device_key);
        }
}

static bool forget_backlog(void *context, struct device *device)
{
        struct forgetting *forgetting = context;
        struct uplink_backlog *backlog = &device->backlog;

        if (!store_shards_has(forgetting->shards, device->shard))
                return true;
        assert(!device->in_flight);
        list_for_each (node, &backlog->events)
                forgetting->queue->memory -= list_entry(node, struct uplink_event, node)->size;
        if (backlog->reading)
                backlog->reading->forgotten = true;
        uplink_backlog_deinit(backlog);
        uplink_backlog_init(backlog);
        return true;
}

void uplink_queue_forget(struct uplink_queue *queue, const struct store_shards *shards)
{
        struct forgetting forgetting = {.queue = queue, .shards = shards};

        THREAD_ASSERT(LOOP_THREAD);
        list_init(&forgetting.readings);
        forget_readings(&forgetting);
        device_table_each(queue->options.devices, forget_backlog, &forgetting);
}
