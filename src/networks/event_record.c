// SPDX-License-Identifier: MIT
#include "networks/event_record.h"

#include <assert.h>
#include <string.h>

#include "base/clock.h"
#include "base/json/json.h"
#include "base/json/json_slice.h"
#include "base/json/json_writer.h"
#include "base/mem.h"
#include "networks/network.h"

/* Grows when an older isthmus could not read what a newer one wrote. */
#define RECORD_VERSION 1

/* What a record nests at most: a webhook's body and the object around a part of it. */
#define RECORD_DEPTH (NETWORK_JSON_DEPTH + 1)

static void write_attributes(struct json_writer *record, const struct device_attributes *attributes)
{
        CLEANUP(json_cleanup) struct json_object *object = json_object_new_object();

        device_attributes_write(attributes, object);
        json_writer_name(record, "attributes");
        json_write(record->out, object);
}

/* What the members take at most that have no text from outside. */
#define RECORD_FIXED 384

static size_t length_of(const char *text)
{
        return text ? strlen(text) : 0;
}

/* Of a record without escapes. */
static size_t size_about(const struct event *event)
{
        return RECORD_FIXED + length_of(event->application) + length_of(event->device) +
               length_of(event->payload) + length_of(event->decoded) + length_of(event->details);
}

void event_encode(const struct event *event, struct buf *out)
{
        struct json_writer record;
        char time[CLOCK_TEXT_SIZE];

        clock_format_utc(time, event->time_ns, CLOCK_FRACTION);
        buf_reserve(out, size_about(event));
        json_writer_open(&record, out);
        json_writer_int(&record, "version", RECORD_VERSION);
        json_writer_text(&record, "network", event->network);
        json_writer_text(&record, "kind", event_kind_name(event->kind));
        json_writer_text(&record, "message_id", event->message_id);
        if (event->duplicate_window_ms > 0)
                json_writer_int(&record, "duplicate_window_ms", event->duplicate_window_ms);
        json_writer_text(&record, "application", event->application);
        json_writer_text(&record, "application_name", event->application_name);
        json_writer_text(&record, "device", event->device);
        json_writer_text(&record, "dev_eui", event->dev_eui);
        json_writer_text(&record, "time", time);
        json_writer_int(&record, "port", event->port);
        if (event->simulated)
                json_writer_bool(&record, "simulated", true);
        if (event->encrypted)
                json_writer_bool(&record, "encrypted", true);
        json_writer_text(&record, "payload", event->payload);
        json_writer_value(&record, "decoded", event->decoded);
        json_writer_value(&record, "details", event->details);
        if (event->attributes)
                write_attributes(&record, event->attributes);
        json_writer_close(&record);
}

void event_record_add_facts(const struct event *event, struct buf *record)
{
        CLEANUP(json_cleanup) struct json_object *view = json_object_new_object();

        if (event->facts.told == 0)
                return;
        event_facts_view(&event->facts, view);
        assert(record->size > 2 && record->data[record->size - 1] == '}');
        record->size--;
        buf_add_text(record, ",\"facts\":");
        json_write(record, view);
        buf_add_char(record, '}');
}

enum slot {
        RECORD,
        VERSION,
        NETWORK,
        KIND,
        MESSAGE_ID,
        DUPLICATE_WINDOW,
        APPLICATION,
        APPLICATION_NAME,
        DEVICE,
        DEV_EUI,
        TIME,
        PORT,
        SIMULATED,
        ENCRYPTED,
        PAYLOAD,
        DECODED,
        DETAILS,
        ATTRIBUTES,
        FACTS,
        SLOTS,
};

static const struct json_want wants[] = {
        JSON_WANT("version", VERSION),
        JSON_WANT("network", NETWORK),
        JSON_WANT("kind", KIND),
        JSON_WANT("message_id", MESSAGE_ID),
        JSON_WANT("duplicate_window_ms", DUPLICATE_WINDOW),
        JSON_WANT("application", APPLICATION),
        JSON_WANT("application_name", APPLICATION_NAME),
        JSON_WANT("device", DEVICE),
        JSON_WANT("dev_eui", DEV_EUI),
        JSON_WANT("time", TIME),
        JSON_WANT("port", PORT),
        JSON_WANT("simulated", SIMULATED),
        JSON_WANT("encrypted", ENCRYPTED),
        JSON_WANT("payload", PAYLOAD),
        JSON_WANT_WHOLE("decoded", DECODED),
        JSON_WANT_WHOLE("details", DETAILS),
        JSON_WANT_WHOLE("attributes", ATTRIBUTES),
        JSON_WANT_WHOLE("facts", FACTS),
};

static const struct json_want record_want = {
        .slot = RECORD, .members = wants, .count = ARRAY_SIZE(wants)};

