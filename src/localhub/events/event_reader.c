// SPDX-License-Identifier: MIT
/* Links that read telemetry, and the hub's own address of it, which says where they are. */
#include <inttypes.h>
#include <proton/codec.h>
#include <proton/terminus.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "localhub/events/event_endpoint.h"
#include "localhub/events/event_message.h"
#include "localhub/events/event_selector.h"

/* Of a partition and consumer group, where none has an epoch. */
#define READERS_MAX 5

/* More than this is not given to a session before it has sent some. */
#define UNSENT_MAX   ((size_t)1024 * 1024)
#define TRY_AGAIN_MS 20

struct event_reader {
        struct list_node node; /* of endpoint->readers */
        struct event_endpoint *endpoint;
        struct amqp_link *link;
        int hub;
        char group[LINK_GROUP_SIZE];
        int partition;
        struct event_selector selector;
        uint64_t after; /* the log has been searched up to here */
        bool has_epoch;
        int64_t epoch;
        bool evicted; /* another reader has its place: to be detached */
        struct timer retry;
};

/* --- who may read ---------------------------------------------------------------------------- */

/* The text of the filter, standing at it in proton's data; false if there is none. */
static bool find_filter(pn_link_t *handle, pn_bytes_t *text)
{
        pn_data_t *data = pn_terminus_filter(pn_link_remote_source(handle));

        if (!amqp_map_find(data, "apache.org:selector-filter:string"))
                return false;
        if (pn_data_type(data) == PN_DESCRIBED)
                (void)(pn_data_enter(data) && pn_data_next(data) && pn_data_next(data));
        if (pn_data_type(data) != PN_STRING)
                return false;
        *text = pn_data_get_string(data);
        return true;
}

static void refuse_entity(struct amqp_refusal *refusal, const struct link_address *address,
                          const char *advice)
{
        CLEANUP(mem_cleanup)
        char *text =
                mem_format("The messaging entity '%s/ConsumerGroups/%s/Partitions/%d' could not be "
                           "found. %s",
                           address->hub, address->group, address->partition, advice);

        amqp_refuse(refusal, "amqp:not-found", 404006, text);
}

static bool check_address(const struct amqp_peer *peer, const struct link_address *address,
                          struct amqp_refusal *refusal)
{
        int partitions = telemetry_log_partitions(peer->core->telemetry);
        CLEANUP(mem_cleanup) char *text = NULL;

        if (!event_endpoint_is_hub(peer, address->hub)) {
                refuse_entity(refusal, address, "The name before it is that of another hub.");
        } else if (!event_endpoint_has_group(peer->core->events, address->group)) {
                refuse_entity(refusal, address,
                              "The local hub has the consumer group $Default and those of "
                              "--consumer-group.");
        } else if (address->partition >= partitions) {
                text = mem_format("The specified partition is invalid for an EventHub partition "
                                  "sender or receiver. It should be between 0 and %d.",
                                  partitions - 1);
                amqp_refuse(refusal, "com.microsoft:argument-out-of-range", 400003, text);
        } else {
                return true;
        }
        return false;
}

/* A place behind the end is a mistake, which would let its reader wait for ever. */
static bool check_range(struct amqp_peer *peer, const struct event_reader *reader,
                        struct amqp_refusal *refusal)
{
        const struct event_selector *selector = &reader->selector;
        CLEANUP(mem_cleanup) char *text = NULL;
        struct telemetry_partition now;
        int64_t last;

        telemetry_log_partition(peer->core->telemetry, peer->hub_id, reader->partition, &now);
        last = selector->field == EVENT_NUMBER ? now.last : now.offset;
        if (selector->field == EVENT_TIME || selector->latest ||
            selector->value - selector->inclusive <= last ||
            selector->value <= telemetry_log_first_number(peer->core->telemetry))
                return true;
        text = mem_format("The supplied %s '%" PRId64 "' is invalid. The last one in the system is "
                          "'%" PRId64 "'.",
                          selector->field == EVENT_NUMBER ? "sequence number" : "offset",
                          selector->value, last);
        amqp_refuse(refusal, "com.microsoft:argument-out-of-range", 400003, text);
        return false;
}

