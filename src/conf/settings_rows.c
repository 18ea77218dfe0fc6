// SPDX-License-Identifier: MIT
/* One row per setting: its name, its field, its default, its rule and its meaning. */
#include "conf/settings_load.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "azure/endpoint.h"
#include "azure/names.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/text.h"
#include "conf/checks.h"
#include "conf/engine/load.h"
#include "conf/settings_check.h"
#include "conf/settings_networks.h"
#include "conf/vault_refer.h"

static const struct conf_map webhook_keys = {
        .items_offset = offsetof(struct settings, webhook_keys),
        .count_offset = offsetof(struct settings, webhook_key_count),
        .item_size = sizeof(struct settings_webhook_key),
        .list = true,
};

static const struct conf_map storage_queues = {
        .items_offset = offsetof(struct settings, storage_queues),
        .count_offset = offsetof(struct settings, storage_queue_count),
        .item_size = sizeof(struct settings_storage_queue),
        .any_case = true,
};

static const struct conf_map applications = {
        .items_offset = offsetof(struct settings, applications),
        .count_offset = offsetof(struct settings, application_count),
        .item_size = sizeof(struct settings_application),
};

static const struct conf_map application_methods = {
        .outer = &applications,
        .items_offset = offsetof(struct settings_application, methods),
        .count_offset = offsetof(struct settings_application, method_count),
        .item_size = sizeof(struct settings_method),
        .any_case = true,
};

static const struct conf_map port_formatters = {
        .outer = &applications,
        .items_offset = offsetof(struct settings_application, port_formatters),
        .count_offset = offsetof(struct settings_application, port_formatter_count),
        .item_size = sizeof(struct settings_port_formatter),
};

static const struct conf_map methods = {
        .items_offset = offsetof(struct settings, azure.methods),
        .count_offset = offsetof(struct settings, azure.method_count),
        .item_size = sizeof(struct settings_method),
        .any_case = true,
};

static const struct conf_map *const maps[] = {&webhook_keys,        &storage_queues,  &applications,
                                              &application_methods, &port_formatters, &methods};

static const struct conf_choice queue_settlements[] = {
        {"Stored", SETTINGS_QUEUE_STORED}, {"Accepted", SETTINGS_QUEUE_ACCEPTED}, {NULL, 0}};

static const struct conf_choice application_types[] = {
        {"IoTHub", SETTINGS_IOT_HUB}, {"IoTCentral", SETTINGS_IOT_CENTRAL}, {NULL, 0}};

static const struct conf_choice connection_types[] = {
        {"DeviceConnectionString", SETTINGS_DEVICE_CONNECTION_STRING},
        {"DeviceProvisioningService", SETTINGS_DEVICE_PROVISIONING_SERVICE},
        {NULL, 0}};

static const struct conf_choice priorities[] = {{"Lowest", DOWNLINK_LOWEST},
                                                {"0", DOWNLINK_LOWEST},
                                                {"Low", DOWNLINK_LOW},
                                                {"1", DOWNLINK_LOW},
                                                {"BelowNormal", DOWNLINK_BELOW_NORMAL},
                                                {"2", DOWNLINK_BELOW_NORMAL},
                                                {"Normal", DOWNLINK_NORMAL},
                                                {"3", DOWNLINK_NORMAL},
                                                {"AboveNormal", DOWNLINK_ABOVE_NORMAL},
                                                {"4", DOWNLINK_ABOVE_NORMAL},
                                                {"High", DOWNLINK_HIGH},
                                                {"5", DOWNLINK_HIGH},
                                                {"Highest", DOWNLINK_HIGHEST},
                                                {"6", DOWNLINK_HIGHEST},
                                                {NULL, 0}};

static const struct conf_choice queues[] = {
        {"Replace", SETTINGS_QUEUE_REPLACE}, {"Push", SETTINGS_QUEUE_PUSH}, {NULL, 0}};

static const struct conf_choice settlements[] = {{"ByRules", SETTINGS_SETTLE_BY_RULES},
                                                 {"OnQueued", SETTINGS_SETTLE_ON_QUEUED},
                                                 {"OnSent", SETTINGS_SETTLE_ON_SENT},
                                                 {"OnAck", SETTINGS_SETTLE_ON_ACK},
                                                 {NULL, 0}};

static const struct conf_choice outcome_reports[] = {
        {"None", SETTINGS_OUTCOME_NONE},
        {"Telemetry", SETTINGS_OUTCOME_TELEMETRY},
        {"ReportedProperty", SETTINGS_OUTCOME_REPORTED_PROPERTY},
        {NULL, 0}};

static const struct conf_choice method_answers[] = {
        {"OnQueued", SETTINGS_ANSWER_ON_QUEUED}, {"OnAck", SETTINGS_ANSWER_ON_ACK}, {NULL, 0}};

static const struct conf_choice log_levels[] = {
        {"Error", LOG_LEVEL_ERROR}, {"Critical", LOG_LEVEL_ERROR},   {"Warning", LOG_LEVEL_WARN},
        {"Warn", LOG_LEVEL_WARN},   {"Information", LOG_LEVEL_INFO}, {"Info", LOG_LEVEL_INFO},
        {"Debug", LOG_LEVEL_DEBUG}, {"Trace", LOG_LEVEL_DEBUG},      {NULL, 0}};

static const struct conf_choice dotnet_log_levels[] = {
        {"Trace", LOG_LEVEL_DEBUG + 1},      {"Debug", LOG_LEVEL_DEBUG + 1},
        {"Information", LOG_LEVEL_INFO + 1}, {"Warning", LOG_LEVEL_WARN + 1},
        {"Error", LOG_LEVEL_ERROR + 1},      {"Critical", LOG_LEVEL_ERROR + 1},
        {"None", LOG_LEVEL_ERROR + 1},       {NULL, 0}};

