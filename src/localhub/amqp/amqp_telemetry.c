// SPDX-License-Identifier: MIT
/* Device-to-cloud messages: recorded, then accepted (rule W7). */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "localhub/amqp/amqp_core.h"
#include "localhub/sessions/device_injection.h"

/* More are passed over; IoT Hub takes no message with so many. */
#define PROPERTIES_MAX 256

/* Longest text that amqp_wire_add_text makes of a value that is no string or binary, and its end.
 */
#define TEXT_EXTRA 64

/* --- the record ------------------------------------------------------------------------------ */

/* `texts` has room for all texts of the message, so that it does not move while they are added. */
static const char *add_text(struct buf *texts, const struct amqp_wire_value *value)
{
        size_t start = texts->size;

        amqp_wire_add_text(texts, value);
        buf_add_char(texts, '\0');
        return texts->data + start;
}

/* Likewise, of a value that is bytes but means a text. */
static const char *add_plain(struct buf *texts, const struct amqp_wire_value *value)
{
        size_t start = texts->size;

        (void)amqp_wire_add_plain(texts, value);
        buf_add_char(texts, '\0');
        return texts->data + start;
}

static size_t read_properties(struct buf *texts, const struct amqp_wire_message *message,
                              struct property *properties)
{
        struct amqp_wire_bytes members = message->properties;
        size_t count = 0;

        for (uint32_t i = 0; i < message->property_count && count < PROPERTIES_MAX; i += 2) {
                struct amqp_wire_value name;
                struct amqp_wire_value value;

                if (!amqp_wire_read(&members, &name) || !amqp_wire_read(&members, &value))
                        break;
                properties[count].name = add_text(texts, &name);
                properties[count++].value = add_text(texts, &value);
        }
        return count;
}

/* Several data sections are one body. */
static void set_body(struct telemetry_record *record, const struct amqp_wire_message *message,
                     const char *bytes, size_t size, struct buf *texts)
{
        struct amqp_wire_bytes from = {.data = (const uint8_t *)bytes, .size = size};
        struct amqp_wire_bytes part;
        size_t start;

        record->body = message->has_value ? message->value.bytes.data : message->data.data;
        record->body_size = message->has_value ? message->value.bytes.size : message->data.size;
        if (message->data_count < 2)
                return;
        buf_add_char(texts, '\0');
        start = texts->size;
        while (amqp_wire_next_data(&from, &part))
                buf_add(texts, part.data, part.size);
        record->body = texts->data + start;
        record->body_size = texts->size - start;
}

/* Counted as IoT Hub does: body, system properties' values, names and values of properties. */
static size_t counted_size(const struct telemetry_record *record)
{
        size_t size = record->body_size + strlen(record->message_id) +
                      strlen(record->correlation_id) + strlen(record->content_type) +
                      strlen(record->content_encoding);

        for (size_t i = 0; i < record->property_count; i++)
                size += strlen(record->properties[i].name) + strlen(record->properties[i].value);
        return size;
}

/* Fills the record; everything in it belongs to the message and to core->texts. */
static void read_record(struct amqp_link *link, const struct amqp_wire_message *message,
                        const char *bytes, size_t size, struct property *properties,
                        struct telemetry_record *record)
{
        struct amqp_core *core = link->peer->core;
        struct buf *texts = &core->texts;
        struct amqp_wire_value component =
                amqp_wire_map_find(message->annotations, message->annotation_count, "dt-subject");

        buf_clear(texts);
        buf_reserve(texts, 3 * size + (size_t)TEXT_EXTRA * (2 * PROPERTIES_MAX + 8));
        *record = (struct telemetry_record){
                .enqueued_ms = core->wall_ms,
                .hub = link->peer->hub_id,
                .device_id = link->device->session.id,
                .connection = link->peer->id,
                .model_id = link->device->session.model_id,
                .message_id = add_text(texts, &message->message_id),
                .correlation_id = add_text(texts, &message->correlation_id),
                .content_type = add_text(texts, &message->content_type),
                .content_encoding = add_text(texts, &message->content_encoding),
                .component = add_text(texts, &component),
                .user_id = add_plain(texts, &message->user_id),
                .generation_id = link->device->session.generation_id,
                .auth = link->device->session.auth,
                .properties = properties,
                .property_count = read_properties(texts, message, properties),
        };
        set_body(record, message, bytes, size, texts);
}

/* --- recording ------------------------------------------------------------------------------- */

/* False if it is no message. */
static bool record_one(struct amqp_link *link, const struct amqp_wire_message *message,
                       const char *bytes, size_t size, size_t *counted)
{
        struct property properties[PROPERTIES_MAX];
        struct telemetry_record record;

        read_record(link, message, bytes, size, properties, &record);
        *counted = counted_size(&record);
        if (*counted > AMQP_TELEMETRY_MAX)
                return false;
        if (device_injection_take(&link->device->session, record.properties, record.property_count))
                return true;
        (void)telemetry_log_append(link->peer->core->telemetry, &record);
        link->peer->messages++;
        return true;
}

