// SPDX-License-Identifier: MIT
/* Telemetry over HTTPS: a message is a body with headers, or an entry of a list of such. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/mem.h"
#include "localhub/https/https_call.h"
#include "localhub/https/https_event.h"
#include "localhub/rest/rest_call.h"

#define BATCH_TYPE "application/vnd.microsoft.iothub.json"

static void record(const struct https_call *call, struct https_event *event)
{
        event->record.enqueued_ms = clock_wall_ms();
        event->record.hub = call->hub_id;
        event->record.device_id = call->device.id;
        event->record.connection = "https";
        event->record.model_id = call->device.model_id;
        event->record.generation_id = call->device.generation_id;
        event->record.auth = call->auth;
        (void)telemetry_log_append(local_hub_telemetry(call->hub), &event->record);
}

/* False if the quota does not allow it; then the call is answered. */
static bool take_message_quota(const struct https_call *call, size_t size)
{
        switch (quotas_take_message(local_hub_quotas(call->hub), call->device.hub, size,
                                    clock_steady_ms(), clock_wall_ms())) {
        case QUOTA_THROTTLED:
                rest_fail(call->exchange, REST_THROTTLED, "the rate of messages is over the limit");
                return false;
        case QUOTA_USED_UP:
                rest_fail(call->exchange, REST_QUOTA_EXCEEDED,
                          "the daily quota of messages is used up");
                return false;
        case QUOTA_TAKEN:
                break;
        }
        return true;
}

static void finish(struct https_call *call, struct https_event *events, size_t count, size_t size)
{
        if (size > HTTPS_TELEMETRY_MAX) {
                rest_fail(call->exchange, REST_MESSAGE_TOO_LARGE,
                          "the message has more than %d bytes with its properties",
                          HTTPS_TELEMETRY_MAX);
                return;
        }
        if (!take_message_quota(call, size))
                return;
        for (size_t i = 0; i < count; i++)
                record(call, &events[i]);
        if (!https_take_fault(call, FAULT_CUT) && !https_take_fault(call, FAULT_DISPOSITION))
                https_answer_nothing(call);
}

static void take_one(struct https_call *call)
{
        const struct buf *body = http_exchange_body(call->exchange);
        struct https_event *event = mem_new(1, sizeof(*event));

        https_event_init(event);
        http_exchange_each_header(call->exchange, https_event_take, event);
        event->record.body = buf_text(body);
        event->record.body_size = body->size;
        finish(call, event, 1, body->size + event->size);
        free(event);
}

static void take_batch(struct https_call *call)
{
        CLEANUP(https_events_deinit) struct https_events events = {.json = NULL};
        struct reason reason = REASON_INIT;

        if (https_events_read(http_exchange_body(call->exchange), &events, &reason))
                finish(call, events.list, events.count, events.size);
        else
                rest_fail(call->exchange, REST_ARGUMENT_INVALID, "%s", reason.text);
}

void https_events_post(struct https_call *call)
{
        const char *type = http_exchange_header(call->exchange, "Content-Type");

        if (https_take_fault(call, FAULT_REJECT) || https_take_fault(call, FAULT_DETACH))
                return;
        if (type && strncasecmp(type, BATCH_TYPE, strlen(BATCH_TYPE)) == 0)
                take_batch(call);
        else
                take_one(call);
}