static const struct conf_choice log_formats[] = {
        {"Auto", LOG_FORMAT_AUTO}, {"Text", LOG_FORMAT_TEXT}, {"Json", LOG_FORMAT_JSON}, {NULL, 0}};

static const struct conf_choice monitor_logs[] = {{"Warning", SETTINGS_LOGS_WARNING},
                                                  {"Error", SETTINGS_LOGS_ERROR},
                                                  {"None", SETTINGS_LOGS_NONE},
                                                  {NULL, 0}};

static const struct conf_choice temporalities[] = {{"Cumulative", SETTINGS_CUMULATIVE},
                                                   {"Delta", SETTINGS_DELTA},
                                                   {"LowMemory", SETTINGS_DELTA},
                                                   {NULL, 0}};

static const struct conf_choice events[] = {
        {"JoinAccept", 1 << EVENT_JOIN_ACCEPT},
        {"UplinkNormalized", 1 << EVENT_UPLINK_NORMALIZED},
        {"LocationSolved", 1 << EVENT_LOCATION_SOLVED},
        {"ServiceData", 1 << EVENT_SERVICE_DATA},
        {"DownlinkQueued", 1 << EVENT_DOWNLINK_QUEUED},
        {"DownlinkSent", 1 << EVENT_DOWNLINK_SENT},
        {"DownlinkAck", 1 << EVENT_DOWNLINK_ACK},
        {"DownlinkNack", 1 << EVENT_DOWNLINK_NACK},
        {"DownlinkFailed", 1 << EVENT_DOWNLINK_FAILED},
        {"DownlinkQueueInvalidated", 1 << EVENT_DOWNLINK_QUEUE_INVALIDATED},
        {"DeviceStatus", 1 << EVENT_DEVICE_STATUS},
        {"NetworkLog", 1 << EVENT_NETWORK_LOG},
        {NULL, 0}};

static bool check_otlp_protocol(const char *text, struct reason *reason)
{
        if (text_equal(text, "http/protobuf"))
                return true;
        reason_set(reason, "only 'http/protobuf' is spoken; a collector takes it at port 4318");
        return false;
}

static bool check_backend(const char *text, struct reason *reason)
{
        if (text_equal(text, "sqlite") || text_equal(text, "postgresql"))
                return true;
        reason_set(reason, "there is no such store; 'sqlite' and 'postgresql' are those there are");
        return false;
}

static bool check_database_host(const char *text, struct reason *reason)
{
        return text[0] == '/' || check_endpoint(text, reason);
}

#define HUB             "AzureIoT.AzureIoTHub."
#define DPS             HUB "DeviceProvisioningService."
#define CENTRAL_DPS     "AzureIoT.IoTCentral.DeviceProvisioningService."
#define ONE_KEY         "WebhookKeys.*."
#define ONE_APPLICATION "AzureIoT.Applications.*."
#define FORMATTERS      "PayloadFormatters."
#define POSTGRESQL      "Store.PostgreSql."
#define FIELD(name)     .offset = offsetof(struct settings, name)
#define OF_KEY(name)    .map = &webhook_keys, .offset = offsetof(struct settings_webhook_key, name)
#define OF_APPLICATION(name)                                                                       \
        .map = &applications, .offset = offsetof(struct settings_application, name)
#define OF_APPLICATIONS_CERTIFICATES(name) OF_APPLICATION(certificates.name)
#define OF_CERTIFICATES(name)              FIELD(azure.certificates.name)
#define OF_QUEUE(name)                                                                             \
        .map = &storage_queues, .offset = offsetof(struct settings_storage_queue, name)
#define OF_METHOD(which, name) .map = &(which), .offset = offsetof(struct settings_method, name)
/* A connection string of Application Insights; those of the earlier programs' templates are spare.
 */
#define OF_INSIGHTS(place)                                                                         \
        CONF_TEXT,                                                                                 \
                .secret = true, .spare = true,                                                     \
                .offset = offsetof(struct settings, monitor.insights) + (place) * sizeof(char *),  \
                .check = check_insights, .mask = mask_insights
#define BETWEEN(least, most) .minimum = (least), .maximum = (most)

#define ROW(...)                                                                                   \
        {                                                                                          \
                __VA_ARGS__                                                                        \
        }

/* The rows of a method, for all applications and for one. */
#define METHOD_ROWS(prefix, which)                                                                 \
        ROW(prefix "Port", CONF_INTEGER, OF_METHOD(which, port), BETWEEN(0, 223),                  \
            .meaning = "LoRaWAN port of the downlink, 1 to 223; 0 = none"),                        \
                ROW(prefix "Confirmed", CONF_FLAG, OF_METHOD(which, confirmed),                    \
                    .meaning = "The device must acknowledge the downlink"),                        \
                ROW(prefix "Priority", CONF_CHOICE, OF_METHOD(which, priority),                    \
                    .choices = priorities, .fallback = "Normal",                                   \
                    .meaning = "Priority of the downlink in the network"),                         \
                ROW(prefix "Queue", CONF_CHOICE, OF_METHOD(which, queue), .choices = queues,       \
                    .fallback = "Replace",                                                         \
                    .meaning = "Whether the downlink replaces what waits for the device or is "    \
                               "put behind "                                                       \
                               "it"),                                                              \
                ROW(prefix "Payload", CONF_JSON, OF_METHOD(which, payload),                        \
                    .meaning = "What is sent when the command brings nothing; JSON, as such or "   \
                               "in a text"),                                                       \
                ROW(prefix "Formatter", CONF_TEXT, OF_METHOD(which, formatter),                    \
                    .meaning = "Payload formatter of this method's downlinks"),                    \
                ROW(prefix "Settlement", CONF_CHOICE, OF_METHOD(which, settlement),                \
                    .choices = settlements, .meaning = "As Commands.Settlement, for this method")