/* A batch counts as a whole, so it is measured before any of it is recorded. */
static bool record_batch(struct amqp_link *link, const char *bytes, size_t size, size_t *counted)
{
        struct amqp_wire_bytes from = {.data = (const uint8_t *)bytes, .size = size};
        struct amqp_wire_bytes part;
        struct amqp_wire_message inner;

        *counted = size;
        if (size > AMQP_TELEMETRY_MAX)
                return false;
        while (amqp_wire_next_data(&from, &part)) {
                size_t unused;

                if (amqp_wire_message_read(part.data, part.size, &inner))
                        (void)record_one(link, &inner, (const char *)part.data, part.size, &unused);
        }
        return true;
}

static void reject_size(pn_delivery_t *delivery, size_t size)
{
        CLEANUP(mem_cleanup)
        char *text =
                mem_format("Message size is %zu bytes which is greater than the max size %d bytes "
                           "allowed.",
                           size, AMQP_TELEMETRY_MAX);

        amqp_reject(delivery, "amqp:link:message-size-exceeded", text);
}

/* --- dispositions that come late ------------------------------------------------------------- */

struct slow {
        struct list_node node;
        struct timer timer;
        struct amqp_link *link;
        pn_delivery_t *delivery;
        bool due;
};

static void on_slow(struct timer *timer)
{
        struct slow *slow = table_of(timer, struct slow, timer);

        slow->due = true;
        amqp_device_order(slow->link->device, AMQP_WORK_SETTLE);
}

static void settle_later(struct amqp_link *link, pn_delivery_t *delivery, const struct fault *fault)
{
        struct amqp_core *core = link->peer->core;
        struct slow *slow = mem_new(1, sizeof(*slow));

        slow->link = link;
        slow->delivery = delivery;
        slow->timer.run = on_slow;
        list_push_back(&link->slow, &slow->node);
        timers_start(&core->timers, &slow->timer,
                     core->now_ms + faults_draw_delay(core->faults, fault));
}

static void forget_slow(struct amqp_link *link, struct slow *slow)
{
        timers_stop(&link->peer->core->timers, &slow->timer);
        list_remove(&link->slow, &slow->node);
        free(slow);
}

void amqp_telemetry_settle(struct amqp_device *device)
{
        list_for_each (node, &device->links) {
                struct amqp_link *link = list_entry(node, struct amqp_link, node);

                list_for_each_safe (slow_node, &link->slow) {
                        struct slow *slow = list_entry(slow_node, struct slow, node);

                        if (!slow->due)
                                continue;
                        amqp_accept(slow->delivery);
                        forget_slow(link, slow);
                }
        }
}

static void on_ended(struct amqp_link *link)
{
        list_for_each_safe (node, &link->slow)
                forget_slow(link, list_entry(node, struct slow, node));
}

/* --- the link -------------------------------------------------------------------------------- */

static bool take_fault(struct amqp_link *link, enum fault_kind kind, struct fault *fault)
{
        return faults_apply(link->peer->core->faults, kind, link->peer->hub_id,
                            link->device->session.id, fault);
}

/* Faults that come instead of recording. True if one did. */
static bool refuse_by_fault(struct amqp_link *link, pn_delivery_t *delivery)
{
        struct fault fault;

        if (take_fault(link, FAULT_REJECT, &fault)) {
                amqp_reject(delivery, fault.condition, fault.description);
                return true;
        }
        if (take_fault(link, FAULT_DETACH, &fault)) {
                amqp_link_detach(link, fault.condition, fault.description);
                return true;
        }
        return false;
}

static void settle(struct amqp_link *link, pn_delivery_t *delivery)
{
        struct fault fault;

        if (take_fault(link, FAULT_CUT, &fault))
                amqp_peer_cut(link->peer);
        else if (take_fault(link, FAULT_DISPOSITION, &fault))
                return;
        else if (take_fault(link, FAULT_SLOW, &fault))
                settle_later(link, delivery, &fault);
        else
                amqp_accept(delivery);
}

/* The hub's limits. True if the message was refused. */
static bool refuse_by_quota(struct amqp_link *link, pn_delivery_t *delivery, size_t size)
{
        const struct amqp_core *core = link->peer->core;

        switch (quotas_take_message(core->sessions.quotas, link->peer->hub, size, core->now_ms,
                                    core->wall_ms)) {
        case QUOTA_THROTTLED:
                amqp_reject(delivery, "com.microsoft:device-container-throttled", NULL);
                return true;
        case QUOTA_USED_UP:
                amqp_reject(delivery, "com.microsoft:quota-exceeded", NULL);
                return true;
        case QUOTA_TAKEN:
                break;
        }
        return false;
}

static void on_bytes(struct amqp_link *link, pn_delivery_t *delivery, const char *bytes,
                     size_t size)
{
        struct amqp_wire_message message;
        size_t counted = 0;
        bool recorded;

        if (refuse_by_fault(link, delivery) || refuse_by_quota(link, delivery, size))
                return;
        if (!amqp_wire_message_read(bytes, size, &message)) {
                amqp_reject_undecoded(delivery);
                return;
        }
        recorded = amqp_wire_is_batch(bytes, size, &message)
                           ? record_batch(link, bytes, size, &counted)
                           : record_one(link, &message, bytes, size, &counted);
        if (recorded)
                settle(link, delivery);
        else
                reject_size(delivery, counted);
}

const struct amqp_link_type amqp_telemetry = {
        .hub_receives = true,
        .credit = AMQP_CREDIT,
        .max_size = AMQP_MESSAGE_MAX,
        .bytes = on_bytes,
        .ended = on_ended,
};
