// SPDX-License-Identifier: MIT
/*
 * What the earlier connector's web application put into its storage queue: the delivery with its
 * `Data` read and its times as texts (rule S3). It is taken back to the webhook that it was.
 */

#include "base/clock.h"
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

/* A time that is none stays away, and the driver refuses the packet by name. */
static void write_packet(const struct json_slice *slice, struct buf *out)
{
        struct json_slice slices[MYRIOTA_PACKET_SLOTS] = {{.kind = JSON_ABSENT}};
        CLEANUP(mem_cleanup) char *terminal = NULL;
        CLEANUP(mem_cleanup) char *value = NULL;
        struct json_writer packet;
        int64_t time_ns;

        json_slice_read(slice, &myriota_packet_want, slices);
        terminal = json_slice_text(&slices[MYRIOTA_TERMINAL_ID]);
        value = json_slice_text(&slices[MYRIOTA_VALUE]);
        json_writer_open(&packet, out);
        json_writer_text(&packet, "TerminalId", terminal);
        if (read_time(&slices[MYRIOTA_PACKET_TIME], &time_ns))
                json_writer_int(&packet, "Timestamp", time_ns / CLOCK_NS_PER_MS);
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
        int64_t received_ns;

        write_data(&slices[PACKETS], &data);
        json_writer_open(&body, out);
        json_writer_text(&body, "EndpointRef", endpoint);
        if (read_time(&slices[RECEIVED_AT], &received_ns))
                json_writer_int(&body, "Timestamp", received_ns / CLOCK_NS_PER_S);
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
