// SPDX-License-Identifier: MIT
#include "networks/event.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "networks/network.h"
#include "networks/object_writer.h"

/* Grows when an older isthmus could not read what a newer one wrote. */
#define RECORD_VERSION 1

/* What a record nests at most: a webhook's body and the object around a part of it. */
#define RECORD_DEPTH (NETWORK_JSON_DEPTH + 1)

static const char *const kind_names[EVENT_KIND_COUNT] = {
        [EVENT_UPLINK] = "uplink_message",
        [EVENT_JOIN_ACCEPT] = "join_accept",
        [EVENT_UPLINK_NORMALIZED] = "uplink_normalized",
        [EVENT_LOCATION_SOLVED] = "location_solved",
        [EVENT_SERVICE_DATA] = "service_data",
        [EVENT_DOWNLINK_QUEUED] = "downlink_queued",
        [EVENT_DOWNLINK_SENT] = "downlink_sent",
        [EVENT_DOWNLINK_ACK] = "downlink_ack",
        [EVENT_DOWNLINK_NACK] = "downlink_nack",
        [EVENT_DOWNLINK_FAILED] = "downlink_failed",
        [EVENT_DOWNLINK_QUEUE_INVALIDATED] = "downlink_queue_invalidated",
        [EVENT_COMMAND_OUTCOME] = "command_outcome",
};

const char *event_kind_name(enum event_kind kind)
{
        return kind_names[kind];
}

bool event_time_is_valid(int64_t time_ns)
{
        /* 2261-01-01T00:00:00Z */
        return time_ns >= 0 && time_ns < INT64_C(9183110400) * CLOCK_NS_PER_S;
}

void event_deinit(struct event *event)
{
        free(event->application);
        free(event->device);
        free(event->dev_eui);
        free(event->payload);
        free(event->decoded);
        free(event->details);
        *event = EVENT_INIT;
}

void event_device_key(const struct event *event, struct buf *out)
{
        const struct network *network = network_by_name(event->network);

        text_url_escape(out, event->network);
        buf_add_char(out, '/');
        if (!network || !network->ids_are_unique)
                text_url_escape(out, event->application);
        buf_add_char(out, '/');
        text_url_escape(out, event->device);
}

void event_encode(const struct event *event, struct buf *out)
{
        struct object_writer record;
        char time[CLOCK_TEXT_SIZE];

        clock_format_utc(time, event->time_ns, CLOCK_FRACTION);
        object_open(&record, out);
        object_int(&record, "version", RECORD_VERSION);
        object_text(&record, "network", event->network);
        object_text(&record, "kind", event_kind_name(event->kind));
        object_text(&record, "message_id", event->message_id);
        if (event->duplicate_window_ms > 0)
                object_int(&record, "duplicate_window_ms", event->duplicate_window_ms);
        object_text(&record, "application", event->application);
        object_text(&record, "device", event->device);
        object_text(&record, "dev_eui", event->dev_eui);
        object_text(&record, "time", time);
        object_int(&record, "port", event->port);
        if (event->simulated)
                object_bool(&record, "simulated", true);
        if (event->encrypted)
                object_bool(&record, "encrypted", true);
        object_text(&record, "payload", event->payload);
        object_json(&record, "decoded", event->decoded);
        object_json(&record, "details", event->details);
        object_close(&record);
}

static bool decode_kind(struct json_object *record, enum event_kind *kind)
{
        const char *name = json_text_member(record, "kind");

        for (int i = 0; i < EVENT_KIND_COUNT; i++) {
                if (text_equal(name, kind_names[i])) {
                        *kind = (enum event_kind)i;
                        return true;
                }
        }
        return false;
}

/* The names of networks in events are static texts. */
static const char *decode_network(struct json_object *record)
{
        const char *name = json_text_member(record, "network");
        const struct network *network = name ? network_by_name(name) : NULL;

        return network ? network->name : NULL;
}

static bool decode_message_id(struct json_object *record, struct event *event)
{
        const char *id = json_text_member(record, "message_id");

        if (!id || strlen(id) != sizeof(event->message_id) - 1)
                return false;
        memcpy(event->message_id, id, sizeof(event->message_id));
        return true;
}

static char *decode_object(struct json_object *record, const char *name)
{
        struct json_object *object = json_object_member(record, name);
        struct buf text = BUF_INIT;

        if (!object)
                return NULL;
        json_write(&text, object);
        return buf_take(&text);
}

/* The member that is missing or wrong, or NULL. */
static const char *decode_required(struct json_object *record, struct event *event)
{
        int64_t port = 0;

        event->network = decode_network(record);
        if (!event->network)
                return "network";
        if (!decode_kind(record, &event->kind))
                return "kind";
        if (!decode_message_id(record, event))
                return "message_id";
        event->application = mem_text(json_text_member(record, "application"));
        if (!event->application)
                return "application";
        event->device = mem_text(json_text_member(record, "device"));
        if (!event->device)
                return "device";
        if (!clock_parse_utc(json_text_member(record, "time"), &event->time_ns))
                return "time";
        if (!json_int_member(record, "port", &port) || port < 0 || port > UINT8_MAX)
                return "port";
        event->port = (uint8_t)port;
        return NULL;
}

static void decode_optional(struct json_object *record, struct event *event)
{
        json_int_member(record, "duplicate_window_ms", &event->duplicate_window_ms);
        event->dev_eui = mem_text(json_text_member(record, "dev_eui"));
        event->simulated = json_bool_member(record, "simulated", false);
        event->encrypted = json_bool_member(record, "encrypted", false);
        event->payload = mem_text(json_text_member(record, "payload"));
        event->decoded = decode_object(record, "decoded");
        event->details = decode_object(record, "details");
}

int event_decode(const char *record, size_t size, struct event *event, struct reason *reason)
{
        CLEANUP(json_cleanup)
        struct json_object *object = json_parse(record, size, RECORD_DEPTH, JSON_STRICT, reason);
        const char *wrong;
        int64_t version = 0;

        *event = EVENT_INIT;
        if (!object) {
                reason_prefix(reason, "the stored event can't be read");
                return 1;
        }
        if (!json_int_member(object, "version", &version) || version != RECORD_VERSION) {
                reason_set(reason,
                           "the stored event has not version %d; was it written by another "
                           "version of isthmus?",
                           RECORD_VERSION);
                return 1;
        }
        wrong = decode_required(object, event);
        if (wrong) {
                reason_set(reason, "the stored event has no valid member %s", wrong);
                return 1;
        }
        decode_optional(object, event);
        return 0;
}
