// SPDX-License-Identifier: MIT
/*
 * How earlier programs spelled our settings, and what they had that we do without. Their users'
 * files load unchanged; docs/moving-over.md tells them the rest.
 */
#include "conf/settings_load.h"

#define HUB         "AzureIoT.AzureIoTHub"
#define DPS         HUB ".DeviceProvisioningService"
#define CENTRAL_DPS "AzureIoT.IoTCentral.DeviceProvisioningService"

const struct conf_spelling settings_spellings[] = {
        /* Both connectors: the section's other names. */
        {"AzureIoT.IoTHub", HUB},
        {"AzureIoT.AzureIoTCentral", "AzureIoT.IoTCentral"},
        /* The Things Industries connector. */
        {HUB ".IoTHubConnectionString", HUB ".ConnectionString"},
        {HUB ".Applications", "AzureIoT.Applications"},
        {HUB ".Methods", "AzureIoT.Methods"},
        {"AzureIoT.DeviceProvisioningService", DPS},
        {DPS ".Applications", "AzureIoT.Applications"},
        {CENTRAL_DPS ".Applications", "AzureIoT.Applications"},
        {"AzureIoT.IoTCentral.Methods", "AzureIoT.Methods"},
        /* Its first version. */
        {"AzureSettings.IoTHubConnectionString", HUB ".ConnectionString"},
        {"AzureSettings.DeviceProvisioningServiceSettings", DPS},
        /* Myriota connector, its first versions. */
        {"AzureIoT.ConnectionType", HUB ".ConnectionType"},
        {"AzureIoT.ConnectionString", HUB ".ConnectionString"},
        {"AzureIoT.DeviceProvisioningServiceIoTHub", DPS},
        {"AzureIoT.DeviceProvisioningServiceIoTCentral", CENTRAL_DPS},
        /* The Things Network connector over MQTT. */
        {"ProgramSettings.TheThingsIndustries", "TheThingsIndustries"},
        {"ProgramSettings.Applications.*.AzureSettings.IoTHubConnectionString",
         "AzureIoT.Applications.*.ConnectionString"},
        {"ProgramSettings.Applications.*.AzureSettings.DeviceProvisioningServiceSettings",
         "AzureIoT.Applications.*"},
        {"ProgramSettings.Applications.*.MethodSettings", "AzureIoT.Applications.*.Methods"},
        {"ProgramSettings.Applications.*.DeviceIntegrationDefault",
         "TheThingsIndustries.Applications.*.DeviceIntegrationDefault"},
        {"ProgramSettings.Applications.*", "AzureIoT.Applications.*"},
        /* The integration of version 2; its settings of one port are ignored below. */
        {"AzureIotHubConnectionString-Default", HUB ".ConnectionString"},
        {"AzureIotHubConnectionString-*", "AzureIoT.Applications.*.ConnectionString"},
        {"DPSIDScope-Default", DPS ".IdScope"},
        {"DPSIDScope-*", "AzureIoT.Applications.*.IdScope"},
        {"DPSEnrollmentGroupSymmetricKey-Default", DPS ".GroupEnrollmentKey"},
        {"DPSEnrollmentGroupSymmetricKey-*", "AzureIoT.Applications.*.GroupEnrollmentKey"},
        {"DPSGlobaDeviceEndpoint", DPS ".GlobalDeviceEndpoint"},
        /* How Azure Functions name the queue's storage, and the Myriota connector its queue. */
        {"UplinkQueueStorage", "ConnectionStrings.UplinkQueueStorage"},
        {"PayloadFormattersStorage", "ConnectionStrings.PayloadFormattersStorage"},
        {"AzureWebJobsPayloadFormattersStorage", "ConnectionStrings.PayloadFormattersStorage"},
        {"AzureWebJobsUplinkQueueStorage", "ConnectionStrings.UplinkQueueStorage"},
        {"Application.QueueName", "UplinkQueueName"},
        /* How Microsoft's clients of Application Insights are told to use Entra ID. */
        {"APPLICATIONINSIGHTS_AUTHENTICATION_STRING", "Insights.Authentication"},
        /* OpenTelemetry's environment. */
        {"OTEL_EXPORTER_OTLP_ENDPOINT", "Otlp.Endpoint"},
        {"OTEL_EXPORTER_OTLP_HEADERS", "Otlp.Headers"},
        {"OTEL_EXPORTER_OTLP_PROTOCOL", "Otlp.Protocol"},
        {"OTEL_SERVICE_NAME", "Otlp.ServiceName"},
        {"OTEL_RESOURCE_ATTRIBUTES", "Otlp.ResourceAttributes"},
        {"OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "Otlp.MetricsTemporality"},
        {NULL, NULL},
};

#define BY_WEBHOOK "uplinks come by webhook, downlinks go to TheThingsIndustries.WebhookBaseURL"
#define STORE      "events are kept in the store below DataDirectory; no storage account is needed"
#define INSIGHTS   "Insights.ConnectionString and what stands beside it say what is told"
#define HOST       "isthmus is a program of its own and needs no host"
#define CAMERA     "belongs to isthmus-camera"

const struct conf_ignored settings_ignored[] = {
        {"ConnectionStrings.*", STORE},
        {"TheThingsIndustries.MqttServerName", BY_WEBHOOK},
        {"TheThingsIndustries.MqttClientId", BY_WEBHOOK},
        {"TheThingsIndustries.MqttAutoReconnectDelay", BY_WEBHOOK},
        {"TheThingsIndustries.Tenant", "the host in TheThingsIndustries.WebhookBaseURL names it"},
        {"TheThingsIndustries.Collaborator",
         "the API keys in TheThingsIndustries.Applications name the applications"},
        {"AzureIoT.Applications.*.MQTTAccessKey",
         "downlinks need TheThingsIndustries.Applications.*.ApiKey and WebhookId instead"},
        {"DeviceProvisioningPollingDelay", "the provisioning service says itself when to ask"},
        {"Logging", "Log.Level and Log.Format take its place"},
        {"ApplicationInsights", INSIGHTS},
        {"APPINSIGHTS_*", INSIGHTS},
        {"APPLICATIONINSIGHTS_*", INSIGHTS},
        {"AzureWebJobs*", HOST},
        {"AzureFunctionsJobHost", HOST},
        {"FUNCTIONS_*", HOST},
        {"WEBSITE_*", HOST},
        {"IsEncrypted", HOST},
        {"Host", HOST},
        {"AllowedHosts", HOST},
        {"Kestrel", "Listen and Tls take its place"},
        {"Application", CAMERA},
        {"Camera", CAMERA},
        {"SecurityCamera", CAMERA},
        {"RaspberryPICamera", CAMERA},
        {"AzureIoTHub", CAMERA},
        {"AzureIoTHubDPS", CAMERA},
        {"AzureStorage", CAMERA},
        {NULL, NULL},
};
