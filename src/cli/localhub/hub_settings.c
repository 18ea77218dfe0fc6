// SPDX-License-Identifier: MIT
#include "cli/localhub/hub_settings.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/options.h"

#define KEY_FILE_MAX 4096
#define DELAY_MAX_MS 3600000

char *hub_settings_default_directory(void)
{
        const char *state = getenv("XDG_STATE_HOME");
        const char *home = getenv("HOME");

        if (!text_is_empty(state))
                return mem_format("%s/isthmus-hub", state);
        if (!text_is_empty(home))
                return mem_format("%s/.local/state/isthmus-hub", home);
        return mem_text("isthmus-hub");
}

/* `made` takes the place of what was there. */
static void put_key(char **key, char *made)
{
        if (*key)
                mem_wipe(*key, strlen(*key));
        free(*key);
        *key = made;
}

/* The key itself, or "@" and the file that holds it. */
static bool read_key(const char *text, const char *option, char **key, struct reason *reason)
{
        CLEANUP(buf_wipe) struct buf content = BUF_INIT;
        size_t length;
        int result = 0;

        if (text[0] == '@')
                result = file_read(text + 1, KEY_FILE_MAX, &content, reason);
        else
                buf_add_text(&content, text);
        length = strcspn(buf_text(&content), " \t\r\n");
        if (result == 0 && length > 0) {
                put_key(key, mem_text_n(buf_text(&content), length));
                return true;
        }
        if (result == 0)
                reason_set(reason, "'%s' is empty", text[0] == '@' ? text + 1 : text);
        reason_prefix(reason, "--%s", option);
        return false;
}

static bool may_come(size_t count, size_t most, const char *option, struct reason *reason)
{
        if (count == most)
                reason_set(reason, "--%s may be given %zu times at most", option, most);
        return count < most;
}

static bool read_device(void *target, const char *text, struct reason *reason)
{
        struct hub_settings *settings = target;
        const char *equals = strchr(text, '=');
        struct hub_settings_device *device;

        if (!may_come(settings->device_count, HUB_SETTINGS_DEVICES_MAX, "device", reason))
                return false;
        device = &settings->devices[settings->device_count++];
        device->id = equals ? mem_text_n(text, (size_t)(equals - text)) : mem_text(text);
        return !equals || read_key(equals + 1, "with-device", &device->key, reason);
}

static bool read_authority(void *target, const char *text, struct reason *reason)
{
        struct hub_settings *settings = target;

        if (!may_come(settings->authority_count, HUB_SETTINGS_AUTHORITIES_MAX, "device-ca", reason))
                return false;
        settings->authorities[settings->authority_count++] = text;
        return true;
}

#define DPS_DOMAIN "azure-devices-provisioning.net"

/* The provisioning service's own name is no hub's, and neither is a pattern. */
static bool read_host(void *target, const char *text, struct reason *reason)
{
        struct hub_settings *settings = target;
        bool is_pattern = text[0] == '*';
        bool is_dps = text_size_without(text, DPS_DOMAIN) < strlen(text);

        for (size_t i = 0; i < settings->host_count; i++) {
                if (text_equal_nocase(settings->hosts[i], text)) {
                        reason_set(reason, "--host %s is given twice: each name is one hub's",
                                   text);
                        return false;
                }
        }
        if (!may_come(settings->host_count + settings->name_count, HUB_SETTINGS_HUBS_MAX, "host",
                      reason))
                return false;
        if (is_pattern && !settings->pattern)
                settings->pattern = text;
        if (is_dps && !is_pattern && !settings->dps_host)
                settings->dps_host = text;
        if (is_pattern || is_dps)
                settings->names[settings->name_count++] = text;
        else
                settings->hosts[settings->host_count++] = text;
        return true;
}

