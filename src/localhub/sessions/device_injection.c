// SPDX-License-Identifier: MIT
#include "localhub/sessions/device_injection.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"

#define PREFIX      "AzIoTHub_FaultOperation"
#define SECONDS_MAX 3600
#define DEFAULT_S   5 /* of a refusal without a duration */
#define ORDERED_MAX 10000

static const struct {
        const char *name;
        enum device_injection what;
} names[] = {
        {"KillTcp", DEVICE_INJECT_TCP},
        {"ShutDownAmqp", DEVICE_INJECT_SHUTDOWN},
        {"ShutDownMqtt", DEVICE_INJECT_SHUTDOWN},
        {"KillAmqpConnection", DEVICE_INJECT_CONNECTION},
        {"KillAmqpSession", DEVICE_INJECT_SESSION},
        {"KillAmqpCBSLinkReq", DEVICE_INJECT_CBS_REQUESTS},
        {"KillAmqpCBSLinkResp", DEVICE_INJECT_CBS_RESPONSES},
        {"KillAmqpD2CLink", DEVICE_INJECT_TELEMETRY},
        {"KillAmqpC2DLink", DEVICE_INJECT_COMMANDS},
        {"KillAmqpMethodReqLink", DEVICE_INJECT_METHOD_REQUESTS},
        {"KillAmqpMethodRespLink", DEVICE_INJECT_METHOD_ANSWERS},
        {"KillAmqpTwinLinkReq", DEVICE_INJECT_TWIN_REQUESTS},
        {"KillAmqpTwinLinkResp", DEVICE_INJECT_TWIN_RESPONSES},
        {"InvokeThrottling", DEVICE_INJECT_THROTTLING},
        {"InvokeMaxMessageQuota", DEVICE_INJECT_QUOTA},
        {"InvokeAuthError", DEVICE_INJECT_UNAUTHORIZED},
};

/* Waits for its time; a refusal waits for its end after that. */
struct ordered {
        struct list_node node;
        struct timer timer;
        struct device_sessions *all;
        int hub;
        char *device_id;
        char *reason;
        enum device_injection what;
        int64_t duration_ms;
        uint64_t rule; /* of the refusal that has begun; 0 = none */
};

static void ordered_free(struct ordered *ordered)
{
        timers_stop(ordered->all->timers, &ordered->timer);
        list_remove(&ordered->all->injections, &ordered->node);
        free(ordered->device_id);
        free(ordered->reason);
        free(ordered);
}

void device_injections_end(struct device_sessions *all)
{
        list_for_each_safe (node, &all->injections)
                ordered_free(list_entry(node, struct ordered, node));
}

/* --- at its time ----------------------------------------------------------------------------- */

static void begin_refusal(struct ordered *ordered)
{
        static const char *const conditions[] = {
                [DEVICE_INJECT_THROTTLING] = "com.microsoft:device-container-throttled",
                [DEVICE_INJECT_QUOTA] = "com.microsoft:quota-exceeded",
                [DEVICE_INJECT_UNAUTHORIZED] = "amqp:unauthorized-access",
        };
        struct device_sessions *all = ordered->all;
        struct fault fault = FAULT_INIT(FAULT_REJECT);
        struct reason ignored = REASON_INIT;
        struct registry_hub hub;

        if (registry_hub_get(all->registry, ordered->hub, &hub))
                snprintf(fault.hub, sizeof(fault.hub), "%s", hub.id);
        snprintf(fault.device, sizeof(fault.device), "%s", ordered->device_id);
        snprintf(fault.condition, sizeof(fault.condition), "%s", conditions[ordered->what]);
        ordered->rule = faults_add(all->faults, &fault, &ignored);
        timers_start(all->timers, &ordered->timer, *all->now_ms + ordered->duration_ms);
}

static void happen(struct timer *timer)
{
        struct ordered *ordered = list_entry(timer, struct ordered, timer);
        struct device_session *owner =
                device_owner_find(ordered->all, ordered->hub, ordered->device_id);

        if (ordered->rule) {
                faults_remove(ordered->all->faults, ordered->rule);
                ordered_free(ordered);
                return;
        }
        log_info("HUB_FAULT_INJECTED", "A fault that the device has ordered happens",
                 LOG_TEXT("device", ordered->device_id), LOG_TEXT("reason", ordered->reason),
                 LOG_END);
        if (ordered->what >= DEVICE_INJECT_THROTTLING) {
                begin_refusal(ordered);
                return;
        }
        if (owner && owner->protocol->injected)
                owner->protocol->injected(owner, ordered->what, ordered->reason);
        ordered_free(ordered);
}

/* --- orders ---------------------------------------------------------------------------------- */

static const char *find(const struct property *properties, size_t count, const char *name)
{
        for (size_t i = 0; i < count; i++) {
                const char *found = properties[i].name;

                if (strncasecmp(found, PREFIX, strlen(PREFIX)) == 0 &&
                    text_equal_nocase(found + strlen(PREFIX), name))
                        return properties[i].value;
        }
        return NULL;
}

static int64_t seconds(const struct property *properties, size_t count, const char *name,
                       int64_t fall_back)
{
        const char *text = find(properties, count, name);
        int64_t number;

        return text && text_to_int64(text, 0, SECONDS_MAX, &number) ? number : fall_back;
}

bool device_injection_take(struct device_session *session, const struct property *properties,
                           size_t count)
{
        struct device_sessions *all = session->all;
        const char *type = find(properties, count, "Type");
        const char *reason = find(properties, count, "CloseReason");
        struct ordered *ordered;
        size_t i = 0;

        if (!type)
                return false;
        while (i < ARRAY_SIZE(names) && !text_equal_nocase(type, names[i].name))
                i++;
        if (i == ARRAY_SIZE(names) || all->injections.count >= ORDERED_MAX)
                return false;
        ordered = mem_new(1, sizeof(*ordered));
        ordered->all = all;
        ordered->hub = session->hub;
        ordered->device_id = mem_text(session->id);
        ordered->reason = mem_text(reason ? reason : "the device has ordered this fault");
        ordered->what = names[i].what;
        ordered->duration_ms = seconds(properties, count, "DurationInSecs", DEFAULT_S) * 1000;
        ordered->timer.run = happen;
        list_push_back(&all->injections, &ordered->node);
        timers_start(all->timers, &ordered->timer,
                     *all->now_ms + seconds(properties, count, "DelayInSecs", 0) * 1000);
        return true;
}
