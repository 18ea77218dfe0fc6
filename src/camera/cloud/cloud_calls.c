// SPDX-License-Identifier: MIT
/* Direct methods, which are answered when what they ask for is durable. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "camera/cloud/cloud_inside.h"

#define STOPPING 503

static void give(struct cloud_call *call, int status, const char *json)
{
        struct hub_method *method = call->method;

        call->method = NULL;
        if (method)
                (void)hub_method_answer(method, status, json, strlen(json));
}

static void call_free(struct cloud_call *call)
{
        free(call->answer);
        free(call);
}

void cloud_call_begin(struct cloud_device *device, struct hub_method *method)
{
        struct cloud_call *call = mem_new(1, sizeof(*call));

        log_info("CAMERA_METHOD", "A direct method was called", LOG_TEXT("device", device->key),
                 LOG_TEXT("method", method->name), LOG_END);
        call->cloud = device->cloud;
        call->method = method;
        list_push_back(&call->cloud->calls, &call->node);
        device->handler->method(device->context, call, method->name);
}

/* On the thread "loop". */
static void answer(void *context)
{
        struct cloud_call *call = context;

        give(call, call->status, call->answer);
        list_remove(&call->cloud->calls, &call->node);
        call_free(call);
}

void cloud_answer(struct cloud_call *call, int status, const char *json)
{
        call->status = status;
        call->answer = mem_text(json ? json : "{}");
        loop_post(call->cloud->options.loop, answer, call);
}

void cloud_calls_stop(struct cloud *cloud)
{
        list_for_each (node, &cloud->calls)
                give(list_entry(node, struct cloud_call, node), STOPPING, "{}");
}

void cloud_calls_free(struct cloud *cloud)
{
        struct list_node *node;

        while ((node = list_pop_front(&cloud->calls)))
                call_free(list_entry(node, struct cloud_call, node));
}
