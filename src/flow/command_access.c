// SPDX-License-Identifier: MIT
#include "flow/command_access.h"

#include <stddef.h>

#include "base/error.h"
#include "base/text.h"
#include "networks/network.h"

static bool access_things_stack(const struct settings *settings, const char *application_name,
                                struct network_access *access)
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
        return !text_is_empty(access->base_url) && !text_is_empty(access->api_key);
}

static bool access_myriota(const struct settings *settings, const char *application_name,
                           struct network_access *access)
{
        (void)application_name;
        access->base_url = settings->myriota.base_url;
        access->api_key = settings->myriota.api_token;
        return settings->myriota.downlink_enabled && !text_is_empty(access->base_url) &&
               !text_is_empty(access->api_key);
}

/* The one place where the gateway knows networks by name: whose settings are whose. */
static const struct {
        const char *network;
        bool (*access)(const struct settings *settings, const char *application,
                       struct network_access *access);
} rows[] = {
        {"things-stack", access_things_stack},
        {"myriota", access_myriota},
};

bool command_access(const struct settings *settings, const char *network, const char *application,
                    struct network_access *access)
{
        const struct network *driver = network_by_name(network);

        *access = (struct network_access){.base_url = NULL};
        if (!driver || !driver->downlink)
                return false;
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                if (text_equal(network, rows[i].network))
                        return rows[i].access(settings, application, access);
        }
        return false;
}
