// SPDX-License-Identifier: MIT
/*
 * Direct methods (rule W9). A call waits for its device until its connect
 * timeout, then for the answer until its response timeout; it ends exactly once.
 */
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "localhub/amqp/amqp_core.h"

#define DEFAULT_RESPONSE_MS 30000

struct amqp_call {
        struct list_node node;
        struct amqp_core *core;
        struct timer timer;
        int hub;
        char *device_id;
        char *name;
        struct buf payload;
        int64_t response_ms;
        char uuid[CRYPTO_UUID_SIZE];
        struct amqp_device *sent_to; /* NULL = not sent yet */
        local_hub_method_done *done;
        void *context;
};

static void finish(struct amqp_call *call, enum local_hub_method_result result, int status,
                   const struct amqp_wire_bytes *payload)
{
        timers_stop(&call->core->timers, &call->timer);
        list_remove(&call->core->calls, &call->node);
        log_debug("HUB_METHOD_ENDED", "A direct method call has ended",
                  LOG_TEXT("device", call->device_id), LOG_TEXT("method", call->name),
                  LOG_INT("result", result), LOG_INT("status", status), LOG_END);
        call->done(call->context, result, status, payload ? payload->data : NULL,
                   payload ? payload->size : 0);
        free(call->device_id);
        free(call->name);
        buf_deinit(&call->payload);
        free(call);
}

static void on_time(struct timer *timer)
{
        struct amqp_call *call = table_of(timer, struct amqp_call, timer);

        finish(call, call->sent_to ? LOCAL_HUB_METHOD_TIMEOUT : LOCAL_HUB_METHOD_OFFLINE, 0, NULL);
}

static struct amqp_call *call_new(struct amqp_core *core, int hub, const char *device_id,
                                  const struct local_hub_method *method)
{
        struct amqp_call *call = mem_new(1, sizeof(*call));

        call->core = core;
        call->hub = hub;
        call->device_id = mem_text(device_id);
        call->name = mem_text(method->name);
        buf_add(&call->payload, method->payload, method->payload_size);
        call->response_ms =
                method->response_timeout_ms ? method->response_timeout_ms : DEFAULT_RESPONSE_MS;
        call->timer.run = on_time;
        crypto_uuid4(call->uuid);
        list_push_back(&core->calls, &call->node);
        return call;
}

static bool is_reachable(const struct amqp_device *device)
{
        return device && device->method_link && device->method_answers;
}

void amqp_methods_invoke(struct amqp_core *core, int hub, const char *device_id,
                         const struct local_hub_method *method, local_hub_method_done *done,
                         void *context)
{
        struct amqp_device *device = amqp_core_owner(core, hub, device_id);
        struct amqp_call *call = call_new(core, hub, device_id, method);

        call->done = done;
        call->context = context;
        if (!registry_device_get(core->registry, hub, device_id, NULL)) {
                finish(call, LOCAL_HUB_METHOD_NO_DEVICE, 0, NULL);
                return;
        }
        if (!is_reachable(device) && method->connect_timeout_ms <= 0) {
                finish(call, LOCAL_HUB_METHOD_OFFLINE, 0, NULL);
                return;
        }
        if (!is_reachable(device)) {
                timers_start(&core->timers, &call->timer,
                             core->now_ms + method->connect_timeout_ms);
                return;
        }
        timers_start(&core->timers, &call->timer, core->now_ms + call->response_ms);
        amqp_device_order(device, AMQP_WORK_METHODS);
}

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

static void write_request(struct buf *out, const struct amqp_call *call)
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

static void send_call(struct amqp_call *call, struct amqp_device *device)
{
        CLEANUP(buf_deinit) struct buf request = BUF_INIT;
        struct amqp_core *core = call->core;

        write_request(&request, call);
        call->sent_to = device;
        timers_start(&core->timers, &call->timer, core->now_ms + call->response_ms);
        (void)amqp_link_send(device->method_link, &request);
}

