// SPDX-License-Identifier: MIT
#include "localhub/sessions/device_calls.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"

#define DEFAULT_RESPONSE_MS 30000

static void finish(struct device_call *call, enum local_hub_method_result result, int status,
                   const void *payload, size_t size)
{
        timers_stop(call->all->timers, &call->timer);
        list_remove(&call->all->calls, &call->node);
        log_debug("HUB_METHOD_ENDED", "A direct method call has ended",
                  LOG_TEXT("device", call->device_id), LOG_TEXT("method", call->name),
                  LOG_INT("result", result), LOG_INT("status", status), LOG_END);
        call->done(call->context, result, status, payload, size);
        free(call->device_id);
        free(call->name);
        buf_deinit(&call->payload);
        free(call);
}

static void on_time(struct timer *timer)
{
        struct device_call *call = table_of(timer, struct device_call, timer);

        finish(call, call->sent_to ? LOCAL_HUB_METHOD_TIMEOUT : LOCAL_HUB_METHOD_OFFLINE, 0, NULL,
               0);
}

static void wait(struct device_call *call, int64_t delay_ms)
{
        timers_start(call->all->timers, &call->timer, *call->all->now_ms + delay_ms);
}

static struct device_call *call_new(struct device_sessions *all, int hub, const char *device_id,
                                    const struct local_hub_method *method)
{
        struct device_call *call = mem_new(1, sizeof(*call));

        call->all = all;
        call->hub = hub;
        call->device_id = mem_text(device_id);
        call->name = mem_text(method->name);
        if (method->payload_size > 0)
                buf_add(&call->payload, method->payload, method->payload_size);
        else
                buf_add_text(&call->payload, "null"); /* IoT Hub's "no payload" */
        call->response_ms =
                method->response_timeout_ms ? method->response_timeout_ms : DEFAULT_RESPONSE_MS;
        call->timer.run = on_time;
        crypto_uuid4(call->uuid);
        list_push_back(&all->calls, &call->node);
        return call;
}

void device_sessions_invoke(struct device_sessions *all, int hub, const char *device_id,
                            const struct local_hub_method *method, local_hub_method_done *done,
                            void *context)
{
        struct device_session *owner = device_owner_find(all, hub, device_id);
        struct device_call *call = call_new(all, hub, device_id, method);

        call->done = done;
        call->context = context;
        if (!registry_device_get(all->registry, hub, device_id, NULL)) {
                finish(call, LOCAL_HUB_METHOD_NO_DEVICE, 0, NULL, 0);
        } else if (owner && owner->takes_methods) {
                wait(call, call->response_ms);
                owner->protocol->waiting(owner, DEVICE_WORK_METHODS);
        } else if (method->connect_timeout_ms > 0) {
                wait(call, method->connect_timeout_ms);
        } else {
                finish(call, LOCAL_HUB_METHOD_OFFLINE, 0, NULL, 0);
        }
}

void device_session_take_methods(struct device_session *session, bool takes)
{
        session->takes_methods = takes;
        if (takes)
                session->protocol->waiting(session, DEVICE_WORK_METHODS);
        else
                device_calls_end(session->all, session);
}

struct device_call *device_session_next_call(struct device_session *session)
{
        if (!session->takes_methods || !session->owns)
                return NULL;
        list_for_each (node, &session->all->calls) {
                struct device_call *call = list_entry(node, struct device_call, node);

                if (call->sent_to || call->hub != session->hub ||
                    !text_equal(call->device_id, session->id))
                        continue;
                call->sent_to = session;
                wait(call, call->response_ms);
                return call;
        }
        return NULL;
}

void device_session_answer(struct device_session *session, const char *uuid, int status,
                           const void *payload, size_t size)
{
        list_for_each_safe (node, &session->all->calls) {
                struct device_call *call = list_entry(node, struct device_call, node);

                if (call->sent_to != session || !text_equal_nocase(call->uuid, uuid))
                        continue;
                finish(call, LOCAL_HUB_METHOD_ANSWERED, status, payload, size);
                return;
        }
}

void device_calls_end(struct device_sessions *all, const struct device_session *session)
{
        list_for_each_safe (node, &all->calls) {
                struct device_call *call = list_entry(node, struct device_call, node);

                if (!session || call->sent_to == session)
                        finish(call, LOCAL_HUB_METHOD_LOST, 0, NULL, 0);
        }
}
