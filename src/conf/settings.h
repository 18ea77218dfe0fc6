// SPDX-License-Identifier: MIT
/*
 * Every setting of the gateway as a plain C value. settings_load.h fills it once
 * at start; afterwards it is read only, on every thread, but for the fields marked "secret", which
 * may change where they stand: conf_secret_text reads them (conf/engine/secret.h). Each field
 * belongs to one row of settings_rows.c, which holds its name in the file, its default and its
 * meaning, or to one setting of a network's driver; the same rows make docs/configuration.md.
 *
 * Texts are NULL where nothing was configured and there is no default. They belong to the struct.
 */
#ifndef ISTHMUS_CONF_SETTINGS_H
#define ISTHMUS_CONF_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/log.h"
#include "conf/engine/secret.h"
#include "conf/engine/texts.h"
#include "networks/network.h"

enum settings_application_type {
        SETTINGS_IOT_HUB,
        SETTINGS_IOT_CENTRAL,
};

enum settings_connection_type {
        SETTINGS_CONNECTION_NONE, /* nothing is configured */
        SETTINGS_DEVICE_CONNECTION_STRING,
        SETTINGS_DEVICE_PROVISIONING_SERVICE,
};

enum settings_queue {
        SETTINGS_QUEUE_REPLACE,
        SETTINGS_QUEUE_PUSH,
};

/* When a command counts as done and its cloud-to-device message is completed. */
enum settings_settlement {
        SETTINGS_SETTLE_INHERIT,   /* of a method: as its application; of that: as all */
        SETTINGS_SETTLE_BY_RULES,  /* unconfirmed: sent; confirmed: acknowledged (rules E1 to E5) */
        SETTINGS_SETTLE_ON_QUEUED, /* the network has taken it */
        SETTINGS_SETTLE_ON_SENT,   /* a gateway or satellite has transmitted it */
        SETTINGS_SETTLE_ON_ACK,    /* the device has acknowledged it */
};

/* How the fate of a command is told that was completed before it was known. */
enum settings_outcome_report {
        SETTINGS_OUTCOME_NONE,
        SETTINGS_OUTCOME_TELEMETRY,
        SETTINGS_OUTCOME_REPORTED_PROPERTY,
};

/* When a direct method is answered. */
enum settings_method_answer {
        SETTINGS_ANSWER_ON_QUEUED, /* the network has taken the downlink */
        SETTINGS_ANSWER_ON_ACK,    /* the device has acknowledged it */
};

/* Which lines of the log monitoring services are told. */
enum settings_monitor_logs {
        SETTINGS_LOGS_WARNING,
        SETTINGS_LOGS_ERROR,
        SETTINGS_LOGS_NONE,
};

/* Since when a collector of OTLP is told numbers: since the start, or the last time. */
enum settings_temporality {
        SETTINGS_CUMULATIVE,
        SETTINGS_DELTA,
};

/* Where a connection string of Application Insights may stand, in the order in which they count. */
enum settings_insights_place {
        SETTINGS_INSIGHTS_OWN,
        SETTINGS_INSIGHTS_STRINGS,     /* ConnectionStrings.ApplicationInsights */
        SETTINGS_INSIGHTS_SECTION,     /* ApplicationInsights.ConnectionString */
        SETTINGS_INSIGHTS_VARIABLE,    /* APPLICATIONINSIGHTS_CONNECTION_STRING */
        SETTINGS_INSIGHTS_KEY,         /* APPINSIGHTS_INSTRUMENTATIONKEY */
        SETTINGS_INSIGHTS_SECTION_KEY, /* ApplicationInsights.InstrumentationKey */
        SETTINGS_INSIGHTS_PLACES,
};

enum settings_signature_mode {
        SETTINGS_SIGNATURE_REQUIRE, /* a false or missing signature is refused */
        SETTINGS_SIGNATURE_STRICT,  /* also an expired or self-signed certificate */
        SETTINGS_SIGNATURE_WARN,    /* a false or missing signature is logged only */
        SETTINGS_SIGNATURE_OFF,
};

/* How deliveries of a network that signs are verified (gateway/intake/uplink_trust.h). */
struct settings_signature {
        enum settings_signature_mode mode;
        char *certificate_host; /* host or host:port, the only one certificates are fetched from */
        struct conf_texts certificate_fingerprints; /* SHA-256, hex; none = any */
        struct conf_texts certificate_files;        /* PEM or DER; none = they are fetched */
        int64_t maximum_age_minutes;                /* of a delivery; 0 = any */
};