static bool decode_kind(const struct json_slice *slice, enum event_kind *kind)
{
        for (int i = 0; i < EVENT_KIND_COUNT; i++) {
                if (json_slice_is(slice, event_kind_name((enum event_kind)i))) {
                        *kind = (enum event_kind)i;
                        return true;
                }
        }
        return false;
}

/* The names of networks in events are static texts. */
static const char *decode_network(const struct json_slice *slice)
{
        for (size_t i = 0; networks[i]; i++) {
                if (json_slice_is(slice, networks[i]->name))
                        return networks[i]->name;
        }
        return NULL;
}

static char *decode_object(const struct json_slice *slice)
{
        struct buf text = BUF_INIT;

        if (slice->kind != JSON_OBJECT)
                return NULL;
        json_slice_write(slice, &text);
        return buf_take(&text);
}

static struct device_attributes *decode_attributes(const struct json_slice *slice)
{
        CLEANUP(json_cleanup) struct json_object *object = NULL;
        struct device_attributes *attributes;

        if (slice->kind != JSON_OBJECT)
                return NULL;
        object = json_parse(slice->at, slice->size, RECORD_DEPTH, JSON_STRICT, NULL);
        attributes = mem_new(1, sizeof(*attributes));
        device_attributes_restore(object, attributes);
        return attributes;
}

static void decode_facts(const struct json_slice *slice, struct event_facts *facts)
{
        CLEANUP(json_cleanup) struct json_object *view = NULL;

        if (slice->kind != JSON_OBJECT)
                return;
        view = json_slice_tree(slice);
        event_facts_restore(view, facts);
}

/* The member that is missing or wrong, or NULL. */
static const char *decode_required(const struct json_slice *slices, struct event *event)
{
        char time[CLOCK_TEXT_SIZE];
        int64_t port = 0;

        event->network = decode_network(&slices[NETWORK]);
        if (!event->network)
                return "network";
        if (!decode_kind(&slices[KIND], &event->kind))
                return "kind";
        if (!json_slice_copy(&slices[MESSAGE_ID], event->message_id, sizeof(event->message_id)) ||
            strlen(event->message_id) != sizeof(event->message_id) - 1)
                return "message_id";
        event->application = json_slice_text(&slices[APPLICATION]);
        if (!event->application)
                return "application";
        event->device = json_slice_text(&slices[DEVICE]);
        if (!event->device)
                return "device";
        if (!json_slice_copy(&slices[TIME], time, sizeof(time)) ||
            !clock_parse_utc(time, &event->time_ns))
                return "time";
        if (!json_slice_int(&slices[PORT], &port) || port < 0 || port > UINT8_MAX)
                return "port";
        event->port = (uint8_t)port;
        return NULL;
}

static void decode_optional(const struct json_slice *slices, struct event *event)
{
        json_slice_int(&slices[DUPLICATE_WINDOW], &event->duplicate_window_ms);
        event->dev_eui = json_slice_text(&slices[DEV_EUI]);
        event->simulated = slices[SIMULATED].kind == JSON_TRUE;
        event->encrypted = slices[ENCRYPTED].kind == JSON_TRUE;
        event->payload = json_slice_text(&slices[PAYLOAD]);
        event->decoded = decode_object(&slices[DECODED]);
        event->details = decode_object(&slices[DETAILS]);
        event->attributes = decode_attributes(&slices[ATTRIBUTES]);
        event->application_name = json_slice_text(&slices[APPLICATION_NAME]);
        decode_facts(&slices[FACTS], &event->facts);
}

static bool scan_record(const char *record, size_t size, struct json_slice *slices,
                        struct reason *reason)
{
        struct json_scan scan = {
                .text = record,
                .size = size,
                .style = JSON_STRICT,
                .depth = RECORD_DEPTH,
                .values = SIZE_MAX,
                .zero_names = true,
                .want = &record_want,
                .slices = slices,
        };
        bool good = json_scan(&scan);

        buf_deinit(&scan.long_integers);
        if (good)
                return true;
        json_scan_explain(&scan, SIZE_MAX, reason);
        reason_prefix(reason, "the stored event can't be read");
        return false;
}

int event_decode(const char *record, size_t size, struct event *event, struct reason *reason)
{
        struct json_slice slices[SLOTS] = {{.kind = JSON_ABSENT}};
        const char *wrong;
        int64_t version = 0;

        *event = EVENT_INIT;
        if (!scan_record(record, size, slices, reason))
                return 1;
        if (!json_slice_int(&slices[VERSION], &version) || version != RECORD_VERSION) {
                reason_set(reason,
                           "the stored event has not version %d; was it written by another "
                           "version of isthmus?",
                           RECORD_VERSION);
                return 1;
        }
        wrong = decode_required(slices, event);
        if (wrong) {
                reason_set(reason, "the stored event has no valid member %s", wrong);
                return 1;
        }
        decode_optional(slices, event);
        return 0;
}
