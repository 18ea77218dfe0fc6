// SPDX-License-Identifier: MIT
#include "localhub/provision/provision_link.h"

#include <proton/condition.h>
#include <proton/disposition.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "localhub/provision/provision_request.h"
#include "localhub/streams/stream_request.h"

#define CREDIT       10
#define MESSAGE_MAX  ((size_t)128 * 1024)
#define REQUESTS_MAX 8 /* that are not answered yet; a client needs one */
#define VERSION_SIZE 32

/* What a link on which requests come belongs to. */
struct registrant {
        char id_scope[REGISTRY_ID_SIZE];
        char registration_id[REGISTRY_ID_SIZE];
        char api_version[VERSION_SIZE];
        struct list requests;
};

struct request {
        struct list_node node;  /* of registrant->requests */
        struct amqp_link *link; /* NULL = it is gone */
        pn_delivery_t *delivery;
        struct buf correlation_id; /* encoded */
        int status;                /* 0 = not answered yet */
        int retry_after_s;
        struct buf body;
};

static void request_free(struct request *request)
{
        buf_deinit(&request->correlation_id);
        buf_deinit(&request->body);
        free(request);
}

/* --- who it is ------------------------------------------------------------------------------- */

static bool is_own(const struct amqp_peer *peer, const struct link_address *address)
{
        CLEANUP(mem_cleanup)
        char *path = mem_format("%s/registrations/%s", address->id_scope, address->registration_id);

        if (peer->registrant)
                return text_equal_nocase(peer->registrant, path);
        return peer->chain != NULL;
}

static void *admit(struct amqp_peer *peer, pn_link_t *handle, const struct link_address *address,
                   struct amqp_refusal *refusal)
{
        pn_data_t *data = amqp_link_property(handle, "com.microsoft:api-version");
        pn_bytes_t version = {.size = 0, .start = NULL};
        struct registrant *registrant;

        if (!peer->core->provisioning || !is_own(peer, address)) {
                amqp_refuse(refusal, "amqp:unauthorized-access", 401002,
                            "The user name of SASL PLAIN is not this registration's, and there is "
                            "no certificate.");
                return NULL;
        }
        if (data && pn_data_type(data) == PN_STRING)
                version = pn_data_get_string(data);
        registrant = mem_new(1, sizeof(*registrant));
        snprintf(registrant->id_scope, sizeof(registrant->id_scope), "%s", address->id_scope);
        snprintf(registrant->registration_id, sizeof(registrant->registration_id), "%s",
                 address->registration_id);
        snprintf(registrant->api_version, sizeof(registrant->api_version), "%.*s",
                 (int)(version.size < VERSION_SIZE ? version.size : 0), version.start);
        list_init(&registrant->requests);
        return registrant;
}

static void on_ended(struct amqp_link *link)
{
        struct registrant *registrant = link->own;
        struct list_node *node;

        while ((node = list_pop_front(&registrant->requests)) != NULL) {
                struct request *request = list_entry(node, struct request, node);

                request->link = NULL;
                if (request->status != 0)
                        request_free(request);
        }
        free(registrant);
        link->own = NULL;
}

/* --- requests -------------------------------------------------------------------------------- */

/* On the thread of the streams, but outside of the connection's events. */
static void answered(void *context, const struct stream_answer *answer)
{
        struct request *request = context;

        if (!request->link) {
                request_free(request);
                return;
        }
        request->status = answer->status;
        request->retry_after_s = answer->retry_after_s;
        buf_add(&request->body, answer->body, answer->size);
        request->link->peer->wake(request->link->peer);
}

static void ask(struct amqp_link *link, pn_delivery_t *delivery,
                const struct amqp_wire_message *message, const char *operation_id)
{
        const struct registrant *registrant = link->own;
        struct request *request = mem_new(1, sizeof(*request));
        CLEANUP(buf_wipe) struct buf text = BUF_INIT;

        request->link = link;
        request->delivery = delivery;
        buf_add(&request->correlation_id, message->correlation_id.encoded.data,
                message->correlation_id.encoded.size);
        list_push_back(&((struct registrant *)link->own)->requests, &request->node);
        provision_request_write(&text,
                                &(struct provision_request){
                                        .id_scope = registrant->id_scope,
                                        .registration_id = registrant->registration_id,
                                        .api_version = registrant->api_version,
                                        .token = link->peer->password ? link->peer->password : "",
                                        .operation_id = operation_id,
                                        .body = message->data.data,
                                        .body_size = message->data.size});
        stream_request(link->peer->stream, link->peer->core->provisioning, &text, answered,
                       request);
}