/* When a message of a storage queue is deleted. */
enum settings_queue_settlement {
        SETTINGS_QUEUE_STORED,   /* all its events are on disk */
        SETTINGS_QUEUE_ACCEPTED, /* a hub has accepted all of them, or they are dead letters */
};

/* What is configured of one network; networks/network_setting.h says what each is for. */
struct settings_network {
        char *base_url;
        char *list_url;
        char *api_key; /* secret */
        char *webhook_id;
        struct conf_texts downlink_hosts;
        bool downlink_enabled;
        bool repeats; /* what its driver does not say of every installation */
        bool device_integration;
        enum device_class device_class;
        int64_t page_size;
        int64_t refresh_minutes; /* 0 = lists are read at start only */
        char *paging_parameter;
        struct settings_signature signature;
};

/* The same of one application; what says nothing is left to the network's. */
struct settings_network_application {
        char *api_key; /* secret */
        char *webhook_id;
        enum device_integration device_integration;
        enum device_class device_class;
        bool encodes;
};

/* How a command (IoT Central command or direct method) becomes a downlink. */
struct settings_method {
        char *name;
        int64_t port; /* 1 to 223; 0 = not configured */
        bool confirmed;
        enum downlink_priority priority;
        enum settings_queue queue;
        char *payload;   /* JSON text that is sent when the command brings none; or NULL */
        char *formatter; /* or NULL */
        enum settings_settlement settlement;
};

/* The payload formatter of one LoRaWAN port of an application. */
struct settings_port_formatter {
        char *name; /* the port as text, "1" to "255" */
        int64_t port;
        char *formatter;
};

/* Where devices' certificates are, and who signs new ones (azure/device_certificate.h). */
struct settings_certificates {
        char *folder; /* NULL = devices have keys */
        char *authority;
        char *authority_key;
};

/* What is configured for one application; names are case-sensitive. */
struct settings_application {
        char *name;
        char *dtdl_model_id;        /* AzureIoT.Applications; before `mapped_dtdl_model_id` */
        char *mapped_dtdl_model_id; /* AzureIoT.ApplicationToDtdlModelIdMapping */
        char *connection_string;    /* secret */
        char *global_device_endpoint;
        char *id_scope;
        char *group_enrollment_key; /* secret */
        struct settings_certificates certificates;
        enum settings_settlement settlement;
        struct settings_method *methods; /* before those of all applications */
        size_t method_count;
        struct settings_network_application networks[NETWORKS_MAX]; /* as settings' */
        char *uplink_formatter;
        char *downlink_formatter;
        struct settings_port_formatter *port_formatters;
        size_t port_formatter_count;
};

struct settings_dps {
        char *global_device_endpoint; /* host or host:port */
        char *id_scope;
        char *group_enrollment_key; /* secret, base64 */
};

/* Who may send webhooks, and whose. */
struct settings_webhook_key {
        char *name;                     /* its place in WebhookKeys: "0", "1", ... */
        char *key;                      /* secret */
        struct conf_texts applications; /* exact names; none = of all */
        struct conf_texts networks;     /* none = all */
};

/* A storage queue that deliveries are taken from. */
struct settings_storage_queue {
        char *name;
        char *network;           /* NULL = whichever understands a message */
        char *application;       /* that stands in for the last part of a webhook's path; or NULL */
        char *connection_string; /* secret; settings_queue_storage tells which one counts */
        char *service_uri;       /* instead: the gateway's identity opens it; or NULL */
        char *client_id;         /* of that identity; or NULL */
        enum settings_queue_settlement settlement;
        int64_t maximum_polling_s;    /* longest pause while it is empty */
        int64_t visibility_timeout_s; /* nobody else sees a message that was got for so long */
};

