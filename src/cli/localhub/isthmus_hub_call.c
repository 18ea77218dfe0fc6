// SPDX-License-Identifier: MIT
/* `isthmus hub devices`, `send`, `invoke` and `wait`: one call of the control API each. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/localhub/hub_control.h"
#include "cli/options.h"

#define JSON_DEPTH      64
#define TIMEOUT_MS      30000
#define METHOD_MARGIN_S 10

struct arguments {
        const char *control;
        const char *directory;
        const char *message_id;
        int64_t timeout_s;
        struct json_object *properties; /* NULL = none */
        char **plain;                   /* what is no option */
        int plain_count;
};

static bool read_property(void *target, const char *text, struct reason *reason)
{
        struct arguments *arguments = target;
        const char *equals = strchr(text, '=');
        CLEANUP(mem_cleanup) char *name = NULL;

        (void)reason;
        if (!equals)
                return false;
        name = mem_text_n(text, (size_t)(equals - text));
        if (!arguments->properties)
                arguments->properties = json_object_new_object();
        json_object_object_add(arguments->properties, name, json_object_new_string(equals + 1));
        return true;
}

static int open_and_run(const struct options *options, int argc, char **argv,
                        int (*act)(const struct arguments *arguments, struct hub_control *control,
                                   struct reason *reason))
{
        struct arguments arguments = {.timeout_s = 30};
        struct hub_control *control = NULL;
        struct options_found found;
        struct reason reason = REASON_INIT;
        int status = CLI_GOOD;

        if (options_read(options, argc, argv, &arguments, &found, &status)) {
                arguments.plain = found.arguments;
                arguments.plain_count = found.count;
                if (hub_control_open(arguments.control, arguments.directory, &control, &reason) !=
                            0 ||
                    act(&arguments, control, &reason) != 0)
                        status = terminal_fail(options->command, "%s", reason.text);
                else
                        status = CLI_GOOD;
                hub_control_close(control);
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

static const struct options_row devices_rows[] = {
        HUB_CONTROL_ROWS(struct arguments),
        {.name = NULL},
};

const struct options isthmus_hub_devices_options = {
        .command = "hub devices",
        .synopsis = "[--control URL] [--data DIR]",
        .summary = "Lists the devices of a running local hub: id, hub, state, model id.",
        .rows = devices_rows,
};

int isthmus_hub_devices(int argc, char **argv)
{
        return open_and_run(&isthmus_hub_devices_options, argc, argv, list_devices);
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
        json_add_text(body, "messageId", arguments->message_id);
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

static const struct options_row send_rows[] = {
        OPTION_READ("property", "NAME=VALUE", "an application property; may be repeated",
                    read_property),
        OPTION_TEXT(struct arguments, message_id, "message-id", "ID",
                    "the message's id (default: one is made)"),
        HUB_CONTROL_ROWS(struct arguments),
        {.name = NULL},
};

const struct options isthmus_hub_send_options = {
        .command = "hub send",
        .synopsis = "DEVICE BODY [options]",
        .summary = "Sends a cloud-to-device message through a running local hub and prints its "
                   "message id.",
        .rows = send_rows,
        .least = 2,
        .most = 2,
};

int isthmus_hub_send(int argc, char **argv)
{
        return open_and_run(&isthmus_hub_send_options, argc, argv, send_message);
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
        const char *payload = arguments->plain_count > 2 ? arguments->plain[2] : NULL;

        json_add_int(body, "responseTimeoutSeconds", arguments->timeout_s);
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

static const struct options_row invoke_rows[] = {
        OPTION_NUMBER(struct arguments, timeout_s, "timeout", "S", 1, 300,
                      "waits so long for the answer (default: 30)"),
        HUB_CONTROL_ROWS(struct arguments),
        {.name = NULL},
};

const struct options isthmus_hub_invoke_options = {
        .command = "hub invoke",
        .synopsis = "DEVICE METHOD [PAYLOAD] [options]",
        .summary = "Calls a direct method through a running local hub and prints the device's "
                   "answer. PAYLOAD is JSON. Status 0 means that the device answered, whatever it "
                   "said.",
        .rows = invoke_rows,
        .least = 2,
        .most = 3,
};

int isthmus_hub_invoke(int argc, char **argv)
{
        return open_and_run(&isthmus_hub_invoke_options, argc, argv, invoke);
}

/* --- wait ------------------------------------------------------------------------------------ */

#define LOOK_AGAIN_MS 50

static bool is_ready(const struct arguments *arguments, struct reason *reason)
{
        struct hub_control *control = NULL;
        CLEANUP(buf_deinit) struct buf answer = BUF_INIT;
        bool ready =
                hub_control_open(arguments->control, arguments->directory, &control, reason) == 0 &&
                hub_control_call(control,
                                 &(const struct hub_control_request){
                                         .method = "GET",
                                         .path = "/healthz",
                                         .timeout_ms = TIMEOUT_MS,
                                 },
                                 &answer, reason) == 0;

        hub_control_close(control);
        return ready;
}

static const struct options_row wait_rows[] = {
        OPTION_NUMBER(struct arguments, timeout_s, "timeout", "S", 1, 3600,
                      "gives up after so long (default: 30)"),
        HUB_CONTROL_ROWS(struct arguments),
        {.name = NULL},
};

const struct options isthmus_hub_wait_options = {
        .command = "hub wait",
        .synopsis = "[options]",
        .summary = "Waits until a local hub is ready: everything listens, and its control API "
                   "answers. For scripts that start one in the background.",
        .rows = wait_rows,
};

int isthmus_hub_wait(int argc, char **argv)
{
        struct arguments arguments = {.timeout_s = 30};
        struct options_found found;
        struct reason reason = REASON_INIT;
        int64_t until_ms;
        int status;

        if (!options_read(&isthmus_hub_wait_options, argc, argv, &arguments, &found, &status))
                return status;
        until_ms = clock_steady_ms() + arguments.timeout_s * 1000;
        while (!is_ready(&arguments, &reason)) {
                if (clock_steady_ms() >= until_ms) {
                        terminal_fail("hub wait", "%s", reason.text);
                        return CLI_FAILED;
                }
                usleep(LOOK_AGAIN_MS * 1000);
        }
        return CLI_GOOD;
}
