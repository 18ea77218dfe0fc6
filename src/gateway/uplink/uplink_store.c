// SPDX-License-Identifier: MIT
#include "gateway/uplink/uplink_store.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "networks/event_record.h"

/* Between the store's commits. */
#define SLOW_PAUSE_MS 25

void uplink_store_slow_down(void *store, bool slow)
{
        store_hold_back(store, slow ? SLOW_PAUSE_MS : 0);
}

bool uplink_store_wants(const struct settings *settings, enum event_kind kind)
{
        return kind == EVENT_UPLINK || kind == EVENT_COMMAND_OUTCOME ||
               (settings->telemetry.events & 1U << kind) != 0;
}

/* Numbers the events as the store did, and drops those that it had already. */
static void take_ids(struct uplink_put *put)
{
        int64_t now_ns = clock_steady_ns();
        size_t i = 0;

        list_for_each_safe (node, &put->events) {
                struct uplink_event *event = list_entry(node, struct uplink_event, node);

                event->id = put->stored[i++].id;
                event->stored_ns = now_ns;
                if (event->id == 0) {
                        put->any_known = true;
                        list_remove(&put->events, node);
                        uplink_event_free(event);
                        continue;
                }
                log_debug("EVENT_STORED", "An event is durable",
                          LOG_TEXT("message_id", event->event.message_id),
                          LOG_TEXT("device", event->device_key), LOG_INT("event", event->id),
                          LOG_END);
        }
}

/* On the store's thread. */
static void put_done(struct store_put *store_put, int result)
{
        struct uplink_put *put = list_entry(store_put, struct uplink_put, put);

        if (result == 0) {
                take_ids(put);
                uplink_queue_add(put->queue, &put->events);
        }
        for (size_t i = 0; i < put->put.count; i++)
                buf_deinit(&put->records[i]);
        if (put->records != &put->one_record) {
                free(put->records);
                free(put->stored);
        }
        put->done(put, result);
}

void uplink_store(struct store *store, struct uplink_queue *queue, struct uplink_put *put)
{
        size_t count = put->events.count;
        size_t i = 0;

        put->queue = queue;
        put->one_record = BUF_INIT;
        put->stored = count == 1 ? &put->one_stored : mem_new(count, sizeof(*put->stored));
        put->records = count == 1 ? &put->one_record : mem_new(count, sizeof(*put->records));
        list_for_each (node, &put->events) {
                struct uplink_event *event = list_entry(node, struct uplink_event, node);
                struct buf *record = &put->records[i];

                event_encode(&event->event, record);
                if (event->keeps_heard)
                        event_record_add_facts(&event->event, record);
                if (event->keeps_heard && event->heard)
                        downlink_heard_add(event->heard, record);
                event->size = record->size;
                put->stored[i++] = (struct store_event){
                        .device = event->device_key,
                        .message_id = event->event.message_id,
                        .record = record->data,
                        .record_size = record->size,
                        .arrived_ns = clock_wall_ns(),
                        .purpose = event->purpose,
                        .duplicate_window_ms = event->event.duplicate_window_ms,
                };
        }
        put->put = (struct store_put){
                .events = put->stored, .count = count, .owed = put->owed, .done = put_done};
        store_put(store, &put->put);
}
