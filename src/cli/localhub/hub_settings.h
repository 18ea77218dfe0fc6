// SPDX-License-Identifier: MIT
/* The options of `isthmus hub`. */
#ifndef ISTHMUS_CLI_LOCALHUB_HUB_SETTINGS_H
#define ISTHMUS_CLI_LOCALHUB_HUB_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/log.h"
#include "base/reason.h"

#define HUB_SETTINGS_HUBS_MAX    50
#define HUB_SETTINGS_DEVICES_MAX 1000
#define HUB_SETTINGS_GROUPS_MAX  20

#define HUB_SETTINGS_AUTHORITIES_MAX 16

/* `ID`, `ID=KEY` or `ID=@FILE`. */
struct hub_settings_device {
        char *id;
        char *key; /* base64; NULL = one is made */
};

struct hub_settings {
        const char *directory;
        char *default_directory;
        const char *hosts[HUB_SETTINGS_HUBS_MAX]; /* how clients call the hubs, in turn */
        size_t host_count;                        /* at least 1 */
        const char *names[HUB_SETTINGS_HUBS_MAX]; /* further names, of the certificate only */
        size_t name_count;
        const char
                *dps_host;   /* the first of them that is the provisioning service's; NULL = none */
        const char *pattern; /* `*.DOMAIN`, whose names are the first hub's; NULL = none */
        const char *env;     /* file to write; NULL = none */
        const char *listen;  /* IPv4 address */
        int64_t hubs;
        int64_t amqp_port;  /* of the first hub, the others follow; 0 = any free ones */
        int64_t mqtt_port;  /* likewise */
        int64_t https_port; /* -1 = 443 if it is free and allowed, else 8443 */
        int64_t control_port;
        int64_t plain_amqp_port;                              /* -1 = none */
        int64_t partitions;                                   /* of telemetry */
        const char *consumer_groups[HUB_SETTINGS_GROUPS_MAX]; /* besides $Default */
        size_t consumer_group_count;
        char *control_token;  /* NULL = the control API is for this machine only */
        const char *id_scope; /* NULL = the one kept, else a new one */
        char *group_key;      /* NULL = likewise */
        char *upload_store;   /* connection string of a storage account; NULL = files */
        const char *record;   /* file; NULL = none */
        const char *model;    /* file or folder of DTDL; NULL = none */
        const char *sku;      /* size of the hubs, whose limits hold; NULL = none */
        int64_t units;        /* of that size */
        int64_t lock_s;
        int64_t dps_delay_ms;
        int64_t dps_delay_max_ms;
        int64_t dps_retry_after_s;
        int64_t dps_quota;   /* registrations in dps_quota_s; 0 = no limit */
        int64_t dps_quota_s; /* 0 = 60 */
        int64_t dps_burst;   /* depth of a bucket of tokens; 0 = a sliding window */
        const char
                *authorities[HUB_SETTINGS_AUTHORITIES_MAX]; /* files of certificates for devices */
        size_t authority_count;
        struct hub_settings_device devices[HUB_SETTINGS_DEVICES_MAX];
        size_t device_count;
        bool quiet;
        enum log_level log_level;
};

/*
 * Reads the options. False if nothing is left to do (options_read); `*status` is the exit status
 * then. Texts belong to `argv` unless they are `char *`; hub_settings_deinit in any case.
 */
bool hub_settings_read(struct hub_settings *settings, int argc, char **argv,
                       int *status) MUST_CHECK;

/* Wipes keys. */
void hub_settings_deinit(struct hub_settings *settings);

/* Where a hub keeps its files unless it is told: the caller's. */
char *hub_settings_default_directory(void);

#endif
