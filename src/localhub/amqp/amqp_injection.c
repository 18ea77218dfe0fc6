// SPDX-License-Identifier: MIT
/* Faults that a device has ordered (rule W35), within its connection's events. */
#include <proton/connection.h>
#include <proton/session.h>
#include <stdlib.h>

#include "base/mem.h"
#include "localhub/amqp/amqp_core.h"

static const struct amqp_link_type *const link_types[] = {
        [DEVICE_INJECT_CBS_REQUESTS] = &amqp_cbs_requests,
        [DEVICE_INJECT_CBS_RESPONSES] = &amqp_cbs_responses,
        [DEVICE_INJECT_TELEMETRY] = &amqp_telemetry,
        [DEVICE_INJECT_COMMANDS] = &amqp_commands,
        [DEVICE_INJECT_METHOD_REQUESTS] = &amqp_method_requests,
        [DEVICE_INJECT_METHOD_ANSWERS] = &amqp_method_answers,
        [DEVICE_INJECT_TWIN_REQUESTS] = &amqp_twin_requests,
        [DEVICE_INJECT_TWIN_RESPONSES] = &amqp_twin_responses,
};

static void detach_of_type(struct list *links, const struct amqp_link_type *type,
                           const char *reason)
{
        list_for_each_safe (node, links) {
                struct amqp_link *link = list_entry(node, struct amqp_link, node);

                if (link->type == type)
                        amqp_link_detach(link, "amqp:link:detach-forced", reason);
        }
}

static void end_session(struct amqp_device *device, const char *reason)
{
        const struct amqp_link *link;
        pn_session_t *session;

        if (list_is_empty(&device->links))
                return;
        link = list_entry(device->links.head.next, struct amqp_link, node);
        session = pn_link_session(link->handle);
        amqp_error_set(pn_session_condition(session), "amqp:internal-error", reason);
        amqp_peer_end_links(device->peer, session);
        pn_session_close(session);
}

/* Its sessions first: Microsoft's SDK for Node.js else waits 45 seconds for what can't come. */
static void close_connection(struct amqp_peer *peer, const char *condition, const char *reason)
{
        for (pn_session_t *session = pn_session_head(peer->connection, PN_LOCAL_ACTIVE); session;
             session = pn_session_next(session, PN_LOCAL_ACTIVE)) {
                amqp_peer_end_links(peer, session);
                pn_session_close(session);
        }
        if (condition)
                amqp_error_set(pn_connection_condition(peer->connection), condition, reason);
        amqp_peer_close(peer);
        peer->closed = true;
}

/* The device may be gone afterwards. */
static void happen(struct amqp_device *device, const char *reason)
{
        switch (device->injection) {
        case DEVICE_INJECT_TCP:
                amqp_peer_cut(device->peer);
                break;
        case DEVICE_INJECT_SHUTDOWN:
                close_connection(device->peer, NULL, NULL);
                break;
        case DEVICE_INJECT_CONNECTION:
                close_connection(device->peer, "amqp:connection:forced", reason);
                break;
        case DEVICE_INJECT_SESSION:
                end_session(device, reason);
                break;
        case DEVICE_INJECT_CBS_REQUESTS:
        case DEVICE_INJECT_CBS_RESPONSES:
                detach_of_type(&device->peer->links, link_types[device->injection], reason);
                break;
        default:
                detach_of_type(&device->links, link_types[device->injection], reason);
                break;
        }
}

void amqp_injection_happen(struct amqp_device *device)
{
        CLEANUP(mem_cleanup) char *reason = device->injection_reason;

        device->injection_reason = NULL;
        happen(device, reason);
}

void amqp_injection_order(struct amqp_device *device, enum device_injection what,
                          const char *reason)
{
        free(device->injection_reason);
        device->injection = what;
        device->injection_reason = mem_text(reason);
        amqp_device_order(device, AMQP_WORK_INJECTION);
}
