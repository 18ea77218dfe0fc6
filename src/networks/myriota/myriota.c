// SPDX-License-Identifier: MIT
#include "networks/myriota/myriota.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json/json_writer.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/utf8.h"
#include "networks/driver.h"
#include "networks/myriota/myriota_signature.h"

/* Rule M9: deliveries are repeated without a known bound. */
#define DUPLICATE_WINDOW_MS (INT64_C(24) * 60 * 60 * 1000)

enum slot {
        ROOT,
        ENDPOINT,
        ID,
        TIMESTAMP,
        DATA,
        SLOTS
};

static const struct json_want root_wants[] = {
        JSON_WANT("EndpointRef", ENDPOINT),
        JSON_WANT("Id", ID),
        JSON_WANT("Timestamp", TIMESTAMP),
        JSON_WANT("Data", DATA),
};

static const struct json_want root_want = {
        .slot = ROOT, .members = root_wants, .count = ARRAY_SIZE(root_wants)};

enum data_slot {
        DATA_ROOT,
        PACKETS,
        DATA_SLOTS
};

static const struct json_want data_wants[] = {JSON_WANT("Packets", PACKETS)};

static const struct json_want data_want = {
        .slot = DATA_ROOT, .members = data_wants, .count = ARRAY_SIZE(data_wants)};

static const struct json_want packet_wants[] = {
        JSON_WANT("TerminalId", MYRIOTA_TERMINAL_ID),
        JSON_WANT("Timestamp", MYRIOTA_PACKET_TIME),
        JSON_WANT("Value", MYRIOTA_VALUE),
};

const struct json_want myriota_packet_want = {
        .slot = MYRIOTA_PACKET, .members = packet_wants, .count = ARRAY_SIZE(packet_wants)};

/* A webhook that is being read: what all of its packets have in common. */
struct reading {
        const struct webhook *webhook;
        struct json_slice slices[SLOTS];
        char *endpoint; /* or NULL */
        char *application;
        struct buf details; /* JSON object text */
        struct buf packets; /* compact JSON list */
        bool has_time;
};

static void reading_deinit(struct reading *reading)
{
        free(reading->endpoint);
        free(reading->application);
        buf_deinit(&reading->details);
        buf_deinit(&reading->packets);
}

/* --- the delivery ----------------------------------------------------------------------- */

/* The last part of the path; NULL if there is none. The caller frees it. */
static char *application_of_path(const char *path)
{
        size_t end = strlen(path);
        size_t start;

        while (end > 0 && path[end - 1] == '/')
                end--;
        for (start = end; start > 0 && path[start - 1] != '/'; start--)
                continue;
        return end > start ? mem_text_n(path + start, end - start) : NULL;
}

/* The destination decides on the application: by its URL, or else by Myriota's reference to it. */
static char *read_application(const struct webhook *webhook, const char *endpoint)
{
        char *application = application_of_path(webhook->path);

        if (application || !endpoint || endpoint[0] == '\0')
                return application;
        return mem_text(endpoint);
}

static void write_time(struct json_writer *details, const char *name, int64_t time_ns)
{
        char text[CLOCK_TEXT_SIZE];

        clock_format_utc(text, time_ns, CLOCK_FRACTION);
        json_writer_text(details, name, text);
}

static void write_details(struct reading *reading)
{
        const struct webhook *webhook = reading->webhook;
        CLEANUP(mem_cleanup) char *id = json_slice_text(&reading->slices[ID]);
        struct json_writer details;
        int64_t sent_s = -1;

        json_writer_open(&details, &reading->details);
        json_writer_text(&details, "PayloadId", id);
        json_writer_text(&details, "EndpointReference", reading->endpoint);
        reading->has_time = json_slice_int(&reading->slices[TIMESTAMP], &sent_s) && sent_s >= 0 &&
                            sent_s < INT64_MAX / CLOCK_NS_PER_S &&
                            event_time_is_valid(sent_s * CLOCK_NS_PER_S);
        if (reading->has_time)
                write_time(&details, "PayloadReceivedAtUtc", sent_s * CLOCK_NS_PER_S);
        write_time(&details, "PayloadArrivedAtUtc", webhook->arrived_ns);
        json_writer_close(&details);
}

static bool read_delivery(struct reading *reading, struct reason *reason)
{
        reading->endpoint = json_slice_text(&reading->slices[ENDPOINT]);
        reading->application = read_application(reading->webhook, reading->endpoint);
        if (!reading->application) {
                reason_set(reason, "EndpointRef is missing, and the path names no application");
                return false;
        }
        write_details(reading);
        return true;
}

