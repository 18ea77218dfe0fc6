// SPDX-License-Identifier: MIT
/* What waits for a camera's hub: read from the store in order, sent one at a time. */
#include <stdlib.h>
#include <string.h>

#include "azure/names.h"
#include "base/backoff.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "camera/cloud/cloud_inside.h"
#include "camera/cloud/cloud_record.h"

/* So many are in memory at most. */
#define READ_MAX 32

#define READ_AGAIN_MS 1000

/* After a throttled or unanswered send; doubled at each failure. */
#define SEND_AGAIN_MIN_MS 500
#define SEND_AGAIN_MAX_MS (60 * 1000)

/* What a report is known by; events have the store's ids, from 1. */
#define REPORT_TOKEN 0

struct cloud_event {
        struct list_node node;
        int64_t id;
        char *message_id;
        char *record;
        size_t size;
};

static void event_free(struct cloud_event *event)
{
        free(event->message_id);
        free(event->record);
        free(event);
}

static void events_free(struct list *events)
{
        struct list_node *node;

        while ((node = list_pop_front(events)))
                event_free(list_entry(node, struct cloud_event, node));
}

void cloud_queue_init(struct cloud_queue *queue)
{
        list_init(&queue->events);
        list_init(&queue->taken);
}

void cloud_queue_deinit(struct cloud_queue *queue)
{
        events_free(&queue->events);
        events_free(&queue->taken);
}

/* --- reading --------------------------------------------------------------------------------- */

static void read_again(struct timer *timer)
{
        struct cloud_device *device = list_entry(timer, struct cloud_device, send_timer);

        cloud_queue_pump(device);
}

static void pause_sending(struct cloud_device *device, int64_t delay_ms)
{
        device->send_timer.run = read_again;
        loop_timer_start(device->cloud->options.loop, &device->send_timer, delay_ms);
}

static void finish_reading(void *context)
{
        struct cloud_device *device = context;
        struct cloud_queue *queue = &device->queue;

        queue->is_reading = false;
        if (queue->take_result != 0) {
                queue->is_unread = true;
                if (!device->cloud->is_stopped)
                        pause_sending(device, READ_AGAIN_MS);
                return;
        }
        if (queue->taken.count == queue->take.maximum)
                queue->is_unread = true;
        list_for_each (node, &queue->taken)
                queue->last_id = list_entry(node, struct cloud_event, node)->id;
        list_splice_back(&queue->events, &queue->taken);
        cloud_queue_pump(device);
}

/* On the thread "store-read". */
static void taken(struct store_take *take, int result, const struct store_event *events,
                  size_t count)
{
        struct cloud_queue *queue = list_entry(take, struct cloud_queue, take);
        struct cloud_device *device = list_entry(queue, struct cloud_device, queue);

        queue->take_result = result;
        for (size_t i = 0; i < count; i++) {
                struct cloud_event *event = mem_new(1, sizeof(*event));

                event->id = events[i].id;
                event->message_id = mem_text(events[i].message_id);
                event->record = mem_text_n(events[i].record, events[i].record_size);
                event->size = events[i].record_size;
                list_push_back(&queue->taken, &event->node);
        }
        loop_post(device->cloud->options.loop, finish_reading, device);
}

static void read_more(struct cloud_device *device)
{
        struct cloud_queue *queue = &device->queue;

        if (queue->is_reading || !queue->is_unread)
                return;
        queue->is_unread = false;
        queue->is_reading = true;
        queue->take = (struct store_take){
                .device = device->key,
                .after_id = queue->last_id,
                .maximum = READ_MAX,
                .done = taken,
        };
        store_take(device->cloud->options.store, &queue->take);
}

/* --- sending --------------------------------------------------------------------------------- */

static struct cloud_event *first(const struct cloud_queue *queue)
{
        return list_is_empty(&queue->events)
                       ? NULL
                       : list_entry(queue->events.head.next, struct cloud_event, node);
}

static void pop(struct cloud_device *device)
{
        event_free(list_entry(list_pop_front(&device->queue.events), struct cloud_event, node));
}

