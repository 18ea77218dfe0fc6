// SPDX-License-Identifier: MIT
/* Requests on `$management`: what partitions there are, and how far they have come (rule W23). */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "localhub/events/event_endpoint.h"

#define CREDIT 100

struct asked {
        struct amqp_wire_value operation;
        struct amqp_wire_value type;
        char name[REGISTRY_ADDRESS_SIZE];
        int64_t partition; /* -1 = none */
};

static void find_text(const struct amqp_wire_message *request, const char *key, struct buf *out)
{
        struct amqp_wire_value value =
                amqp_wire_map_find(request->properties, request->property_count, key);

        (void)amqp_wire_add_plain(out, &value);
}

static void read_asked(const struct amqp_wire_message *request, struct asked *asked)
{
        CLEANUP(buf_deinit) struct buf name = BUF_INIT;
        CLEANUP(buf_deinit) struct buf partition = BUF_INIT;

        asked->operation =
                amqp_wire_map_find(request->properties, request->property_count, "operation");
        asked->type = amqp_wire_map_find(request->properties, request->property_count, "type");
        find_text(request, "name", &name);
        find_text(request, "partition", &partition);
        snprintf(asked->name, sizeof(asked->name), "%s", buf_text(&name));
        if (!text_to_int64(buf_text(&partition), 0, INT32_MAX, &asked->partition))
                asked->partition = -1;
}

/* --- answers --------------------------------------------------------------------------------- */

static void put_key_text(struct buf *out, const char *key, const char *text)
{
        amqp_wire_put_string(out, key);
        amqp_wire_put_string(out, text);
}

static void put_key_long(struct buf *out, const char *key, int64_t number)
{
        amqp_wire_put_string(out, key);
        amqp_wire_put_long(out, number);
}

static void write_hub(struct buf *out, const struct amqp_peer *peer, const struct asked *asked)
{
        char ids[TELEMETRY_PARTITIONS_MAX][12];
        const char *list[TELEMETRY_PARTITIONS_MAX];
        int count = telemetry_log_partitions(peer->core->telemetry);
        size_t begin;

        for (int i = 0; i < count; i++) {
                snprintf(ids[i], sizeof(ids[i]), "%d", i);
                list[i] = ids[i];
        }
        amqp_wire_put_section(out, AMQP_WIRE_SECTION_VALUE);
        begin = amqp_wire_begin_map(out);
        put_key_text(out, "name", asked->name);
        put_key_text(out, "type", "com.microsoft:eventhub");
        amqp_wire_put_string(out, "created_at");
        amqp_wire_put_timestamp(out, peer->core->events->started_ms);
        amqp_wire_put_string(out, "partition_count");
        amqp_wire_put_int(out, count);
        amqp_wire_put_string(out, "partition_ids");
        amqp_wire_put_strings(out, list, (uint32_t)count);
        amqp_wire_end(out, begin, 10);
}

static void write_partition(struct buf *out, const struct amqp_peer *peer,
                            const struct asked *asked)
{
        struct telemetry_partition now;
        char id[12];
        char offset[24];
        size_t begin;

        telemetry_log_partition(peer->core->telemetry, peer->hub_id, (int)asked->partition, &now);
        snprintf(id, sizeof(id), "%d", (int)asked->partition);
        snprintf(offset, sizeof(offset), "%" PRId64, now.offset);
        amqp_wire_put_section(out, AMQP_WIRE_SECTION_VALUE);
        begin = amqp_wire_begin_map(out);
        put_key_text(out, "name", asked->name);
        put_key_text(out, "type", "com.microsoft:partition");
        put_key_text(out, "partition", id);
        put_key_long(out, "begin_sequence_number", now.first);
        put_key_long(out, "last_enqueued_sequence_number", now.last);
        put_key_text(out, "last_enqueued_offset", offset);
        amqp_wire_put_string(out, "last_enqueued_time_utc");
        amqp_wire_put_timestamp(out, now.last_ms);
        amqp_wire_put_string(out, "is_partition_empty");
        amqp_wire_put_bool(out, now.first > now.last);
        amqp_wire_end(out, begin, 16);
}

static void write_failure(struct buf *out, const struct amqp_wire_message *request, int status,
                          const char *description)
{
        amqp_answer_begin(out, request, status, description);
        amqp_wire_put_section(out, AMQP_WIRE_SECTION_VALUE);
        amqp_wire_put_string(out, "");
}

static void write_answer(struct buf *out, const struct amqp_peer *peer,
                         const struct amqp_wire_message *request)
{
        struct asked asked;
        bool is_partition;

        read_asked(request, &asked);
        is_partition = amqp_wire_is_text(&asked.type, "com.microsoft:partition");
        if (!amqp_wire_is_text(&asked.operation, "READ") ||
            !(is_partition || amqp_wire_is_text(&asked.type, "com.microsoft:eventhub"))) {
                write_failure(out, request, 501,
                              "The local hub knows READ of com.microsoft:eventhub and "
                              "com.microsoft:partition only.");
        } else if (!event_endpoint_is_hub(peer, asked.name)) {
                write_failure(out, request, 404, "The messaging entity could not be found.");
        } else if (is_partition &&
                   (asked.partition < 0 ||
                    asked.partition >= telemetry_log_partitions(peer->core->telemetry))) {
                write_failure(out, request, 400,
                              "The specified partition is invalid for an EventHub partition.");
        } else {
                amqp_answer_begin(out, request, 200, "OK");
                if (is_partition)
                        write_partition(out, peer, &asked);
                else
                        write_hub(out, peer, &asked);
        }
}

static void on_request(struct amqp_link *link, pn_delivery_t *delivery,
                       const struct amqp_wire_message *request)
{
        CLEANUP(buf_deinit) struct buf answer = BUF_INIT;
        struct amqp_link *back = amqp_link_partner(link, &event_management_responses);

        amqp_accept(delivery);
        if (!back) {
                amqp_link_detach(link, "amqp:precondition-failed",
                                 "there is no receiver on $management for the answer");
                return;
        }
        write_answer(&answer, link->peer, request);
        (void)amqp_link_send(back, &answer);
}

const struct amqp_link_type event_management_requests = {
        .hub_receives = true,
        .for_service = true,
        .credit = CREDIT,
        .max_size = AMQP_MESSAGE_MAX,
        .message = on_request,
};

const struct amqp_link_type event_management_responses = {
        .for_service = true,
};