static bool read_position(struct amqp_peer *peer, pn_link_t *handle, struct event_reader *reader,
                          struct amqp_refusal *refusal)
{
        pn_bytes_t filter;

        reader->selector.value = -1; /* from the beginning */
        if (!find_filter(handle, &filter))
                return true;
        if (!event_selector_read(filter.start, filter.size, &reader->selector)) {
                amqp_refuse(refusal, "com.microsoft:argument-error", 400004,
                            "The filter is none of amqp.annotation.x-opt-offset, "
                            "x-opt-sequence-number or x-opt-enqueued-time with > or >= and a "
                            "number.");
                return false;
        }
        if (reader->selector.latest)
                reader->after = telemetry_log_newest(peer->core->telemetry);
        if (reader->selector.latest)
                reader->selector.value = -1;
        return check_range(peer, reader, refusal);
}

/* --- epochs ---------------------------------------------------------------------------------- */

static void read_epoch(pn_link_t *handle, struct event_reader *reader)
{
        pn_data_t *data = amqp_link_property(handle, "com.microsoft:epoch");

        if (!data)
                return;
        reader->has_epoch = true;
        if (pn_data_type(data) == PN_LONG)
                reader->epoch = pn_data_get_long(data);
        else if (pn_data_type(data) == PN_INT)
                reader->epoch = pn_data_get_int(data);
        else
                reader->has_epoch = false;
}

static bool is_rival(const struct event_reader *reader, const struct event_reader *other)
{
        return other->hub == reader->hub && other->partition == reader->partition &&
               text_equal_nocase(other->group, reader->group) && !other->evicted;
}

/* Connections of others must not be touched: they do it themselves when they are woken. */
static void evict(struct event_reader *other)
{
        other->evicted = true;
        other->link->peer->wake(other->link->peer);
}

static bool take_place(struct event_reader *reader, struct amqp_refusal *refusal)
{
        struct event_endpoint *endpoint = reader->endpoint;
        CLEANUP(mem_cleanup) char *text = NULL;
        int rivals = 0;

        list_for_each (node, &endpoint->readers) {
                struct event_reader *other = list_entry(node, struct event_reader, node);

                if (!is_rival(reader, other))
                        continue;
                rivals++;
                if (!other->has_epoch || (reader->has_epoch && reader->epoch >= other->epoch))
                        continue;
                text = mem_format(
                        "A receiver with a higher epoch of '%" PRId64
                        "' already exists: no receiver with %s '%" PRId64 "' can be created.",
                        other->epoch, reader->has_epoch ? "epoch" : "no epoch, or", reader->epoch);
                amqp_refuse(refusal, "amqp:link:stolen", 409002, text);
                return false;
        }
        if (!reader->has_epoch && rivals >= READERS_MAX) {
                amqp_refuse(refusal, "amqp:resource-limit-exceeded", 403002,
                            "Exceeded the maximum number of allowed receivers per partition in a "
                            "consumer group which is 5.");
                return false;
        }
        list_for_each (node, &endpoint->readers) {
                struct event_reader *other = list_entry(node, struct event_reader, node);

                if (reader->has_epoch && is_rival(reader, other))
                        evict(other);
        }
        return true;
}

/* --- a link ---------------------------------------------------------------------------------- */

static void on_retry(struct timer *timer)
{
        struct event_reader *reader = list_entry(timer, struct event_reader, retry);

        reader->link->peer->wake(reader->link->peer);
}

static void *admit(struct amqp_peer *peer, pn_link_t *handle, const struct link_address *address,
                   struct amqp_refusal *refusal)
{
        struct event_reader *reader;

        if (!check_address(peer, address, refusal))
                return NULL;
        reader = mem_new(1, sizeof(*reader));
        reader->endpoint = peer->core->events;
        reader->hub = peer->hub;
        reader->partition = address->partition;
        reader->retry.run = on_retry;
        memcpy(reader->group, address->group, sizeof(reader->group));
        read_epoch(handle, reader);
        if (read_position(peer, handle, reader, refusal) && take_place(reader, refusal))
                return reader;
        free(reader);
        return NULL;
}

