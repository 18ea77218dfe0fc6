// SPDX-License-Identifier: MIT
/*
 * What the earlier connector's web application put into its storage queue: the delivery with its
 * `Data` read and its times as texts (rule S3). It is taken back to the webhook that it was. What
 * of a message could not be taken is set aside as such an entry, whose times may be numbers, too,
 * as in a webhook.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json/json.h"
#include "base/json/json_writer.h"
#include "base/mem.h"
#include "networks/driver.h"
#include "networks/myriota/myriota.h"

enum slot {
        ROOT,
        APPLICATION,
        ENDPOINT,
        ID,
        RECEIVED_AT,
        SENT_AT,
        ARRIVED_AT,
        DATA,
        PACKETS,
        SLOTS
};

static const struct json_want data_wants[] = {JSON_WANT_WHOLE("Packets", PACKETS)};

static const struct json_want root_wants[] = {
        JSON_WANT("Application", APPLICATION),
        JSON_WANT("EndpointRef", ENDPOINT),
        JSON_WANT("Id", ID),
        JSON_WANT("PayloadReceivedAtUtc", RECEIVED_AT),
        JSON_WANT("Timestamp", SENT_AT),
        JSON_WANT("PayloadArrivedAtUtc", ARRIVED_AT),
        JSON_WANT_OF("Data", DATA, data_wants),
};

static const struct json_want root_want = {
        .slot = ROOT, .members = root_wants, .count = ARRAY_SIZE(root_wants)};

static bool read_time(const struct json_slice *slice, int64_t *time_ns)
{
        CLEANUP(mem_cleanup) char *text = json_slice_text(slice);

        return text && clock_parse_utc(text, time_ns);
}

/* As a text, or as a webhook has it. False if there is none. */
static bool find_time(const struct json_slice *text, const struct json_slice *number,
                      int64_t unit_ns, int64_t *time)
{
        int64_t time_ns;

        if (!read_time(text, &time_ns))
                return json_slice_int(number, time);
        *time = time_ns / unit_ns;
        return true;
}

/* A time that is none stays away, and the driver refuses the packet by name. */
static void write_packet(const struct json_slice *slice, struct buf *out)
{
        struct json_slice slices[MYRIOTA_PACKET_SLOTS] = {{.kind = JSON_ABSENT}};
        CLEANUP(mem_cleanup) char *terminal = NULL;
        CLEANUP(mem_cleanup) char *value = NULL;
        const struct json_slice *time = &slices[MYRIOTA_PACKET_TIME];
        struct json_writer packet;
        int64_t time_ms;

        json_slice_read(slice, &myriota_packet_want, slices);
        terminal = json_slice_text(&slices[MYRIOTA_TERMINAL_ID]);
        value = json_slice_text(&slices[MYRIOTA_VALUE]);
        json_writer_open(&packet, out);
        json_writer_text(&packet, "TerminalId", terminal);
        if (find_time(time, time, CLOCK_NS_PER_MS, &time_ms))
                json_writer_int(&packet, "Timestamp", time_ms);
        json_writer_text(&packet, "Value", value);
        json_writer_close(&packet);
}

static void write_data(const struct json_slice *packets, struct buf *out)
{
        CLEANUP(buf_deinit) struct buf list = BUF_INIT;
        struct json_walk walk;
        struct json_slice packet;
        bool first = true;

        json_slice_write(packets, &list);
        buf_add_text(out, "{\"Packets\":[");
        walk = json_walk_of(list.data, list.size);
        for (; json_walk_item(&walk, &packet); first = false) {
                if (!first)
                        buf_add_char(out, ',');
                write_packet(&packet, out);
        }
        buf_add_text(out, "]}");
}