static void set_aside(struct cloud_device *device, const struct cloud_event *event,
                      const char *reason)
{
        log_warn("EVENT_DEAD", "An event can't be sent and was set aside",
                 LOG_TEXT("message_id", event->message_id), LOG_TEXT("device", device->key),
                 LOG_TEXT("reason", reason), LOG_END);
        store_dead(device->cloud->options.store, event->id, reason);
        pop(device);
}

static bool send_event(struct cloud_device *device, const struct cloud_event *event)
{
        struct cloud_record record;
        struct property property = {.name = AZURE_PROPERTY_CREATION_TIME};
        const struct cloud_clocks now = {.boot = device->cloud->boot,
                                         .offset_ms = clock_wall_ms() - clock_steady_ms()};

        if (!cloud_record_read(event->record, event->size, &now, &record)) {
                set_aside(device, event, "this is no record of this version");
                return false;
        }
        property.value = record.created;
        device->queue.is_in_flight = true;
        if (!hub_device_send(device->link,
                             &(struct hub_message){
                                     .message_id = event->message_id,
                                     .content_type = "application/json",
                                     .content_encoding = "utf-8",
                                     .properties = &property,
                                     .property_count = 1,
                                     .body = record.body,
                                     .body_size = record.body_size,
                             },
                             (uint64_t)event->id))
                /* Without credit: its state is told again when there is some. */
                device->queue.is_in_flight = false;
        return true;
}

static void send_report(struct cloud_device *device)
{
        if (!device->is_report_due || device->is_reporting)
                return;
        pthread_mutex_lock(&device->lock);
        device->is_reporting = hub_device_report(device->link, device->patch.data,
                                                 device->patch.size, REPORT_TOKEN);
        pthread_mutex_unlock(&device->lock);
        if (device->is_reporting)
                device->is_report_due = false;
}

void cloud_queue_pump(struct cloud_device *device)
{
        struct cloud_queue *queue = &device->queue;
        struct cloud_event *event;

        if (device->cloud->is_stopped)
                return;
        if (list_is_empty(&queue->events))
                read_more(device);
        if (device->phase != CLOUD_READY || device->send_timer.position != 0)
                return;
        send_report(device);
        while (!queue->is_in_flight && (event = first(queue))) {
                if (send_event(device, event))
                        return;
        }
}

static void report_outcome(struct cloud_device *device, enum hub_outcome outcome,
                           const struct reason *reason)
{
        device->is_reporting = false;
        if (outcome == HUB_ACCEPTED || device->cloud->is_stopped)
                return;
        log_warn("CAMERA_REPORT_FAILED", "The device's twin does not take what is reported",
                 LOG_TEXT("device", device->key), LOG_TEXT("reason", reason ? reason->text : ""),
                 LOG_END);
        device->is_report_due = outcome != HUB_REJECTED;
        if (device->is_report_due)
                pause_sending(device, SEND_AGAIN_MIN_MS * 10);
}

static void accepted(struct cloud_device *device, const struct cloud_event *event)
{
        metrics_add(METRIC_EVENT_SENT, 1);
        log_debug("EVENT_ACCEPTED", "The hub has accepted an event",
                  LOG_TEXT("message_id", event->message_id), LOG_TEXT("device", device->key),
                  LOG_INT("event", event->id), LOG_END);
        device->send_failures = 0;
        store_done(device->cloud->options.store, event->id);
        pop(device);
}

void cloud_queue_outcome(struct cloud_device *device, uint64_t token, enum hub_outcome outcome,
                         const struct reason *reason)
{
        struct cloud_event *event = first(&device->queue);

        if (token == REPORT_TOKEN) {
                report_outcome(device, outcome, reason);
                return;
        }
        if (!event || !device->queue.is_in_flight || (uint64_t)event->id != token)
                return;
        device->queue.is_in_flight = false;
        if (outcome == HUB_ACCEPTED) {
                accepted(device, event);
        } else if (outcome == HUB_REJECTED) {
                set_aside(device, event, reason ? reason->text : "rejected by the hub");
        } else if (!device->cloud->is_stopped) {
                metrics_add(METRIC_EVENT_RETRIED, 1);
                pause_sending(device, backoff_ms(++device->send_failures, SEND_AGAIN_MIN_MS,
                                                 SEND_AGAIN_MAX_MS));
        }
        cloud_queue_pump(device);
}
