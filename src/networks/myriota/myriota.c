// SPDX-License-Identifier: MIT
#include "networks/myriota/myriota.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "networks/driver.h"
#include "networks/myriota/myriota_signature.h"
#include "networks/object_writer.h"

/* Rule M9: deliveries are repeated without a known bound. */
#define DUPLICATE_WINDOW_MS (INT64_C(24) * 60 * 60 * 1000)

/* One webhook: what all of its packets have in common. */
struct delivery {
        char *application;
        struct buf details; /* JSON object text */
        bool has_time;
};

static void delivery_deinit(struct delivery *delivery)
{
        mem_cleanup(&delivery->application);
        buf_deinit(&delivery->details);
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

static void write_time(struct object_writer *details, const char *name, int64_t time_ns)
{
        char text[CLOCK_TEXT_SIZE];

        clock_format_utc(text, time_ns, CLOCK_FRACTION);
        object_text(details, name, text);
}

static void write_details(const struct webhook *webhook, struct json_object *root,
                          struct delivery *delivery)
{
        struct object_writer details;
        int64_t sent_s = -1;

        object_open(&details, &delivery->details);
        object_text(&details, "PayloadId", json_text_member(root, "Id"));
        object_text(&details, "EndpointReference", json_text_member(root, "EndpointRef"));
        delivery->has_time = json_int_member(root, "Timestamp", &sent_s) && sent_s >= 0 &&
                             sent_s < INT64_MAX / CLOCK_NS_PER_S &&
                             event_time_is_valid(sent_s * CLOCK_NS_PER_S);
        if (delivery->has_time)
                write_time(&details, "PayloadReceivedAtUtc", sent_s * CLOCK_NS_PER_S);
        write_time(&details, "PayloadArrivedAtUtc", webhook->arrived_ns);
        object_close(&details);
}

static bool read_delivery(const struct webhook *webhook, struct json_object *root,
                          struct delivery *delivery, struct reason *reason)
{
        delivery->application = read_application(webhook, json_text_member(root, "EndpointRef"));
        if (!delivery->application) {
                reason_set(reason, "EndpointRef is missing, and the path names no application");
                return false;
        }
        write_details(webhook, root, delivery);
        return true;
}

/* `Data` is a JSON document in a text (rule M7). NULL with the reason. */
static struct json_object *read_data(const struct webhook *webhook, struct json_object *root,
                                     struct reason *reason)
{
        const char *text = json_text_member(root, "Data");
        struct json_object *data;

        if (!text) {
                reason_set(reason,
                           json_member(root, "Data") ? "Data is no text" : "Data is missing");
                return NULL;
        }
        data = json_parse_foreign(text, strlen(text), NETWORK_JSON_DEPTH, webhook->maximum_values,
                                  reason);
        if (!data) {
                reason_prefix(reason, "the text in Data");
                return NULL;
        }
        if (!json_object_is_type(json_member(data, "Packets"), json_type_array)) {
                reason_set(reason, "the text in Data has no list Packets");
                json_object_put(data);
                return NULL;
        }
        return data;
}

/* --- a packet --------------------------------------------------------------------------- */

struct packet {
        const char *terminal;
        const char *value;
        int64_t time_ms;
};

static bool is_hex(const char *text)
{
        CLEANUP(buf_deinit) struct buf bytes = BUF_INIT;

        return crypto_hex_decode(&bytes, text, strlen(text));
}

/* What is wrong with the packet (rules M5, M6), or NULL. */
static const char *read_packet(struct json_object *object, struct packet *packet)
{
        packet->terminal = json_text_member(object, "TerminalId");
        if (!packet->terminal || packet->terminal[0] == '\0')
                return "TerminalId is missing or no text";
        if (!json_int_member(object, "Timestamp", &packet->time_ms))
                return "Timestamp is missing or no whole number";
        if (packet->time_ms < 0 || packet->time_ms > INT64_MAX / CLOCK_NS_PER_MS ||
            !event_time_is_valid(packet->time_ms * CLOCK_NS_PER_MS))
                return "Timestamp is no time in milliseconds since 1970";
        packet->value = json_text_member(object, "Value");
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

static void add_event(const struct delivery *delivery, const struct packet *packet,
                      struct event_list *events)
{
        struct event *event = event_list_add(events);

        event->network = myriota.name;
        event->kind = EVENT_UPLINK;
        event->duplicate_window_ms = DUPLICATE_WINDOW_MS;
        event->application = mem_text(delivery->application);
        event->device = mem_text(packet->terminal);
        event->time_ns = packet->time_ms * CLOCK_NS_PER_MS;
        event->payload = mem_text(packet->value);
        event->details = mem_text(buf_text(&delivery->details));
        identify(packet, event);
}

static void refuse_packet(const struct packet *packet, size_t number, const char *wrong,
                          struct event_list *events)
{
        const char *terminal = packet->terminal ? packet->terminal : "?";
        CLEANUP(mem_cleanup)
        char *why = mem_format("packet %zu of terminal %.*s: %s", number, text_cut(terminal, 64),
                               terminal, wrong);

        event_list_refuse(events, packet->terminal, why);
}

/* Rule M1: a bad packet is named and does not stop the others. */
static void read_packets(const struct delivery *delivery, struct json_object *list,
                         struct event_list *events, struct reason *reason)
{
        for (size_t i = 0; i < json_object_array_length(list); i++) {
                struct packet packet = {.terminal = NULL};
                const char *wrong = read_packet(json_object_array_get_idx(list, i), &packet);

                if (!wrong)
                        add_event(delivery, &packet, events);
                else
                        refuse_packet(&packet, i + 1, wrong, events);
        }
        if (events->count == 0) {
                for (size_t i = 0; i < events->refusal_count; i++)
                        reason_add(reason, "%s", events->refusals[i].why);
                return;
        }
        if (!delivery->has_time)
                reason_add(reason,
                           "the outer Timestamp of the delivery with terminal %.*s is no time and "
                           "was not used",
                           text_cut(events->events[0].device, 64), events->events[0].device);
}

static int myriota_parse(const struct webhook *webhook, struct event_list *events,
                         struct reason *reason)
{
        CLEANUP(json_cleanup) struct json_object *root = driver_body(webhook, reason);
        CLEANUP(json_cleanup)
        struct json_object *data = root ? read_data(webhook, root, reason) : NULL;
        CLEANUP(delivery_deinit) struct delivery delivery = {.details = BUF_INIT};
        struct json_object *list = json_member(data, "Packets");

        if (!data)
                return NETWORK_E_MALFORMED;
        if (json_object_array_length(list) == 0) {
                const char *id = json_text_member(root, "Id");

                reason_set(reason, "the delivery '%s' has no packets", id ? id : "");
                return NETWORK_E_IGNORED;
        }
        if (!read_delivery(webhook, root, &delivery, reason))
                return NETWORK_E_MALFORMED;
        read_packets(&delivery, list, events, reason);
        return events->count > 0 ? 0 : NETWORK_E_MALFORMED;
}

/* --- telemetry (rules M2 to M4) --------------------------------------------------------- */

struct writing {
        struct object_writer body;
        struct json_object *decoded; /* what a formatter made; NULL where none ran */
        const struct telemetry_options *options;
};

/* Rule M2: unless the formatter set it. */
static void write_text(struct writing *writing, const char *name, const char *text)
{
        if (!json_object_object_get_ex(writing->decoded, name, NULL))
                object_text(&writing->body, name, text);
}

static void write_utc(struct writing *writing, const char *name, int64_t time_ns)
{
        char text[CLOCK_TEXT_SIZE];

        clock_format_utc(text, time_ns,
                         writing->options->times_without_zone ? CLOCK_SECONDS : CLOCK_FRACTION);
        write_text(writing, name, text);
}

static void copy_utc(struct writing *writing, struct json_object *details, const char *name)
{
        int64_t time_ns;

        if (clock_parse_utc(json_text_member(details, name), &time_ns))
                write_utc(writing, name, time_ns);
}

/* Rule M3: upper-case pairs of hex digits, joined by `-`. */
static void write_payload_bytes(struct object_writer *body, const char *hex)
{
        object_name(body, "PayloadBytes");
        buf_add_char(body->out, '"');
        for (size_t i = 0; hex[i]; i++) {
                if (i > 0 && i % 2 == 0)
                        buf_add_char(body->out, '-');
                buf_add_char(body->out, (char)toupper((unsigned char)hex[i]));
        }
        buf_add_char(body->out, '"');
}

static void write_decoded(struct writing *writing)
{
        json_object_object_foreach (writing->decoded, name, value) {
                object_name(&writing->body, name);
                json_write(writing->body.out, value);
        }
}

static void write_own_members(struct writing *writing, const struct event *event,
                              struct json_object *details)
{
        write_text(writing, "PayloadId", json_text_member(details, "PayloadId"));
        write_text(writing, "EndpointReference", json_text_member(details, "EndpointReference"));
        write_text(writing, "TerminalId", event->device);
        write_utc(writing, "PacketArrivedAtUtc", event->time_ns);
        copy_utc(writing, details, "PayloadReceivedAtUtc");
        copy_utc(writing, details, "PayloadArrivedAtUtc");
}

static void set_properties(struct telemetry *telemetry, const struct event *event,
                           struct json_object *details)
{
        const char *payload_id = json_text_member(details, "PayloadId");
        const char *endpoint = json_text_member(details, "EndpointReference");
        char time[CLOCK_TEXT_SIZE];

        clock_format_utc(time, event->time_ns, CLOCK_FRACTION);
        if (payload_id)
                telemetry_set_property(telemetry, "PayloadId", payload_id);
        if (endpoint)
                telemetry_set_property(telemetry, "EndpointReference", endpoint);
        telemetry_set_property(telemetry, "TerminalId", event->device);
        telemetry_set_property(telemetry, "iothub-creation-time-utc", time);
}

/* `details` and `decoded` (NULL where no formatter ran) are read here and freed by the caller. */
static void write_telemetry(const struct event *event, struct json_object *details,
                            struct json_object *decoded, const struct telemetry_options *options,
                            struct telemetry *telemetry)
{
        struct writing writing = {.decoded = decoded, .options = options};

        object_open(&writing.body, &telemetry->body);
        if (decoded)
                write_decoded(&writing);
        else
                write_payload_bytes(&writing.body, event->payload ? event->payload : "");
        write_own_members(&writing, event, details);
        object_close(&writing.body);
        set_properties(telemetry, event, details);
}

/* What was told about a module, under its own name. */
static void write_other(const struct event *event, struct telemetry *telemetry)
{
        const char *kind = event_kind_name(event->kind);
        struct object_writer body;
        char time[CLOCK_TEXT_SIZE];

        object_open(&body, &telemetry->body);
        object_text(&body, "TerminalId", event->device);
        object_text(&body, "Event", kind);
        object_json(&body, kind, event->details);
        object_close(&body);
        clock_format_utc(time, event->time_ns, CLOCK_FRACTION);
        telemetry_set_property(telemetry, "TerminalId", event->device);
        telemetry_set_property(telemetry, "Event", kind);
        telemetry_set_property(telemetry, "iothub-creation-time-utc", time);
}

static int myriota_telemetry(const struct event *event, const struct formatted *formatted,
                             const struct telemetry_options *options, struct telemetry *telemetry,
                             struct reason *reason)
{
        CLEANUP(json_cleanup) struct json_object *details = driver_details(event, reason);
        CLEANUP(json_cleanup) struct json_object *decoded = NULL;

        if (!details)
                return 1;
        if (event->kind != EVENT_UPLINK) {
                write_other(event, telemetry);
                return 0;
        }
        if (event->payload && !is_hex(event->payload)) {
                reason_set(reason, "the payload is not hexadecimal");
                return 1;
        }
        if (formatted && formatted->data) {
                decoded = driver_decoded(formatted->data, reason);
                if (!decoded)
                        return 1;
        }
        write_telemetry(event, details, decoded, options, telemetry);
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
        .parse = myriota_parse,
        .telemetry = myriota_telemetry,
        .payload = myriota_payload,
        .signature = &myriota_signature,
        .downlink = &myriota_downlink,
        .registry = &myriota_listing,
        .ids_are_unique = true,
};
