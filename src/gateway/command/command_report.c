// SPDX-License-Identifier: MIT
#include "gateway/command/command_report.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "gateway/device/device.h"
#include "gateway/uplink/uplink_store.h"

/* The same outcome of the same attempt is told once. */
#define DUPLICATE_WINDOW_MS (INT64_C(3600) * 1000)

/* On the store's thread. */
static void report_stored(struct uplink_put *put, int result)
{
        if (result != 0)
                log_error("COMMAND_NOT_REPORTED", "The outcome of a command can't be stored",
                          LOG_TEXT("device",
                                   list_entry(put->events.head.next, struct uplink_event, node)
                                           ->device_key),
                          LOG_END);
        uplink_events_free(&put->events);
        free(put);
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
        event->duplicate_window_ms = DUPLICATE_WINDOW_MS;
        crypto_uuid_of(event->details, strlen(event->details), event->message_id);
        made->purpose = STORE_UPLINK;
        made->device_key = mem_text(command->device_key);
        return made;
}

void command_report(struct store *store, struct uplink_queue *queue, const struct command *command)
{
        struct uplink_put *put = mem_new(1, sizeof(*put));

        list_init(&put->events);
        list_push_back(&put->events, &make_event(command)->node);
        put->owed = true;
        put->done = report_stored;
        uplink_store(store, queue, put);
}
