// SPDX-License-Identifier: MIT
#include "gateway/command/command_report.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "gateway/device/device.h"
#include "networks/network.h"

/* The same outcome of the same attempt is told once. */
#define DUPLICATE_WINDOW_MS (INT64_C(3600) * 1000)

/* One report on its way to the disk. */
struct report {
        struct store_put put;
        struct store_event stored;
        struct buf record;
        struct uplink_event *event;
        struct uplink_queue *queue;
};

/* On the store's thread. */
static void report_stored(struct store_put *put, int result)
{
        struct report *report = list_entry(put, struct report, put);
        struct list events;

        if (result == 0 && report->stored.id == 0) {
                /* It was stored before a crash that came before the end of its command. */
                uplink_event_free(report->event);
        } else if (result == 0) {
                report->event->id = report->stored.id;
                report->event->stored_ns = clock_steady_ns();
                list_init(&events);
                list_push_back(&events, &report->event->node);
                uplink_queue_add(report->queue, &events);
        } else {
                log_error("COMMAND_NOT_REPORTED", "The outcome of a command can't be stored",
                          LOG_TEXT("device", report->event->device_key), LOG_END);
                uplink_event_free(report->event);
        }
        buf_deinit(&report->record);
        free(report);
}

static char *describe(const struct command *command)
{
        CLEANUP(json_cleanup) struct json_object *details = json_object_new_object();
        struct buf text = BUF_INIT;

        json_object_object_add(details, "message_id", json_object_new_string(command->message_id));
        json_object_object_add(details, "reference",
                               json_object_new_string(command->downlink.reference));
        json_object_object_add(details, "outcome",
                               json_object_new_string(command_outcome_name(command->outcome)));
        if (command->name)
                json_object_object_add(details, "command", json_object_new_string(command->name));
        if (command->reason)
                json_object_object_add(details, "reason", json_object_new_string(command->reason));
        json_write(&text, details);
        return buf_take(&text);
}

static struct uplink_event *make_event(const struct command *command)
{
        struct uplink_event *made = mem_new(1, sizeof(*made));
        struct event *event = &made->event;

        event->network = device_network(command->device)->name;
        event->kind = EVENT_COMMAND_OUTCOME;
        event->application = mem_text(command->device->application);
        event->device = mem_text(command->device->name);
        event->time_ns = clock_wall_ns();
        event->port = command->downlink.port;
        event->details = describe(command);
        crypto_uuid_of(event->details, strlen(event->details), event->message_id);
        made->device_key = mem_text(command->device_key);
        return made;
}

void command_report(struct store *store, struct uplink_queue *queue, const struct command *command)
{
        struct report *report = mem_new(1, sizeof(*report));

        report->queue = queue;
        report->event = make_event(command);
        event_encode(&report->event->event, &report->record);
        report->event->size = report->record.size;
        report->stored = (struct store_event){
                .device = report->event->device_key,
                .message_id = report->event->event.message_id,
                .record = report->record.data,
                .record_size = report->record.size,
                .arrived_ns = clock_wall_ns(),
                .duplicate_window_ms = DUPLICATE_WINDOW_MS,
        };
        report->put = (struct store_put){
                .events = &report->stored, .count = 1, .owed = true, .done = report_stored};
        store_put(store, &report->put);
}