/* Devices' certificates, of all applications and of one. */
#define CERTIFICATE_ROWS(prefix, of)                                                               \
        ROW(prefix "DeviceCertificates", CONF_FOLDER, of(folder),                                  \
            .meaning = "Devices have certificates instead of keys: the folder with ID.pem and "    \
                       "ID-key.pem of each, ID being its id in IoT Hub"),                          \
                ROW(prefix "CertificateAuthority", CONF_INPUT_FILE, of(authority),                 \
                    .check = check_certificate_file,                                               \
                    .meaning = "PEM file of who signs the certificates that are missing there, "   \
                               "or near their end; without it nobody makes them here"),            \
                ROW(prefix "CertificateAuthorityKey", CONF_INPUT_FILE, of(authority_key),          \
                    .check = check_key_file, .meaning = "PEM file with its private key")

static const struct conf_row rows[] = {
        {"Listen", CONF_TEXT, FIELD(listen.address), .fallback = "127.0.0.1:8080",
         .check = check_listen,
         .meaning = "Where webhooks are taken: host:port, or :port for all interfaces. Without "
                    "WebhookKeys only a loopback address is allowed"},
        {"Tls.Certificate", CONF_INPUT_FILE, FIELD(listen.tls_certificate),
         .check = check_certificate_file,
         .meaning = "PEM file with the certificate of the webhook server and what leads to its "
                    "root; given with Tls.Key, webhooks come over HTTPS"},
        {"Tls.Key", CONF_INPUT_FILE, FIELD(listen.tls_key), .check = check_key_file,
         .meaning = "PEM file with its private key"},
        {"TrustedProxyHeader", CONF_TEXT, FIELD(listen.proxy_header), .check = check_token,
         .meaning = "Header in which the proxy in front tells the sender's address, for the log: "
                    "X-Forwarded-For (its last entry counts) or X-Real-IP; only if no one can go "
                    "around the proxy"},
        {"Page.Listen", CONF_TEXT, FIELD(page.address), .check = check_listen,
         .meaning = "Where the operator's page is: host:port; left out: there is none. Without "
                    "Page.Key only a loopback address is allowed"},
        {"Page.Key", CONF_TEXT, .secret = true, FIELD(page.key), .check = check_token,
         .meaning = "Password of those who may look at it"},
        {"Page.ControlKey", CONF_TEXT, .secret = true, FIELD(page.control_key),
         .check = check_token,
         .meaning = "Password of those who may also replay and drop dead letters and cancel "
                    "commands; without it nobody may"},
        {"DataDirectory", CONF_FOLDER, FIELD(data_directory), .fallback = "/var/lib/isthmus",
         .meaning = "Where the store is; made if it is missing"},
        {VAULT_REFER_PATH, CONF_TEXT, FIELD(key_vault), .spare = true, .check = check_vault,
         .meaning = VAULT_REFER_MEANING},
        {"WebhookKeys", CONF_TEXT, .secret = true, OF_KEY(key), .check = check_token,
         .meaning = "Keys of those who may send webhooks, as header X-Api-Key, as password of "
                    "basic authentication or as ?code=; several, so that a key can be changed "
                    "without a gap, or so that each sender has its own"},
        {ONE_KEY "Key", CONF_TEXT, .secret = true, OF_KEY(key), .check = check_token,
         .meaning =
                 "A key that is not for everything: an object in { } in the list of WebhookKeys"},
        {ONE_KEY "Applications", CONF_TEXTS, OF_KEY(applications),
         .meaning = "The applications, by their exact names, whose events this key may send; left "
                    "out: all"},
        {ONE_KEY "Networks", CONF_TEXTS, OF_KEY(networks), .check = check_network,
         .meaning = "The networks that this key may send from, named as in their webhooks' paths; "
                    "left out: all"},
        {"Limits.BodyBytes", CONF_INTEGER, FIELD(limits.body_bytes), .fallback = "1048576",
         BETWEEN(1024, 67108864),
         .meaning = "Longest body of a webhook; a longer one is answered 413"},
        {"Limits.JsonValues", CONF_INTEGER, FIELD(limits.json_values), .fallback = "20000",
         BETWEEN(100, 10000000),
         .meaning = "Most values (texts, numbers, words, lists, objects) in the JSON of a webhook, "
                    "each of which takes up to a kilobyte of memory; more are answered 400"},
        {"Limits.HeaderTimeoutSeconds", CONF_INTEGER, FIELD(limits.header_timeout_s),
         .fallback = "3", BETWEEN(1, 600),
         .meaning = "A connection, or a further request on it, whose headers take longer to arrive "
                    "is cut off"},
        {"Limits.RequestTimeoutSeconds", CONF_INTEGER, FIELD(limits.request_timeout_s),
         .fallback = "10", BETWEEN(1, 600),
         .meaning = "A webhook whose body takes longer to arrive is answered 408"},
        {"Limits.Connections", CONF_INTEGER, FIELD(limits.connections), .fallback = "1000",
         BETWEEN(1, 60000),
         .meaning = "Webhook connections open at the same time; when there are more, the oldest "
                    "that has not shown a key is cut off. Lowered at start if the system allows "
                    "too few open files"},
        {"Limits.ConnectionsPerAddress", CONF_INTEGER, FIELD(limits.connections_per_address),
         .fallback = "250", BETWEEN(0, 60000),
         .meaning = "Connections of one address (IPv6: of one /64) that have not shown a key; when "
                    "there are more, the oldest of them is cut off. 0 = no limit, as behind a "
                    "proxy, from which all connections come"},
        {"Limits.Devices", CONF_INTEGER, FIELD(limits.devices), .fallback = "200000",
         BETWEEN(1, 10000000),
         .meaning = "Devices that this gateway knows; webhooks of further ones are answered 503, "
                    "and `isthmus device release` makes room; of several gateways on one database "
                    "each counts all devices whose webhooks come to it"},
        {"UplinkQueueName", CONF_TEXT, FIELD(uplink_queue.name), .spare = true,
         .check = check_queue_name,
         .meaning = "Storage queue that deliveries are taken from, as the earlier connectors' own "
                    "web applications fill it"},
        {"ConnectionStrings.UplinkQueueStorage", CONF_TEXT, FIELD(uplink_queue.storage),
         .secret = true, .spare = true,
         .meaning =
                 "Connection string of the storage account with that queue, and of `Queues` that "
                 "have none of their own"},
        {"ConnectionStrings.UplinkQueueStorage.QueueServiceUri", CONF_TEXT,
         FIELD(uplink_queue.service_uri), .spare = true, .check = check_url,
         .meaning = "Instead of a connection string: https://ACCOUNT.queue.core.windows.net, which "
                    "the gateway's identity opens"},
        {"ConnectionStrings.UplinkQueueStorage.AccountName", CONF_TEXT,
         FIELD(uplink_queue.account_name), .spare = true, .check = check_account_name,
         .meaning = "The same by the account's name"},
        {"ConnectionStrings.UplinkQueueStorage.ClientId", CONF_TEXT, FIELD(uplink_queue.client_id),
         .check = check_token,
         .meaning = "Which of a machine's managed identities; needed if it has several"},
        {"AzureWebJobsStorage", CONF_TEXT, FIELD(uplink_queue.functions), .secret = true,
         .spare = true,
         .meaning = "The same, where ConnectionStrings.UplinkQueueStorage is missing"},
        {"Queues.*.Network", CONF_TEXT, OF_QUEUE(network), .check = check_network,
         .meaning = "Whose deliveries are in this storage queue; absent = of whichever network "
                    "understands them"},
        {"Queues.*.Application", CONF_TEXT, OF_QUEUE(application),
         .meaning = "Stands in for the last part of a webhook's path, which messages don't have"},
        {"Queues.*.ConnectionString", CONF_TEXT, OF_QUEUE(connection_string), .secret = true,
         .meaning = "Of the storage account with this queue"},
        {"Queues.*.QueueServiceUri", CONF_TEXT, OF_QUEUE(service_uri), .check = check_url,
         .meaning = "Instead: https://ACCOUNT.queue.core.windows.net, which the gateway's identity "
                    "opens"},
        {"Queues.*.ClientId", CONF_TEXT, OF_QUEUE(client_id), .check = check_token,
         .meaning = "Which of a machine's managed identities; needed if it has several"},
        {"Queues.*.Settle", CONF_CHOICE, OF_QUEUE(settlement), .choices = queue_settlements,
         .fallback = "Stored",
         .meaning = "When messages are deleted: Stored (all their events are on disk) or Accepted "
                    "(a hub has accepted them, or they are dead letters; for places without a "
                    "lasting disk)"},
        {"Queues.*.MaximumPollingSeconds", CONF_INTEGER, OF_QUEUE(maximum_polling_s),
         .fallback = "10", BETWEEN(1, 300),
         .meaning = "Longest pause between two looks at a queue that is empty"},
        {"Queues.*.VisibilityTimeoutSeconds", CONF_INTEGER, OF_QUEUE(visibility_timeout_s),
         .fallback = "300", BETWEEN(1, 86400),
         .meaning = "When a message that was taken and not deleted, because the gateway was killed "
                    "or its store was full, is seen again"},
        {"Store.Backend", CONF_TEXT, FIELD(store.backend), .fallback = "sqlite",
         .check = check_backend,
         .meaning = "What keeps the events: `sqlite`, a file in DataDirectory, or `postgresql`, a "
                    "database that several gateways may share"},
        {POSTGRESQL "Hosts", CONF_TEXTS, FIELD(store.postgresql.hosts),
         .check = check_database_host,
         .meaning = "Servers with the database, as host or host:port; the one that is primary is "
                    "used. Or the folder with a server's Unix socket, as /run/postgresql"},
        {POSTGRESQL "Database", CONF_TEXT, FIELD(store.postgresql.database), .fallback = "isthmus",
         .meaning = "The database; `isthmus store migrate` makes its tables"},
        {POSTGRESQL "User", CONF_TEXT, FIELD(store.postgresql.user), .fallback = "isthmus",
         .meaning = "Whom the gateway is there"},
        {POSTGRESQL "Password", CONF_TEXT, FIELD(store.postgresql.password), .secret = true,
         .early = true, .meaning = "The user's password"},
        {POSTGRESQL "PasswordFile", CONF_INPUT_FILE, FIELD(store.postgresql.password_file),
         .meaning = "Or a file that holds it and is read at each connection, for passwords that "
                    "change while the gateway runs"},
        {POSTGRESQL "TrustedCertificates", CONF_INPUT_FILE,
         FIELD(store.postgresql.trusted_certificates),
         .meaning = "PEM file with certificates of authorities that are trusted for the database, "
                    "besides the system's"},
        {POSTGRESQL "TimeoutMilliseconds", CONF_INTEGER, FIELD(store.postgresql.timeout_ms),
         .fallback = "1500", BETWEEN(100, 600000),
         .meaning = "A database that takes longer to answer counts as away"},
        {POSTGRESQL "LeaseSeconds", CONF_INTEGER, FIELD(store.postgresql.lease_s), .fallback = "6",
         BETWEEN(2, 300),
         .meaning = "A gateway that is not heard of in the database for so long, and a quarter of "
                    "it, loses its devices to the others"},
        {POSTGRESQL "RebalanceShardsPerSecond", CONF_INTEGER,
         FIELD(store.postgresql.releases_per_s), .fallback = "4", BETWEEN(1, 256),
         .meaning = "How many of its shards (each has a 256th of the devices) a gateway gives to "
                    "others that have fewer, in a second"},
        {POSTGRESQL "HubAbsenceSeconds", CONF_INTEGER, FIELD(store.postgresql.hub_absence_s),
         .fallback = "60", BETWEEN(0, 86400),
         .meaning =
                 "A gateway that has had no connection to any hub for so long, while another one "
                 "has, gives its devices to the others, and tries again as long after that; 0 = "
                 "never"},
        {POSTGRESQL "MemberName", CONF_TEXT, FIELD(store.postgresql.member_name),
         .meaning = "How this gateway is called among those on the database; if it is missing, as "
                    "its machine"},
        {POSTGRESQL "Spill", CONF_FLAG, FIELD(store.postgresql.spill), .fallback = "true",
         .meaning = "While the database is away new events are kept in DataDirectory, on this "
                    "machine's disk alone, and moved when it is back; otherwise webhooks are "
                    "answered 503"},
        {"Store.AllowNetworkFileSystem", CONF_FLAG, FIELD(store.network_file_system),
         .meaning = "Start although DataDirectory is on NFS or SMB, where the store can fail and "
                    "lose events"},
        {"Store.MaximumBytes", CONF_INTEGER, FIELD(store.maximum_bytes), .fallback = "1073741824",
         BETWEEN(1048576, INT64_C(1) << 46),
         .meaning = "Most that waiting events may take; webhooks are answered 503 when it is used "
                    "up, and those of a device that holds more than its share before that"},
        {"Store.DeadLetterBytes", CONF_INTEGER, FIELD(store.dead_letter_bytes),
         .fallback = "268435456", BETWEEN(1048576, INT64_C(1) << 46),
         .meaning = "Most that dead letters may take; the oldest give way"},
        {"Store.DeadLetterDays", CONF_INTEGER, FIELD(store.dead_letter_days), .fallback = "90",
         BETWEEN(0, 36500), .meaning = "Dead letters older than so many days give way; 0 = none"},
        {"Log.Level", CONF_CHOICE, FIELD(log.level), .choices = log_levels,
         .fallback = "Information", .meaning = "Least important events that are logged"},
        {"Logging.LogLevel.Default", CONF_CHOICE, FIELD(log.dotnet_level),
         .choices = dotnet_log_levels,
         .meaning = "The same as .NET programs have it; counts where Log.Level is missing"},
        {"Log.Format", CONF_CHOICE, FIELD(log.format), .choices = log_formats, .fallback = "Auto",
         .meaning = "Text for people, Json for programs; Auto is text on a terminal and JSON "
                    "elsewhere"},
        {"Insights.ConnectionString", OF_INSIGHTS(SETTINGS_INSIGHTS_OWN),
         .meaning = "Connection string of Application Insights, which is told requests, "
                    "dependencies, failures and numbers; without one nothing is sent"},
        {"ConnectionStrings.ApplicationInsights", OF_INSIGHTS(SETTINGS_INSIGHTS_STRINGS),
         .meaning = "The same, where Insights.ConnectionString is missing"},
        {"ApplicationInsights.ConnectionString", OF_INSIGHTS(SETTINGS_INSIGHTS_SECTION),
         .meaning = "The same, where those before it are missing"},
        {"APPLICATIONINSIGHTS_CONNECTION_STRING", OF_INSIGHTS(SETTINGS_INSIGHTS_VARIABLE),
         .meaning = "The same, where those before it are missing"},
        {"APPINSIGHTS_INSTRUMENTATIONKEY", OF_INSIGHTS(SETTINGS_INSIGHTS_KEY),
         .meaning = "Its instrumentation key alone, where those before it are missing"},
        {"ApplicationInsights.InstrumentationKey", OF_INSIGHTS(SETTINGS_INSIGHTS_SECTION_KEY),
         .meaning = "The same, where those before it are missing"},
        {"Insights.Authentication", CONF_TEXT, FIELD(monitor.authentication), .spare = true,
         .check = check_insights_authentication,
         .meaning =
                 "Authorization=AAD[;ClientId=ID]: what is told goes with a token of Entra ID, of "
                 "this machine's identity or of the one named; it needs the role Monitoring "
                 "Metrics Publisher"},
        {"Insights.OperationsPerSecond", CONF_FRACTION, FIELD(monitor.operations_per_second),
         .fallback = "0.5", .maximum = 1000000,
         .meaning = "Operations (a webhook with what follows from it) that are told in a second, "
                    "each of which stands for those that are not; failures and numbers are told "
                    "beside them"},
        {"Insights.Logs", CONF_CHOICE, FIELD(monitor.logs), .choices = monitor_logs,
         .fallback = "Warning", .meaning = "Least important lines of the log that are told"},
        {"Insights.MetricsSeconds", CONF_INTEGER, FIELD(monitor.metrics_s), .fallback = "60",
         BETWEEN(1, 86400), .meaning = "Time between two tellings of the numbers"},
        {"Insights.RoleName", CONF_TEXT, FIELD(monitor.role), .fallback = "isthmus",
         .check = check_token, .meaning = "What the gateway is called in the portal's map"},
        {"Insights.DeviceIdsInFailures", CONF_FLAG, FIELD(monitor.device_ids), .fallback = "true",
         .meaning = "Failures name the device"},
        {"Otlp.Endpoint", CONF_TEXT, FIELD(monitor.otlp.endpoint), .check = check_url,
         .meaning = "Collector of OTLP (OpenTelemetry over HTTP) that is told the same, as "
                    "http://localhost:4318; /v1/traces, /v1/logs and /v1/metrics are added"},
        {"Otlp.Headers", CONF_TEXT, FIELD(monitor.otlp.headers), .secret = true, .early = true,
         .meaning = "Headers of requests to it: name=value,name=value, values percent-escaped"},
        {"Otlp.Protocol", CONF_TEXT, FIELD(monitor.otlp.protocol), .fallback = "http/protobuf",
         .check = check_otlp_protocol, .meaning = "How it is spoken to"},
        {"Otlp.ServiceName", CONF_TEXT, FIELD(monitor.otlp.service), .fallback = "isthmus",
         .meaning = "What the gateway is called there"},
        {"Otlp.ResourceAttributes", CONF_TEXT, FIELD(monitor.otlp.attributes),
         .meaning = "Further attributes of the gateway: name=value,name=value"},
        {"Otlp.MetricsTemporality", CONF_CHOICE, FIELD(monitor.otlp.temporality),
         .choices = temporalities, .fallback = "Cumulative",
         .meaning = "Numbers are told since the gateway's start, or since the last time"},
        {"AzureIoT.ApplicationType", CONF_CHOICE, FIELD(azure.application_type),
         .choices = application_types, .fallback = "IoTHub",
         .meaning = "What the devices belong to; IoT Central takes devices through its "
                    "provisioning service only"},
        {HUB "ConnectionType", CONF_CHOICE, FIELD(azure.connection_type),
         .choices = connection_types,
         .meaning = "How devices reach their hub; not needed, since only one of the two ways may "
                    "be configured"},
        {HUB "ConnectionString", CONF_TEXT, .secret = true, FIELD(azure.connection_string),
         .check = check_connection_string, .mask = mask_connection_string,
         .meaning = "Connection string of a hub's policy with the right DeviceConnect; the devices "
                    "must exist in the hub"},
        {DPS "GlobalDeviceEndpoint", CONF_TEXT, FIELD(azure.dps.global_device_endpoint),
         .fallback = AZURE_DPS_GLOBAL_ENDPOINT, .check = check_endpoint,
         .meaning = "The provisioning service, host or host:port"},
        {DPS "IdScope", CONF_TEXT, FIELD(azure.dps.id_scope), .check = check_id_scope,
         .meaning = "ID scope of the provisioning service"},
        {DPS "GroupEnrollmentKey", CONF_TEXT, .secret = true, FIELD(azure.dps.group_enrollment_key),
         .check = check_key,
         .meaning = "Primary or secondary key of the enrolment group, from which each device's key "
                    "is made"},
        {CENTRAL_DPS "GlobalDeviceEndpoint", CONF_TEXT,
         FIELD(azure.central_dps.global_device_endpoint), .fallback = AZURE_DPS_GLOBAL_ENDPOINT,
         .check = check_endpoint,
         .meaning = "The same for IoT Central; read if ApplicationType is IoTCentral"},
        {CENTRAL_DPS "IdScope", CONF_TEXT, FIELD(azure.central_dps.id_scope),
         .check = check_id_scope, .meaning = "ID scope of the IoT Central application"},
        {CENTRAL_DPS "GroupEnrollmentKey", CONF_TEXT, .secret = true,
         FIELD(azure.central_dps.group_enrollment_key), .check = check_key,
         .meaning = "Key of its enrolment group"},
        {"AzureIoT.DtdlModelId", CONF_TEXT, FIELD(azure.dtdl_model_id), .check = check_model_id,
         .meaning = "DTDL model id of every device without a better one"},
        {"AzureIoT.ApplicationToDtdlModelIdMapping.*", CONF_TEXT,
         OF_APPLICATION(mapped_dtdl_model_id), .check = check_model_id,
         .meaning = "DTDL model id of an application's devices; case counts in the application's "
                    "name"},
        {ONE_APPLICATION "DtdlModelId", CONF_TEXT, OF_APPLICATION(dtdl_model_id),
         .check = check_model_id, .meaning = "The same, before the mapping above"},
        {ONE_APPLICATION "ConnectionString", CONF_TEXT, .secret = true,
         OF_APPLICATION(connection_string), .check = check_connection_string,
         .mask = mask_connection_string, .meaning = "A hub of its own for this application"},
        {ONE_APPLICATION "GlobalDeviceEndpoint", CONF_TEXT, OF_APPLICATION(global_device_endpoint),
         .check = check_endpoint,
         .meaning = "A provisioning service of its own for this application"},
        {ONE_APPLICATION "IdScope", CONF_TEXT, OF_APPLICATION(id_scope), .check = check_id_scope,
         .meaning = "An ID scope of its own for this application"},
        {ONE_APPLICATION "GroupEnrollmentKey", CONF_TEXT, .secret = true,
         OF_APPLICATION(group_enrollment_key), .check = check_key,
         .meaning = "An enrolment group of its own for this application"},
        CERTIFICATE_ROWS(ONE_APPLICATION, OF_APPLICATIONS_CERTIFICATES),
        {ONE_APPLICATION "Settlement", CONF_CHOICE, OF_APPLICATION(settlement),
         .choices = settlements, .meaning = "As Commands.Settlement, for this application"},
        METHOD_ROWS(ONE_APPLICATION "Methods.*.", application_methods),
        METHOD_ROWS("AzureIoT.Methods.*.", methods),
        {"AzureIoT.DeviceIdTemplate", CONF_TEXT, FIELD(azure.device_id_template),
         .fallback = "{device}", .check = check_device_id_template,
         .meaning = "IoT Hub device id of a device, made of {device}, {application}, {dev_eui}, "
                    "{network} and fixed characters"},
        {"AzureIoT.AmqpPort", CONF_INTEGER, FIELD(azure.amqp_port), .fallback = "5671",
         BETWEEN(1, 65535), .meaning = "Port of hubs that are named without one"},
        {"AzureIoT.TrustedCertificates", CONF_INPUT_FILE, FIELD(azure.trusted_certificates),
         .check = check_certificate_file,
         .meaning = "PEM file with root certificates that are trusted beside the system's, for a "
                    "local hub or a proxy"},
        CERTIFICATE_ROWS("AzureIoT.", OF_CERTIFICATES),
        {"AzureIoT.CertificateDays", CONF_INTEGER, FIELD(azure.certificate_days), .fallback = "90",
         BETWEEN(1, 3650),
         .meaning = "How long the certificates last that are made here; each is replaced when a "
                    "third of its time is left"},
        {"AzureIoT.DevicesPerConnection", CONF_INTEGER, FIELD(azure.devices_per_connection),
         .fallback = "995", BETWEEN(1, 995),
         .meaning = "Most devices that share one connection to a hub"},
        {"AzureIoT.DevicesPerSecond", CONF_INTEGER, FIELD(azure.devices_per_second),
         BETWEEN(0, 100000),
         .meaning = "Devices that are authorised per second and hub; 0 = as many as the hub takes, "
                    "which is found out when it says that there are too many"},
        {"AzureIoT.TokenLifetimeMinutes", CONF_INTEGER, FIELD(azure.token_lifetime_minutes),
         .fallback = "60", BETWEEN(1, 1440),
         .meaning = "How long a device's token is valid; it is renewed before its end"},
        {"AzureIoT.DetachIdleMinutes", CONF_INTEGER, FIELD(azure.detach_idle_minutes),
         .fallback = "0", BETWEEN(0, 525600),
         .meaning = "A device that takes no commands and has sent nothing for so long is "
                    "disconnected until its next uplink; 0 = never"},
        {"AzureIoT.TelemetryIdleMinutes", CONF_INTEGER, FIELD(azure.telemetry_idle_minutes),
         .fallback = "30", BETWEEN(0, 525600),
         .meaning = "A connected device that has sent nothing for so long gives up its link for "
                    "telemetry, and memory with it, until its next uplink; 0 = never"},
        {"AzureIoT.DirectMethods", CONF_FLAG, FIELD(azure.direct_methods), .fallback = "true",
         .meaning = "Receive direct methods; without them a device that takes commands needs less "
                    "memory here and at the hub"},
        {"AzureIoT.RegistrationsPerMinute", CONF_INTEGER, FIELD(azure.registrations_per_minute),
         .fallback = "0", BETWEEN(0, 100000),
         .meaning = "At most so many registrations in a minute; 0 = as many as the provisioning "
                    "service takes, which is found out"},
        {"AzureIoT.RegistrationWindowSeconds", CONF_INTEGER, FIELD(azure.registration_window_s),
         .fallback = "60", BETWEEN(1, 3600),
         .meaning = "The time over which the provisioning service counts its quota"},
        {"AzureIoT.ConcurrentRegistrations", CONF_INTEGER, FIELD(azure.concurrent_registrations),
         .fallback = "10000", BETWEEN(1, 100000),
         .meaning = "Devices that are being registered at the same time"},
        {"AzureIoT.ConnectAtStart", CONF_FLAG, FIELD(azure.connect_at_start), .fallback = "true",
         .meaning = "Connect all known devices at start, so that commands reach them before their "
                    "next uplink"},
        {"Telemetry.PayloadDecodedMember", CONF_FLAG, FIELD(telemetry.payload_decoded_member),
         .meaning = "The older shape: decoded values in one member PayloadDecoded instead of "
                    "members of their own"},
        {"Telemetry.TimesWithoutZone", CONF_FLAG, FIELD(telemetry.times_without_zone),
         .meaning = "Times as the earlier connectors wrote them: to the second and without Z"},
        {"Telemetry.Events", CONF_CHOICES, FIELD(telemetry.events), .choices = events,
         .meaning = "What is sent as telemetry besides uplinks"},
        {"Commands.Settlement", CONF_CHOICE, FIELD(commands.settlement), .choices = settlements,
         .fallback = "ByRules",
         .meaning = "When a command's cloud-to-device message is completed: ByRules (confirmed: "
                    "acknowledged; unconfirmed: sent), OnQueued, OnSent or OnAck"},
        {"Commands.OutcomeReport", CONF_CHOICE, FIELD(commands.outcome_report),
         .choices = outcome_reports, .fallback = "None",
         .meaning = "How the outcome of a command is told that was completed before it was known"},
        {"Commands.MethodAnswer", CONF_CHOICE, FIELD(commands.method_answer),
         .choices = method_answers, .fallback = "OnQueued",
         .meaning = "When a direct method is answered: the network has taken the downlink, or the "
                    "device has acknowledged it"},
        {"Commands.RawTextPayload", CONF_FLAG, FIELD(commands.raw_text_payload),
         .meaning = "A message that is neither JSON nor base64 is sent as the bytes of its text "
                    "instead of being rejected"},
        {"Commands.MaximumPerDevice", CONF_INTEGER, FIELD(commands.maximum_per_device),
         .fallback = "32", BETWEEN(1, 10000),
         .meaning = "Commands of a device that may wait in the gateway"},
        {"Commands.PerDevicePerMinute", CONF_INTEGER, FIELD(commands.per_device_per_minute),
         BETWEEN(0, 100000),
         .meaning = "Downlinks of a device that are given to the network per minute; 0 = no limit"},
        {"Commands.ExpiryHours", CONF_INTEGER, FIELD(commands.default_expiry_hours),
         .fallback = "48", BETWEEN(1, 8760),
         .meaning = "A command that says nothing else is given up after this time"},
        {"Commands.RequestTimeoutSeconds", CONF_INTEGER, FIELD(commands.request_timeout_s),
         .fallback = "10", BETWEEN(1, 300),
         .meaning = "A request to the network's API that takes longer is given up, and what became "
                    "of it is found out"},
        {FORMATTERS "Directory", CONF_FOLDER, FIELD(payload_formatters.directory),
         .fallback = "formatters", .meaning = "Where the payload formatters (JavaScript) are"},
        {"ConnectionStrings.PayloadFormattersStorage", CONF_TEXT, FIELD(payload_formatters.storage),
         .secret = true, .spare = true, .check = check_blob_storage,
         .meaning = "Connection string of the storage account with containers of payload "
                    "formatters"},
        {"ConnectionStrings.PayloadFormattersStorage.BlobServiceUri", CONF_TEXT,
         FIELD(payload_formatters.service_uri), .spare = true, .check = check_blob_service,
         .meaning = "Instead: https://ACCOUNT.blob.core.windows.net, which the gateway's identity "
                    "opens"},
        {"ConnectionStrings.PayloadFormattersStorage.ClientId", CONF_TEXT,
         FIELD(payload_formatters.client_id), .check = check_token,
         .meaning = "Which of a machine's managed identities; needed if it has several"},
        {FORMATTERS "UplinkContainer", CONF_TEXT, FIELD(payload_formatters.uplink_container),
         .spare = true, .check = check_queue_name,
         .meaning = "Container of blobs NAME.js, the payload formatters of uplinks; those of "
                    "PayloadFormatters.Directory come first"},
        {FORMATTERS "DownlinkContainer", CONF_TEXT, FIELD(payload_formatters.downlink_container),
         .spare = true, .check = check_queue_name, .meaning = "The same for downlinks"},
        {FORMATTERS "RefreshSeconds", CONF_INTEGER, FIELD(payload_formatters.refresh_s),
         .fallback = "60", BETWEEN(1, 86400),
         .meaning = "How often the containers are looked at for changes"},
        {FORMATTERS "UplinkFormatterDefault", CONF_TEXT, FIELD(payload_formatters.uplink_default),
         .meaning = "Formatter of uplinks that nothing else names one for"},
        {FORMATTERS "DownlinkFormatterDefault", CONF_TEXT,
         FIELD(payload_formatters.downlink_default),
         .meaning = "Formatter of downlinks that nothing else names one for"},
        {FORMATTERS "Applications.*.UplinkFormatter", CONF_TEXT, OF_APPLICATION(uplink_formatter),
         .meaning = "Formatter of this application's uplinks"},
        {FORMATTERS "Applications.*.DownlinkFormatter", CONF_TEXT,
         OF_APPLICATION(downlink_formatter),
         .meaning = "Formatter of this application's downlinks"},
        {FORMATTERS "Applications.*.Ports.*", CONF_TEXT, .map = &port_formatters,
         .offset = offsetof(struct settings_port_formatter, formatter),
         .meaning = "Formatter of this application's uplinks on one LoRaWAN port"},
        {FORMATTERS "TimeoutMilliseconds", CONF_INTEGER, FIELD(payload_formatters.timeout_ms),
         .fallback = "100", BETWEEN(1, 60000), .meaning = "Longest that one call may take"},
        {FORMATTERS "Workers", CONF_INTEGER, FIELD(payload_formatters.workers), .fallback = "2",
         BETWEEN(1, 64), .meaning = "Processes that run formatters"},
        {FORMATTERS "MaximumMemoryBytes", CONF_INTEGER,
         FIELD(payload_formatters.maximum_memory_bytes), .fallback = "268435456",
         BETWEEN(INT64_C(1) << 26, INT64_C(1) << 36),
         .meaning = "Memory at which such a process is replaced"},
};