static void write_body(const struct json_slice *slices, struct buf *out)
{
        CLEANUP(mem_cleanup) char *endpoint = json_slice_text(&slices[ENDPOINT]);
        CLEANUP(mem_cleanup) char *id = json_slice_text(&slices[ID]);
        CLEANUP(buf_deinit) struct buf data = BUF_INIT;
        struct json_writer body;
        int64_t received_s;

        write_data(&slices[PACKETS], &data);
        json_writer_open(&body, out);
        json_writer_text(&body, "EndpointRef", endpoint);
        if (find_time(&slices[RECEIVED_AT], &slices[SENT_AT], CLOCK_NS_PER_S, &received_s))
                json_writer_int(&body, "Timestamp", received_s);
        json_writer_text(&body, "Data", buf_text(&data));
        json_writer_text(&body, "Id", id);
        json_writer_close(&body);
}

int myriota_restore(const struct webhook *entry, struct network_restored *restored,
                    struct reason *reason)
{
        struct json_slice slices[SLOTS] = {{.kind = JSON_ABSENT}};

        if (!driver_read_body(entry, &root_want, slices, reason))
                return NETWORK_E_MALFORMED;
        if (slices[DATA].kind != JSON_OBJECT)
                return NETWORK_E_IGNORED;
        if (slices[PACKETS].kind != JSON_LIST) {
                reason_set(reason, "Data has no list Packets");
                return NETWORK_E_MALFORMED;
        }
        restored->path = json_slice_text(&slices[APPLICATION]);
        if (!read_time(&slices[ARRIVED_AT], &restored->arrived_ns))
                restored->arrived_ns = entry->arrived_ns;
        write_body(slices, &restored->body);
        return 0;
}

/* --- what could not be taken ---------------------------------------------------------------- */

/* A message that names more reasons than this might become too long for a queue. */
#define REASONS_MAX 16

/* Of a webhook, whose `Data` is a text, or of an entry. The caller's; NULL if it is neither. */
static struct json_object *read_data_of(struct json_object *message, const struct webhook *webhook)
{
        const char *text = json_text_member(message, "Data");

        if (!text)
                return json_object_get(json_object_member(message, "Data"));
        return json_parse_foreign(text, strlen(text), NETWORK_JSON_DEPTH, webhook->maximum_values,
                                  NULL);
}

/* The packets that are refused, as they are; each once. The caller's. */
static struct json_object *pick_packets(struct json_object *packets,
                                        const struct event_list *refused)
{
        struct json_object *picked = json_object_new_array();
        size_t count = json_object_array_length(packets);
        bool *is_refused = mem_new(count + 1, sizeof(bool));

        for (size_t i = 0; i < refused->refusal_count; i++) {
                if (refused->refusals[i].part <= count)
                        is_refused[refused->refusals[i].part] = true;
        }
        for (size_t number = 1; number <= count; number++) {
                struct json_object *packet = json_object_array_get_idx(packets, number - 1);

                if (is_refused[number])
                        json_object_array_add(picked, json_object_get(packet));
        }
        free(is_refused);
        return picked;
}

static struct json_object *list_reasons(const struct event_list *refused)
{
        struct json_object *reasons = json_object_new_array();

        for (size_t i = 0; i < refused->refusal_count && i < REASONS_MAX; i++)
                json_object_array_add(reasons, json_object_new_string(refused->refusals[i].why));
        return reasons;
}

void myriota_set_aside(const struct webhook *message, const struct event_list *refused,
                       struct buf *rest)
{
        CLEANUP(json_cleanup)
        struct json_object *whole =
                json_parse_foreign(message->body, message->body_size, NETWORK_JSON_DEPTH,
                                   message->maximum_values, NULL);
        CLEANUP(json_cleanup) struct json_object *data = read_data_of(whole, message);
        struct json_object *packets = json_member(data, "Packets");

        if (!json_object_is_type(packets, json_type_array))
                return;
        json_object_object_add(data, "Packets", pick_packets(packets, refused));
        json_object_object_add(whole, "Data", json_object_get(data));
        /* They are of the whole. */
        json_object_object_del(whole, "CertificateUrl");
        json_object_object_del(whole, "Signature");
        json_object_object_add(whole, "NotTaken", list_reasons(refused));
        json_write(rest, whole);
}
