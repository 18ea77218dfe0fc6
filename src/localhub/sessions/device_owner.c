// SPDX-License-Identifier: MIT
#include "localhub/sessions/device_owner.h"

#include <stdio.h>

#include "base/log.h"

struct device_session *device_owner_find(const struct device_sessions *all, int hub,
                                         const char *device_id)
{
        char key[REGISTRY_IDENTITY_SIZE + 16];
        struct table_entry *entry;

        snprintf(key, sizeof(key), "%d/%s", hub, device_id);
        entry = table_find(&all->owners, key);
        return entry ? table_of(entry, struct device_session, owner) : NULL;
}

void device_owner_give_up(struct device_session *session)
{
        if (!session->owns)
                return;
        session->owns = false;
        table_remove(&session->all->owners, &session->owner);
}

void device_owner_take(struct device_session *session)
{
        struct device_session *before = device_owner_find(session->all, session->hub, session->id);
        struct registry_hub hub;

        if (before == session)
                return;
        if (before) {
                registry_hub_get(session->all->registry, session->hub, &hub);
                log_info("HUB_DEVICE_TAKEN_OVER",
                         "A newer connection of the device detaches the links of the older one",
                         LOG_TEXT("hub", hub.id), LOG_TEXT("device", session->id),
                         LOG_TEXT("older", before->connection),
                         LOG_TEXT("newer", session->connection), LOG_END);
                device_owner_give_up(before);
                before->protocol->taken_over(before);
        }
        session->owns = true;
        table_add(&session->all->owners, &session->owner);
}
