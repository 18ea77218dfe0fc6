// SPDX-License-Identifier: MIT
/* Services that are told what the gateway does: does what is configured lead to one? */
#include <string.h>

#include "azure/insights_string.h"
#include "conf/settings_check.h"

static const struct conf_subject insights_places[] = {
        [SETTINGS_INSIGHTS_OWN] = {.path = "Insights.ConnectionString"},
        [SETTINGS_INSIGHTS_STRINGS] = {.path = "ConnectionStrings.ApplicationInsights"},
        [SETTINGS_INSIGHTS_SECTION] = {.path = "ApplicationInsights.ConnectionString"},
        [SETTINGS_INSIGHTS_VARIABLE] = {.path = "APPLICATIONINSIGHTS_CONNECTION_STRING"},
        [SETTINGS_INSIGHTS_KEY] = {.path = "APPINSIGHTS_INSTRUMENTATIONKEY"},
        [SETTINGS_INSIGHTS_SECTION_KEY] = {.path = "ApplicationInsights.InstrumentationKey"},
};

static const struct conf_subject authentication = {.path = "Insights.Authentication"};

void settings_check_monitor(struct conf_load *load, const struct settings *settings)
{
        CLEANUP(insights_string_deinit) struct insights_string parsed = INSIGHTS_STRING_INIT;
        enum settings_insights_place place;
        const char *text = settings_insights(settings, &place);
        struct reason reason;

        if (!text && settings->monitor.authentication)
                conf_say_about(load, CONF_NOTE, &authentication,
                               "has no effect without Insights.ConnectionString");
        /* Of one that is wrong its check has said so. */
        if (!text || conf_secret_is_awaited(text) || !insights_string_parse(text, &parsed, &reason))
                return;
        if (parsed.is_blank)
                conf_say_about(load, CONF_NOTE, &insights_places[place],
                               "has no effect: a key of nothing but zeros is a placeholder");
        else if (!strchr(text, '='))
                conf_say_about(load, CONF_WARNING, &insights_places[place],
                               "a key alone is told at an address that works, but that Microsoft "
                               "supports no more; give the connection string that the portal "
                               "shows beside it");
}
