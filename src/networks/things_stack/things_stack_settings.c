// SPDX-License-Identifier: MIT
/* The words of The Things Stack's section in the configuration. */
#include <stddef.h>

#include "networks/things_stack/things_stack.h"

#define THINGS       "TheThingsIndustries."
#define APPLICATIONS THINGS "Applications.*."

const struct network_setting things_stack_settings[] = {
        {THINGS "WebhookBaseURL", NETWORK_BASE_URL, NULL,
         "Where downlinks go: https://HOST/api/v3/as/applications"},
        {THINGS "ApiBaseUrl", NETWORK_LIST_URL, NULL,
         "Where devices are listed: https://HOST/api/v3"},
        {THINGS "ApiKey", NETWORK_API_KEY, NULL,
         "API key of applications that have none of their own"},
        {THINGS "WebhookId", NETWORK_WEBHOOK_ID, NULL,
         "Webhook id of applications that have none of their own"},
        {THINGS "DownlinkHosts", NETWORK_DOWNLINK_HOSTS, NULL,
         "Hosts that a webhook's headers X-Downlink-Push and X-Downlink-Replace may name: host, "
         "host:port, or .domain for all hosts below it. If none is given: the host of "
         "WebhookBaseURL, and without one those of The Things Stack Cloud and Sandbox, where an "
         "application keeps the host that it named first"},
        {THINGS "WebhookRetries", NETWORK_REPEATS, NULL,
         "The webhooks' retries are switched on in the console, where there are any (The Things "
         "Stack Cloud): what could not be taken comes again, and does not count as lost"},
        {THINGS "DeviceIntegrationDefault", NETWORK_INTEGRATION, "true",
         "Whether devices without the attribute azureintegration are connected"},
        {THINGS "DeviceClass", NETWORK_DEVICE_CLASS, NULL,
         "LoRaWAN class of devices without the attribute lorawanclass; see commands.md: what is "
         "never sent twice"},
        {THINGS "DevicePageSize", NETWORK_PAGE_SIZE, "100",
         "Devices per page when devices are listed"},
        {THINGS "RefreshMinutes", NETWORK_REFRESH_MINUTES, "60",
         "How often the lists of devices are read again; 0 = at start only"},
        {APPLICATIONS "ApiKey", NETWORK_APPLICATION_API_KEY, NULL,
         "API key of this application, for downlinks and for listing its devices"},
        {APPLICATIONS "WebhookId", NETWORK_APPLICATION_WEBHOOK_ID, NULL,
         "Id of the webhook in this application, for downlinks"},
        {APPLICATIONS "DeviceIntegrationDefault", NETWORK_APPLICATION_INTEGRATION, NULL,
         "As DeviceIntegrationDefault, for this application"},
        {APPLICATIONS "DeviceClass", NETWORK_APPLICATION_DEVICE_CLASS, NULL,
         "As DeviceClass, for this application"},
        {.path = NULL},
};