/* `Data` is a JSON document in a text (rule M7); its list of packets goes into `packets`. */
static bool read_data(struct reading *reading, struct reason *reason)
{
        const struct json_slice *data = &reading->slices[DATA];
        struct json_slice slices[DATA_SLOTS] = {{.kind = JSON_ABSENT}};
        CLEANUP(mem_cleanup) char *text = json_slice_text(data);
        bool good;

        if (!text) {
                reason_set(reason,
                           json_slice_is_absent(data) ? "Data is missing" : "Data is no text");
                return false;
        }
        good = driver_read(&(struct driver_text){.what = "the text in Data",
                                                 .text = text,
                                                 .size = strlen(text),
                                                 .values = reading->webhook->maximum_values},
                           &data_want, slices, reason);
        if (slices[DATA_ROOT].kind != JSON_ABSENT && slices[PACKETS].kind != JSON_LIST) {
                reason_set(reason, "the text in Data has no list Packets");
                good = false;
        }
        if (good)
                json_slice_write(&slices[PACKETS], &reading->packets);
        return good;
}

/* --- a packet --------------------------------------------------------------------------- */

struct packet {
        char *terminal;
        char *value;
        int64_t time_ms;
};

static void packet_deinit(struct packet *packet)
{
        free(packet->terminal);
        free(packet->value);
}

static bool is_hex(const char *text)
{
        size_t length = strlen(text);

        return length % 2 == 0 && strspn(text, "0123456789abcdefABCDEF") == length;
}

/* What is wrong with the packet (rules M5, M6), or NULL. */
static const char *read_packet(const struct json_slice *slice, struct packet *packet)
{
        struct json_slice slices[MYRIOTA_PACKET_SLOTS] = {{.kind = JSON_ABSENT}};

        json_slice_read(slice, &myriota_packet_want, slices);
        packet->terminal = json_slice_text(&slices[MYRIOTA_TERMINAL_ID]);
        if (text_is_empty(packet->terminal))
                return "TerminalId is missing or no text";
        if (!json_slice_int(&slices[MYRIOTA_PACKET_TIME], &packet->time_ms))
                return "Timestamp is missing or no whole number";
        if (packet->time_ms < 0 || packet->time_ms > INT64_MAX / CLOCK_NS_PER_MS ||
            !event_time_is_valid(packet->time_ms * CLOCK_NS_PER_MS))
                return "Timestamp is no time in milliseconds since 1970";
        packet->value = json_slice_text(&slices[MYRIOTA_VALUE]);
        if (!packet->value)
                return "Value is missing or no text";
        if (strlen(packet->value) % 2 != 0)
                return "Value has an odd number of hex digits";
        if (!is_hex(packet->value))
                return "Value is not hexadecimal";
        return NULL;
}

/* Rule M9: the same packet, whatever the delivery and the case of its digits. */
static void identify(const struct packet *packet, struct event *event)
{
        CLEANUP(buf_deinit) struct buf identity = BUF_INIT;

        driver_identify(&identity, myriota.name);
        driver_identify(&identity, packet->terminal);
        buf_add_format(&identity, "%" PRId64 " ", packet->time_ms);
        for (const char *digit = packet->value; *digit; digit++)
                buf_add_char(&identity, (char)tolower((unsigned char)*digit));
        crypto_uuid_of(identity.data, identity.size, event->message_id);
}

static void add_event(const struct reading *reading, const struct packet *packet, size_t number,
                      struct event_list *events)
{
        struct event *event = event_list_add(events);

        event->network = myriota.name;
        event->kind = EVENT_UPLINK;
        event->part = number;
        event->duplicate_window_ms = DUPLICATE_WINDOW_MS;
        event->application = mem_text(reading->application);
        event->device = mem_text(packet->terminal);
        event->time_ns = packet->time_ms * CLOCK_NS_PER_MS;
        event->payload = mem_text(packet->value);
        event->details = mem_text(buf_text(&reading->details));
        identify(packet, event);
}

static void refuse_packet(const struct packet *packet, size_t number, const char *wrong,
                          struct event_list *events)
{
        const char *terminal = packet->terminal ? packet->terminal : "?";
        CLEANUP(mem_cleanup)
        char *why = mem_format("packet %zu of terminal %.*s: %s", number, utf8_cut(terminal, 64),
                               terminal, wrong);

        event_list_refuse(events, &(struct event_refusal){
                                          .part = number, .device = packet->terminal, .why = why});
}

/* Rule M1: a bad packet is named and does not stop the others. */
static void read_packets(const struct reading *reading, struct event_list *events,
                         struct reason *reason)
{
        struct json_walk walk = json_walk_of(reading->packets.data, reading->packets.size);
        struct json_slice slice;