void amqp_methods_push(struct amqp_device *device)
{
        struct amqp_peer *peer = device->peer;

        list_for_each_safe (node, &peer->core->calls) {
                struct amqp_call *call = list_entry(node, struct amqp_call, node);

                if (!is_reachable(device) || !device->owns)
                        return;
                if (!call->sent_to && call->hub == peer->hub &&
                    strcmp(call->device_id, device->id) == 0)
                        send_call(call, device);
        }
}

void amqp_methods_lost(struct amqp_device *device)
{
        list_for_each_safe (node, &device->peer->core->calls) {
                struct amqp_call *call = list_entry(node, struct amqp_call, node);

                if (call->sent_to == device)
                        finish(call, LOCAL_HUB_METHOD_LOST, 0, NULL);
        }
}

void amqp_methods_end(struct amqp_core *core)
{
        list_for_each_safe (node, &core->calls)
                finish(list_entry(node, struct amqp_call, node), LOCAL_HUB_METHOD_LOST, 0, NULL);
}

static void on_requests_opened(struct amqp_link *link)
{
        struct amqp_link *before = link->device->method_link;

        link->device->method_link = link;
        if (before)
                amqp_link_detach(before, "amqp:link:stolen", NULL);
        amqp_device_order(link->device, AMQP_WORK_METHODS);
}

static void on_requests_ended(struct amqp_link *link)
{
        if (link->device->method_link != link)
                return;
        link->device->method_link = NULL;
        amqp_methods_lost(link->device);
}

const struct amqp_link_type amqp_method_requests = {
        .name = "method requests",
        .opened = on_requests_opened,
        .ended = on_requests_ended,
};

/* --- answers --------------------------------------------------------------------------------- */

/* The correlation id by value: a uuid, or its text from clients that make it a string. */
static struct amqp_call *find_call(struct amqp_device *device,
                                   const struct amqp_wire_message *answer)
{
        CLEANUP(buf_deinit) struct buf id = BUF_INIT;

        amqp_wire_add_text(&id, &answer->correlation_id);
        list_for_each (node, &device->peer->core->calls) {
                struct amqp_call *call = list_entry(node, struct amqp_call, node);

                if (call->sent_to == device && text_equal_nocase(call->uuid, buf_text(&id)))
                        return call;
        }
        return NULL;
}

static void on_answer(struct amqp_link *link, pn_delivery_t *delivery, const char *bytes,
                      size_t size)
{
        struct amqp_wire_message answer;
        struct amqp_wire_value status;
        struct amqp_call *call;
        bool is_good;

        if (!amqp_wire_message_read(bytes, size, &answer)) {
                amqp_reject(delivery, "amqp:decode-error", "the message can't be decoded");
                return;
        }
        status = amqp_wire_map_find(answer.properties, answer.property_count, "IoThub-status");
        is_good = (status.kind == AMQP_WIRE_SIGNED || status.kind == AMQP_WIRE_UNSIGNED) &&
                  status.number >= INT32_MIN && status.number <= INT32_MAX;
        call = find_call(link->device, &answer);
        if (!is_good) {
                amqp_reject(delivery, "com.microsoft:argument-error",
                            "the answer has no IoThub-status of type int");
                return;
        }
        amqp_accept(delivery);
        if (call)
                finish(call, LOCAL_HUB_METHOD_ANSWERED, (int)status.number, &answer.data);
}

static void on_answers_opened(struct amqp_link *link)
{
        struct amqp_link *before = link->device->method_answers;

        link->device->method_answers = link;
        if (before)
                amqp_link_detach(before, "amqp:link:stolen", NULL);
        amqp_device_order(link->device, AMQP_WORK_METHODS);
}

static void on_answers_ended(struct amqp_link *link)
{
        if (link->device->method_answers != link)
                return;
        link->device->method_answers = NULL;
        amqp_methods_lost(link->device);
}

const struct amqp_link_type amqp_method_answers = {
        .name = "method answers",
        .hub_receives = true,
        .credit = 100,
        .max_size = AMQP_MESSAGE_MAX,
        .opened = on_answers_opened,
        .message = on_answer,
        .ended = on_answers_ended,
};
