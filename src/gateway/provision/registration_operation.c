// SPDX-License-Identifier: MIT
#include "gateway/provision/registration_operation.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "gateway/device/uplink_event.h"

struct registration_operation registration_operation_begin(const struct device *device)
{
        struct registration_operation operation = {.started_ns = clock_steady_ns()};
        const struct list *waiting = &device->lane->backlog.events;
        const struct uplink_event *event;

        if (list_is_empty(waiting))
                return operation;
        event = list_entry(waiting->head.next, struct uplink_event, node);
        strcpy(operation.message_id, event->event.message_id);
        operation.stands_for = event->stands_for;
        return operation;
}

/* As HTTP says it, where the service's answer has a status of HTTP. */
static void write_result(const struct dps_result *answer, char *text, size_t size)
{
        static const char *const results[] = {
                [DPS_ASSIGNED] = "200",  [DPS_DISABLED] = "disabled",
                [DPS_FAILED] = "failed", [DPS_UNAUTHORIZED] = "401",
                [DPS_NOT_FOUND] = "404", [DPS_UNAVAILABLE] = "unavailable",
        };

        if (answer->error_code != 0)
                snprintf(text, size, "%d", answer->error_code);
        else
                snprintf(text, size, "%s", results[answer->status]);
}

void registration_operation_end(const struct registration_operation *operation,
                                struct monitor *monitor, const char *endpoint,
                                const struct device *device, const struct dps_result *answer)
{
        const char *id = operation->message_id;
        char result[16];

        if (!monitor)
                return;
        write_result(answer, result, sizeof(result));
        monitor_dependency(monitor, &(struct monitor_dependency){
                                            .type = MONITOR_TYPE_HTTP,
                                            .target = endpoint,
                                            .name = "PUT /registrations/{id}/register",
                                            .result = result,
                                            .success = answer->status == DPS_ASSIGNED,
                                            .started_ns = operation->started_ns,
                                            .message_id = id[0] != '\0' ? id : NULL,
                                            .stage = MONITOR_REGISTER,
                                            .network = device->network,
                                            .application = device->application,
                                            .device = device->key,
                                            .stands_for = operation->stands_for,
                                    });
}
