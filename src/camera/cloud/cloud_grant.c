// SPDX-License-Identifier: MIT
#include "azure/sas.h"
#include "base/clock.h"
#include "base/text.h"
#include "camera/cloud/cloud_inside.h"

#define LIFETIME_S 3600

void cloud_grant_deinit(struct cloud_grant *grant)
{
        buf_deinit(&grant->hub);
        buf_deinit(&grant->device_id);
        buf_wipe(&grant->token);
}

/* With the lock. */
static bool fill(const struct cloud_assignment *assignment, struct cloud_grant *grant)
{
        CLEANUP(buf_deinit) struct buf resource = BUF_INIT;

        if (text_is_empty(assignment->hub) || !assignment->device_id || !assignment->key)
                return false;
        buf_add_text(&grant->hub, assignment->hub);
        buf_add_text(&grant->device_id, assignment->device_id);
        sas_device_resource(&resource, assignment->hub, assignment->device_id);
        return sas_token(&grant->token,
                         &(struct sas_grant){.resource = buf_text(&resource),
                                             .key = assignment->key,
                                             .key_name = assignment->key_name,
                                             .expires_s = clock_wall_ms() / 1000 + LIFETIME_S},
                         NULL);
}

bool cloud_grant(struct cloud_device *device, struct cloud_grant *grant)
{
        bool is_known;

        pthread_mutex_lock(&device->lock);
        is_known = fill(&device->assignment, grant);
        pthread_mutex_unlock(&device->lock);
        return is_known;
}
