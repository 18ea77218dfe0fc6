// SPDX-License-Identifier: MIT
#include "azure/hub/hub_methods.h"

#include <stdlib.h>

#include "azure/hub/amqp_message.h"
#include "azure/hub/hub_core.h"
#include "azure/hub/hub_link.h"
#include "azure/names.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"

/* Calls that wait for our answer at a time. */
#define WINDOW 20
/* A payload has 128 KiB at most; this is with AMQP's share. */
#define SIZE_MAX_ENCODED (AZURE_METHOD_SIZE_MAX + 65536)

struct call {
        struct hub_method method;  /* first: what the owner is given */
        struct hub_device *device; /* NULL: there is nobody left to answer */
        struct list *list;
        struct list_node node;
        struct buf correlation_id; /* of any type; encoded */
        struct buf name;
        struct buf payload;
};

static struct call *call_of(struct list_node *node)
{
        return list_entry(node, struct call, node);
}

void hub_methods_init(struct hub_methods *methods)
{
        list_init(&methods->arrived);
        list_init(&methods->held);
}

static void move(struct call *call, struct list *to)
{
        if (call->list != NULL)
                list_remove(call->list, &call->node);
        call->list = to;
        if (to != NULL)
                list_push_back(to, &call->node);
}

static void call_free(struct call *call)
{
        move(call, NULL);
        buf_deinit(&call->correlation_id);
        buf_deinit(&call->name);
        buf_deinit(&call->payload);
        free(call);
}

void hub_methods_attach(struct hub_device *device)
{
        static const struct hub_pair_kind kind = {
                "methods", AZURE_PATH_METHODS, AZURE_CORRELATION_METHODS, SIZE_MAX_ENCODED,
                WINDOW,    PN_SND_MIXED};

        if (device->methods.links.in != NULL)
                return;
        hub_link_attach_pair(device, &device->methods.links, &kind);
        hub_link_expect_open(device, &device->command_pause);
}

void hub_methods_detach(struct hub_device *device)
{
        struct hub_methods *methods = &device->methods;
        struct list_node *node;

        while ((node = list_pop_front(&methods->arrived)) != NULL) {
                call_of(node)->list = NULL;
                call_free(call_of(node));
        }
        while (!list_is_empty(&methods->held)) {
                struct call *call = call_of(methods->held.head.next);

                call->device = NULL;
                move(call, NULL);
        }
        hub_link_end_pair(device->connection, &methods->links);
}

static bool read_call(struct call *call, const struct amqp_inbox *inbox)
{
        const struct amqp_wire_value *id = &inbox->message.correlation_id;
        struct amqp_wire_value name = amqp_inbox_property(inbox, AZURE_PROPERTY_METHOD_NAME);

        if (id->kind == AMQP_WIRE_NULL || !amqp_wire_add_plain(&call->name, &name) ||
            inbox->odd_body)
                return false;
        buf_add(&call->correlation_id, id->encoded.data, id->encoded.size);
        buf_add(&call->payload, inbox->body.data, inbox->body.size);
        call->method.name = buf_text(&call->name);
        call->method.payload = buf_text(&call->payload);
        call->method.payload_size = call->payload.size;
        return true;
}

void hub_methods_receive(struct hub_device *device, pn_delivery_t *delivery)
{
        struct amqp_inbox *inbox = &device->hub->client->inbox;
        struct call *call;
        bool good;

        if (!pn_delivery_readable(delivery) || pn_delivery_partial(delivery))
                return;
        call = mem_new(1, sizeof(*call));
        good = amqp_inbox_take(inbox, delivery, SIZE_MAX_ENCODED) && read_call(call, inbox);
        pn_delivery_update(delivery, good ? PN_ACCEPTED : PN_REJECTED);
        pn_delivery_settle(delivery);
        if (!good) {
                log_warn("HUB_METHOD_UNREADABLE", "A direct method call can't be read",
                         LOG_TEXT("device", device->device_id), LOG_END);
                call_free(call);
                pn_link_flow(device->methods.links.in, 1);
                return;
        }
        call->device = device;
        move(call, &device->methods.arrived);
        hub_core_news(device);
}

void hub_methods_tell(struct hub_device *device)
{
        struct hub_methods *methods = &device->methods;

        while (!list_is_empty(&methods->arrived)) {
                struct call *call = call_of(methods->arrived.head.next);

                move(call, &methods->held);
                device->handler->method(device->context, &call->method);
        }
}

static void encode_answer(const struct call *call, int status, const void *payload, size_t size,
                          struct buf *out)
{
        size_t begin;

        buf_clear(out);
        amqp_message_fields(out, &(struct amqp_fields){.correlation_id = amqp_wire_bytes_of(
                                                               &call->correlation_id)});
        amqp_wire_put_section(out, AMQP_WIRE_SECTION_APPLICATION_PROPERTIES);
        begin = amqp_wire_begin_map(out);
        amqp_wire_put_string(out, AZURE_PROPERTY_METHOD_STATUS);
        amqp_wire_put_int(out, status);
        amqp_wire_end(out, begin, 2);
        amqp_wire_put_data(out, payload, size);
}

bool hub_method_is_lost(const struct hub_method *method)
{
        const struct call *call = (const struct call *)method;

        return call->device == NULL;
}

bool hub_method_answer(struct hub_method *method, int status, const void *payload,
                       size_t payload_size)
{
        struct call *call = list_entry(method, struct call, method);
        struct hub_device *device = call->device;
        bool answers = device != NULL && hub_core_may_act(device);

        THREAD_ASSERT(LOOP_THREAD);
        if (answers) {
                struct buf *encoded = &device->hub->client->encoded;
                struct hub_pair *links = &device->methods.links;

                encode_answer(call, status, payload, payload_size, encoded);
                /* Settled at once: nobody could do anything about a refused answer. */
                pn_delivery_settle(
                        hub_link_send(device->connection, links->out, ++links->sent, encoded));
                pn_link_flow(links->in, 1);
        }
        call_free(call);
        return answers;
}