static bool read_consumer_group(void *target, const char *text, struct reason *reason)
{
        struct hub_settings *settings = target;

        if (!may_come(settings->consumer_group_count, HUB_SETTINGS_GROUPS_MAX, "consumer-group",
                      reason))
                return false;
        if (text[0] == '\0' || strlen(text) > 50 || strchr(text, '/')) {
                reason_set(reason, "--consumer-group must be a name of at most 50 characters, "
                                   "without '/'");
                return false;
        }
        settings->consumer_groups[settings->consumer_group_count++] = text;
        return true;
}

static bool read_group_key(void *target, const char *text, struct reason *reason)
{
        struct hub_settings *settings = target;

        return read_key(text, "group-key", &settings->group_key, reason);
}

static bool read_upload_store(void *target, const char *text, struct reason *reason)
{
        struct hub_settings *settings = target;

        return read_key(text, "upload-store", &settings->upload_store, reason);
}

static bool read_control_token(void *target, const char *text, struct reason *reason)
{
        struct hub_settings *settings = target;

        if (!read_key(text, "control-token", &settings->control_token, reason))
                return false;
        if (strlen(settings->control_token) >= 16)
                return true;
        reason_set(reason, "--control-token must have at least 16 characters");
        return false;
}

/* "3000" or "3000-7000" */
static bool read_delay(void *target, const char *text, struct reason *reason)
{
        struct hub_settings *settings = target;
        size_t length = strcspn(text, "-");
        CLEANUP(mem_cleanup) char *least = mem_text_n(text, length);
        const char *most = text[length] == '-' ? text + length + 1 : least;

        if (text_to_int64(least, 0, DELAY_MAX_MS, &settings->dps_delay_ms) &&
            text_to_int64(most, settings->dps_delay_ms, DELAY_MAX_MS, &settings->dps_delay_max_ms))
                return true;
        reason_set(reason,
                   "--dps-delay must be a number of milliseconds up to %d, or a range of them",
                   DELAY_MAX_MS);
        return false;
}

static bool read_log_level(void *target, const char *text, struct reason *reason)
{
        struct hub_settings *settings = target;

        if (log_level_parse(text, &settings->log_level))
                return true;
        reason_set(reason, "--log must be error, warning, information or debug");
        return false;
}

