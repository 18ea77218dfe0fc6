// SPDX-License-Identifier: MIT
/*
 * Device twins over AMQP (rule W10): read, report, and be told of desired properties. The documents
 * are the registry's.
 */
#include <stdlib.h>
#include <string.h>

#include "localhub/amqp/amqp_core.h"
#include "localhub/sessions/device_twin.h"

/* --- responses ------------------------------------------------------------------------------- */

static void put_response(struct buf *out, const struct amqp_wire_message *request,
                         const struct device_answer *response)
{
        size_t begin;

        amqp_wire_put_section(out, AMQP_WIRE_SECTION_MESSAGE_ANNOTATIONS);
        begin = amqp_wire_begin_map(out);
        amqp_wire_put_symbol(out, "status");
        amqp_wire_put_int(out, response->status);
        if (response->version) {
                amqp_wire_put_symbol(out, "version");
                amqp_wire_put_long(out, response->version);
        }
        amqp_wire_end(out, begin, response->version ? 4 : 2);
        amqp_wire_put_section(out, AMQP_WIRE_SECTION_PROPERTIES);
        begin = amqp_wire_begin_list(out);
        for (int i = 0; i < 5; i++)
                amqp_wire_put_null(out); /* message-id to reply-to */
        amqp_wire_put_encoded(out, request->correlation_id.encoded);
        amqp_wire_end(out, begin, 6);
        amqp_wire_put_data(out, buf_text(&response->body), response->body.size);
}

/* --- requests -------------------------------------------------------------------------------- */

static bool is_operation(const struct amqp_wire_message *request, const char *operation,
                         const char *resource)
{
        struct amqp_wire_value op =
                amqp_wire_map_find(request->annotations, request->annotation_count, "operation");
        struct amqp_wire_value place =
                amqp_wire_map_find(request->annotations, request->annotation_count, "resource");

        return amqp_wire_is_text(&op, operation) &&
               (!resource || amqp_wire_is_text(&place, resource));
}

static void execute(struct amqp_device *device, const struct amqp_wire_message *request,
                    struct device_answer *response)
{
        static const char desired[] = "/notifications/twin/properties/desired";

        response->status = 200;
        if (is_operation(request, "GET", NULL))
                device_twin_get(&device->session, response);
        else if (is_operation(request, "PATCH", "/properties/reported"))
                device_twin_report(&device->session, request->data.data, request->data.size,
                                   response);
        else if (is_operation(request, "PUT", desired))
                device_session_subscribe(&device->session, true);
        else if (is_operation(request, "DELETE", desired))
                device_session_subscribe(&device->session, false);
        else
                device_answer_fail(response, 400, 400004,
                                   "The operation or its resource is unknown.");
}

static void on_request(struct amqp_link *link, pn_delivery_t *delivery,
                       const struct amqp_wire_message *request)
{
        struct device_answer response = {.status = 0};
        CLEANUP(buf_deinit) struct buf message = BUF_INIT;

        amqp_accept(delivery);
        if (!link->device->twin_link) {
                amqp_link_detach(link, "amqp:precondition-failed",
                                 "there is no receiver on the twin's address for the answer");
                return;
        }
        execute(link->device, request, &response);
        put_response(&message, request, &response);
        (void)amqp_link_send(link->device->twin_link, &message);
        buf_deinit(&response.body);
}

const struct amqp_link_type amqp_twin_requests = {
        .hub_receives = true,
        .credit = 100,
        .max_size = AMQP_MESSAGE_MAX,
        .message = on_request,
};

/* --- desired properties ---------------------------------------------------------------------- */

static void write_notification(struct buf *out, const char *json)
{
        size_t begin;

        amqp_wire_put_section(out, AMQP_WIRE_SECTION_MESSAGE_ANNOTATIONS);
        begin = amqp_wire_begin_map(out);
        amqp_wire_put_symbol(out, "resource");
        amqp_wire_put_string(out, "/properties/desired");
        amqp_wire_end(out, begin, 2);
        amqp_wire_put_data(out, json, strlen(json));
}

void amqp_twin_push(struct amqp_device *device)
{
        char *patch;

        while (device->twin_link && (patch = device_session_next_patch(&device->session)) != NULL) {
                CLEANUP(buf_deinit) struct buf message = BUF_INIT;

                write_notification(&message, patch);
                (void)amqp_link_send(device->twin_link, &message);
                free(patch);
        }
}

static void on_responses_opened(struct amqp_link *link)
{
        amqp_link_take_place(&link->device->twin_link, link);
}

static void on_responses_ended(struct amqp_link *link)
{
        if (link->device->twin_link != link)
                return;
        link->device->twin_link = NULL;
        device_session_subscribe(&link->device->session, false);
}

const struct amqp_link_type amqp_twin_responses = {
        .opened = on_responses_opened,
        .ended = on_responses_ended,
};
