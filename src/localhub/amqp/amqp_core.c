// SPDX-License-Identifier: MIT
#include "localhub/amqp/amqp_core.h"

#include <string.h>

#include "base/clock.h"
#include "localhub/sessions/device_twin.h"

void amqp_core_init(struct amqp_core *core)
{
        list_init(&core->peers);
        list_init(&core->feedback_links);
        core->types[LINK_CBS] = (struct amqp_link_types){&amqp_cbs_requests, &amqp_cbs_responses};
        core->types[LINK_TELEMETRY].hub_receives = &amqp_telemetry;
        core->types[LINK_COMMANDS].hub_sends = &amqp_commands;
        core->types[LINK_METHODS] =
                (struct amqp_link_types){&amqp_method_answers, &amqp_method_requests};
        core->types[LINK_TWIN] =
                (struct amqp_link_types){&amqp_twin_requests, &amqp_twin_responses};
        core->types[LINK_SERVICE].hub_receives = &amqp_service_commands;
        core->types[LINK_FEEDBACK].hub_sends = &amqp_service_feedback;
        core->types[LINK_UPLOADS].hub_sends = &amqp_service_uploads;
        device_sessions_init(&core->sessions, &core->timers, &core->now_ms);
        core->now_ms = clock_steady_ms();
        core->wall_ms = clock_wall_ms();
}

void amqp_core_deinit(struct amqp_core *core)
{
        device_sessions_deinit(&core->sessions);
        timers_deinit(&core->timers);
        buf_deinit(&core->scratch);
        buf_deinit(&core->texts);
}

void amqp_core_commands_wait(struct amqp_core *core, int hub, const char *mailbox)
{
        if (strcmp(mailbox, COMMAND_FILE_NOTIFICATIONS) == 0)
                amqp_uploads_wait(core, hub);
        else
                device_sessions_commands_wait(&core->sessions, hub, mailbox);
}

static void commands_wait(void *context, int hub, const char *mailbox)
{
        amqp_core_commands_wait(context, hub, mailbox);
}

int64_t amqp_core_tick(struct amqp_core *core)
{
        int64_t next;

        timers_run(&core->timers, core->now_ms);
        command_queue_tick(core->commands, core->now_ms, commands_wait, core);
        next = timers_next(&core->timers);
        if (command_queue_next(core->commands) < next)
                next = command_queue_next(core->commands);
        amqp_service_check(core, &next);
        return next;
}

/* A device may have tokens on several connections, although only one of them owns it. */
static void detach_everywhere(struct amqp_core *core, int hub, const char *device_id,
                              const char *condition, const char *description)
{
        list_for_each (node, &core->peers) {
                struct amqp_peer *peer = list_entry(node, struct amqp_peer, node);
                struct amqp_device *device =
                        peer->hub == hub ? amqp_device_find(peer, device_id) : NULL;

                if (device)
                        amqp_device_order_detach(device, condition, description, true);
        }
}

static void detach_disabled(struct amqp_core *core, int hub, const char *device_id)
{
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;

        device_error_text(&text, 401002, "The device is disabled.");
        detach_everywhere(core, hub, device_id, "amqp:unauthorized-access", buf_text(&text));
}

void amqp_core_registry_changed(struct amqp_core *core, enum registry_change change, int hub,
                                const char *device_id, const char *patch)
{
        struct registry_device device;

        switch (change) {
        case REGISTRY_DEVICE_REMOVED:
                command_queue_purge(core->commands, hub, device_id);
                detach_everywhere(core, hub, device_id, "amqp:not-found", NULL);
                break;
        case REGISTRY_DEVICE_CHANGED:
                if (registry_device_get(core->registry, hub, device_id, &device) && !device.enabled)
                        detach_disabled(core, hub, device_id);
                break;
        case REGISTRY_TWIN_DESIRED:
                device_sessions_desired(&core->sessions, hub, device_id, patch);
                break;
        }
}

void amqp_core_faults_changed(struct amqp_core *core)
{
        list_for_each (node, &core->peers) {
                struct amqp_peer *peer = list_entry(node, struct amqp_peer, node);

                list_for_each (device_node, &peer->device_list)
                        amqp_device_order(list_entry(device_node, struct amqp_device, node),
                                          AMQP_WORK_CREDIT);
        }
}