static const struct options_row rows[] = {
        OPTION_TEXT(struct hub_settings, directory, "data", "DIR",
                    "certificates, keys and devices are kept here (default: "
                    "~/.local/state/isthmus-hub)"),
        OPTION_NUMBER(struct hub_settings, hubs, "hubs", "N", 1, HUB_SETTINGS_HUBS_MAX,
                      "number of hubs (default: 1)"),
        OPTION_NUMBER(
                struct hub_settings, amqp_port, "amqp-port", "P", 0, 65535,
                "port for AMQP; hubs without a name of their own follow (default: 5671; 0: any)"),
        OPTION_NUMBER(
                struct hub_settings, mqtt_port, "mqtt-port", "P", 0, 65535,
                "port for MQTT; hubs without a name of their own follow (default: 8883; 0: any)"),
        OPTION_NUMBER(struct hub_settings, https_port, "https-port", "P", 0, 65535,
                      "port of the provisioning service, the service API and WebSockets (default: "
                      "443, or 8443 where that is taken or not allowed; 0: any)"),
        OPTION_NUMBER(struct hub_settings, https_port, "dps-port", "P", 0, 65535,
                      "the same, as it was called before"),
        OPTION_NUMBER(struct hub_settings, plain_amqp_port, "plain-amqp-port", "P", 0, 65535,
                      "port for AMQP without TLS, which Event Hubs clients with "
                      "UseDevelopmentEmulator=true want at 5672 (default: none; 0: any)"),
        OPTION_NUMBER(struct hub_settings, partitions, "partitions", "N", 1, 32,
                      "partitions of the telemetry that Event Hubs clients read (default: 4)"),
        OPTION_READ("consumer-group", "NAME",
                    "a consumer group for them besides $Default; may be repeated",
                    read_consumer_group),
        OPTION_NUMBER(struct hub_settings, control_port, "control-port", "P", 0, 65535,
                      "port of the control API, HTTP (default: 8870; 0: any)"),
        OPTION_READ(
                "control-token", "TOKEN",
                "lets the control API listen where the hub does, for whoever says `Authorization: "
                "Bearer TOKEN`; @FILE reads it from a file (default: only this machine, without "
                "a token)",
                read_control_token),
        OPTION_READ(
                "host", "NAME",
                "what clients call this machine (default: localhost). Repeated, each name is a "
                "hub of its own, all on the same ports. *.DOMAIN are further names of the first "
                "hub, names in azure-devices-provisioning.net those of the provisioning "
                "service",
                read_host),
        OPTION_TEXT(struct hub_settings, listen, "listen", "ADDRESS",
                    "IPv4 address to listen on (default: 127.0.0.1); the control API is on "
                    "127.0.0.1 unless it has a token"),
        OPTION_TEXT(struct hub_settings, id_scope, "id-scope", "S",
                    "ID scope of the provisioning service (default: the one kept)"),
        OPTION_READ("group-key", "KEY",
                    "key of the enrollment group, base64 (default: the one kept)", read_group_key),
        OPTION_READ("with-device", "ID[=KEY]",
                    "registers a device in the first hub and prints its connection string; may be "
                    "repeated. In place of a KEY, @FILE reads it from a file, so that other users "
                    "don't "
                    "see it in the list of processes",
                    read_device),
        OPTION_READ("device", "ID[=KEY]", "the same, as it was called before", read_device),
        OPTION_READ("device-ca", "FILE",
                    "certificate (PEM) of an authority that stands for devices; may be repeated",
                    read_authority),
        OPTION_TEXT(struct hub_settings, env, "env", "FILE",
                    "writes lines NAME=VALUE for the programs under test: connection strings, "
                    "provisioning service, certificate"),
        OPTION_READ("dps-delay", "MS[-MS]",
                    "how long a registration is 'assigning', drawn from a range (default: 1000; 0: "
                    "it is assigned at once, which clients take as well)",
                    read_delay),
        OPTION_NUMBER(struct hub_settings, dps_retry_after_s, "dps-retry-after", "S", 1, 300,
                      "after how long a client shall ask again meanwhile (default: 3)"),
        OPTION_NUMBER(struct hub_settings, dps_quota, "dps-quota", "N", 0, 1000000,
                      "registrations a minute; more are answered 429 (default: no limit)"),
        OPTION_NUMBER(struct hub_settings, dps_quota_s, "dps-quota-seconds", "S", 1, 3600,
                      "what that quota counts instead of a minute (default: 60)"),
        OPTION_NUMBER(struct hub_settings, dps_burst, "dps-burst", "N", 0, 1000000,
                      "makes the quota a bucket of tokens of this depth (default: a sliding "
                      "window)"),
        OPTION_NUMBER(struct hub_settings, lock_s, "lock-seconds", "S", 1, 300,
                      "lock of a cloud-to-device message (default: 60)"),
        OPTION_TEXT(struct hub_settings, model, "model", "FILE|FOLDER",
                    "compares telemetry and reported properties with these models in DTDL; what "
                    "differs is told as warnings"),
        OPTION_TEXT(struct hub_settings, sku, "sku", "SIZE",
                    "each hub has the limits of F1, S1, S2 or S3: rates and messages a day "
                    "(default: no limits)"),
        OPTION_NUMBER(struct hub_settings, units, "units", "N", 1, 200,
                      "so many units of that size (default: 1)"),
        OPTION_READ("upload-store", "STRING",
                    "devices upload files to this storage account, for example Azurite, by its "
                    "connection string with the account's key; @FILE reads it from a file "
                    "(default: files in DIR/uploads)",
                    read_upload_store),
        OPTION_TEXT(struct hub_settings, record, "record", "FILE",
                    "appends telemetry to a file, a line of JSON each"),
        OPTION_READ("log", "LEVEL", "error, warning, information or debug (default: warning)",
                    read_log_level),
        OPTION_SWITCH(struct hub_settings, quiet, "quiet",
                      "prints nothing when ready; DIR/hub.json says it all"),
        {.name = NULL},
};