static void on_opened(struct amqp_link *link)
{
        struct event_reader *reader = link->own;

        reader->link = link;
        list_push_back(&reader->endpoint->readers, &reader->node);
        atomic_fetch_add(&reader->endpoint->reader_count, 1);
        log_debug("HUB_READER_ATTACHED", "Telemetry is being read",
                  LOG_TEXT("hub", link->peer->hub_id), LOG_TEXT("connection", link->peer->id),
                  LOG_TEXT("group", reader->group), LOG_INT("partition", reader->partition),
                  LOG_END);
}

static void on_ended(struct amqp_link *link)
{
        struct event_reader *reader = link->own;

        timers_stop(&link->peer->core->timers, &reader->retry);
        list_remove(&reader->endpoint->readers, &reader->node);
        atomic_fetch_sub(&reader->endpoint->reader_count, 1);
        free(reader);
        link->own = NULL;
}

static void send_record(struct amqp_link *link, const struct telemetry_record *record)
{
        const struct event_reader *reader = link->own;
        CLEANUP(buf_deinit) struct buf message = BUF_INIT;
        struct telemetry_partition now;
        pn_delivery_t *delivery;
        uint64_t tag = ++link->peer->core->last_number;

        telemetry_log_partition(link->peer->core->telemetry, link->peer->hub_id, reader->partition,
                                &now);
        event_message_write(&message, record, &now, clock_wall_ms());
        delivery = amqp_link_transfer(link, &tag, sizeof(tag), &message);
        /* A reader's word on a message changes nothing here: it is waited for if it insists. */
        if (pn_link_remote_snd_settle_mode(link->handle) != PN_SND_UNSETTLED)
                pn_delivery_settle(delivery);
}

static void push(struct amqp_link *link)
{
        struct event_reader *reader = link->own;
        struct amqp_core *core = link->peer->core;
        pn_session_t *session = pn_link_session(link->handle);
        const struct telemetry_record *record;

        while (pn_link_credit(link->handle) > 0) {
                if (pn_session_outgoing_bytes(session) > UNSENT_MAX) {
                        timers_start(&core->timers, &reader->retry, core->now_ms + TRY_AGAIN_MS);
                        return;
                }
                record = telemetry_log_next_of(core->telemetry, link->peer->hub_id,
                                               reader->partition, &reader->after);
                if (!record)
                        return;
                if (event_selector_fits(&reader->selector, record))
                        send_record(link, record);
                telemetry_record_release(record);
        }
}

static void work(struct amqp_link *link)
{
        struct event_reader *reader = link->own;

        if (reader->evicted)
                amqp_link_detach(link, "amqp:link:stolen",
                                 "A new receiver with a higher epoch was created, hence this "
                                 "receiver is getting disconnected.");
        else
                push(link);
}

void event_endpoint_arrived(struct event_endpoint *endpoint)
{
        list_for_each (node, &endpoint->readers) {
                struct amqp_link *link = list_entry(node, struct event_reader, node)->link;

                link->peer->wake(link->peer);
        }
}

const struct amqp_link_type event_reader = {
        .for_service = true,
        .admit = admit,
        .opened = on_opened,
        .credit_came = push,
        .work = work,
        .ended = on_ended,
};

/* --- the hub's own address ------------------------------------------------------------------- */

static void *redirect(struct amqp_peer *peer, pn_link_t *handle, const struct link_address *address,
                      struct amqp_refusal *refusal)
{
        struct amqp_redirect *to = &refusal->redirect;
        struct registry_hub hub = {.id = ""};

        (void)handle;
        (void)registry_hub_get(peer->core->registry, peer->hub, &hub);
        snprintf(to->host, sizeof(to->host), "%.*s", (int)strcspn(hub.address, ":"), hub.address);
        to->port = hub.port;
        buf_add_format(&to->address, "amqps://%s:%u/%s%s", to->host, hub.port, hub.id,
                       address->below);
        amqp_refuse(refusal, "amqp:link:redirect", 302000,
                    "Telemetry is read at the Event Hubs compatible endpoint that the information "
                    "of this error names.");
        return NULL;
}

const struct amqp_link_type event_redirect = {
        .for_service = true,
        .admit = redirect,
};