/* Sets the fields that follow from others: host and port of Listen, the ports of formatters. */
static void derive(struct settings *settings)
{
        CLEANUP(buf_deinit) struct buf host = BUF_INIT;

        listen_split(settings->listen.address, &host, &settings->listen.port);
        free(settings->listen.host);
        settings->listen.host = mem_text(buf_text(&host));
        free(settings->page.host);
        settings->page.host = NULL;
        if (!settings->page.address)
                return;
        buf_clear(&host);
        listen_split(settings->page.address, &host, &settings->page.port);
        settings->page.host = mem_text(buf_text(&host));
        settings->page.is_public = !endpoint_is_loopback(settings->page.host);
}

static void finish(struct conf_load *load)
{
        derive(load->target);
        settings_check(load, load->target);
}

static struct conf_schema schema = {
        .maps = maps,
        .map_count = ARRAY_SIZE(maps),
        .spellings = settings_spellings,
        .ignored = settings_ignored,
        .prepare = settings_prepare_queues,
        .finish = finish,
        .refer = vault_refer,
        .secrets_offset = offsetof(struct settings, secrets),
};

/* The rows above and those of the networks, which stay until the program ends. */
static void make_schema(void)
{
        size_t count = settings_network_rows(&applications, NULL);
        struct conf_row *all = mem_new(ARRAY_SIZE(rows) + count, sizeof(*all));

        memcpy(all, rows, sizeof(rows));
        settings_network_rows(&applications, all + ARRAY_SIZE(rows));
        schema.rows = all;
        schema.row_count = ARRAY_SIZE(rows) + count;
}

const struct conf_schema *settings_schema(void)
{
        static pthread_once_t once = PTHREAD_ONCE_INIT;

        pthread_once(&once, make_schema);
        return &schema;
}

bool settings_load_or_complain(struct settings *settings, const char *file)
{
        const struct conf_source source = {
                .file = file,
                .may_be_absent = strcmp(file, SETTINGS_DEFAULT_FILE) == 0,
                .environment = environ,
        };

        return conf_load_or_complain(settings_schema(), &source, settings);
}

void settings_init(struct settings *settings)
{
        memset(settings, 0, sizeof(*settings));
        conf_set_defaults(settings_schema(), settings);
        derive(settings);
}

void settings_deinit(struct settings *settings)
{
        conf_secrets_deinit(&settings->secrets);
        conf_free_values(settings_schema(), settings);
        free(settings->listen.host);
        free(settings->page.host);
        memset(settings, 0, sizeof(*settings));
}
