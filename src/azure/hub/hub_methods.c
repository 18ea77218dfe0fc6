// SPDX-License-Identifier: MIT
#include "azure/hub/hub_methods.h"

#include <proton/event.h>
#include <stdlib.h>
#include <string.h>

#include "azure/hub/amqp_message.h"
#include "azure/hub/hub_device.h"
#include "azure/names.h"
#include "base/crypto.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"

/* Calls that wait for our answer at a time. */
#define WINDOW 20
/* A payload has 128 KiB at most; this is with AMQP's share. */
#define SIZE_MAX_ENCODED (AZURE_METHOD_SIZE_MAX + 65536)
#define CORRELATION_SIZE (sizeof(AZURE_CORRELATION_METHODS) + CRYPTO_UUID_SIZE)

struct call {
        struct hub_method method;  /* first: what the owner is given */
        struct hub_device *device; /* NULL: there is nobody left to answer */
        struct list *list;
        struct list_node node;
        pn_atom_t correlation_id; /* of any type; its bytes are in `id_bytes` */
        struct buf id_bytes;
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
        buf_deinit(&call->id_bytes);
        buf_deinit(&call->name);
        buf_deinit(&call->payload);
        free(call);
}

void hub_methods_attach(struct hub_device *device)
{
        struct hub_methods *methods = &device->methods;
        char correlation[CORRELATION_SIZE] = AZURE_CORRELATION_METHODS;

        if (methods->requests != NULL)
                return;
        crypto_uuid4(correlation + strlen(correlation));
        methods->requests = hub_links_receiver(device, "methods-in", AZURE_PATH_METHODS);
        pn_link_set_max_message_size(methods->requests, SIZE_MAX_ENCODED);
        methods->answers = hub_links_sender(device, "methods-out", AZURE_PATH_METHODS);
        hub_links_open(device, methods->answers, correlation);
        hub_links_open(device, methods->requests, correlation);
        pn_link_flow(methods->requests, WINDOW);
        hub_device_expect_open(device, &device->command_pause);
}

void hub_methods_detach(struct hub_device *device)
{
        struct hub_methods *methods = &device->methods;
        pn_link_t *requests = methods->requests;
        pn_link_t *answers = methods->answers;
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
        methods->requests = methods->answers = NULL;
        hub_connection_end_link(device->connection, requests);
        hub_connection_end_link(device->connection, answers);
}

static void keep_correlation_id(struct call *call, pn_atom_t id)
{
        call->correlation_id = id;
        if (id.type != PN_STRING && id.type != PN_BINARY)
                return;
        buf_add(&call->id_bytes, id.u.as_bytes.start, id.u.as_bytes.size);
        call->correlation_id.u.as_bytes = pn_bytes(call->id_bytes.size, call->id_bytes.data);
}

static bool read_call(struct call *call, struct amqp_reader *reader)
{
        pn_atom_t value;

        if (!amqp_read_field(reader, AMQP_CORRELATION_ID, &value))
                return false;
        keep_correlation_id(call, value);
        if (!amqp_read_application(reader, AZURE_PROPERTY_METHOD_NAME, &value) ||
            !amqp_atom_text(&value, &call->name) || reader->odd_body)
                return false;
        buf_add(&call->payload, reader->body.data, reader->body.size);
        call->method.name = buf_text(&call->name);
        call->method.payload = buf_text(&call->payload);
        call->method.payload_size = call->payload.size;
        return true;
}

static void receive(struct hub_device *device, pn_delivery_t *delivery)
{
        struct amqp_reader *reader = &device->hub->client->reader;
        struct call *call;
        bool good;

        if (!pn_delivery_readable(delivery) || pn_delivery_partial(delivery))
                return;
        call = mem_new(1, sizeof(*call));
        good = amqp_read_delivery(reader, delivery, SIZE_MAX_ENCODED) && read_call(call, reader);
        pn_delivery_update(delivery, good ? PN_ACCEPTED : PN_REJECTED);
        pn_delivery_settle(delivery);
        if (!good) {
                log_warn("HUB_METHOD_UNREADABLE", "A direct method call can't be read",
                         LOG_TEXT("device", device->device_id), LOG_END);
                call_free(call);
                pn_link_flow(device->methods.requests, 1);
                return;
        }
        call->device = device;
        move(call, &device->methods.arrived);
        hub_device_news(device);
}

void hub_methods_event(struct hub_device *device, pn_event_t *event)
{
        pn_link_t *link = pn_event_link(event);
        struct hub_condition condition;

        switch (pn_event_type(event)) {
        case PN_DELIVERY:
                if (link == device->methods.requests)
                        receive(device, pn_event_delivery(event));
                break;
        case PN_LINK_REMOTE_CLOSE:
        case PN_LINK_REMOTE_DETACH:
                /* One without the other is of no use. */
                hub_condition_read(&condition, pn_link_remote_condition(link),
                                   "the hub ended the link");
                hub_methods_detach(device);
                hub_device_command_condition(device, &condition);
                break;
        default:
                break;
        }
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

static bool encode_answer(struct call *call, int status, pn_bytes_t payload)
{
        struct hub_client *client = call->device->hub->client;
        pn_message_t *message = client->message;
        pn_data_t *properties = pn_message_properties(message);

        pn_message_clear(message);
        pn_message_set_inferred(message, true);
        pn_message_set_correlation_id(message, call->correlation_id);
        pn_data_put_map(properties);
        pn_data_enter(properties);
        pn_data_put_string(properties, amqp_bytes(AZURE_PROPERTY_METHOD_STATUS));
        pn_data_put_int(properties, status);
        pn_data_exit(properties);
        pn_data_put_binary(pn_message_body(message), payload);
        return amqp_message_encode(message, &client->encoded);
}

static void send_answer(struct hub_device *device)
{
        struct hub_methods *methods = &device->methods;
        struct buf *encoded = &device->hub->client->encoded;
        uint64_t tag = ++methods->answered;
        pn_delivery_t *delivery =
                pn_delivery(methods->answers, pn_dtag((const char *)&tag, sizeof(tag)));

        pn_link_send(methods->answers, encoded->data, encoded->size);
        pn_link_advance(methods->answers);
        pn_delivery_settle(delivery); /* nobody could do anything about a refused answer */
        pn_link_flow(methods->requests, 1);
        hub_connection_wrote(device->connection);
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
        bool sent;

        THREAD_ASSERT(LOOP_THREAD);
        sent = device != NULL && encode_answer(call, status, pn_bytes(payload_size, payload));
        if (sent)
                send_answer(device);
        call_free(call);
        return sent;
}
