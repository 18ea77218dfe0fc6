// SPDX-License-Identifier: MIT
/* `isthmus hub devices`, `send` and `invoke`: one call of the control API each. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/hub_control.h"
#include "cli/terminal.h"

#define JSON_DEPTH      64
#define TIMEOUT_MS      30000
#define METHOD_MARGIN_S 10
#define ARGUMENTS_MAX   3

static const char devices_help[] =
        "usage: isthmus hub devices [--control URL] [--data DIR]\n"
        "\n"
        "Lists the devices of a running local hub: id, hub, state, model id.\n";

static const char send_help[] =
        "usage: isthmus hub send DEVICE BODY [options]\n"
        "\n"
        "Sends a cloud-to-device message through a running local hub and prints its message id.\n"
        "\n"
        "  --property NAME=VALUE   an application property; may be repeated\n"
        "  --message-id ID         (default: one is made)\n"
        "  --control URL, --data DIR   which hub, as for `isthmus hub watch`\n";

static const char invoke_help[] =
        "usage: isthmus hub invoke DEVICE METHOD [PAYLOAD] [options]\n"
        "\n"
        "Calls a direct method through a running local hub and prints the device's answer.\n"
        "PAYLOAD is JSON. Status 0 means that the device answered, whatever it said.\n"
        "\n"
        "  --timeout S   waits so long for the answer (default: 30)\n"
        "  --control URL, --data DIR   which hub, as for `isthmus hub watch`\n";

struct arguments {
        const char *name; /* of the command */
        const char *control;
        const char *directory;
        const char *message_id;
        int64_t timeout_s;
        struct json_object *properties; /* NULL = none */
        const char *plain[ARGUMENTS_MAX];
        int plain_count;
        bool help;
};