struct settings {
        struct conf_secrets secrets; /* that stand outside the configuration */
        char *key_vault; /* URL of the vault of secrets that are given by name; or NULL */
        struct {
                char *address;         /* as configured: "127.0.0.1:8080", "[::1]:8080", ":8080" */
                char *host;            /* of `address`, without brackets; "" = all interfaces */
                uint16_t port;         /* of `address`; 0 = any free one */
                char *tls_certificate; /* PEM file; NULL = no TLS */
                char *tls_key;         /* PEM file */
                char *proxy_header;    /* in which a proxy tells the sender's address; or NULL */
        } listen;
        struct {
                char *address; /* as listen's; NULL = there is no page */
                char *host;
                uint16_t port;
                char *key;         /* secret: who gives it may look; NULL = everybody */
                char *control_key; /* secret: who gives it may change; NULL = nobody */
                bool is_public;    /* not on loopback: a key is needed */
        } page;
        char *data_directory;
        struct settings_webhook_key *webhook_keys; /* none = every caller is let in */
        size_t webhook_key_count;
        struct settings_storage_queue *storage_queues;
        size_t storage_queue_count;
        struct {
                char *name;      /* becomes one of `storage_queues` */
                char *storage;   /* secret: connection string of queues that have no own */
                char *functions; /* secret: the same where that is missing, as Functions have it */
                char *service_uri;  /* instead of `storage`; or NULL */
                char *account_name; /* becomes service_uri */
                char *client_id;
        } uplink_queue;
        struct {
                int64_t body_bytes;  /* of a webhook; more is answered 413 */
                int64_t json_values; /* in the body of a webhook; more is answered 400 */
                int64_t header_timeout_s;
                int64_t request_timeout_s;
                int64_t connections;             /* webhook connections open at the same time */
                int64_t connections_per_address; /* of them without a key; 0 = no limit */
                int64_t devices;                 /* known to this gateway */
        } limits;
        struct {
                char *backend;
                bool network_file_system;  /* is allowed below data_directory */
                int64_t maximum_bytes;     /* of waiting events */
                int64_t dead_letter_bytes; /* more give way */
                int64_t dead_letter_days;  /* older ones give way; 0 = none does */
                struct {
                        struct conf_texts hosts; /* of the backend "postgresql" alone */
                        char *database;
                        char *user;
                        char *password; /* secret */
                        char *password_file;
                        char *trusted_certificates; /* PEM file */
                        int64_t timeout_ms;
                        int64_t lease_s;
                        int64_t releases_per_s; /* of shards */
                        int64_t hub_absence_s;
                        char *member_name; /* NULL = the machine's */
                        bool spill;        /* below data_directory, while it is away */
                } postgresql;
        } store;
        struct {
                enum log_level level;
                int dotnet_level; /* as .NET's settings name it: enum log_level + 1; 0 = not given
                                   */
                enum log_format format;
        } log;
        struct {
                char *insights[SETTINGS_INSIGHTS_PLACES]; /* secret; settings_insights chooses */
                char *authentication; /* there, by a token of Entra ID; or NULL */
                double operations_per_second;
                enum settings_monitor_logs logs;
                int64_t metrics_s;
                char *role;
                bool device_ids; /* in failures */
                struct {
                        char *endpoint; /* NULL = none */
                        char *headers;  /* secret */
                        char *protocol;
                        char *service;
                        char *attributes;
                        enum settings_temporality temporality;
                } otlp;
        } monitor;
        struct {
                enum settings_application_type application_type;
                /* settings_azure_for tells which of these four count for an application. */
                enum settings_connection_type connection_type;
                char *connection_string; /* secret */
                struct settings_dps dps;
                struct settings_dps central_dps; /* given below IoTCentral */
                char *dtdl_model_id;
                char *device_id_template;
                int64_t amqp_port;
                char *trusted_certificates; /* PEM file */
                struct settings_certificates certificates;
                int64_t certificate_days; /* of those that we make */
                int64_t devices_per_connection;
                int64_t devices_per_second; /* authorised per hub; 0 = no limit */
                int64_t token_lifetime_minutes;
                int64_t detach_idle_minutes;    /* devices that take no commands; 0 = never */
                int64_t telemetry_idle_minutes; /* links for telemetry end; 0 = never */
                bool direct_methods;            /* are received, besides cloud-to-device messages */
                int64_t registrations_per_minute;
                int64_t registration_window_s;
                int64_t concurrent_registrations;
                bool connect_at_start; /* all remembered devices, so that commands reach them */
                struct settings_method *methods; /* for all applications */
                size_t method_count;
        } azure;
        struct settings_application *applications;
        size_t application_count;
        struct {
                bool payload_decoded_member;
                bool times_without_zone;
                uint32_t events; /* 1 << enum event_kind of those that are sent besides uplinks */
        } telemetry;
        struct {
                enum settings_settlement settlement; /* never SETTINGS_SETTLE_INHERIT */
                enum settings_outcome_report outcome_report;
                enum settings_method_answer method_answer;
                bool raw_text_payload; /* a body that is not base64 is sent as its bytes (rule D1)
                                        */
                int64_t maximum_per_device;    /* waiting in the gateway */
                int64_t per_device_per_minute; /* sent to the network; 0 = no limit */
                int64_t default_expiry_hours;  /* of a command that names no expiry of its own */
                int64_t request_timeout_s;     /* of a request to the network's API */
        } commands;
        struct settings_network networks[NETWORKS_MAX]; /* by network_index */
        struct {
                char *directory;
                char *storage;          /* secret: of the account with the containers */
                char *service_uri;      /* instead of it; or NULL */
                char *client_id;        /* of the identity that opens it; or NULL */
                char *uplink_container; /* that is mirrored into a folder; or NULL */
                char *downlink_container;
                int64_t refresh_s;
                char *uplink_default;
                char *downlink_default;
                int64_t timeout_ms; /* of one call */
                int64_t workers;
                int64_t maximum_memory_bytes; /* of one worker */
        } payload_formatters;
};

