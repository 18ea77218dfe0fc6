// SPDX-License-Identifier: MIT
#include "cli/hub_settings.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"

#define KEY_FILE_MAX 4096

const char hub_settings_help[] =
        "usage: isthmus hub [options]           runs a local IoT Hub and provisioning service\n"
        "       isthmus hub watch [options]     shows telemetry as it arrives\n"
        "       isthmus hub devices [options]   lists the devices\n"
        "       isthmus hub send DEVICE BODY    sends a cloud-to-device message\n"
        "       isthmus hub invoke DEVICE METHOD [PAYLOAD]   calls a direct method\n"
        "\n"
        "Microsoft's SDKs connect to it as to the real services; its certificate must be trusted.\n"
        "\n"
        "  --data DIR          certificates, keys and devices are kept here\n"
        "                      (default: ~/.local/state/isthmus-hub)\n"
        "  --hubs N            number of hubs (default: 1)\n"
        "  --amqp-port P       port of the first hub, the others follow (default: 5671; 0: any)\n"
        "  --dps-port P        port of the provisioning service, HTTPS (default: 8443; 0: any)\n"
        "  --control-port P    port of the control API, HTTP (default: 8081; 0: any)\n"
        "  --host NAME         what clients call this machine (default: localhost)\n"
        "  --listen ADDRESS    IPv4 address to listen on (default: 127.0.0.1); the control API\n"
        "                      is always on 127.0.0.1\n"
        "  --id-scope S        ID scope of the provisioning service (default: the one kept)\n"
        "  --group-key KEY     key of the enrollment group, base64 (default: the one kept)\n"
        "  --device ID[=KEY]   registers a device in the first hub; may be repeated\n"
        "                      In place of a KEY, @FILE reads it from a file, so that other users\n"
        "                      don't see it in the list of processes\n"
        "  --dps-delay MS      how long a registration is 'assigning' (default: 0)\n"
        "  --lock-seconds S    lock of a cloud-to-device message (default: 60)\n"
        "  --record FILE       appends telemetry to a file, a line of JSON each\n"
        "  --log LEVEL         error, warning, information or debug (default: warning)\n"
        "  --quiet             prints nothing when ready; DIR/hub.json says it all\n"
        "\n"
        "DIR/hub.json appears when everything listens and goes when the hub ends. SIGINT and\n"
        "SIGTERM end it. `docs/local-hub.md` describes the control API.\n";

enum option_id {
        OPTION_DATA = 256,
        OPTION_HUBS,
        OPTION_AMQP_PORT,
        OPTION_DPS_PORT,
        OPTION_CONTROL_PORT,
        OPTION_HOST,
        OPTION_LISTEN,
        OPTION_ID_SCOPE,
        OPTION_GROUP_KEY,
        OPTION_DEVICE,
        OPTION_DPS_DELAY,
        OPTION_LOCK_SECONDS,
        OPTION_RECORD,
        OPTION_LOG,
        OPTION_QUIET,
        OPTION_HELP,
};

static const struct option options[] = {
        {"data", required_argument, NULL, OPTION_DATA},
        {"hubs", required_argument, NULL, OPTION_HUBS},
        {"amqp-port", required_argument, NULL, OPTION_AMQP_PORT},
        {"dps-port", required_argument, NULL, OPTION_DPS_PORT},
        {"control-port", required_argument, NULL, OPTION_CONTROL_PORT},
        {"host", required_argument, NULL, OPTION_HOST},
        {"listen", required_argument, NULL, OPTION_LISTEN},
        {"id-scope", required_argument, NULL, OPTION_ID_SCOPE},
        {"group-key", required_argument, NULL, OPTION_GROUP_KEY},
        {"device", required_argument, NULL, OPTION_DEVICE},
        {"dps-delay", required_argument, NULL, OPTION_DPS_DELAY},
        {"lock-seconds", required_argument, NULL, OPTION_LOCK_SECONDS},
        {"record", required_argument, NULL, OPTION_RECORD},
        {"log", required_argument, NULL, OPTION_LOG},
        {"quiet", no_argument, NULL, OPTION_QUIET},
        {"help", no_argument, NULL, OPTION_HELP},
        {NULL, 0, NULL, 0},
};

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

static int read_number(const char *name, int64_t min, int64_t max, int64_t *number,
                       struct reason *reason)
{
        if (text_to_int64(optarg, min, max, number))
                return 0;
        reason_set(reason, "--%s must be a whole number from %lld to %lld", name, (long long)min,
                   (long long)max);
        return -EINVAL;
}

static int read_port(const char *name, uint16_t *port, struct reason *reason)
{
        int64_t number;

        if (read_number(name, 0, 65535, &number, reason) != 0)
                return -EINVAL;
        *port = (uint16_t)number;
        return 0;
}