static const struct option options[] = {
        {"control", required_argument, NULL, 'c'},
        {"data", required_argument, NULL, 'd'},
        {"property", required_argument, NULL, 'p'},
        {"message-id", required_argument, NULL, 'm'},
        {"timeout", required_argument, NULL, 't'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
};

static bool add_property(struct arguments *arguments)
{
        const char *equals = strchr(optarg, '=');
        CLEANUP(mem_cleanup) char *name = NULL;

        if (!equals)
                return false;
        name = mem_text_n(optarg, (size_t)(equals - optarg));
        if (!arguments->properties)
                arguments->properties = json_object_new_object();
        json_object_object_add(arguments->properties, name, json_object_new_string(equals + 1));
        return true;
}

static bool read_option(struct arguments *arguments, int id)
{
        switch (id) {
        case 'c':
                arguments->control = optarg;
                return true;
        case 'd':
                arguments->directory = optarg;
                return true;
        case 'm':
                arguments->message_id = optarg;
                return true;
        case 'p':
                return add_property(arguments);
        case 't':
                return text_to_int64(optarg, 1, 300, &arguments->timeout_s);
        case 'h':
                arguments->help = true;
                return true;
        default:
                return false;
        }
}

/* False after a message. */
static bool read_arguments(struct arguments *arguments, int argc, char **argv)
{
        int id;

        opterr = 0;
        optind = 1;
        while ((id = getopt_long(argc, argv, ":", options, NULL)) != -1) {
                if (read_option(arguments, id))
                        continue;
                terminal_usage(arguments->name, "bad option '%s'", argv[optind - 1]);
                return false;
        }
        for (; optind < argc && arguments->plain_count < ARGUMENTS_MAX; optind++)
                arguments->plain[arguments->plain_count++] = argv[optind];
        if (optind == argc)
                return true;
        terminal_usage(arguments->name, "too many arguments");
        return false;
}

/* What a command needs and does. */
struct call {
        const char *help;
        const char *name;
        int least_arguments;
        int most_arguments;
        int (*run)(const struct arguments *arguments, struct hub_control *control,
                   struct reason *reason);
};

static int open_and_run(const struct call *call, const struct arguments *arguments,
                        struct reason *reason)
{
        struct hub_control *control = NULL;
        int result = hub_control_open(arguments->control, arguments->directory, &control, reason);

        if (result == 0)
                result = call->run(arguments, control, reason);
        hub_control_close(control);
        return result;
}

static int run_call(const struct call *call, int argc, char **argv)
{
        struct arguments arguments = {.name = call->name, .timeout_s = 30};
        struct reason reason = REASON_INIT;
        int status = CLI_USAGE;

        if (!read_arguments(&arguments, argc, argv)) {
                status = CLI_USAGE;
        } else if (arguments.help) {
                fputs(call->help, stdout);
                status = CLI_GOOD;
        } else if (arguments.plain_count < call->least_arguments ||
                   arguments.plain_count > call->most_arguments) {
                fputs(call->help, stderr);
        } else if (open_and_run(call, &arguments, &reason) == 0) {
                status = CLI_GOOD;
        } else {
                status = terminal_fail(arguments.name, "%s", reason.text);
        }
        json_object_put(arguments.properties);
        return status;
}

/* The hub's answer as JSON, the caller's; NULL with the reason. */
static struct json_object *ask(struct hub_control *control,
                               const struct hub_control_request *request, struct reason *reason)
{
        CLEANUP(buf_deinit) struct buf answer = BUF_INIT;

        if (hub_control_call(control, request, &answer, reason) != 0)
                return NULL;
        return json_parse(buf_text(&answer), answer.size, JSON_DEPTH, JSON_STRICT, reason);
}

/* --- devices --------------------------------------------------------------------------------- */

static void print_device(struct json_object *device)
{
        const char *model = json_text_member(device, "modelId");
        CLEANUP(buf_deinit) struct buf line = BUF_INIT;
        CLEANUP(buf_deinit) struct buf out = BUF_INIT;

        buf_add_format(&line, "%-32s  %-6s  %-12s  %-8s  %s", json_text_member(device, "deviceId"),
                       json_text_member(device, "hub"), json_text_member(device, "connectionState"),
                       json_text_member(device, "status"), model ? model : "");
        terminal_add(&out, buf_text(&line));
        buf_add_char(&out, '\n');
        (void)terminal_write(&out);
}

static int list_devices(const struct arguments *arguments, struct hub_control *control,
                        struct reason *reason)
{
        CLEANUP(mem_cleanup) char *path = mem_text("/devices");

        (void)arguments;
        while (path) {
                const struct hub_control_request request = {
                        .method = "GET",
                        .path = path,
                        .timeout_ms = TIMEOUT_MS,
                };
                CLEANUP(json_cleanup)
                struct json_object *answer = ask(control, &request, reason);
                struct json_object *devices = json_member(answer, "devices");
                const char *next = json_text_member(answer, "continuation");

                if (!answer)
                        return -EIO;
                for (size_t i = 0; i < json_object_array_length(devices); i++)
                        print_device(json_object_array_get_idx(devices, i));
                free(path);
                path = next ? mem_format("/devices?continuation=%s", next) : NULL;
        }
        return 0;
}

int isthmus_hub_devices(int argc, char **argv)
{
        static const struct call call = {devices_help, "hub devices", 0, 0, list_devices};

        return run_call(&call, argc, argv);
}

/* --- send ------------------------------------------------------------------------------------ */

static char *device_path(const char *device, const char *rest)
{
        CLEANUP(buf_deinit) struct buf path = BUF_INIT;

        buf_add_text(&path, "/devices/");
        text_url_escape(&path, device);
        buf_add_text(&path, rest);
        return buf_take(&path);
}

static int send_message(const struct arguments *arguments, struct hub_control *control,
                        struct reason *reason)
{
        CLEANUP(json_cleanup) struct json_object *body = json_object_new_object();
        CLEANUP(mem_cleanup) char *path = device_path(arguments->plain[0], "/messages");
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;
        CLEANUP(json_cleanup) struct json_object *answer = NULL;

        json_object_object_add(body, "bodyText", json_object_new_string(arguments->plain[1]));
        if (arguments->message_id)
                json_object_object_add(body, "messageId",
                                       json_object_new_string(arguments->message_id));
        if (arguments->properties)
                json_object_object_add(body, "properties", json_object_get(arguments->properties));
        answer = ask(control,
                     &(const struct hub_control_request){
                             .method = "POST",
                             .path = path,
                             .body = body,
                             .timeout_ms = TIMEOUT_MS,
                     },
                     reason);
        if (!answer)
                return -EIO;
        terminal_add(&text, json_text_member(answer, "messageId"));
        buf_add_char(&text, '\n');
        (void)terminal_write(&text);
        return 0;
}

int isthmus_hub_send(int argc, char **argv)
{
        static const struct call call = {send_help, "hub send", 2, 2, send_message};

        return run_call(&call, argc, argv);
}

/* --- invoke ---------------------------------------------------------------------------------- */

static int invoke(const struct arguments *arguments, struct hub_control *control,
                  struct reason *reason)
{
        CLEANUP(json_cleanup) struct json_object *body = json_object_new_object();
        CLEANUP(mem_cleanup) char *methods = device_path(arguments->plain[0], "/methods/");
        CLEANUP(buf_deinit) struct buf path = BUF_INIT;
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;
        CLEANUP(json_cleanup) struct json_object *answer = NULL;
        const char *payload = arguments->plain[2];

        json_object_object_add(body, "responseTimeoutSeconds",
                               json_object_new_int64(arguments->timeout_s));
        if (payload) {
                struct json_object *value =
                        json_parse(payload, strlen(payload), JSON_DEPTH, JSON_STRICT, reason);

                if (!value) {
                        reason_prefix(reason, "the payload is no JSON");
                        return -EINVAL;
                }
                json_object_object_add(body, "payload", value);
        }
        buf_add_text(&path, methods);
        text_url_escape(&path, arguments->plain[1]);
        answer = ask(control,
                     &(const struct hub_control_request){
                             .method = "POST",
                             .path = buf_text(&path),
                             .body = body,
                             .timeout_ms = (long)(arguments->timeout_s + METHOD_MARGIN_S) * 1000,
                     },
                     reason);
        if (!answer)
                return -EIO;
        terminal_add_json_line(&text, answer);
        (void)terminal_write(&text);
        return 0;
}

int isthmus_hub_invoke(int argc, char **argv)
{
        static const struct call call = {invoke_help, "hub invoke", 2, 3, invoke};

        return run_call(&call, argc, argv);
}