/* All defaults. */
void settings_init(struct settings *settings);

/* Wipes secrets and frees all texts. Safe on a zeroed struct. */
void settings_deinit(struct settings *settings);

/* The settings of an application by its exact name; NULL if there are none of its own. */
const struct settings_application *settings_application(const struct settings *settings,
                                                        const char *application);

/* The settings of a network of the table. */
const struct settings_network *settings_network(const struct settings *settings,
                                                const struct network *network);

/* The same for an application; all NULL and 0 where it has none of its own. */
const struct settings_network_application *
settings_network_application(const struct settings *settings, const struct network *network,
                             const char *application);

/*
 * The DTDL model id of an application's devices that have none of their own: its entry below
 * Applications, else ApplicationToDtdlModelIdMapping, else DtdlModelId; NULL = none. If an entry
 * exists under a name that differs in case only, `*near_miss` becomes that name, else NULL.
 */
const char *settings_model_id(const struct settings *settings, const char *application,
                              const char **near_miss);

/* Is a key of those who may send webhooks still awaited from its vault? Any thread. */
bool settings_webhook_keys_awaited(const struct settings *settings);

/* How an application's devices reach Azure. Texts belong to the settings. */
struct settings_azure {
        enum settings_connection_type connection_type;
        const char *connection_string;      /* SETTINGS_DEVICE_CONNECTION_STRING only */
        const char *global_device_endpoint; /* these: SETTINGS_DEVICE_PROVISIONING_SERVICE only */
        const char *id_scope;
        const char *group_enrollment_key;                 /* NULL: devices have certificates */
        const struct settings_certificates *certificates; /* or NULL */
        bool awaited; /* there is no way yet: its secret was not read from its vault */
};

/*
 * False if there is no way: nothing, or no complete one, is configured for this application, or its
 * secret is awaited; of a provisioning service all but the key is known then.
 */
bool settings_azure_for(const struct settings *settings, const char *application,
                        struct settings_azure *azure);

/*
 * The method by its name in any case, first among the application's own; `application` may be
 * NULL. NULL if there is none.
 */
const struct settings_method *settings_method(const struct settings *settings,
                                              const char *application, const char *method);

/* The policy in force: the method's (may be NULL), else the application's, else the general. */
enum settings_settlement settings_settlement(const struct settings *settings,
                                             const char *application,
                                             const struct settings_method *method);

/*
 * The name of the formatter of an uplink: of the application's port, else of the application,
 * else the default; NULL = none. `port` 0 = no port.
 */
const char *settings_uplink_formatter(const struct settings *settings, const char *application,
                                      int port);

/* The connection string that counts for a storage queue; NULL if there is none, "" if it is still
 * awaited from its vault. */
const char *settings_queue_storage(const struct settings *settings,
                                   const struct settings_storage_queue *queue);

/* The URL of the queue service that the gateway's identity opens instead; NULL = a string counts.
 */
const char *settings_queue_service(const struct settings *settings,
                                   const struct settings_storage_queue *queue);

/* Which of a machine's identities it is; NULL = as the environment says. */
const char *settings_queue_client(const struct settings *settings,
                                  const struct settings_storage_queue *queue);

/*
 * The connection string of Application Insights that counts, and where it stands; NULL = none, "" =
 * awaited.
 */
const char *settings_insights(const struct settings *settings, enum settings_insights_place *place);

/* Are payload formatters mirrored from containers of blobs? */
bool settings_formatters_are_mirrored(const struct settings *settings);

/* Does any setting name a payload formatter? */
bool settings_has_formatters(const struct settings *settings);

/* The application's downlink formatter, else the default; NULL = none. */
const char *settings_downlink_formatter(const struct settings *settings, const char *application);

#endif