static void on_message(struct amqp_link *link, pn_delivery_t *delivery,
                       const struct amqp_wire_message *message)
{
        const struct registrant *registrant = link->own;
        CLEANUP(buf_deinit) struct buf operation_id = BUF_INIT;
        struct amqp_wire_value type;
        struct amqp_wire_value id;

        type = amqp_wire_map_find(message->properties, message->property_count,
                                  "iotdps-operation-type");
        id = amqp_wire_map_find(message->properties, message->property_count,
                                "iotdps-operation-id");
        if (registrant->requests.count >= REQUESTS_MAX) {
                amqp_reject(delivery, "amqp:resource-limit-exceeded",
                            "too many requests are not answered yet");
        } else if (amqp_wire_is_text(&type, "iotdps-register")) {
                ask(link, delivery, message, NULL);
        } else if (amqp_wire_is_text(&type, "iotdps-get-operationstatus") &&
                   amqp_wire_add_plain(&operation_id, &id)) {
                ask(link, delivery, message, buf_text(&operation_id));
        } else {
                amqp_reject(delivery, "com.microsoft:argument-error",
                            "iotdps-operation-type must be iotdps-register, or "
                            "iotdps-get-operationstatus with iotdps-operation-id");
        }
}

/* --- answers --------------------------------------------------------------------------------- */

static void refuse(struct request *request)
{
        static const struct {
                int status;
                const char *condition;
        } conditions[] = {
                {400, "com.microsoft:argument-error"},
                {401, "amqp:unauthorized-access"},
                {404, "amqp:not-found"},
                {429, "com.microsoft:device-container-throttled"},
        };
        const char *condition = "amqp:internal-error";

        for (size_t i = 0; i < ARRAY_SIZE(conditions); i++) {
                if (conditions[i].status == request->status)
                        condition = conditions[i].condition;
        }
        amqp_error_retry(pn_disposition_condition(pn_delivery_local(request->delivery)), condition,
                         buf_text(&request->body), request->retry_after_s);
        pn_delivery_update(request->delivery, PN_REJECTED);
        pn_delivery_settle(request->delivery);
}

static const struct amqp_link_type responses;

/* The key of C#'s SDK, and that of the others. */
static void write_retry_after(struct buf *out, int seconds)
{
        size_t begin;

        if (seconds <= 0)
                return;
        amqp_wire_put_section(out, AMQP_WIRE_SECTION_APPLICATION_PROPERTIES);
        begin = amqp_wire_begin_map(out);
        amqp_wire_put_string(out, "retry-after");
        amqp_wire_put_int(out, seconds);
        amqp_wire_put_string(out, "Retry-After");
        amqp_wire_put_int(out, seconds);
        amqp_wire_end(out, begin, 4);
}

static void send_answer(struct amqp_link *link, const struct request *request)
{
        CLEANUP(buf_deinit) struct buf message = BUF_INIT;
        struct amqp_link *back = amqp_link_partner(link, &responses);
        size_t begin;

        if (!back)
                return;
        amqp_wire_put_section(&message, AMQP_WIRE_SECTION_PROPERTIES);
        begin = amqp_wire_begin_list(&message);
        for (int i = 0; i < 5; i++)
                amqp_wire_put_null(&message); /* message-id to reply-to */
        amqp_wire_put_encoded(&message, amqp_wire_bytes_of(&request->correlation_id));
        amqp_wire_end(&message, begin, 6);
        write_retry_after(&message, request->retry_after_s);
        amqp_wire_put_data(&message, request->body.data, request->body.size);
        (void)amqp_link_send(back, &message);
}

static void work(struct amqp_link *link)
{
        struct registrant *registrant = link->own;

        list_for_each_safe (node, &registrant->requests) {
                struct request *request = list_entry(node, struct request, node);

                if (request->status == 0)
                        continue;
                list_remove(&registrant->requests, &request->node);
                if (request->status < 400) {
                        amqp_accept(request->delivery);
                        send_answer(link, request);
                } else {
                        refuse(request);
                }
                request_free(request);
        }
}

static const struct amqp_link_type requests = {
        .hub_receives = true,
        .credit = CREDIT,
        .max_size = MESSAGE_MAX,
        .admit = admit,
        .message = on_message,
        .work = work,
        .ended = on_ended,
};

static const struct amqp_link_type responses = {
        .admit = admit,
        .ended = on_ended,
};

void provision_links_add(struct amqp_core *core)
{
        core->types[LINK_REGISTRATION] = (struct amqp_link_types){&requests, &responses};
}
