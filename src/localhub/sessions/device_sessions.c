// SPDX-License-Identifier: MIT
#include "localhub/sessions/device_sessions.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "localhub/sessions/device_injection.h"

#define PATCHES_MAX 100

struct patch {
        struct list_node node;
        char *json;
};

void device_sessions_init(struct device_sessions *all, struct timers *timers, const int64_t *now_ms)
{
        all->timers = timers;
        all->now_ms = now_ms;
        list_init(&all->calls);
        list_init(&all->injections);
}

void device_sessions_deinit(struct device_sessions *all)
{
        device_calls_end(all, NULL);
        device_injections_end(all);
        table_deinit(&all->owners);
}

void device_sessions_commands_wait(struct device_sessions *all, int hub, const char *device_id)
{
        struct device_session *owner = device_owner_find(all, hub, device_id);

        if (owner)
                owner->protocol->waiting(owner, DEVICE_WORK_COMMANDS);
}

/* --- a session ------------------------------------------------------------------------------- */

/*
 * What the device announced before, to the provisioning service or here: a client that cannot
 * announce its model has it from there.
 */
static void take_known(struct device_session *session)
{
        struct registry_device known = {.model_id = ""};

        (void)registry_device_get(session->all->registry, session->hub, session->id, &known);
        session->model_id = mem_text(known.model_id);
        memcpy(session->generation_id, known.generation_id, sizeof(session->generation_id));
        mem_wipe(&known, sizeof(known));
}

void device_session_init(struct device_session *session, struct device_sessions *all,
                         const struct device_protocol *protocol, int hub, const char *device_id,
                         const char *connection)
{
        session->all = all;
        session->protocol = protocol;
        session->hub = hub;
        session->connection = connection;
        session->key = mem_format("%d/%s", hub, device_id);
        session->id = strchr(session->key, '/') + 1;
        session->owner.key = session->key;
        take_known(session);
        list_init(&session->patches);
}

void device_session_deinit(struct device_session *session)
{
        device_owner_give_up(session);
        device_session_take_methods(session, false);
        device_session_subscribe(session, false);
        free(session->model_id);
        free(session->key);
}

void device_session_connect(struct device_session *session)
{
        device_owner_take(session);
        registry_device_seen(session->all->registry, session->hub, session->id, true,
                             session->model_id[0] ? session->model_id : NULL);
}

void device_session_disconnect(struct device_session *session)
{
        bool owned = session->owns;

        device_session_subscribe(session, false);
        device_owner_give_up(session);
        if (owned)
                registry_device_seen(session->all->registry, session->hub, session->id, false,
                                     NULL);
}

/* --- desired properties ---------------------------------------------------------------------- */

void device_sessions_desired(struct device_sessions *all, int hub, const char *device_id,
                             const char *patch)
{
        struct device_session *owner = device_owner_find(all, hub, device_id);
        struct patch *waiting;

        if (!owner || !owner->twin_subscribed || owner->patches.count >= PATCHES_MAX)
                return;
        waiting = mem_new(1, sizeof(*waiting));
        waiting->json = mem_text(patch);
        list_push_back(&owner->patches, &waiting->node);
        owner->protocol->waiting(owner, DEVICE_WORK_TWIN);
}

char *device_session_next_patch(struct device_session *session)
{
        struct list_node *node = list_pop_front(&session->patches);
        struct patch *patch = node ? list_entry(node, struct patch, node) : NULL;
        char *json = patch ? patch->json : NULL;

        free(patch);
        return json;
}

void device_session_subscribe(struct device_session *session, bool subscribed)
{
        char *dropped;

        session->twin_subscribed = subscribed;
        while (!subscribed && (dropped = device_session_next_patch(session)) != NULL)
                free(dropped);
}
