// SPDX-License-Identifier: MIT
#include "flow/command_access.h"

#include <stddef.h>

#include "base/text.h"
#include "networks/network.h"

static enum command_way access_things_stack(const struct settings *settings,
                                            const char *application_name,
                                            struct network_access *access, struct reason *reason)
{
        const struct settings_application *application =
                settings_application(settings, application_name);

        access->base_url = settings->the_things_industries.webhook_base_url;
        access->webhook_id = settings->the_things_industries.webhook_id;
        access->api_key = settings->the_things_industries.api_key;
        if (application && application->webhook_id)
                access->webhook_id = application->webhook_id;
        if (application && application->api_key)
                access->api_key = application->api_key;
        if (!text_is_empty(access->base_url) && !text_is_empty(access->api_key))
                return COMMAND_WAY_OPEN;
        reason_set(reason, "there is no way to The Things Stack: set TheThingsIndustries."
                           "WebhookBaseURL and an ApiKey");
        return COMMAND_WAY_NONE;
}

/* Rule D4: what is switched off is an error to the caller. */
static enum command_way access_myriota(const struct settings *settings,
                                       const char *application_name, struct network_access *access,
                                       struct reason *reason)
{
        (void)application_name;
        access->base_url = settings->myriota.base_url;
        access->api_key = settings->myriota.api_token;
        if (!settings->myriota.downlink_enabled)
                reason_set(reason, "downlinks to Myriota are switched off: set "
                                   "Myriota.DownlinkEnabled to true");
        else if (text_is_empty(access->api_key) || text_is_empty(access->base_url))
                reason_set(reason, "there is no way to Myriota's API: set Myriota.ApiToken");
        else
                return COMMAND_WAY_OPEN;
        return COMMAND_WAY_OFF;
}

/* The one place where the gateway knows networks by name: whose settings are whose. */
static const struct {
        const char *network;
        enum command_way (*access)(const struct settings *settings, const char *application,
                                   struct network_access *access, struct reason *reason);
} rows[] = {
        {"things-stack", access_things_stack},
        {"myriota", access_myriota},
};

enum command_way command_access(const struct settings *settings, const char *network,
                                const char *application, struct network_access *access,
                                struct reason *reason)
{
        const struct network *driver = network_by_name(network);

        *access = (struct network_access){.base_url = NULL};
        for (size_t i = 0; driver && driver->downlink && i < ARRAY_SIZE(rows); i++) {
                if (text_equal(network, rows[i].network))
                        return rows[i].access(settings, application, access, reason);
        }
        reason_set(reason, "the network takes no downlinks");
        return COMMAND_WAY_NONE;
}