        for (size_t number = 1; json_walk_item(&walk, &slice); number++) {
                CLEANUP(packet_deinit) struct packet packet = {.terminal = NULL};
                const char *wrong = read_packet(&slice, &packet);

                if (!wrong)
                        add_event(reading, &packet, number, events);
                else
                        refuse_packet(&packet, number, wrong, events);
        }
        if (events->count == 0) {
                for (size_t i = 0; i < events->refusal_count; i++)
                        reason_add(reason, "%s", events->refusals[i].why);
                return;
        }
        if (!reading->has_time)
                reason_add(reason,
                           "the outer Timestamp of the delivery with terminal %.*s is no time and "
                           "was not used",
                           utf8_cut(events->events[0].device, 64), events->events[0].device);
}

static int ignore_empty(const struct reading *reading, struct reason *reason)
{
        CLEANUP(mem_cleanup) char *id = json_slice_text(&reading->slices[ID]);

        reason_set(reason, "the delivery '%s' has no packets", id ? id : "");
        return NETWORK_E_IGNORED;
}

static int myriota_parse(const struct webhook *webhook, struct event_list *events,
                         struct reason *reason)
{
        CLEANUP(reading_deinit) struct reading reading = {.webhook = webhook};

        if (!driver_read_body(webhook, &root_want, reading.slices, reason) ||
            !read_data(&reading, reason))
                return NETWORK_E_MALFORMED;
        if (strcmp(buf_text(&reading.packets), "[]") == 0)
                return ignore_empty(&reading, reason);
        if (!read_delivery(&reading, reason))
                return NETWORK_E_MALFORMED;
        read_packets(&reading, events, reason);
        return events->count > 0 ? 0 : NETWORK_E_MALFORMED;
}

/* --- telemetry (rules M2 to M4) --------------------------------------------------------- */

enum detail {
        DETAILS,
        PAYLOAD_ID,
        ENDPOINT_REFERENCE,
        RECEIVED_AT,
        ARRIVED_AT,
        DETAIL_SLOTS
};

static const struct json_want detail_wants[] = {
        JSON_WANT("PayloadId", PAYLOAD_ID),
        JSON_WANT("EndpointReference", ENDPOINT_REFERENCE),
        JSON_WANT("PayloadReceivedAtUtc", RECEIVED_AT),
        JSON_WANT("PayloadArrivedAtUtc", ARRIVED_AT),
};

static const struct json_want details_want = {
        .slot = DETAILS, .members = detail_wants, .count = ARRAY_SIZE(detail_wants)};

/* An event on its way to a message. */
struct writing {
        const struct event *event;
        const struct telemetry_options *options;
        struct json_slice details[DETAIL_SLOTS];
        struct json_slice decoded; /* what a formatter made; absent where none ran */
        struct buf compact;        /* what `decoded` is in, perhaps */
        struct json_writer body;
};

static void writing_deinit(struct writing *writing)
{
        buf_deinit(&writing->compact);
}

static bool is_set(const struct json_slice *decoded, const char *name)
{
        struct json_walk walk = json_walk_of(decoded->at, decoded->size);
        struct json_slice member;
        struct json_slice value;

        while (json_walk_member(&walk, &member, &value)) {
                if (json_slice_is(&member, name))
                        return true;
        }
        return false;
}

/* Rule M2: unless the formatter set it. */
static void write_text(struct writing *writing, const char *name, const char *text)
{
        if (writing->decoded.kind == JSON_ABSENT || !is_set(&writing->decoded, name))
                json_writer_text(&writing->body, name, text);
}

static void write_detail(struct writing *writing, const char *name, enum detail detail)
{
        CLEANUP(mem_cleanup) char *text = json_slice_text(&writing->details[detail]);

        write_text(writing, name, text);
}

static void write_utc(struct writing *writing, const char *name, int64_t time_ns)
{
        char text[CLOCK_TEXT_SIZE];

        clock_format_utc(text, time_ns,
                         writing->options->times_without_zone ? CLOCK_SECONDS : CLOCK_FRACTION);
        write_text(writing, name, text);
}

static void copy_utc(struct writing *writing, const char *name, enum detail detail)
{
        char text[CLOCK_TEXT_SIZE];
        int64_t time_ns;

        if (json_slice_copy(&writing->details[detail], text, sizeof(text)) &&
            clock_parse_utc(text, &time_ns))
                write_utc(writing, name, time_ns);
}

/* Rule M3: upper-case pairs of hex digits, joined by `-`. */
static void write_payload_bytes(struct json_writer *body, const char *hex)
{
        json_writer_name(body, "PayloadBytes");
        buf_add_char(body->out, '"');
        for (const char *at = hex; *at; at++) {
                if (at > hex && (at - hex) % 2 == 0)
                        buf_add_char(body->out, '-');
                buf_add_char(body->out, (char)toupper((unsigned char)*at));
        }
        buf_add_char(body->out, '"');
}

