// SPDX-License-Identifier: MIT
#include "gateway/device/network_settings.h"

#include <stddef.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/text.h"
#include "gateway/device/downlink_route.h"
#include "networks/myriota/myriota.h"
#include "networks/things_stack/things_stack.h"

/* --- The Things Stack ---------------------------------------------------------------------- */

static enum downlink_route access_things_stack(const struct settings *settings,
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

static enum settings_device_class class_of_things_stack(const struct settings *settings,
                                                        const char *application_name)
{
        const struct settings_application *application =
                settings_application(settings, application_name);

        if (application && application->device_class != SETTINGS_CLASS_NOT_KNOWN)
                return application->device_class;
        return settings->the_things_industries.device_class;
}

static int told_by_things_stack(const struct settings *settings, const struct webhook *webhook,
                                const struct event *event, struct downlink_heard *heard)
{
        static const char *const public_hosts[] = {".cloud.thethings.network",
                                                   ".cloud.thethings.industries"};
        const struct conf_texts *configured = &settings->the_things_industries.downlink_hosts;
        const char *base_url = settings->the_things_industries.webhook_base_url;
        const char *host = base_url ? strstr(base_url, "://") : NULL;
        const struct downlink_driver *driver = network_by_name(event->network)->downlink;
        struct downlink_hosts allowed = {public_hosts, ARRAY_SIZE(public_hosts)};
        CLEANUP(buf_deinit) struct buf own = BUF_INIT;
        const char *own_host;

        heard->is_named = configured->count > 0 || host;
        if (configured->count > 0) {
                allowed = (struct downlink_hosts){(const char *const *)configured->texts,
                                                  configured->count};
        } else if (host) {
                buf_add(&own, host + 3, strcspn(host + 3, "/"));
                own_host = buf_text(&own);
                allowed = (struct downlink_hosts){&own_host, 1};
        }
        return driver->way(webhook, event, &allowed, &heard->way, &heard->reason);
}

/* --- Myriota ------------------------------------------------------------------------------- */

/* Rule D4: what is switched off is an error to the caller. */
static enum downlink_route access_myriota(const struct settings *settings,
                                          const char *application_name,
                                          struct network_access *access, struct reason *reason)
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

/* --- all networks -------------------------------------------------------------------------- */

/* The one place where the gateway knows networks by name: whose settings are whose. */
static const struct row {
        const char *network;
        enum downlink_route (*access)(const struct settings *settings, const char *application,
                                      struct network_access *access, struct reason *reason);
        int (*told)(const struct settings *settings, const struct webhook *webhook,
                    const struct event *event, struct downlink_heard *heard);
        enum settings_device_class (*device_class)(const struct settings *settings,
                                                   const char *application);
} rows[] = {
        {"things-stack", access_things_stack, told_by_things_stack, class_of_things_stack},
        {"myriota", access_myriota, NULL, NULL},
};

static const struct row *row_of(const char *network)
{
        const struct network *driver = network_by_name(network);

        for (size_t i = 0; driver && driver->downlink && i < ARRAY_SIZE(rows); i++) {
                if (text_equal(network, rows[i].network))
                        return &rows[i];
        }
        return NULL;
}

enum downlink_route network_settings(const struct settings *settings, const struct device *device,
                                     struct network_access *access, struct reason *reason)
{
        const struct row *row = row_of(device->network);
        enum downlink_route way;

        *access = (struct network_access){.base_url = NULL};
        if (!row) {
                reason_set(reason, "the network takes no downlinks");
                return COMMAND_WAY_NONE;
        }
        way = row->access(settings, device->application, access, reason);
        if (way != COMMAND_WAY_NONE || !device->way.base_url)
                return way;
        *access = (struct network_access){
                .base_url = device->way.base_url,
                .webhook_id = device->way.webhook_id,
                .api_key = device->way.api_key,
        };
        return COMMAND_WAY_OPEN;
}

enum device_class network_settings_class(const struct settings *settings,
                                         const struct device *device)
{
        static const enum device_class classes[] = {
                [SETTINGS_CLASS_NOT_KNOWN] = DEVICE_CLASS_NOT_KNOWN,
                [SETTINGS_CLASS_A] = DEVICE_CLASS_A,
                [SETTINGS_CLASS_B] = DEVICE_CLASS_B,
                [SETTINGS_CLASS_C] = DEVICE_CLASS_C,
        };
        const struct row *row = row_of(device->network);

        if (device->attributes.device_class != DEVICE_CLASS_NOT_KNOWN || !row || !row->device_class)
                return device->attributes.device_class;
        return classes[row->device_class(settings, device->application)];
}

int network_settings_told(const struct settings *settings, const struct webhook *webhook,
                          const struct event *event, struct downlink_heard *heard)
{
        const struct row *row = row_of(event->network);
        struct network_access access;

        if (!row || !row->told ||
            row->access(settings, event->application, &access, NULL) == COMMAND_WAY_OPEN)
                return DOWNLINK_E_NO_WAY;
        return row->told(settings, webhook, event, heard);
}

/* --- lists of devices ---------------------------------------------------------------------- */

void network_settings_each_listing(const struct settings *settings,
                                   void (*visit)(void *context, const struct network *network,
                                                 const struct listing_access *access,
                                                 int64_t refresh_minutes),
                                   void *context)
{
        struct listing_access access = {
                .base_url = settings->the_things_industries.api_base_url,
                .page_size = settings->the_things_industries.device_page_size,
        };

        for (size_t i = 0; i < settings->application_count; i++) {
                const struct settings_application *application = &settings->applications[i];

                access.application = application->name;
                access.api_key = application->api_key ? application->api_key
                                                      : settings->the_things_industries.api_key;
                if (!text_is_empty(access.base_url) && !text_is_empty(access.api_key))
                        visit(context, &things_stack, &access,
                              settings->the_things_industries.refresh_minutes);
        }
        access = (struct listing_access){
                .base_url = settings->myriota.base_url,
                .api_key = settings->myriota.api_token,
                .paging_parameter = settings->myriota.paging_parameter,
        };
        if (!text_is_empty(access.base_url) && !text_is_empty(access.api_key))
                visit(context, &myriota, &access, settings->myriota.refresh_minutes);
}

bool network_settings_integrates(const struct settings *settings, const char *network,
                                 const char *application)
{
        const struct settings_application *own;

        if (!text_equal(network, things_stack.name))
                return true;
        own = settings_application(settings, application);
        if (own && own->device_integration != SETTINGS_UNSET)
                return own->device_integration == SETTINGS_ON;
        return settings->the_things_industries.device_integration_default;
}
