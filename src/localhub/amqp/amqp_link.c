// SPDX-License-Identifier: MIT
/*
 * Links: messages in and out, credit, and their end. A link that was refused or detached by us
 * stays, without a type and without a device, until the client has answered or its session is
 * gone.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "localhub/amqp/amqp_core.h"

#define OUTBOX_MAX 1000

struct waiting_message {
        struct list_node node;
        struct buf bytes;
};

/* --- settling -------------------------------------------------------------------------------- */

void amqp_accept(pn_delivery_t *delivery)
{
        pn_delivery_update(delivery, PN_ACCEPTED);
        pn_delivery_settle(delivery);
}

void amqp_reject(pn_delivery_t *delivery, const char *condition, const char *description)
{
        amqp_error_set(pn_disposition_condition(pn_delivery_local(delivery)), condition,
                       description);
        pn_delivery_update(delivery, PN_REJECTED);
        pn_delivery_settle(delivery);
}

void amqp_reject_undecoded(pn_delivery_t *delivery)
{
        amqp_reject(delivery, "amqp:decode-error", "the message can't be decoded");
}

/* --- sending --------------------------------------------------------------------------------- */

pn_delivery_t *amqp_link_transfer(struct amqp_link *link, const void *tag, size_t tag_size,
                                  const struct buf *message)
{
        pn_delivery_t *delivery = pn_delivery(link->handle, pn_dtag(tag, tag_size));

        pn_link_send(link->handle, message->data, message->size);
        pn_link_advance(link->handle);
        return delivery;
}

/* Responses: settled at once, or when the client has settled them. */
static void send_now(struct amqp_link *link, const struct buf *message)
{
        uint64_t tag = ++link->peer->core->last_number;
        pn_delivery_t *delivery = amqp_link_transfer(link, &tag, sizeof(tag), message);

        if (pn_link_snd_settle_mode(link->handle) == PN_SND_SETTLED)
                pn_delivery_settle(delivery);
}

bool amqp_link_send(struct amqp_link *link, const struct buf *message)
{
        struct waiting_message *waiting;

        if (link->closing)
                return false;
        if (link->outbox.count == 0 && pn_link_credit(link->handle) > 0) {
                send_now(link, message);
                return true;
        }
        if (link->outbox.count >= OUTBOX_MAX) {
                amqp_link_detach(link, "amqp:resource-limit-exceeded", NULL);
                return false;
        }
        waiting = mem_new(1, sizeof(*waiting));
        buf_add(&waiting->bytes, message->data, message->size);
        list_push_back(&link->outbox, &waiting->node);
        return true;
}

static void free_waiting(struct waiting_message *waiting)
{
        buf_deinit(&waiting->bytes);
        free(waiting);
}

void amqp_link_flow(struct amqp_link *link)
{
        if (!link->type || link->type->hub_receives)
                return;
        while (link->outbox.count > 0 && pn_link_credit(link->handle) > 0) {
                struct waiting_message *waiting =
                        list_entry(list_pop_front(&link->outbox), struct waiting_message, node);

                send_now(link, &waiting->bytes);
                free_waiting(waiting);
        }
        if (link->type->credit_came)
                link->type->credit_came(link);
        if (pn_link_get_drain(link->handle))
                pn_link_drained(link->handle);
}

/* --- answers --------------------------------------------------------------------------------- */

struct amqp_link *amqp_link_partner(struct amqp_link *link, const struct amqp_link_type *type)
{
        struct amqp_link *found = NULL;

        list_for_each (node, &link->peer->links) {
                struct amqp_link *other = list_entry(node, struct amqp_link, node);

                if (other->type != type)
                        continue;
                if (pn_link_session(other->handle) == pn_link_session(link->handle))
                        return other;
                found = other;
        }
        return found;
}