static void write_own_members(struct writing *writing)
{
        write_detail(writing, "PayloadId", PAYLOAD_ID);
        write_detail(writing, "EndpointReference", ENDPOINT_REFERENCE);
        write_text(writing, "TerminalId", writing->event->device);
        write_utc(writing, "PacketArrivedAtUtc", writing->event->time_ns);
        copy_utc(writing, "PayloadReceivedAtUtc", RECEIVED_AT);
        copy_utc(writing, "PayloadArrivedAtUtc", ARRIVED_AT);
}

static void set_detail(struct telemetry *telemetry, const char *name,
                       const struct json_slice *detail)
{
        CLEANUP(mem_cleanup) char *text = json_slice_text(detail);

        if (text)
                telemetry_add_property(telemetry, name, text);
}

static void set_properties(struct telemetry *telemetry, const struct writing *writing)
{
        char time[CLOCK_TEXT_SIZE];

        clock_format_utc(time, writing->event->time_ns, CLOCK_FRACTION);
        set_detail(telemetry, "PayloadId", &writing->details[PAYLOAD_ID]);
        set_detail(telemetry, "EndpointReference", &writing->details[ENDPOINT_REFERENCE]);
        telemetry_add_property(telemetry, "TerminalId", writing->event->device);
        telemetry_add_property(telemetry, "iothub-creation-time-utc", time);
}

static void write_telemetry(struct writing *writing, struct telemetry *telemetry)
{
        const char *payload = writing->event->payload;

        json_writer_open(&writing->body, &telemetry->body);
        if (writing->decoded.kind != JSON_ABSENT)
                json_writer_members(&writing->body, writing->decoded.at, writing->decoded.size);
        else
                write_payload_bytes(&writing->body, payload ? payload : "");
        write_own_members(writing);
        json_writer_close(&writing->body);
        set_properties(telemetry, writing);
}

/* What was told about a module, under its own name. */
static void write_other(const struct event *event, struct telemetry *telemetry)
{
        const char *kind = event_kind_name(event->kind);
        struct json_writer body;
        char time[CLOCK_TEXT_SIZE];

        json_writer_open(&body, &telemetry->body);
        json_writer_text(&body, "TerminalId", event->device);
        json_writer_text(&body, "Event", kind);
        json_writer_value(&body, kind, event->details);
        json_writer_close(&body);
        clock_format_utc(time, event->time_ns, CLOCK_FRACTION);
        telemetry_add_property(telemetry, "TerminalId", event->device);
        telemetry_add_property(telemetry, "Event", kind);
        telemetry_add_property(telemetry, "iothub-creation-time-utc", time);
}

static bool read_details(struct writing *writing, struct reason *reason)
{
        const char *details = writing->event->details;

        return !details || driver_read(&(struct driver_text){.what = "the event's details text",
                                                             .text = details,
                                                             .size = strlen(details),
                                                             .values = SIZE_MAX},
                                       &details_want, writing->details, reason);
}

static int myriota_telemetry(const struct event *event, const struct formatted *formatted,
                             const struct telemetry_options *options, struct telemetry *telemetry,
                             struct reason *reason)
{
        CLEANUP(writing_deinit) struct writing writing = {.event = event, .options = options};

        if (!read_details(&writing, reason))
                return 1;
        if (event->kind != EVENT_UPLINK) {
                write_other(event, telemetry);
                return 0;
        }
        if (event->payload && !is_hex(event->payload)) {
                reason_set(reason, "the payload is not hexadecimal");
                return 1;
        }
        if (formatted && formatted->data &&
            !driver_read_formatted(formatted->data, &writing.compact, &writing.decoded, reason))
                return 1;
        write_telemetry(&writing, telemetry);
        driver_set_formatted(telemetry, formatted);
        return 0;
}

/* Rule M6. */
static int myriota_payload(const struct event *event, struct buf *bytes, struct reason *reason)
{
        if (!event->payload || crypto_hex_decode(bytes, event->payload, strlen(event->payload)))
                return 0;
        reason_set(reason, "the payload is not hexadecimal");
        return 1;
}

const struct network myriota = {
        .name = "myriota",
        .route = "/myriota",
        .settings = myriota_settings,
        .parse = myriota_parse,
        .telemetry = myriota_telemetry,
        .payload = myriota_payload,
        .restore = myriota_restore,
        .set_aside = myriota_set_aside,
        .signature = &myriota_signature,
        .downlink = &myriota_downlink,
        .listing = &myriota_listing,
        .ids_are_unique = true,
        .repeats = true,
};
