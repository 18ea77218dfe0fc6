// SPDX-License-Identifier: MIT
#include "azure/sas.h"
#include "base/clock.h"
#include "base/text.h"
#include "camera/cloud/cloud_inside.h"

#define LIFETIME_S 3600

/* With the lock. */
static bool fill(const struct cloud_assignment *assignment, struct buf *hub, struct buf *device_id,
                 struct buf *token)
{
        CLEANUP(buf_deinit) struct buf resource = BUF_INIT;

        if (text_is_empty(assignment->hub) || !assignment->device_id || !assignment->key)
                return false;
        buf_add_text(hub, assignment->hub);
        buf_add_text(device_id, assignment->device_id);
        sas_device_resource(&resource, assignment->hub, assignment->device_id);
        return sas_token(token,
                         &(struct sas_grant){.resource = buf_text(&resource),
                                             .key = assignment->key,
                                             .key_name = assignment->key_name,
                                             .expires_s = clock_wall_ms() / 1000 + LIFETIME_S},
                         NULL);
}

bool cloud_grant(struct cloud_device *device, struct buf *hub, struct buf *device_id,
                 struct buf *token)
{
        bool is_known;

        pthread_mutex_lock(&device->lock);
        is_known = fill(&device->assignment, hub, device_id, token);
        pthread_mutex_unlock(&device->lock);
        return is_known;
}
