// SPDX-License-Identifier: MIT
#include "gateway/device/network_settings.h"

#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/text.h"
#include "gateway/device/downlink_route.h"

/* --- the way to a device ------------------------------------------------------------------- */

static const char *first(const char *own, const char *general)
{
        return own ? own : general;
}

/* Rule D4: what is switched off is an error to the caller. */
static enum downlink_route configured_way(const struct settings *settings,
                                          const struct network *network, const char *application,
                                          struct network_access *access, struct reason *reason)
{
        const char *switched = network_setting_path(network, NETWORK_DOWNLINK_SWITCH);
        const struct settings_network *of_all = settings_network(settings, network);
        const struct settings_network_application *own =
                settings_network_application(settings, network, application);

        *access = (struct network_access){
                .base_url = of_all->base_url,
                .webhook_id = first(own->webhook_id, of_all->webhook_id),
                .api_key =
                        first(conf_secret_text(&own->api_key), conf_secret_text(&of_all->api_key)),
        };
        if (switched && !of_all->downlink_enabled)
                reason_set(reason, "downlinks to the network %s are switched off: set %s to true",
                           network->name, switched);
        else if (conf_secret_is_awaited(access->api_key))
                reason_set(reason, "%s is not known yet: its Key Vault was not asked successfully",
                           network_setting_path(network, NETWORK_API_KEY));
        else if (text_is_empty(access->base_url) || text_is_empty(access->api_key))
                reason_set(reason, "there is no way to the network %s: set %s and %s",
                           network->name, network_setting_path(network, NETWORK_BASE_URL),
                           network_setting_path(network, NETWORK_API_KEY));
        else
                return COMMAND_WAY_OPEN;
        /* Where webhooks may tell a way, this is not the last word. */
        return network->downlink->way ? COMMAND_WAY_NONE : COMMAND_WAY_OFF;
}

static const struct network *network_with_downlinks(const char *name)
{
        const struct network *network = network_by_name(name);

        return network && network->downlink ? network : NULL;
}

enum downlink_route network_settings(const struct settings *settings, const struct device *device,
                                     struct network_access *access, struct reason *reason)
{
        const struct network *network = network_with_downlinks(device->network);
        enum downlink_route way;

        *access = (struct network_access){.base_url = NULL};
        if (!network) {
                reason_set(reason, "the network takes no downlinks");
                return COMMAND_WAY_NONE;
        }
        way = configured_way(settings, network, device->application, access, reason);
        if (way != COMMAND_WAY_NONE || !device->way.base_url)
                return way;
        *access = (struct network_access){
                .base_url = device->way.base_url,
                .webhook_id = device->way.webhook_id,
                .api_key = device->way.api_key,
        };
        return COMMAND_WAY_OPEN;
}

int network_settings_told(const struct settings *settings, const struct webhook *webhook,
                          const struct event *event, struct downlink_heard *heard)
{
        const struct network *network = network_with_downlinks(event->network);
        struct network_access access;
        const struct conf_texts *named;
        struct downlink_hosts allowed;
        CLEANUP(buf_deinit) struct buf own = BUF_INIT;
        const char *own_host;
        const char *host;

        if (!network || !network->downlink->way ||
            configured_way(settings, network, event->application, &access, NULL) ==
                    COMMAND_WAY_OPEN)
                return DOWNLINK_E_NO_WAY;
        named = &settings_network(settings, network)->downlink_hosts;
        host = access.base_url ? strstr(access.base_url, "://") : NULL;
        heard->is_named = named->count > 0 || host;
        allowed = network->downlink->public_hosts;
        if (named->count > 0) {
                allowed = (struct downlink_hosts){(const char *const *)named->texts, named->count};
        } else if (host) {
                buf_add(&own, host + 3, strcspn(host + 3, "/"));
                own_host = buf_text(&own);
                allowed = (struct downlink_hosts){&own_host, 1};
        }
        return network->downlink->way(webhook, event, &allowed, &heard->way, &heard->reason);
}

/* --- what a list says, or else the settings ------------------------------------------------ */

enum device_class network_settings_class(const struct settings *settings,
                                         const struct device *device)
{
        const struct network *network = network_by_name(device->network);
        enum device_class said = device->attributes.device_class;

        if (said == DEVICE_CLASS_NOT_KNOWN && network)
                said = settings_network_application(settings, network, device->application)
                               ->device_class;
        if (said == DEVICE_CLASS_NOT_KNOWN && network)
                said = settings_network(settings, network)->device_class;
        return said;
}

bool network_settings_integrates(const struct settings *settings, const char *name,
                                 const char *application)
{
        const struct network *network = network_by_name(name);
        enum device_integration own;

        if (!network || !network_setting_path(network, NETWORK_INTEGRATION))
                return true;
        own = settings_network_application(settings, network, application)->device_integration;
        return own == INTEGRATION_UNSAID ? settings_network(settings, network)->device_integration
                                         : own == INTEGRATION_ON;
}

/* --- lists of devices ---------------------------------------------------------------------- */

void network_settings_each_listing(const struct settings *settings, network_settings_visitor *visit,
                                   void *context)
{
        for (size_t i = 0; networks[i]; i++) {
                const struct settings_network *of_all = &settings->networks[i];
                struct listing_access access = {
                        .base_url = of_all->base_url,
                        .api_key = conf_secret_text(&of_all->api_key),
                        .paging_parameter = of_all->paging_parameter,
                        .page_size = of_all->page_size,
                };

                if (network_setting_path(networks[i], NETWORK_LIST_URL))
                        access.base_url = of_all->list_url;
                if (!networks[i]->listing || text_is_empty(access.base_url))
                        continue;
                if (networks[i]->ids_are_unique && !text_is_empty(access.api_key))
                        visit(context, networks[i], &access, of_all->refresh_minutes);
                if (networks[i]->ids_are_unique)
                        continue;
                for (size_t j = 0; j < settings->application_count; j++) {
                        const struct settings_application *application = &settings->applications[j];

                        access.application = application->name;
                        access.api_key = first(conf_secret_text(&application->networks[i].api_key),
                                               conf_secret_text(&of_all->api_key));
                        if (!text_is_empty(access.api_key))
                                visit(context, networks[i], &access, of_all->refresh_minutes);
                }
        }
}
