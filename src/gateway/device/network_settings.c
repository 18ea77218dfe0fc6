// SPDX-License-Identifier: MIT
#include "gateway/device/network_settings.h"

#include "base/text.h"

/* --- the way to devices -------------------------------------------------------------------- */

static const char *first(const char *own, const char *general)
{
        return own ? own : general;
}

/* Rule D4: what is switched off is an error to the caller. */
enum downlink_access network_settings_access(const struct settings *settings,
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
                return DOWNLINK_ACCESS_OPEN;
        /* Where webhooks may tell a way, this is not the last word. */
        return network->downlink->way ? DOWNLINK_ACCESS_NONE : DOWNLINK_ACCESS_OFF;
}

/* --- what no list says ------------------------------------------------------------------------ */

enum device_class network_settings_class(const struct settings *settings, const char *name,
                                         const char *application)
{
        const struct network *network = network_by_name(name);
        enum device_class own;

        if (!network)
                return DEVICE_CLASS_NOT_KNOWN;
        own = settings_network_application(settings, network, application)->device_class;
        return own == DEVICE_CLASS_NOT_KNOWN ? settings_network(settings, network)->device_class
                                             : own;
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

bool network_settings_repeats(const struct settings *settings, const struct network *network)
{
        return network->repeats || settings_network(settings, network)->repeats;
}

bool network_settings_encodes(const struct settings *settings, const struct network *network,
                              const char *application)
{
        return !network_setting_path(network, NETWORK_APPLICATION_ENCODES) ||
               settings_network_application(settings, network, application)->encodes;
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
