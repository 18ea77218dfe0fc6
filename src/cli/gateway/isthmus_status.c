// SPDX-License-Identifier: MIT
/* `isthmus status`: how a running gateway, its devices and its hubs are. */
#include <inttypes.h>

#include "base/json/json.h"
#include "cli/cli.h"
#include "cli/gateway/command_print.h"
#include "cli/gateway/data_place.h"
#include "cli/gateway/gateway_control.h"
#include "cli/options.h"
#include "gateway/control/control_request.h"

struct order {
        struct data_place place;
        bool devices;
        bool json;
        const char *state;
        const char *device;
        int64_t limit; /* 0 = not said */
};

static const struct options_row rows[] = {
        OPTION_SWITCH(struct order, devices, "devices",
                      "each device, with what waits for it and why it is held"),
        OPTION_TEXT(struct order, state, "state", "STATE",
                    "only devices that are new, registering, connecting, ready or held"),
        OPTION_TEXT(struct order, device, "device", "DEVICE",
                    "its id in the network or in IoT Hub, or network/application/device"),
        OPTION_NUMBER(struct order, limit, "limit", "N", 1, CONTROL_LIMIT_MAX,
                      "show at most N (default 1000, most 10000)"),
        OPTION_SWITCH(struct order, json, "json", "for programs: one JSON object on each line"),
        DATA_PLACE_ROWS(struct order, place),
        {.name = NULL},
};

const struct options isthmus_status_options = {
        .command = "status",
        .synopsis = "[--json]\n--devices [--state STATE] [--device DEVICE] [--limit N] [--json]",
        .summary = "Asks the running gateway how it is: its devices, hubs, store and commands.",
        .rows = rows,
        .notes = "Ends with 1 if no gateway runs.",
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
        gateway_control_number(path, "limit", order->limit);
}

static void write_devices(const struct order *order, struct json_object *answer, struct buf *out)
{
        struct json_object *devices = json_member(answer, "devices");

        if (order->json) {
                command_print_json_lines(out, devices);
                return;
        }
        command_print_devices(out, devices);
        buf_add_format(out, "%zu of %" PRId64 " devices\n", json_object_array_length(devices),
                       json_number_member(answer, "matching", 0));
}

static int ask(const struct order *order, struct http_client *gateway, struct reason *reason)
{
        CLEANUP(json_cleanup) struct json_object *answer = NULL;
        CLEANUP(buf_deinit) struct buf path = BUF_INIT;
        CLEANUP(buf_deinit) struct buf out = BUF_INIT;

        path_of(order, &path);
        answer = gateway_control_call(gateway, "GET", buf_text(&path), reason);
        if (!answer)
                return -EIO;
        if (order->devices)
                write_devices(order, answer, &out);
        else if (order->json)
                terminal_add_json_line(&out, answer);
        else
                command_print_status(&out, answer);
        if (terminal_print(&out) == CLI_GOOD)
                return 0;
        reason_set(reason, "the output can't be written");
        return -EIO;
}

static int run(struct order *order)
{
        struct http_client *gateway = NULL;
        struct reason reason = REASON_INIT;
        int result;

        if (!data_place_find(&order->place))
                return CLI_USAGE;
        result = gateway_control_open(order->place.store.directory, &gateway, &reason);
        if (result == 0)
                result = ask(order, gateway, &reason);
        http_client_free(gateway);
        if (result == 0)
                return CLI_GOOD;
        return terminal_fail("status", "%s", reason.text);
}

int isthmus_status(int argc, char **argv)
{
        struct order order = {.json = false};
        struct options_found found;
        int status;

        if (!options_read(&isthmus_status_options, argc, argv, &order, &found, &status))
                return status;
        if (!order.devices && (order.state || order.device || order.limit))
                return terminal_usage("status", "--state, --device and --limit go with --devices");
        status = run(&order);
        data_place_deinit(&order.place);
        return status;
}
