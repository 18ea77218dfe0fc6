// SPDX-License-Identifier: MIT
#include "gateway/device/listing_access.h"

#include "base/text.h"
#include "networks/myriota/myriota.h"
#include "networks/things_stack/things_stack.h"

void listing_access_each(const struct settings *settings,
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

bool listing_integrates(const struct settings *settings, const char *network,
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
