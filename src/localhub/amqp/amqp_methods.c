// SPDX-License-Identifier: MIT
/* Direct methods (rule W9) on a device's two links. */
#include "localhub/amqp/amqp_core.h"

/* --- requests -------------------------------------------------------------------------------- */

static void uuid_bytes(const char *text, uint8_t uuid[16])
{
        size_t at = 0;

        for (size_t i = 0; i < 16; i++) {
                unsigned byte = 0;

                at += text[at] == '-';
                for (int digit = 0; digit < 2; digit++, at++)
                        byte = byte * 16 +
                               (unsigned)(text[at] <= '9' ? text[at] - '0' : text[at] - 'a' + 10);
                uuid[i] = (uint8_t)byte;
        }
}

static void write_request(struct buf *out, const struct device_call *call)
{
        uint8_t uuid[16];
        size_t begin;

        uuid_bytes(call->uuid, uuid);
        amqp_wire_put_section(out, AMQP_WIRE_SECTION_PROPERTIES);
        begin = amqp_wire_begin_list(out);
        for (int i = 0; i < 5; i++)
                amqp_wire_put_null(out); /* message-id to reply-to */
        amqp_wire_put_uuid(out, uuid);   /* correlation-id */
        amqp_wire_end(out, begin, 6);
        amqp_wire_put_section(out, AMQP_WIRE_SECTION_APPLICATION_PROPERTIES);
        begin = amqp_wire_begin_map(out);
        amqp_wire_put_string(out, "IoThub-methodname");
        amqp_wire_put_string(out, call->name);
        amqp_wire_end(out, begin, 2);
        amqp_wire_put_data(out, buf_text(&call->payload), call->payload.size);
}

void amqp_methods_push(struct amqp_device *device)
{
        struct device_call *call;

        while ((call = device_session_next_call(&device->session)) != NULL) {
                CLEANUP(buf_deinit) struct buf request = BUF_INIT;

                write_request(&request, call);
                (void)amqp_link_send(device->method_link, &request);
        }
}

/* Both links are needed. */
static void check_links(struct amqp_device *device)
{
        device_session_take_methods(&device->session,
                                    device->method_link && device->method_answers);
}

static void on_requests_opened(struct amqp_link *link)
{
        amqp_link_take_place(&link->device->method_link, link);
        check_links(link->device);
}

static void on_requests_ended(struct amqp_link *link)
{
        if (link->device->method_link != link)
                return;
        link->device->method_link = NULL;
        check_links(link->device);
}

const struct amqp_link_type amqp_method_requests = {
        .opened = on_requests_opened,
        .ended = on_requests_ended,
};

/* --- answers --------------------------------------------------------------------------------- */

static void on_answer(struct amqp_link *link, pn_delivery_t *delivery,
                      const struct amqp_wire_message *answer)
{
        struct amqp_wire_value status;
        CLEANUP(buf_deinit) struct buf id = BUF_INIT;
        bool is_good;

        status = amqp_wire_map_find(answer->properties, answer->property_count, "IoThub-status");
        is_good = (status.kind == AMQP_WIRE_SIGNED || status.kind == AMQP_WIRE_UNSIGNED) &&
                  status.number >= INT32_MIN && status.number <= INT32_MAX;
        if (!is_good) {
                amqp_reject(delivery, "com.microsoft:argument-error",
                            "the answer has no IoThub-status of type int");
                return;
        }
        amqp_accept(delivery);
        /* By value: a uuid, or its text from clients that make it a string. */
        amqp_wire_add_text(&id, &answer->correlation_id);
        device_session_answer(&link->device->session, buf_text(&id), (int)status.number,
                              answer->data.data, answer->data.size);
}

static void on_answers_opened(struct amqp_link *link)
{
        amqp_link_take_place(&link->device->method_answers, link);
        check_links(link->device);
}

static void on_answers_ended(struct amqp_link *link)
{
        if (link->device->method_answers != link)
                return;
        link->device->method_answers = NULL;
        check_links(link->device);
}

const struct amqp_link_type amqp_method_answers = {
        .hub_receives = true,
        .credit = 100,
        .max_size = AMQP_MESSAGE_MAX,
        .opened = on_answers_opened,
        .message = on_answer,
        .ended = on_answers_ended,
};
