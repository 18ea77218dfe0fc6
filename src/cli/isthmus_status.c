// SPDX-License-Identifier: MIT
/* `isthmus status`: how a running gateway, its devices and its hubs are. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "cli/cli.h"
#include "cli/command_print.h"
#include "cli/data_place.h"
#include "cli/gateway_control.h"
#include "cli/terminal.h"
#include "conf/settings_load.h"

static const char help[] =
        "usage: isthmus status [--json]\n"
        "       isthmus status --devices [--state STATE] [--device DEVICE] [--limit N] [--json]\n"
        "\n"
        "Asks the running gateway how it is: its devices, hubs, store and commands.\n"
        "\n"
        "  --devices        each device, with what waits for it and why it is held\n"
        "  --state STATE    only devices that are new, registering, connecting, ready or held\n"
        "  --device DEVICE  its id in the network or in IoT Hub, or network/application/device\n"
        "  --limit N        show at most N (default 1000, most 10000)\n"
        "  --json           for programs: one JSON object on each line\n"
        "  --config FILE    the configuration (default " SETTINGS_DEFAULT_FILE ")\n"
        "  --data DIR       the data directory, without a configuration\n"
        "  --help           this text\n"
        "\n"
        "Ends with 1 if no gateway runs.\n";

struct order {
        struct data_place place;
        bool devices;
        bool json;
        const char *state;
        const char *device;
        const char *limit;
};

static void path_of(const struct order *order, struct buf *path)
{
        if (!order->devices) {
                buf_add_text(path, "/status");
                return;
        }
        buf_add_text(path, "/devices");
        gateway_control_argument(path, "state", order->state);
        gateway_control_argument(path, "device", order->device);
        gateway_control_argument(path, "limit", order->limit);
}

static void write_devices(const struct order *order, struct json_object *answer, struct buf *out)
{
        struct json_object *devices = json_member(answer, "devices");
        int64_t matching = 0;

        if (order->json) {
                command_print_json_lines(out, devices);
                return;
        }
        json_int_member(answer, "matching", &matching);
        command_print_devices(out, devices);
        buf_add_format(out, "%zu of %" PRId64 " devices\n", json_object_array_length(devices),
                       matching);
}

static void write_status(const struct order *order, struct json_object *answer, struct buf *out)
{
        if (!order->json) {
                command_print_status(out, answer);
                return;
        }
        terminal_add_json_line(out, answer);
}

static int ask(const struct order *order, struct gateway_control *gateway, struct reason *reason)
{
        CLEANUP(json_cleanup) struct json_object *answer = NULL;
        CLEANUP(buf_deinit) struct buf path = BUF_INIT;
        CLEANUP(buf_deinit) struct buf out = BUF_INIT;
        int result;

        path_of(order, &path);
        result = gateway_control_call(gateway, "GET", buf_text(&path), &answer, reason);
        if (result != 0)
                return result;
        if (order->devices)
                write_devices(order, answer, &out);
        else
                write_status(order, answer, &out);
        if (terminal_write(&out) && fflush(stdout) == 0)
                return 0;
        reason_set(reason, "the output can't be written");
        return -EIO;
}

static int run(struct order *order)
{
        struct gateway_control *gateway = NULL;
        struct reason reason = REASON_INIT;
        int result;

        if (!data_place_find(&order->place))
                return CLI_USAGE;
        log_configure(LOG_LEVEL_WARN, LOG_FORMAT_AUTO);
        result = gateway_control_open(order->place.store.directory, &gateway, &reason);
        if (result == 0)
                result = ask(order, gateway, &reason);
        gateway_control_close(gateway);
        if (result == 0)
                return CLI_GOOD;
        return terminal_fail("status", "%s", reason.text);
}

static bool take_option(struct order *order, int option)
{
        switch (option) {
        case 'c':
                order->place.file = optarg;
                return true;
        case 'd':
                order->place.directory = optarg;
                return true;
        case 'D':
                order->device = optarg;
                return true;
        case 'e':
                order->devices = true;
                return true;
        case 's':
                order->state = optarg;
                return true;
        case 'n':
                order->limit = optarg;
                return true;
        case 'j':
                order->json = true;
                return true;
        default:
                return false;
        }
}

int isthmus_status(int argc, char **argv)
{
        static const struct option options[] = {
                {"config", required_argument, NULL, 'c'},
                {"data", required_argument, NULL, 'd'},
                {"device", required_argument, NULL, 'D'},
                {"devices", no_argument, NULL, 'e'},
                {"state", required_argument, NULL, 's'},
                {"limit", required_argument, NULL, 'n'},
                {"json", no_argument, NULL, 'j'},
                {"help", no_argument, NULL, 'h'},
                {NULL, 0, NULL, 0},
        };
        struct order order = {.json = false};
        int status;
        int option;

        while ((option = getopt_long(argc, argv, "c:d:h", options, NULL)) != -1) {
                if (option == 'h') {
                        fputs(help, stdout);
                        return CLI_GOOD;
                }
                if (!take_option(&order, option))
                        return CLI_USAGE;
        }
        if (optind < argc || (!order.devices && (order.state || order.device || order.limit))) {
                fputs(help, stderr);
                return CLI_USAGE;
        }
        status = run(&order);
        data_place_deinit(&order.place);
        return status;
}
