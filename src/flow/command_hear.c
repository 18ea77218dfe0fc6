// SPDX-License-Identifier: MIT
#include "flow/command_hear.h"

#include <stdlib.h>

#include "base/mem.h"
#include "flow/command_access.h"

struct command_heard *command_hear(const struct settings *settings, const struct webhook *webhook,
                                   const struct event *event)
{
        struct command_heard *heard = mem_new(1, sizeof(*heard));
        int result = command_access_told(settings, webhook, event, &heard->way, &heard->reason);

        if (result == 0)
                return heard;
        downlink_way_deinit(&heard->way);
        if (result == DOWNLINK_E_BAD_WAY)
                return heard;
        command_heard_free(heard);
        return NULL;
}

void command_heard_free(struct command_heard *heard)
{
        if (!heard)
                return;
        downlink_way_deinit(&heard->way);
        free(heard);
}