/* The key itself, or "@" and the file that holds it. */
static int read_key(const char *text, char **key, struct reason *reason)
{
        CLEANUP(buf_wipe) struct buf content = BUF_INIT;
        int result = 0;

        if (text[0] == '@')
                result = file_read(text + 1, KEY_FILE_MAX, &content, reason);
        else
                buf_add_text(&content, text);
        if (result != 0)
                return result;
        put_key(key, mem_text_n(buf_text(&content), strcspn(buf_text(&content), " \t\r\n")));
        return 0;
}

static int add_device(struct hub_settings *settings, struct reason *reason)
{
        const char *equals = strchr(optarg, '=');
        struct hub_settings_device *device;

        if (settings->device_count == HUB_SETTINGS_DEVICES_MAX) {
                reason_set(reason, "--device may be given %d times at most",
                           HUB_SETTINGS_DEVICES_MAX);
                return -EINVAL;
        }
        device = &settings->devices[settings->device_count++];
        device->id = equals ? mem_text_n(optarg, (size_t)(equals - optarg)) : mem_text(optarg);
        return equals ? read_key(equals + 1, &device->key, reason) : 0;
}

static int read_log_level(struct hub_settings *settings, struct reason *reason)
{
        if (log_level_parse(optarg, &settings->log_level))
                return 0;
        reason_set(reason, "--log must be error, warning, information or debug");
        return -EINVAL;
}

static int read_hubs(struct hub_settings *settings, struct reason *reason)
{
        int64_t number;

        if (read_number("hubs", 1, HUB_SETTINGS_HUBS_MAX, &number, reason) != 0)
                return -EINVAL;
        settings->hubs = (int)number;
        return 0;
}

static void read_directory(struct hub_settings *settings)
{
        free(settings->directory);
        settings->directory = mem_text(optarg);
}

static int read_option(struct hub_settings *settings, int id, struct reason *reason)
{
        switch (id) {
        case OPTION_DATA:
                read_directory(settings);
                return 0;
        case OPTION_HUBS:
                return read_hubs(settings, reason);
        case OPTION_AMQP_PORT:
                return read_port("amqp-port", &settings->amqp_port, reason);
        case OPTION_DPS_PORT:
                return read_port("dps-port", &settings->dps_port, reason);
        case OPTION_CONTROL_PORT:
                return read_port("control-port", &settings->control_port, reason);
        case OPTION_HOST:
                settings->host = optarg;
                return 0;
        case OPTION_LISTEN:
                settings->listen = optarg;
                return 0;
        case OPTION_ID_SCOPE:
                settings->id_scope = optarg;
                return 0;
        case OPTION_GROUP_KEY:
                return read_key(optarg, &settings->group_key, reason);
        case OPTION_DEVICE:
                return add_device(settings, reason);
        case OPTION_DPS_DELAY:
                return read_number("dps-delay", 0, 3600000, &settings->dps_delay_ms, reason);
        case OPTION_LOCK_SECONDS:
                return read_number("lock-seconds", 1, 300, &settings->lock_s, reason);
        case OPTION_RECORD:
                settings->record = optarg;
                return 0;
        case OPTION_LOG:
                return read_log_level(settings, reason);
        case OPTION_QUIET:
                settings->quiet = true;
                return 0;
        default:
                settings->help = true;
                return 0;
        }
}

static int unknown_option(char **argv, int id, struct reason *reason)
{
        const char *text = argv[optind - 1];

        reason_set(reason, id == ':' ? "the option '%s' needs a value" : "unknown option '%s'",
                   text);
        return -EINVAL;
}

static int check(const struct hub_settings *settings, int argc, char **argv, struct reason *reason)
{
        struct in_addr address;

        if (optind < argc) {
                reason_set(reason, "unexpected argument '%s'", argv[optind]);
                return -EINVAL;
        }
        if (inet_pton(AF_INET, settings->listen, &address) != 1) {
                reason_set(reason, "--listen must be an IPv4 address");
                return -EINVAL;
        }
        if (settings->amqp_port > 0 && settings->amqp_port + settings->hubs - 1 > 65535) {
                reason_set(reason, "--amqp-port leaves no room for %d hubs", settings->hubs);
                return -EINVAL;
        }
        return 0;
}

int hub_settings_read(struct hub_settings *settings, int argc, char **argv, struct reason *reason)
{
        int id;

        *settings = (struct hub_settings){
                .directory = hub_settings_default_directory(),
                .host = "localhost",
                .listen = "127.0.0.1",
                .hubs = 1,
                .amqp_port = 5671,
                .dps_port = 8443,
                .control_port = 8081,
                .log_level = LOG_LEVEL_WARN,
        };
        opterr = 0;
        optind = 1;
        while ((id = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
                if (id == '?' || id == ':')
                        return unknown_option(argv, id, reason);
                if (read_option(settings, id, reason) != 0)
                        return -EINVAL;
        }
        return check(settings, argc, argv, reason);
}

void hub_settings_deinit(struct hub_settings *settings)
{
        for (size_t i = 0; i < settings->device_count; i++) {
                put_key(&settings->devices[i].key, NULL);
                free(settings->devices[i].id);
        }
        put_key(&settings->group_key, NULL);
        free(settings->directory);
}