const struct options isthmus_hub_options = {
        .command = "hub",
        .synopsis = "[options]\n"
                    "watch [options]\n"
                    "wait [options]\n"
                    "devices [options]\n"
                    "send DEVICE BODY [options]\n"
                    "invoke DEVICE METHOD [PAYLOAD] [options]",
        .summary =
                "Runs a local IoT Hub and provisioning service, to which devices and Microsoft's "
                "SDKs connect as to the real ones; its certificate must be trusted. watch, wait, "
                "devices, send and invoke ask one that runs.",
        .rows = rows,
        .notes = "DIR/hub.json appears when everything listens and goes when the hub ends. SIGINT "
                 "and SIGTERM end it. docs/local-hub.md describes the control API.",
};

/* It is a part of paths and of MQTT's user names. */
static bool id_scope_is_good(const char *text)
{
        size_t length =
                strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789");

        return length >= 1 && length <= 32 && text[length] == '\0';
}

static bool check(const struct hub_settings *settings, int *status)
{
        struct in_addr address;

        if (inet_pton(AF_INET, settings->listen, &address) != 1)
                *status = terminal_usage("hub", "--listen must be an IPv4 address");
        else if (settings->amqp_port > 0 && settings->amqp_port + settings->hubs - 1 > 65535)
                *status = terminal_usage("hub", "--amqp-port leaves no room for %lld hubs",
                                         (long long)settings->hubs);
        else if (settings->mqtt_port > 0 && settings->mqtt_port + settings->hubs - 1 > 65535)
                *status = terminal_usage("hub", "--mqtt-port leaves no room for %lld hubs",
                                         (long long)settings->hubs);
        else if (settings->units != 1 && !settings->sku)
                *status = terminal_usage("hub", "--units needs --sku, the size of a unit");
        else if (settings->dps_quota_s > 0 && settings->dps_quota == 0)
                *status = terminal_usage("hub",
                                         "--dps-quota-seconds needs --dps-quota, what it counts");
        else if (settings->dps_burst > 0 && settings->dps_quota == 0)
                *status = terminal_usage("hub", "--dps-burst needs --dps-quota, how fast it fills");
        else if (settings->id_scope && !id_scope_is_good(settings->id_scope))
                *status = terminal_usage("hub", "--id-scope must be 1 to 32 letters and digits");
        else
                return true;
        return false;
}

bool hub_settings_read(struct hub_settings *settings, int argc, char **argv, int *status)
{
        struct options_found found;

        *settings = (struct hub_settings){
                .default_directory = hub_settings_default_directory(),
                .listen = "127.0.0.1",
                .hubs = 1,
                .amqp_port = 5671,
                .mqtt_port = 8883,
                .https_port = -1,
                .control_port = 8870,
                .plain_amqp_port = -1,
                .partitions = 4,
                .lock_s = 60,
                .dps_delay_ms = 1000,
                .dps_delay_max_ms = 1000,
                .units = 1,
                .dps_retry_after_s = 3,
                .log_level = LOG_LEVEL_WARN,
        };
        settings->directory = settings->default_directory;
        if (!options_read(&isthmus_hub_options, argc, argv, settings, &found, status))
                return false;
        if (settings->host_count == 0)
                settings->hosts[settings->host_count++] = "localhost";
        if (settings->host_count > (size_t)settings->hubs)
                settings->hubs = (int64_t)settings->host_count;
        return check(settings, status);
}

void hub_settings_deinit(struct hub_settings *settings)
{
        for (size_t i = 0; i < settings->device_count; i++) {
                put_key(&settings->devices[i].key, NULL);
                free(settings->devices[i].id);
        }
        put_key(&settings->group_key, NULL);
        put_key(&settings->control_token, NULL);
        put_key(&settings->upload_store, NULL);
        free(settings->default_directory);
}