void amqp_answer_begin(struct buf *out, const struct amqp_wire_message *request, int status,
                       const char *description)
{
        size_t begin;

        amqp_wire_put_section(out, AMQP_WIRE_SECTION_PROPERTIES);
        begin = amqp_wire_begin_list(out);
        amqp_wire_put_null(out);                               /* message-id */
        amqp_wire_put_null(out);                               /* user-id */
        amqp_wire_put_encoded(out, request->reply_to.encoded); /* to */
        amqp_wire_put_null(out);                               /* subject */
        amqp_wire_put_null(out);                               /* reply-to */
        amqp_wire_put_encoded(out,
                              request->message_id.encoded); /* correlation-id, type and value */
        amqp_wire_end(out, begin, 6);
        amqp_wire_put_section(out, AMQP_WIRE_SECTION_APPLICATION_PROPERTIES);
        begin = amqp_wire_begin_map(out);
        amqp_wire_put_string(out, "status-code");
        amqp_wire_put_int(out, status);
        amqp_wire_put_string(out, "status-description");
        amqp_wire_put_string(out, description);
        amqp_wire_end(out, begin, 4);
}

/* --- receiving ------------------------------------------------------------------------------- */

void amqp_link_grant(struct amqp_link *link)
{
        int credit = pn_link_credit(link->handle);
        const char *device = link->device ? link->device->session.id : "";

        if (credit > link->type->credit / 2)
                return;
        if (link->type == &amqp_telemetry &&
            faults_exist(link->peer->core->faults, FAULT_CREDIT, link->peer->hub_id, device))
                return;
        pn_link_flow(link->handle, link->type->credit - credit);
}

static void take_message(struct amqp_link *link, pn_delivery_t *delivery, const char *bytes,
                         size_t size)
{
        struct amqp_wire_message message;

        if (link->type->bytes)
                link->type->bytes(link, delivery, bytes, size);
        else if (amqp_wire_message_read(bytes, size, &message))
                link->type->message(link, delivery, &message);
        else
                amqp_reject_undecoded(delivery);
}

static void receive(struct amqp_link *link, pn_delivery_t *delivery)
{
        struct buf *message = &link->peer->core->scratch;
        size_t size = pn_delivery_pending(delivery);
        ssize_t got;

        buf_clear(message);
        buf_reserve(message, size);
        got = size > 0 ? pn_link_recv(link->handle, message->data, size) : 0;
        message->size = got > 0 ? (size_t)got : 0;
        pn_link_advance(link->handle);
        if (pn_delivery_aborted(delivery))
                pn_delivery_settle(delivery);
        else
                take_message(link, delivery, buf_text(message), message->size);
        if (!link->closing)
                amqp_link_grant(link);
}

static void handle_incoming(struct amqp_link *link, pn_delivery_t *delivery)
{
        if (!pn_delivery_readable(delivery))
                return;
        if (pn_delivery_pending(delivery) > link->type->max_size)
                amqp_link_detach(link, "amqp:link:message-size-exceeded", NULL);
        else if (!pn_delivery_partial(delivery))
                receive(link, delivery);
}

void amqp_link_delivery(struct amqp_link *link, pn_delivery_t *delivery)
{
        if (!link->type || link->closing)
                return;
        if (link->type->hub_receives) {
                handle_incoming(link, delivery);
                return;
        }
        if (!pn_delivery_updated(delivery))
                return;
        if (link->type->outcome)
                link->type->outcome(link, delivery);
        else
                pn_delivery_settle(delivery);
}

/* --- the end --------------------------------------------------------------------------------- */

/* From here on the link is nothing but a handle that waits to be closed. */
static void retire(struct amqp_link *link)
{
        struct amqp_device *device = link->device;
        struct list_node *node;

        if (!link->type)
                return;
        if (link->type->ended)
                link->type->ended(link);
        while ((node = list_pop_front(&link->outbox)) != NULL)
                free_waiting(list_entry(node, struct waiting_message, node));
        link->type = NULL;
        if (!device)
                return;
        list_remove(&device->links, &link->node);
        link->device = NULL;
        list_push_back(&link->peer->links, &link->node);
        amqp_device_link_ended(device);
}

void amqp_link_take_place(struct amqp_link **place, struct amqp_link *link)
{
        struct amqp_link *before = *place;

        *place = link;
        if (before)
                amqp_link_detach(before, "amqp:link:stolen", NULL);
}

void amqp_link_detach(struct amqp_link *link, const char *condition, const char *description)
{
        if (link->closing)
                return;
        link->closing = true;
        retire(link);
        amqp_error_set(pn_link_condition(link->handle), condition, description);
        pn_link_close(link->handle);
}

void amqp_link_end(struct amqp_link *link)
{
        retire(link);
        pn_link_set_context(link->handle, NULL);
        list_remove(&link->peer->links, &link->node);
        free(link);
}
