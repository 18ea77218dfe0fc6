// SPDX-License-Identifier: MIT
#include "gateway/device/downlink_hear.h"

#include <stdlib.h>

#include "base/mem.h"
#include "gateway/device/network_settings.h"

struct downlink_heard *downlink_hear(const struct settings *settings, const struct webhook *webhook,
                                     const struct event *event)
{
        struct downlink_heard *heard = mem_new(1, sizeof(*heard));
        int result = network_settings_told(settings, webhook, event, heard);

        if (result == 0)
                return heard;
        downlink_way_deinit(&heard->way);
        if (result == DOWNLINK_E_BAD_WAY)
                return heard;
        downlink_heard_free(heard);
        return NULL;
}

void downlink_heard_free(struct downlink_heard *heard)
{
        if (!heard)
                return;
        downlink_way_deinit(&heard->way);
        free(heard);
}
